"""What a small domain for behaviours is made of: collections with records, tools, and right code for each tool."""

from typing import NamedTuple

from synthtools.types import Collection, DocumentedError, Parameter, Tool
from synthtools.types.record import State

TEXT = Parameter(type="string")
COUNT = Parameter(type="integer", minimum=0)
DAY = Parameter(type="string", format="date")
MOMENT = Parameter(type="string", format="date-time")

UNKNOWN = DocumentedError(title="Not found", advice="check the id", status_code=404)
CONFLICT = DocumentedError(title="Not possible", advice="look at the record", status_code=409)
WRONG = DocumentedError(title="Makes no sense", advice="change the values", status_code=422)
FORBIDDEN = DocumentedError(title="Not allowed", advice="ask for permission", status_code=403)


class Domain(NamedTuple):
    """A domain."""

    collections: tuple[Collection, ...]
    state: State
    tools: dict[str, Tool]
    sources: dict[str, str]
    """Right code, by tool."""
    other_hand: dict[str, str]
    """Right code of the same tools that is written in another way."""


def ref(collection: str) -> Parameter:
    """A parameter or field that takes an id of a collection."""
    return Parameter(type="string", references=collection)


def named(*tools: Tool) -> dict[str, Tool]:
    """Tools by name."""
    return {tool.name: tool for tool in tools}
