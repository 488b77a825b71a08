"""A labelled example: the inputs of a role, and what a right answer is."""

from synthtools.types.record import Json, JsonObject, Record


class Case(Record):
    """One example that a role is trained or tested on."""

    id: str
    """Unique within its set."""
    field: str
    """The field it is from: sets are split by field, so that a test never asks about a field that was trained on."""
    inputs: JsonObject
    """Keyword arguments of the role's `aforward`, as JSON of the target's `inputs` record."""
    expected: Json = None
    """What the target's metric compares the answer with; None where the inputs alone say what is right."""
    label: str = ""
    """What the case is an example of, such as the right verdict or the kind of mistake: sets are balanced by it."""
    source: str = ""
    """Where it comes from: `FILE:LINE`, or `STAGE/ID` of a run."""
