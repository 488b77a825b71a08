import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtools.types import Parameter
from synthtools.types.lifting import accepts, lift, prose_constraints

TEXT = Parameter(type="string")
INTEGER = Parameter(type="integer")
NUMBER = Parameter(type="number")
TEXTS = Parameter(type="array", items=TEXT)
NUMBERS = Parameter(type="array", items=NUMBER)

LIFTED = [
    (INTEGER, "Days ahead (7-365)", "range", "7-365", {"minimum": 7, "maximum": 365}),
    (NUMBER, "Score (0.0 to 1.0)", "range", "0.0 to 1.0", {"minimum": 0.0, "maximum": 1.0}),
    (NUMBER, "Offset (-5 - 5)", "range", "-5 - 5", {"minimum": -5, "maximum": 5}),
    (NUMBER, "Discount percentage (0-100%)", "range", "0-100%", {"minimum": 0, "maximum": 100}),
    (INTEGER, "Year (between -3000 and 2,024)", "range", "-3000 and 2,024", {"minimum": -3000, "maximum": 2024}),
    (INTEGER, "Priority from 1 (low) to 5 (high)", "range", "from 1 (low) to 5 (high)", {"minimum": 1, "maximum": 5}),
    (INTEGER, "Reminder in hours (1-24)", "range", "1-24", {"minimum": 1, "maximum": 24}),
    (NUMBER, "Sensitivity (1-5, where 1 is low)", "range", "1-5", {"minimum": 1, "maximum": 5}),
    (INTEGER, "Length of a code (4-8 digits)", "range", "4-8 digits", {"minimum": 4, "maximum": 8}),
    (NUMBER, "Viscosity (1e-6 to 1e-2)", "range", "1e-6 to 1e-2", {"minimum": 1e-6, "maximum": 1e-2}),
    (NUMBERS, "Scores (0-100)", "range", "0-100", {"minimum": 0, "maximum": 100}),
    (INTEGER, "Positive integer", "bound", "Positive integer", {"minimum": 1}),
    (INTEGER, "Guests (must be > 2)", "bound", "(must be > 2", {"minimum": 3}),
    (NUMBER, "Amount (must be positive)", "bound", "(must be positive", {"minimum": 0}),
    (NUMBER, "A non-negative rate", "bound", "non-negative", {"minimum": 0}),
    (NUMBER, "Cents (minimum 100)", "bound", "(minimum 100", {"minimum": 100}),
    (INTEGER, "Page (max 50)", "bound", "(max 50", {"maximum": 50}),
    (INTEGER, "Width (512, 768 or 1024)", "choices", "(512, 768 or 1024)", {"enum": [512, 768, 1024]}),
    (TEXT, "one of: soprano, alto, tenor", "choices", "soprano, alto, tenor", {"enum": ["soprano", "alto", "tenor"]}),
    (
        TEXT,
        "Must be one of 'low', 'mid' or 'high'.",
        "choices",
        "'low', 'mid' or 'high'",
        {"enum": ["low", "mid", "high"]},
    ),
    (TEXT, "One of: a/b", "choices", "a/b", {"enum": ["a", "b"]}),
    (TEXT, "Output format: json, xml, or csv", "choices", "json, xml, or csv", {"enum": ["json", "xml", "csv"]}),
    (TEXT, "Severity (LOW, HIGH, ALL)", "choices", "LOW, HIGH, ALL", {"enum": ["LOW", "HIGH", "ALL"]}),
    (TEXTS, "Types of alerts: low_stock, expired", "choices", "low_stock, expired", {"enum": ["low_stock", "expired"]}),
    (TEXT, "Name of the item (2-100 characters)", "length", "2-100 characters", {"min_length": 2, "max_length": 100}),
    (TEXT, "Note, max 50 characters", "length", "max 50 characters", {"max_length": 50}),
    (TEXT, "Security code (3-4 digits)", "length", "3-4 digits", {"pattern": "^[0-9]{3,4}$"}),
    (NUMBERS, "Seasonal factors (12 values)", "items", "(12 values", {"min_items": 12, "max_items": 12}),
    (TEXTS, "Tags (at least 3 items)", "items", "(at least 3 items", {"min_items": 3}),
    (TEXT, "Start in ISO 8601 format", "date", "ISO 8601", {"format": "date-time"}),
    (TEXT, "Born (YYYY-MM-DD)", "date", "YYYY-MM-DD", {"format": "date"}),
    (TEXT, "Opening time in HH:MM format", "date", "HH:MM", {"pattern": "^[0-9][0-9]:[0-9][0-9]$"}),
    (TEXTS, "Session dates in YYYY-MM-DD format", "date", "YYYY-MM-DD", {"format": "date"}),
    (TEXT, "Currency (ISO 4217, e.g., USD)", "pattern", "ISO 4217", {"pattern": "^[A-Za-z]{3}$"}),
]


