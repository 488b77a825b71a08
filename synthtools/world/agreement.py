"""Agreement of two behaviours of one tool: the drawn calls on which they differ, as cases that can be settled."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple, Protocol

from synthtools.errors import DataError, SandboxError
from synthtools.types import Collection, Tool
from synthtools.types.dates import is_date_time
from synthtools.types.environment import DEFAULT_NOW
from synthtools.types.record import Json, JsonObject, Record, State
from synthtools.types.shortened import shown_json
from synthtools.world import dialect
from synthtools.world.behaviour import Behaviour, Outcome
from synthtools.world.drawn_calls import DrawnCalls
from synthtools.world.equivalence import Ending, Equivalence
from synthtools.world.example import Example
from synthtools.world.patch import apply_patch, pointer_steps
from synthtools.world.state import copy_state, slice_of

Which = Literal["first", "second"]


class Runs(Protocol):
    """Anything that answers a tool's calls as a `Behaviour` does."""

    def run(
        self,
        tool: Tool,
        arguments: Mapping[str, Json],
        state: State,
        *,
        now: str,
        collections: Sequence[Collection] = (),
        guard_only: bool = False,
    ) -> Outcome:
        """The outcome of one call; see `Behaviour.run`. Raises: SandboxError, if there is none."""
        ...


class Ended(Record):
    """Where a call led with one of two behaviours."""

    status: int | None
    """200, or the code of the refusal; None: it crashed."""
    data: Json = None
    """What a successful call answered, prose left out."""
    after: State = {}
    """The collections that the tool declares, afterwards."""


class Disagreement(Record):
    """A call on which two behaviours differ."""

    arguments: JsonObject
    before: State
    """The collections that the tool declares, before the call."""
    first: Ended
    second: Ended
    what: str
    """The difference in words."""

    def example(self, which: Which) -> Example:
        """The call as a worked example: the behaviour that `which` names is right about it.

        Raises:
            DataError: That behaviour crashed, so there is no outcome to expect.
        """
        right = self.first if which == "first" else self.second
        if right.status is None:
            raise DataError(f"the {which} behaviour crashed in this call: {self.what}")
        done = right.status == 200
        return Example(
            args=self.arguments,
            before=self.before,
            status=right.status,
            response=right.data if done else None,
            after=right.after if done else None,
        )

    def shown(self, which: Which) -> JsonObject:
        """One outcome for a reader: status, data, and the changed records by collection and id (null: removed)."""
        ended = self.first if which == "first" else self.second
        changed: JsonObject = {}
        for name, after in ended.after.items():
            before = self.before.get(name)
            if isinstance(after, dict) and isinstance(before, dict):
                records = {key: after.get(key) for key in (*before, *after) if before.get(key) != after.get(key)}
                if records:
                    changed[name] = dict(records)
        shown: JsonObject = {"status": "crashed" if ended.status is None else ended.status}
        if ended.status == 200:
            shown.update(data=ended.data, changed_records=changed)
        return shown


class Agreement:
    """Compares two behaviours of one tool call by call: status, answer without prose, and the records afterwards.

    Ids that a call creates may differ, one for one, and a time may be written in another way where it is the same
    instant. Where one of the two has no `apply`, the guards alone are compared. A crash agrees with nothing.
    """

    def __init__(
        self, first: Runs, second: Runs, tool: Tool, *, collections: Sequence[Collection] = (), now: str
    ) -> None:
        self._first, self._second, self._tool = first, second, tool
        self._collections, self._now = collections, now
        self._equivalence = Equivalence(tool, collections)
        self._guards = not all(_answers(behaviour) for behaviour in (first, second))

    def compare(
        self, arguments: JsonObject, before: State, first: Outcome | SandboxError | None = None, *, guards: bool = False
    ) -> "Compared":
        """Makes a call with both behaviours and compares the outcomes.

        Args:
            arguments: The call's arguments.
            before: The state before the call.
            first: The first behaviour's outcome; None: it is run.
            guards: Whether only the guards are compared.
        """
        guards = guards or self._guards
        one = self._outcome(self._first, arguments, before, guards) if first is None else first
        two = self._outcome(self._second, arguments, before, guards)
        part = slice_of(before, (*self._tool.reads, *self._tool.writes))
        kind, what = self._difference(part, one, two, guards)
        if not what:
            return Compared(one, two, None, ())
        found = Disagreement(
            arguments=arguments, before=part, first=self._ended(one, part), second=self._ended(two, part), what=what
        )
        return Compared(one, two, found, kind)

    def _outcome(self, behaviour: Runs, arguments: JsonObject, before: State, guards: bool) -> Outcome | SandboxError:
        try:
            return behaviour.run(
                self._tool, arguments, before, now=self._now, collections=self._collections, guard_only=guards
            )
        except SandboxError as error:
            return error

    def _difference(
        self, before: State, one: Outcome | SandboxError, two: Outcome | SandboxError, guards: bool
    ) -> tuple[tuple[str, ...], str]:
        """The kind of the difference and the difference as text; both empty: there is none."""
        if isinstance(one, SandboxError) or isinstance(two, SandboxError):
            ends = [_in_words(outcome) for outcome in (one, two)]
            return ("crash", ends[0][:12], ends[1][:12]), f"the first {ends[0]}, the second {ends[1]}"
        if one.status_code != two.status_code:
            kind = ("status", str(one.status_code), str(two.status_code))
            return kind, f"the first {_in_words(one)}, the second {_in_words(two)}"
        if guards or one.message is not None or Ending(one.data, one.state).is_exactly(Ending(two.data, two.state)):
            return (), ""
        found = self._equivalence.unlike(before, _at_instants(one), _at_instants(two))
        if not found:
            return (), ""
        words = [
            f"{unlike.place if unlike.place.startswith('response.') else unlike.where} is "
            f"{shown_json(unlike.expected, 80)} by the first and {shown_json(unlike.actual, 80)} by the second"
            for unlike in found[:3]
        ]
        return ("ending", *sorted({unlike.place for unlike in found})), "; ".join(words)

    def _ended(self, outcome: Outcome | SandboxError, before: State) -> Ended:
        if isinstance(outcome, SandboxError):
            return Ended(status=None, after=before)
        if outcome.message is not None:
            return Ended(status=outcome.status_code, after=before)
        return Ended(status=200, data=self._equivalence.compared(outcome.data), after=outcome.state)


