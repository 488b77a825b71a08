"""Hypothesis strategies for JSON values, parameters, tools and calls."""

from hypothesis import strategies as st

from synthtools.types import DocumentedError, Parameter, Tool, ToolCall

LIMIT = 2**53

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-LIMIT, LIMIT)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
identifiers = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True)
sane_names = st.sampled_from(
    ["BookVisit", "book_visit", "Biometric Face Matcher", "A/B Testing Controller", "Multi-Label Validator", "v2.Find"]
)
calls = st.builds(
    ToolCall,
    name=sane_names | identifiers | st.text(min_size=1, max_size=12),
    arguments=st.dictionaries(identifiers | st.text(max_size=8), json_values, max_size=4),
)

words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)
plain_parameters = st.builds(
    Parameter,
    type=st.sampled_from(["string", "integer", "number", "boolean"]),
    description=words | st.just(""),
    required=st.booleans(),
    references=st.none() | st.just("pets"),
    prose=st.booleans(),
) | st.builds(
    Parameter,
    type=st.just("string"),
    enum=st.none() | st.lists(words, min_size=1, max_size=3, unique=True).map(tuple),
    min_length=st.none() | st.integers(0, 3),
    max_length=st.none() | st.integers(3, 9),
    pattern=st.none() | st.just("^[a-z]+$"),
    format=st.sampled_from([None, "date", "date-time"]),
)
numbers = st.builds(
    Parameter,
    type=st.sampled_from(["integer", "number"]),
    minimum=st.none() | st.integers(-9, 0) | st.floats(-9, 0),
    maximum=st.none() | st.integers(1, 9),
    required=st.just(False),
    default=st.none() | st.integers(0, 1),
)
parameters = st.recursive(
    plain_parameters | numbers,
    lambda inner: (
        st.builds(
            Parameter,
            type=st.just("array"),
            items=inner.map(lambda item: item.model_copy(update={"required": True})),
            min_items=st.none() | st.just(1),
            max_items=st.none() | st.just(5),
            required=st.booleans(),
        )
        | st.builds(Parameter, type=st.just("object"), properties=st.dictionaries(identifiers, inner, max_size=3))
    ),
    max_leaves=4,
)
tools = st.builds(
    Tool,
    name=identifiers,
    description=words,
    parameters=st.dictionaries(identifiers, parameters, max_size=4),
    output=st.dictionaries(identifiers, parameters, max_size=3),
    errors=st.lists(
        st.builds(
            DocumentedError,
            title=st.text(min_size=1, max_size=12),
            advice=st.text(max_size=12),
            status_code=st.sampled_from([400, 404, 409, 429]),
        ),
        max_size=3,
    ).map(tuple),
    usage=st.text(max_size=20),
    reads=st.lists(words, max_size=2).map(tuple),
    writes=st.lists(words, max_size=2).map(tuple),
)