@pytest.mark.parametrize(("parameter", "text", "kind", "phrase", "fields"), LIFTED)
def test_a_sure_phrase_becomes_fields(parameter, text, kind, phrase, fields):
    (found,) = prose_constraints(parameter, text)
    assert (found.verdict, found.kind, found.phrase, found.fields) == ("lifted", kind, phrase, fields)
    lifted = lift(parameter, (found,))
    target = lifted.items if parameter.type == "array" and kind != "items" else lifted
    held = target.model_dump(include=fields.keys())
    assert {key: list(value) if isinstance(value, tuple) else value for key, value in held.items()} == fields


@pytest.mark.parametrize(
    ("parameter", "text", "kind", "doubt"),
    [
        (NUMBER, "Rating (typically 1-5)", "range", "hedges"),
        (INTEGER, "Minutes (1-24 hours)", "range", "units differ"),
        (INTEGER, "Born (1990-1980)", "range", "no range"),
        (INTEGER, "Share (0.5-2.5)", "range", "no integers"),
        (INTEGER, "The code (3-4 digits)", "range", "counts characters"),
        (INTEGER, "Refresh in minutes (0 for never, 1-60)", "range", "has a meaning"),
        (NUMBER, "Size in megabytes (maximum 50MB)", "bound", "written into the number"),
        (INTEGER, "Days for returns (typically 30, 60, or 90)", "choices", "hedges"),
        (TEXT, "Currency (e.g., USD, EUR)", "choices", "open"),
        (TEXT, "Carrier (UPS, DHL, etc.)", "choices", "open"),
        (TEXT, "A colour such as: red, blue", "choices", "open"),
        (TEXT, "Location (city, state or coordinates)", "choices", "parts of a value"),
        (TEXT, "Body (HTML or plain text)", "choices", "single words"),
        (TEXT, "Department: sales, research and development", "choices", "single words"),
        (TEXT, "Address in format: street, city, zip", "choices", "what the text is about"),
        (TEXTS, "Moments to capture (vows, cake, dance)", "choices", "examples"),
        (TEXT, "A message (max 160 characters recommended)", "length", "hedges"),
        (TEXT, "Card number (13-19 digits)", "length", "groups"),
        (TEXTS, "Tags (1-5)", "items", "of what"),
        (TEXT, "ISO 8601 date or 'today'", "date", "alternative"),
        (TEXTS, "Date ranges to avoid (ISO 8601 format)", "date", "span of time"),
        (TEXT, "ISO country code", "pattern", "two letters"),
        (Parameter(type="string", format="date-time"), "Born (YYYY-MM-DD)", "date", "typed format is date-time"),
        (Parameter(type="string", format="date-time"), "Time in HH:MM format", "date", "at once"),
        (Parameter(type="integer", required=False, default=500), "Days (7-365)", "range", "default 500"),
        (Parameter(type="string", required=False, default="any"), "Season: spring, autumn", "choices", "default"),
    ],
)
def test_a_doubtful_phrase_stays_prose_and_says_why(parameter, text, kind, doubt):
    (found,) = prose_constraints(parameter, text)
    assert (found.verdict, found.kind) == ("doubtful", kind)
    assert doubt in found.doubt
    assert lift(parameter, (found,)) == parameter


def test_two_ranges_that_differ_are_both_doubtful():
    found = prose_constraints(NUMBER, "Either (1-5) or (10-20)")
    assert [(constraint.phrase, constraint.verdict) for constraint in found] == [
        ("1-5", "doubtful"),
        ("10-20", "doubtful"),
    ]
    assert lift(NUMBER, found) == NUMBER


