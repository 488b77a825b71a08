"""What a behaviour did wrong, with the case that shows it: written for a small model that repairs the code."""

from typing import Literal

from synthtools.types.record import Json, JsonObject, Record, State
from synthtools.types.shortened import shortened, shown_json
from synthtools.world.patch import Patch, resolve

Part = Literal["guard", "apply", "source"]

_MOST_TEXT = 400


class PropertyFailure(Record):
    """A property that a behaviour broke, with the case that shows it. `str()` is the feedback to its writer."""

    part: Part
    """Which function is to blame; `source` for both."""
    property: str
    """`dialect`, `reads_only`, `example`, `no_crash`, `documented_errors`, `guard_changes_nothing`, `output_schema`,
    `no_apply`, `writes_only`, `state_schema`, `new_ids`, `repeatable`, `order_free`, `some_success`,
    `arguments_matter`, `changes_state` or `agreement`."""
    message: str
    """What came and what was expected."""
    arguments: JsonObject | None = None
    """The call's arguments; None: the failure is about no single call."""
    before: Json = None
    """The records concerned, before."""
    after: Json = None
    """The same records, after."""

    def __str__(self) -> str:
        """At most 400 characters."""
        parts: list[str] = []
        if self.arguments is not None:
            parts.append(f"args = {shown_json(self.arguments, 140)}")
        parts.append(self.message)
        text = ": ".join(parts)
        for name, value in (("before", self.before), ("after", self.after)):
            if value is not None and len(text) < _MOST_TEXT - 60:
                text += f" | {name}: {shown_json(value, min(110, _MOST_TEXT - len(text) - 12))}"
        return shortened(text, _MOST_TEXT)


class Failed(Exception):
    """Carries a failure out of a check."""

    def __init__(
        self,
        part: Part,
        name: str,
        message: str,
        arguments: JsonObject | None = None,
        *,
        before: State | None = None,
        patch: Patch = (),
    ) -> None:
        super().__init__(message)
        old: JsonObject = {}
        new: JsonObject = {}
        for operation in patch[:2]:
            path = str(operation["path"])
            old[path] = excerpt(before or {}, path)
            new[path] = operation.get("value")
        self.failure = PropertyFailure(
            part=part, property=name, message=message, arguments=arguments, before=old or None, after=new or None
        )


def excerpt(state: State, path: str) -> Json:
    """What stands at a JSON pointer of a state; `absent` where nothing does."""
    try:
        return resolve(state, path)
    except KeyError:
        return "absent"