class Compared(NamedTuple):
    """One call of two behaviours."""

    first: Outcome | SandboxError
    second: Outcome | SandboxError
    disagreement: Disagreement | None
    """None: they agree."""
    kind: tuple[str, ...]
    """The sort of disagreement, such as `status`, 404, 409; empty: they agree."""


def disagreements(
    first: Runs,
    second: Runs,
    tool: Tool,
    state: State,
    *,
    collections: Sequence[Collection] = (),
    now: str = DEFAULT_NOW,
    draws: int = 100,
    most: int = 5,
) -> list[Disagreement]:
    """The drawn calls on which two independently written behaviours differ, one of each kind first.

    Args:
        first: One behaviour; later calls start from the states that it makes.
        second: The other one.
        tool: The tool that both are for.
        state: A populated state.
        collections: Its schemas.
        now: The clock.
        draws: How many calls are drawn.
        most: Most disagreements in the answer.
    """
    agreement = Agreement(first, second, tool, collections=collections, now=now)
    constants = [number for behaviour in (first, second) for number in numbers_in(behaviour)]
    calls = DrawnCalls(tool, copy_state(state), collections, now=now, draws=draws, seed=1, constants=constants)
    found: list[tuple[tuple[str, ...], Disagreement]] = []
    for arguments, before in calls:
        compared = agreement.compare(arguments, before)
        if compared.disagreement is not None:
            found.append((compared.kind, compared.disagreement))
        if not isinstance(compared.first, SandboxError):
            refused = compared.first.message is not None
            patch = () if refused else compared.first.patch
            calls.led_to(apply_patch(before, patch) if patch else before, refused=refused)
    return list(_distinct_first(found))[:most]


def _distinct_first(found: Sequence[tuple[tuple[str, ...], Disagreement]]) -> Iterator[Disagreement]:
    kinds: set[tuple[str, ...]] = set()
    others: list[Disagreement] = []
    for kind, disagreement in found:
        if kind in kinds:
            others.append(disagreement)
        else:
            kinds.add(kind)
            yield disagreement
    yield from others


def numbers_in(behaviour: Runs | None) -> list[int]:
    """The numbers in a behaviour's source; empty without a source, or with one that may not run."""
    if not isinstance(behaviour, Behaviour) or behaviour.problems:
        return []
    return dialect.numbers_in(behaviour.source)


def _answers(behaviour: Runs) -> bool:
    """Whether a behaviour has an `apply`; one whose source may not run counts as having it, and crashes."""
    return not isinstance(behaviour, Behaviour) or bool(behaviour.problems) or behaviour.has_apply


def _in_words(outcome: Outcome | SandboxError) -> str:
    if isinstance(outcome, SandboxError):
        return f"crashed ({str(outcome)[:120]})"
    if outcome.message is not None:
        return f"answered {outcome.status_code} ({outcome.message[:60]})"
    return f"succeeded with {shown_json(outcome.data, 80)}" if outcome.data is not None else "succeeded"


def _at_instants(outcome: Outcome) -> Ending:
    """An ending with every time that has a zone written in UTC."""
    changed = {pointer_steps(str(operation["path"]))[0] for operation in outcome.patch}
    state = {name: _in_utc(records) if name in changed else records for name, records in outcome.state.items()}
    return Ending(_in_utc(outcome.data), state)


def _in_utc(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _in_utc(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_in_utc(item) for item in value]
    if is_date_time(value) and "T" in value:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC).isoformat() if moment.tzinfo else value
    return value
