"""A behaviour under certification: runs its calls, and turns crashes into failures that its writer understands."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import orjson

from synthtools.errors import SandboxError
from synthtools.types import Collection, Tool
from synthtools.types.record import JsonObject, State
from synthtools.types.shortened import shown_json
from synthtools.world.behaviour import Behaviour, Call, Outcome
from synthtools.world.equivalence import Ending, Equivalence
from synthtools.world.patch import Patch
from synthtools.world.property_failure import Failed, Part
from synthtools.world.state import StateSchema, slice_of

_TOGETHER = 16
"""Most calls that are made together: if one of them crashes, all were made in vain."""


class DrawnRun(NamedTuple):
    """A drawn call and what came of it."""

    arguments: JsonObject
    before: State
    outcome: Outcome
    whole: bool
    """Whether guard and apply both ran and were fine; else only the guard's answer counts."""

    @property
    def call(self) -> Call:
        """What was drawn."""
        return Call(self.arguments, self.before)

    @property
    def passed(self) -> bool:
        """Whether the guard let the call pass."""
        return self.outcome.message is None

    @property
    def succeeded(self) -> bool:
        """Whether apply answered."""
        return self.passed and self.whole

    @property
    def patch(self) -> Patch:
        """What the call changed."""
        return self.outcome.patch if self.succeeded else ()


class Subject:
    """A behaviour, the tool that it must answer for, and the world that it is tried in.

    Args:
        behaviour: The source; it may run.
        tool: The tool.
        state: The whole populated state.
        collections: Its schemas.
        now: The clock.
    """

    def __init__(
        self, behaviour: Behaviour, tool: Tool, state: State, collections: Sequence[Collection], now: str
    ) -> None:
        self.behaviour = behaviour
        self.tool = tool
        self.state = state
        self.collections = collections
        self.now = now
        self.schema = StateSchema(collections)
        self.equivalence = Equivalence(tool, collections)
        self.declared = tuple(dict.fromkeys((*tool.reads, *tool.writes)))
        self._outcomes: dict[bytes, Outcome] = {}
        """By all that a call depends on."""

    def run(self, arguments: JsonObject, before: State, *, now: str | None = None, guard_only: bool = False) -> Outcome:
        """What comes of a call; of the same one, what came of it before. Raises: SandboxError."""
        now = self.now if now is None else now
        call = Call(arguments, before)
        key = self._key(call, now, guard_only)
        known = self._outcomes.get(key)
        if known is None:
            (known,) = self._run_each([call], now, guard_only)
            self._outcomes[key] = known
        return known

    def run_ahead(self, calls: Sequence[Call], *, now: str | None = None, guard_only: bool = False) -> None:
        """Makes calls together for which `run` will be asked; where one of them crashes, that is left to `run`."""
        if not self.behaviour.runs_together:
            return
        now = self.now if now is None else now
        new = {key: call for call in calls if (key := self._key(call, now, guard_only)) not in self._outcomes}
        keys = list(new)
        for start in range(0, len(keys), _TOGETHER):
            some = keys[start : start + _TOGETHER]
            with contextlib.suppress(SandboxError):
                outcomes = self._run_each([new[key] for key in some], now, guard_only)
                self._outcomes.update(zip(some, outcomes, strict=True))

    def run_well(self, arguments: JsonObject, before: State, *, guard_only: bool = False) -> Outcome:
        """What comes of a call that must not crash. Raises: Failed (`no_crash`)."""
        try:
            return self.run(arguments, before, guard_only=guard_only)
        except SandboxError as error:
            raise self._crash(error, arguments, before) from None

    def again(self, runs: Sequence[DrawnRun]) -> Iterator[Outcome]:
        """Makes drawn calls once more, of some the guard alone if only that counted. Raises: Failed (`no_crash`)."""
        together: list[Outcome] = []
        if all(run.whole for run in runs):
            with contextlib.suppress(SandboxError):
                together = self._run_each([run.call for run in runs], self.now, guard_only=False)
        if together:
            yield from together
            return
        for run in runs:
            try:
                yield from self._run_each([run.call], self.now, guard_only=not run.whole)
            except SandboxError as error:
                raise self._crash(error, run.arguments, run.before) from None

    def part(self, state: State) -> State:
        """The slice of a state that the tool declares."""
        return slice_of(state, self.declared)

    def ending(self, outcome: Outcome) -> Ending:
        """An outcome's answer and state, to be compared."""
        return Ending(outcome.data, outcome.state)

    def _run_each(self, calls: Sequence[Call], now: str, guard_only: bool) -> list[Outcome]:
        return self.behaviour.run_each(calls, self.tool, now=now, collections=self.collections, guard_only=guard_only)

    def _key(self, call: Call, now: str, guard_only: bool) -> bytes:
        seen = {name: call.state[name] for name in self.declared if name in call.state}
        return orjson.dumps([guard_only, now, call.arguments, seen])

    def _crash(self, error: SandboxError, arguments: JsonObject, before: State) -> Failed:
        part: Part = "apply"
        try:
            self.run(arguments, before, guard_only=True)
        except SandboxError:
            part = "guard"
        key = str(error).rpartition("KeyError: ")[2]
        if part == "apply" and any(value == key for value in arguments.values()):
            message = f"guard let an unknown id pass, apply crashed: {error}. guard must refuse it first"
            return Failed("guard", "no_crash", message, arguments)
        return Failed(part, "no_crash", f"{part} crashed: {error}{self._hint(str(error))}", arguments)

    def _hint(self, error: str) -> str:
        """Which keys there are, if the error is a wrong key; else empty."""
        if "KeyError" not in error:
            return ""
        key = error.rpartition("KeyError: ")[2].strip("'\"")
        if key in self.state and key not in self.declared:
            return f". {undeclared(key, self.declared)}"
        fields: JsonObject = {}
        for name, records in self.part(self.state).items():
            first = next(iter(records.values()), None) if isinstance(records, dict) else None
            fields[name] = list(first) if isinstance(first, dict) else []
        return f". state has {shown_json(fields, 120)}, each a dict by id; optional args may be absent"


def undeclared(name: str, declared: Sequence[str]) -> str:
    """The advice about a collection that a behaviour looks at although its tool does not declare it."""
    return (
        f"{name} is no collection that the tool declares: add it to the tool's `reads`, or use only "
        f"{', '.join(declared) or 'the arguments'}"
    )
