"""Certification of behaviours: worked examples, and properties on drawn calls. No model takes part.

A failure is written for a small model that repairs the code: the call, what came, what was expected.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import orjson

from synthtools.errors import SandboxError, StateError
from synthtools.types import Collection, Parameter, Tool, ToolCall
from synthtools.types.record import Json, JsonObject, Record, State
from synthtools.world.behaviour import Behaviour, Outcome
from synthtools.world.draw import draw_arguments, draw_other_values
from synthtools.world.gate import fill
from synthtools.world.patch import Patch, apply_patch, diff, pointer_steps, resolve, same
from synthtools.world.state import StateSchema, copy_state, slice_of
from synthtools.world.validators import first_problem

Part = Literal["guard", "apply", "source"]

_MOST_FAILURES = 3
"""Failed checks after which certification ends."""

_LIMITS = ("TimeoutError", "MemoryError", "OutputLimit")
_MOST_TEXT = 400


class Example(Record):
    """A worked call of a tool: what it must answer from a state, and what the state is afterwards."""

    args: JsonObject
    before: State
    """The whole state, or the collections that the tool declares."""
    status: int = 200
    response: Json = None
    """The data of a success; None: not compared."""
    after: State | None = None
    """The collections afterwards; those not named and None are not compared. An error leaves all as it was."""


class PropertyFailure(Record):
    """A property that a behaviour broke, with the case that shows it. `str()` is what its writer is told."""

    part: Part
    """Which function is to blame; `source` for both."""
    property: str
    """`dialect`, `example`, `no_crash`, `documented_errors`, `guard_changes_nothing`, `output_schema`, `writes_only`,
    `state_schema`, `repeatable`, `some_success`, `arguments_matter` or `changes_state`."""
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
            parts.append(f"args = {_short(self.arguments, 140)}")
        parts.append(self.message)
        text = ": ".join(parts)
        for name, value in (("before", self.before), ("after", self.after)):
            if value is not None and len(text) < _MOST_TEXT - 60:
                text += f" | {name}: {_short(value, min(110, _MOST_TEXT - len(text) - 12))}"
        return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 3] + "..."


class Certification(Record):
    """Whether a behaviour may answer for its tool."""

    certified: bool
    """Guard and apply both passed."""
    guard_certified: bool
    """The guard passed: it may decide the documented errors even where apply did not pass."""
    failures: tuple[PropertyFailure, ...] = ()
    calls: int = 0
    """Drawn calls that were run."""
    successes: int = 0
    """How many of them the guard let pass."""


class _Run(NamedTuple):
    """One drawn call and what came of it."""

    arguments: JsonObject
    before: State
    outcome: Outcome
    patch: Patch


class _Failed(Exception):
    """Carries a failure out of the check of one call."""

    def __init__(self, failure: PropertyFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def certify_behaviour(
    behaviour: Behaviour,
    tool: Tool,
    state: State,
    examples: Sequence[Example | Mapping[str, Json]] = (),
    *,
    collections: Sequence[Collection] = (),
    now: str = "2026-01-15T09:00:00Z",
    draws: int = 300,
    seed: int = 0,
) -> Certification:
    """Certifies a behaviour for a tool.

    Args:
        behaviour: The source.
        tool: What it must answer for; its `reads` and `writes` are what it is given.
        state: A populated state: draws take values from it and run on it and on what calls make of it.
        examples: Worked calls that must come out exactly, as records or as objects of the same keys.
        collections: Schemas and references that the state keeps.
        now: The clock.
        draws: Drawn calls.
        seed: Equal seeds give equal draws.

    Raises:
        DataError: An example lacks a key, or has one that it should not.
    """
    worked = [
        example if isinstance(example, Example) else Example.from_json(example, f"example {number}")
        for number, example in enumerate(examples, 1)
    ]
    if behaviour.problems:
        message = "; ".join(behaviour.problems[:4])
        failure = PropertyFailure(part="source", property="dialect", message=f"the code is refused: {message}")
        return Certification(certified=False, guard_certified=False, failures=(failure,))
    return _Certifier(behaviour, tool, copy_state(state), collections, now).certify(worked, draws, seed)


class _Certifier:
    def __init__(
        self, behaviour: Behaviour, tool: Tool, state: State, collections: Sequence[Collection], now: str
    ) -> None:
        self._behaviour = behaviour
        self._tool = tool
        self._state = state
        self._collections = collections
        self._schema = StateSchema(collections)
        self._now = now
        self._failures: list[PropertyFailure] = []
        self._failed = 0
        self._codes = sorted({error.status_code for error in tool.errors})

    def certify(self, examples: Sequence[Example], draws: int, seed: int) -> Certification:
        for example in examples:
            self._try(lambda example=example: self._check_example(example))
        runs = [] if self._is_enough() else self._run_draws(draws, seed)
        successes = [run for run in runs if run.outcome.message is None]
        if not self._failures:
            if self._behaviour.has_apply:
                self._try(lambda: self._check_repeats(runs))
            self._try(lambda: self._check_success(runs, successes))
        if not self._failures and self._behaviour.has_apply:
            self._try(lambda: self._check_changes(runs, successes))
            for name, parameter in self._tool.parameters.items():
                if parameter.required and not self._is_enough():
                    self._try(lambda name=name: self._check_argument(name, runs, seed))
        guard_certified = not any(failure.part != "apply" for failure in self._failures)
        return Certification(
            certified=not self._failures and self._behaviour.has_apply,
            guard_certified=guard_certified,
            failures=tuple(self._failures),
            calls=len(runs),
            successes=len(successes),
        )

    def _is_enough(self) -> bool:
        return self._failed >= _MOST_FAILURES

    def _try(self, check: Callable[[], None]) -> None:
        if self._is_enough():
            return
        try:
            check()
        except _Failed as failed:
            self._failed += 1
            if any(limit in failed.failure.message for limit in _LIMITS):
                self._failed = _MOST_FAILURES  # each further try would take as long
            if failed.failure.property not in {failure.property for failure in self._failures}:
                self._failures.append(failed.failure)

    def _run_draws(self, draws: int, seed: int) -> list[_Run]:
        """Runs the drawn calls on the given state, on states that earlier calls led to, and on empty collections."""
        runs: list[_Run] = []
        drawn = draw_arguments(self._tool, self._state, self._collections, seed, draws)
        state = self._state
        empty: State = {name: {} for name in self._state}
        for index, arguments in enumerate(drawn):
            if self._is_enough():
                break
            # Every other draw goes on from where the last one led; every eighth starts anew; a few run on nothing.
            start = empty if index % 50 == 49 else state if index % 2 else self._state
            if index % 8 == 0:
                state = self._state

            def check(arguments: JsonObject = arguments, start: State = start) -> None:
                runs.append(self._check_call(arguments, start))

            self._try(check)
            if runs and start is not empty:
                state = apply_patch(runs[-1].before, runs[-1].patch)
        return runs

    def _run(self, arguments: JsonObject, before: State, *, guard_only: bool = False) -> Outcome:
        return self._behaviour.run(
            self._tool,
            arguments,
            before,
            now=self._now,
            collections=self._collections,
            guard_only=guard_only,
        )

    def _check_call(self, arguments: JsonObject, before: State) -> _Run:
        outcome = self._run_well(arguments, before)
        patch = outcome.patch
        if outcome.message is not None:
            if outcome.status_code not in self._codes:
                self._fail(
                    "guard",
                    "documented_errors",
                    f"guard answered status_code {outcome.status_code}; documented are {self._codes}",
                    arguments,
                )
            if patch:
                self._fail("guard", "guard_changes_nothing", "guard changed state; only apply may", arguments, patch)
            return _Run(arguments, before, outcome, ())
        if not self._behaviour.has_apply:
            if patch:
                self._fail("guard", "guard_changes_nothing", "guard changed state; only apply may", arguments, patch)
            return _Run(arguments, before, outcome, patch)
        self._check_output(arguments, outcome)
        self._check_patch(arguments, before, patch)
        return _Run(arguments, before, outcome, patch)

    def _run_well(self, arguments: JsonObject, before: State) -> Outcome:
        try:
            return self._run(arguments, before)
        except SandboxError as error:
            part: Part = "apply"
            try:
                self._run(arguments, before, guard_only=True)
            except SandboxError:
                part = "guard"
            key = str(error).rpartition("KeyError: ")[2]
            if part == "apply" and any(value == key for value in arguments.values()):
                part = "guard"
                message = f"guard let an unknown id pass, apply crashed: {error}. guard must refuse it first"
            else:
                message = f"{part} crashed: {error}{self._hint(str(error))}"
            raise _Failed(
                PropertyFailure(part=part, property="no_crash", message=message, arguments=arguments)
            ) from None

    def _hint(self, error: str) -> str:
        """What a wrong key could have been."""
        if "KeyError" not in error:
            return ""
        fields: JsonObject = {}
        for name, records in slice_of(self._state, (*self._tool.reads, *self._tool.writes)).items():
            first = next(iter(records.values()), None) if isinstance(records, dict) else None
            fields[name] = list(first) if isinstance(first, dict) else []
        return f". state has {_short(fields, 120)}, each a dict by id; optional args may be absent"

    def _check_output(self, arguments: JsonObject, outcome: Outcome) -> None:
        problem = first_problem(self._tool.output_schema(), outcome.data)
        if problem:
            keys = ", ".join(f"{name}: {parameter.type}" for name, parameter in self._tool.output.items())
            self._fail(
                "apply",
                "output_schema",
                f"apply returned {_short(outcome.data, 90)}; expected {{{keys[:120]}}}: {problem[:120]}",
                arguments,
            )

    def _check_patch(self, arguments: JsonObject, before: State, patch: Patch) -> None:
        for operation in patch:
            collection = pointer_steps(str(operation["path"]))[0]
            if collection not in self._tool.writes:
                allowed = f"only {list(self._tool.writes)}" if self._tool.writes else "nothing: the tool only reads"
                self._fail(
                    "apply", "writes_only", f"apply changed {collection}; it may change {allowed}", arguments, patch
                )
        try:
            self._schema.check_change(before, apply_patch(before, patch), patch)
        except StateError as error:
            self._fail("apply", "state_schema", f"apply left a wrong state: {error}", arguments, patch)

    def _check_example(self, example: Example) -> None:
        before = copy_state(example.before)
        arguments = fill(self._tool, ToolCall(name=self._tool.name, arguments=example.args))
        outcome = self._run_well(arguments, before)
        if outcome.status_code != example.status:
            came = f"{outcome.status_code} {outcome.message}" if outcome.message is not None else "None (success)"
            self._fail(
                "guard", "example", f"guard answered {came[:100]}; expected status {example.status}", example.args
            )
        if outcome.message is None and example.response is not None and self._behaviour.has_apply:
            expected, came = _without_prose(self._tool, example.response), _without_prose(self._tool, outcome.data)
            if not same(expected, came):
                self._fail(
                    "apply",
                    "example",
                    f"apply returned {_short(came, 110)}; expected {_short(expected, 110)}",
                    example.args,
                )
        if self._behaviour.has_apply or outcome.message is not None:
            self._check_example_state(example, before, outcome)

    def _check_example_state(self, example: Example, before: State, outcome: Outcome) -> None:
        after = before if outcome.message is not None else example.after
        if after is None:
            return
        part: Part = "guard" if outcome.message is not None else "apply"
        expected = slice_of(after, [name for name in outcome.state if name in after])
        patch = diff(expected, slice_of(outcome.state, expected))
        if not patch:
            return
        path = str(patch[0]["path"])
        wanted = _excerpt(expected, path)
        message = (
            f"{part} left state{path} = {_short(_excerpt(outcome.state, path), 90)}; expected {_short(wanted, 90)}"
        )
        self._fail(part, "example", message, example.args)

    def _check_repeats(self, runs: Sequence[_Run]) -> None:
        for run in reversed(runs[:40]):
            again = self._run_well(run.arguments, run.before)
            if again.status_code != run.outcome.status_code or not same(again.data, run.outcome.data):
                message = f"the same call answered {_short(again.data, 90)} and before {_short(run.outcome.data, 90)}"
                self._fail("apply", "repeatable", message, run.arguments)
            if not same(again.state, run.outcome.state):
                self._fail("apply", "repeatable", "the same call changed the state in another way", run.arguments)

    def _check_success(self, runs: Sequence[_Run], successes: Sequence[_Run]) -> None:
        if not runs:
            self._fail("source", "some_success", "no call that fits the parameters could be drawn")
        if not successes:
            run = runs[0]
            message = f"every call was refused, this one with {run.outcome.status_code} {run.outcome.message}"
            self._fail("guard", "some_success", f"{message}; some calls must succeed", run.arguments)

    def _check_changes(self, runs: Sequence[_Run], successes: Sequence[_Run]) -> None:
        if self._tool.writes and not any(run.patch for run in successes):
            message = f"apply never changed state; it must change {', '.join(self._tool.writes)}"
            self._fail("apply", "changes_state", message, successes[0].arguments)

    def _check_argument(self, name: str, runs: Sequence[_Run], seed: int) -> None:
        """Whether another value of a required argument ever makes a difference."""
        tried = 0
        successful = sorted(runs, key=lambda run: run.outcome.message is not None)
        for index, run in enumerate(successful[:12]):
            others = draw_other_values(
                self._tool, name, run.arguments.get(name), run.before, self._collections, seed + index, n=3
            )
            for value in others:
                tried += 1
                other = self._run_well({**run.arguments, name: value}, run.before)
                if other.status_code != run.outcome.status_code or not same(other.data, run.outcome.data):
                    return
                if not same(other.state, run.outcome.state):
                    return
        if tried:
            message = f"the value of {name} never makes a difference; use args['{name}']"
            self._fail("apply", "arguments_matter", message, successful[0].arguments)

    def _fail(
        self,
        part: Part,
        name: str,
        message: str,
        arguments: JsonObject | None = None,
        patch: Patch = (),
    ) -> None:
        before: JsonObject = {}
        after: JsonObject = {}
        for operation in patch[:2]:
            path = str(operation["path"])
            before[path] = _excerpt(self._state, path)
            after[path] = operation.get("value")
        raise _Failed(
            PropertyFailure(
                part=part,
                property=name,
                message=message,
                arguments=arguments,
                before=before or None,
                after=after or None,
            )
        )


def disagreements(
    first: Behaviour,
    second: Behaviour,
    tool: Tool,
    state: State,
    *,
    collections: Sequence[Collection] = (),
    now: str = "2026-01-15T09:00:00Z",
    draws: int = 100,
    seed: int = 1,
) -> Iterator[tuple[JsonObject, Outcome, Outcome]]:
    """The drawn calls on which two independently written behaviours differ: status, data apart from prose, or state.

    Raises:
        SandboxError: One of them crashed.
    """
    start = copy_state(state)
    for arguments in draw_arguments(tool, start, collections, seed, draws):
        one, two = (
            behaviour.run(tool, arguments, start, now=now, collections=collections) for behaviour in (first, second)
        )
        data = same(_without_prose(tool, one.data), _without_prose(tool, two.data))
        if one.status_code != two.status_code or not data or not same(one.state, two.state):
            yield arguments, one, two


def _without_prose(tool: Tool, data: Json) -> Json:
    if not isinstance(data, dict):
        return data
    return {name: value for name, value in data.items() if not tool.output.get(name, _PLAIN).prose}


_PLAIN = Parameter(type="string")


def _excerpt(state: State, path: str) -> Json:
    try:
        return resolve(state, path)
    except KeyError:
        return "absent"


def _short(value: Json, most: int) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= most else text[: most - 3] + "..."
