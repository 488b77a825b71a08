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
    (INTEGER, "Score (0-100); pass is 50-100", "range", "0-100", {"minimum": 0, "maximum": 100}),
    (NUMBER, "Score (0.0-1.0) for predictions", "range", "0.0-1.0", {"minimum": 0.0, "maximum": 1.0}),
    (INTEGER, "Minutes (5-300), null for unlimited", "range", "5-300", {"minimum": 5, "maximum": 300}),
    (NUMBERS, "Scores (0-100)", "range", "0-100", {"minimum": 0, "maximum": 100}),
    (INTEGER, "Positive integer", "bound", "Positive integer", {"minimum": 1}),
    (INTEGER, "Guests (must be > 2)", "bound", "(must be > 2", {"minimum": 3}),
    (NUMBER, "Amount (must be positive)", "bound", "(must be positive", {"minimum": 0}),
    (NUMBER, "A non-negative rate", "bound", "non-negative", {"minimum": 0}),
    (NUMBER, "Cents (minimum 100)", "bound", "(minimum 100", {"minimum": 100}),
    (INTEGER, "Page (max 50)", "bound", "(max 50", {"maximum": 50}),
    (NUMBER, "Amount (maximum 500) of the order", "bound", "(maximum 500", {"maximum": 500}),
    (INTEGER, "Non-negative amount, where 0 means none", "bound", "Non-negative", {"minimum": 0}),
    (INTEGER, "Copies (1 or 2)", "choices", "(1 or 2)", {"enum": [1, 2]}),
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
    (TEXT, "Status: open, closed", "choices", "open, closed", {"enum": ["open", "closed"]}),
    (TEXT, "Output format: wide, tall, square", "choices", "wide, tall, square", {"enum": ["wide", "tall", "square"]}),
    (
        TEXT,
        "Fluid: fuel, water, liquid_air",
        "choices",
        "fuel, water, liquid_air",
        {"enum": ["fuel", "water", "liquid_air"]},
    ),
    (TEXT, "Sort by: price, date, brand", "choices", "price, date, brand", {"enum": ["price", "date", "brand"]}),
    (TEXT, "Shirt: small, medium, large", "choices", "small, medium, large", {"enum": ["small", "medium", "large"]}),
    (TEXTS, "Risk factors: low, medium, high", "choices", "low, medium, high", {"enum": ["low", "medium", "high"]}),
    (TEXTS, "Types of alerts: low_stock, expired", "choices", "low_stock, expired", {"enum": ["low_stock", "expired"]}),
    (TEXT, "Name of the item (2-100 characters)", "length", "2-100 characters", {"min_length": 2, "max_length": 100}),
    (TEXT, "Note, max 50 characters", "length", "max 50 characters", {"max_length": 50}),
    (TEXT, "Password (8 characters or more)", "length", "8 characters or more", {"min_length": 8}),
    (TEXT, "Password (8 characters minimum)", "length", "8 characters minimum", {"min_length": 8}),
    (TEXT, "Title (60 characters or fewer)", "length", "60 characters or fewer", {"max_length": 60}),
    (TEXT, "Note (max 160 characters, including spaces)", "length", "max 160 characters", {"max_length": 160}),
    (TEXT, "Key (8 characters)", "length", "8 characters", {"min_length": 8, "max_length": 8}),
    (TEXT, "Postal code (5 digits)", "length", "5 digits", {"pattern": "^[0-9]{5,5}$"}),
    (TEXT, "Security code (3-4 digits)", "length", "3-4 digits", {"pattern": "^[0-9]{3,4}$"}),
    (NUMBERS, "Seasonal factors (12 values)", "items", "(12 values", {"min_items": 12, "max_items": 12}),
    (TEXTS, "Tags (3 items or more)", "items", "(3 items or more", {"min_items": 3}),
    (TEXTS, "Tags (at least 3 items)", "items", "(at least 3 items", {"min_items": 3}),
    (TEXT, "Start in ISO 8601 format", "date", "ISO 8601", {"format": "date-time"}),
    (TEXT, "Born (YYYY-MM-DD)", "date", "YYYY-MM-DD", {"format": "date"}),
    (TEXT, "Opening time in HH:MM format", "date", "HH:MM", {"pattern": "^[0-9][0-9]:[0-9][0-9]$"}),
    (TEXT, "Time (HH:MM, 24-hour)", "date", "HH:MM", {"pattern": "^[0-9][0-9]:[0-9][0-9]$"}),
    (TEXT, "At (YYYY-MM-DDTHH:MM:SSZ)", "date", "YYYY-MM-DDTHH:MM:SSZ", {"format": "date-time"}),
    (TEXT, "At (date-time format), null for immediate", "date", "date-time format", {"format": "date-time"}),
    (TEXTS, "List of dates (YYYY-MM-DD)", "date", "YYYY-MM-DD", {"format": "date"}),
    (TEXTS, "Session dates in YYYY-MM-DD format", "date", "YYYY-MM-DD", {"format": "date"}),
    (TEXT, "ISO 639-1 code, such as 'en' for English", "pattern", "ISO 639-1", {"pattern": "^[A-Za-z]{2}$"}),
    (TEXTS, "List of ISO 639-1 codes", "pattern", "ISO 639-1", {"pattern": "^[A-Za-z]{2}$"}),
    (TEXT, "Two-letter code for the country", "pattern", "Two-letter", {"pattern": "^[A-Za-z]{2}$"}),
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
        (INTEGER, "Page number (1-100 results per page)", "range", "only at times"),
        (INTEGER, "Between 9 and 17 on weekdays", "range", "only at times"),
        (INTEGER, "Seats (1-4), unless a group books", "range", "only at times"),
        (INTEGER, "Rating (1-5 or 10)", "range", "alternative"),
        (INTEGER, "Phone (555-1234)", "range", "may be one"),
        (NUMBER, "Distance in km (1-50 miles)", "range", "units differ"),
        (INTEGER, "Budget (1-5 million)", "range", "scales"),
        (NUMBER, "Amount (maximum 500 unless verified)", "bound", "only at times"),
        (NUMBER, "Amount (minimum 10 for new customers)", "bound", "only at times"),
        (INTEGER, "Non-negative amount, or -1 for unlimited", "bound", "has a meaning"),
        (INTEGER, "Positive integer, or 0 to disable", "bound", "has a meaning"),
        (INTEGER, "Positive integer or zero", "bound", "alternative"),
        (NUMBER, "Position (40.7, -74.0)", "choices", "examples"),
        (NUMBERS, "Quantiles (0.1, 0.5, 0.9)", "choices", "examples"),
        (INTEGER, "Age (at least 18 in most states)", "bound", "only at times"),
        (NUMBER, "Size in megabytes (maximum 50MB)", "bound", "written into the number"),
        (INTEGER, "Days for returns (typically 30, 60, or 90)", "choices", "hedges"),
        (TEXT, "Currency (e.g., USD, EUR)", "choices", "open"),
        (TEXT, "Carrier (UPS, DHL, etc.)", "choices", "open"),
        (TEXT, "A colour such as: red, blue", "choices", "open"),
        (TEXT, "Location (city, state or coordinates)", "choices", "parts of a value"),
        (TEXT, "Body (HTML or plain text)", "choices", "single words"),
        (TEXT, "Department: sales, research and development", "choices", "single words"),
        (TEXT, "Address in format: street, city, zip", "choices", "what the text is about"),
        (TEXT, "Destination: city, country", "choices", "parts of a value"),
        (TEXT, "Name: first, last", "choices", "parts of a value"),
        (TEXT, "Format: width, height, depth", "choices", "parts of a value"),
        (TEXT, "Search terms: title, author or ISBN", "choices", "parts of a value"),
        (TEXT, "Query: keyword, phrase", "choices", "parts of a value"),
        (TEXT, "Level (floor, wing)", "choices", "parts of a value"),
        (TEXT, "Format: wide, tall", "choices", "remark"),
        (TEXT, "Ingredients: flour, sugar, eggs", "choices", "no sort of thing"),
        (TEXT, "Greeting: Hi, Hello, Hey", "choices", "no sort of thing"),
        (TEXT, "Condition (fever, cough, rash)", "choices", "no sort of thing"),
        (TEXT, "Channels to notify: email, sms, push", "choices", "several"),
        (TEXT, "Sort by: price, date, brand (prefix with - for descending)", "choices", "several"),
        (TEXT, "Status note: open, closed, late", "choices", "what the text is about"),
        (TEXT, "Status: active, inactive, or empty", "choices", "stand for none"),
        (TEXTS, "Risk factors: rain, wind, fog", "choices", "examples"),
        (TEXT, "Priority weighting (cost, speed, quality)", "choices", "what the text is about"),
        (TEXTS, "Moments to capture (vows, cake, dance)", "choices", "examples"),
        (TEXT, "A message (max 160 characters recommended)", "length", "hedges"),
        (TEXT, "Message, up to 160 characters per SMS", "length", "only at times"),
        (TEXT, "Tags separated by commas (max 20 characters)", "length", "several"),
        (TEXT, "Password (8 characters with a digit)", "length", "exact count"),
        (TEXT, "Postal code (5 digits in the US)", "length", "exact count"),
        (TEXT, "Code (2-8 digits or more)", "length", "two ways"),
        (TEXT, "Card number (13-19 digits)", "length", "groups"),
        (TEXTS, "Tags (1-5)", "items", "of what"),
        (TEXT, "ISO 8601 date or 'today'", "date", "alternative"),
        (TEXT, "Start (YYYY-MM-DD), or 'now'", "date", "alternative"),
        (TEXT, "Start (YYYY-MM-DD). Use 'now' for the present", "date", "alternative"),
        (TEXT, "Time HH:MM AM/PM", "date", "whole value"),
        (TEXT, "Comma-separated list of dates (YYYY-MM-DD)", "date", "several"),
        (TEXTS, "Date ranges to avoid (ISO 8601 format)", "date", "span of time"),
        (TEXT, "ISO country code", "pattern", "two letters"),
        (TEXT, "List of ISO 3166 alpha-2 codes separated by commas", "pattern", "several"),
        (TEXT, "Currency pair of ISO 4217 codes, like EUR/USD", "pattern", "several"),
        (TEXT, "Country (ISO 3166-1 alpha-2), 'ALL' for every one", "pattern", "alternative"),
        (TEXTS, "Currency pairs (ISO 4217)", "pattern", "several"),
        (TEXT, "Language, two-letter with region (en-US)", "pattern", "whole value"),
        (TEXT, "Language (ISO 639-1, as in en-US)", "pattern", "whole value"),
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