@pytest.mark.parametrize(
    ("parameter", "text", "kind"),
    [
        (TEXT, "Email (required if the method is email)", "relation"),
        (NUMBER, "Refund (must not exceed the original amount)", "relation"),
        (NUMBERS, "Weights (must sum to 1.0)", "relation"),
        (TEXTS, "Rules in format 'field:value'", "pattern"),
        (TEXT, "Event data in JSON format", "pattern"),
        (TEXT, "Summary (1-2 sentences)", "length"),
        (TEXT, "Interval as an ISO 8601 duration", "date"),
        (INTEGER, "Expiry year (4 digits)", "length"),
        (NUMBERS, "Position [x, y, z] in mm", "items"),
    ],
)
def test_a_phrase_that_no_field_can_say_is_left(parameter, text, kind):
    (found,) = prose_constraints(parameter, text)
    assert (found.verdict, found.kind, found.fields) == ("left", kind, {})


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (NUMBER, "About 1-5"),
        (INTEGER, "Maximum number of results to return"),
        (INTEGER, "Number of refunds in the last 90 days"),
        (INTEGER, "Quantity change (positive or negative)"),
        (NUMBER, "Tax rate as decimal (e.g., 0.08 for 8%)"),
        (TEXT, "one of the following"),
        (TEXT, "Last 4 digits of the card"),
        (TEXT, "Warehouse to check (if not provided, checks all)"),
        (TEXT, "A pattern like 2026-01-15"),
        (Parameter(type="boolean"), "Whether to normalise to a 1-5 scale"),
        (INTEGER, "Days (7-365) " + "(must " * 50_000),
        (Parameter(type="integer", minimum=7, maximum=365), "Days (7-365)"),
        (Parameter(type="string", format="date-time"), "Start in ISO 8601 format"),
    ],
)
def test_what_is_no_constraint_or_a_typed_one_again_is_not_told(parameter, text):
    assert prose_constraints(parameter, text) == ()


def test_a_default_among_the_values_makes_a_list_sure():
    text = "Life stage: youth, emerging adult, or adult"
    assert prose_constraints(TEXT, text)[0].verdict == "doubtful"
    known = Parameter(type="string", required=False, default="emerging adult")
    assert prose_constraints(known, text)[0].fields == {"enum": ["youth", "emerging adult", "adult"]}


SAID = st.sampled_from(
    [
        *("(1-5)", "(0.5 to 2)", "(10-2)", "(max 3)", "must be positive", "(2-4 characters)", "(3 items)"),
        *("(a, b, c)", ": x, y or z", "one of: a, b", "e.g.", "or", "Level", "Type of", "typically", "("),
        *("YYYY-MM-DD", "HH:MM", "ISO 8601", "ISO 4217"),
    ]
)
DEFAULTS = {
    "integer": st.none() | st.integers(-3, 12),
    "number": st.none() | st.integers(-3, 12) | st.sampled_from([0.5, 1.5]),
    "string": st.none() | st.sampled_from(["a", "x", "now", "12:30", "2026-01-15", "EUR", ""]),
    "boolean": st.none() | st.booleans(),
}


@given(st.data(), st.lists(SAID, max_size=6).map(" ".join), st.sampled_from(sorted(DEFAULTS)), st.booleans())
def test_whatever_is_said_what_is_lifted_accepts_the_default_and_some_value(data, text, kind, is_array):
    default = data.draw(DEFAULTS[kind])
    one = Parameter(type=kind, required=False, default=default)
    if is_array:
        one = Parameter(
            type="array", items=Parameter(type=kind), required=False, default=None if default is None else [default]
        )
    found = prose_constraints(one, text)
    lifted = lift(one, found)
    assert (lifted == one) == all(constraint.verdict != "lifted" for constraint in found)
    assert one.default is None or accepts(lifted, one.default)
    target = lifted.items if is_array else lifted
    assert all(accepts(target, value) for value in target.enum or ())
    assert target.minimum is None or target.maximum is None or target.minimum <= target.maximum
    assert all(constraint.phrase in text for constraint in found)