@pytest.mark.parametrize(
    ("parameter", "text", "phrases"),
    [
        (NUMBER, "Either (1-5) or (10-20)", ["1-5", "10-20"]),
        (INTEGER, "Guests (1-4 adults, 0-2 children)", ["1-4 adults", "0-2 children"]),
        (TEXT, "Slot HH:MM to HH:MM", ["HH:MM", "HH:MM"]),
        (TEXT, "Born (DD/MM/YYYY), shown as YYYY-MM-DD", ["DD/MM/YYYY", "YYYY-MM-DD"]),
    ],
)
def test_two_phrases_that_differ_or_follow_each_other_are_both_doubtful(parameter, text, phrases):
    found = prose_constraints(parameter, text)
    assert [(constraint.phrase, constraint.verdict) for constraint in found] == [
        (phrase, "doubtful") for phrase in phrases
    ]
    assert lift(parameter, found) == parameter


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
        (TEXT, "A file named YYYY-MM-DD.csv, or log_YYYY-MM"),
        (TEXT, "Time as HH:MM:SS.mmm"),
        (Parameter(type="array", items=NUMBER, min_items=2), "Weights (at least 2 values per row)"),
        (Parameter(type="boolean"), "Whether to normalise to a 1-5 scale"),
        (INTEGER, "Days (7-365) " + "(must " * 50_000),
        (Parameter(type="integer", minimum=7, maximum=365), "Days (7-365)"),
        (Parameter(type="string", format="date-time"), "Start in ISO 8601 format"),
    ],
)
def test_what_is_no_constraint_or_a_typed_one_again_is_not_told(parameter, text):
    assert prose_constraints(parameter, text) == ()


def test_a_range_beside_one_that_hedges_is_lifted():
    found = prose_constraints(NUMBER, "Score (0-10) of the match (typically 3-7)")
    assert [constraint.verdict for constraint in found] == ["lifted", "doubtful"]
    assert lift(NUMBER, found).maximum == 10


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
