"""Certification of behaviours: worked examples, properties on drawn calls, and agreement with a second behaviour.

No model takes part.
"""

from collections.abc import Callable, Mapping, Sequence

from synthtools.types import Collection, Tool
from synthtools.types.record import Json, JsonObject, Record, State
from synthtools.world import observations, properties
from synthtools.world.agreement import Agreement, Runs, numbers_in
from synthtools.world.behaviour import Behaviour
from synthtools.world.drawn_calls import DrawnCalls
from synthtools.world.example import Example, check_example
from synthtools.world.new_ids import new_ids
from synthtools.world.patch import apply_patch
from synthtools.world.property_failure import Failed, Part, PropertyFailure
from synthtools.world.state import copy_state
from synthtools.world.subject import DrawnRun, Subject

__all__ = ["Certification", "Example", "PropertyFailure", "certify_behaviour"]

_MOST_FAILURES = 3
"""Failed checks of guard or apply after which that function is tried no further."""

_LIMITS = ("TimeoutError", "MemoryError", "OutputLimit")
"""Texts of errors after which each further try would take as long."""


class Certification(Record):
    """Whether a behaviour may answer for its tool, and what its code was seen to do."""

    certified: bool
    """Guard and apply both passed."""
    guard_certified: bool
    """The guard passed: it may decide the documented errors even where apply did not pass."""
    failures: tuple[PropertyFailure, ...] = ()
    calls: int = 0
    """Drawn calls that were run."""
    successes: int = 0
    """How many of them the guard let pass."""
    clock_fields: tuple[str, ...] = ()
    """`collection.field`s that a call fills with something that derives from the clock."""
    clock_outputs: tuple[str, ...] = ()
    """Keys of the response that derive from the clock."""
    idle_reads: tuple[str, ...] = ()
    """Collections in `reads` whose records made no difference to any call that was tried."""
    idle_writes: tuple[str, ...] = ()
    """Collections in `writes` that no drawn call changed."""


def certify_behaviour(
    behaviour: Behaviour,
    tool: Tool,
    state: State,
    examples: Sequence[Example | Mapping[str, Json]],
    *,
    collections: Sequence[Collection],
    now: str,
    draws: int,
    seed: int,
    second: Runs | str | None,
) -> Certification:
    """Certifies a behaviour for a tool; `Behaviour.certify` has the defaults.

    Args:
        behaviour: The source.
        tool: The tool that it must answer for; it sees the collections in the tool's `reads` and `writes`.
        state: A populated state: arguments are drawn from it, and calls run on it and on what earlier calls made of it.
        examples: Worked calls that must come out exactly, as records or as objects of the same keys.
        collections: Schemas and references that the state keeps.
        now: The clock.
        draws: Drawn calls.
        seed: Equal seeds give equal draws.
        second: Another behaviour of the tool, or its source, that must give the same outcome on every drawn call.

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
    subject = Subject(behaviour, tool, copy_state(state), collections, now)
    other = Behaviour(second) if isinstance(second, str) else second
    return _Certifier(subject, other).certify(worked, draws, seed)


class _Certifier:
    def __init__(self, subject: Subject, second: Runs | None) -> None:
        self._subject = subject
        self._second = second
        self._failures: list[PropertyFailure] = []
        self._failed: dict[Part, int] = {"guard": 0, "apply": 0, "source": 0}

    def certify(self, examples: Sequence[Example], draws: int, seed: int) -> Certification:
        subject = self._subject
        self._try(lambda: properties.reads_only(subject))
        subject.run_ahead([example.call(subject.tool) for example in examples])
        for example in examples:
            guard_only = self._is_enough("apply")
            self._try(
                lambda example=example, guard_only=guard_only: check_example(subject, example, guard_only=guard_only)
            )
        runs = self._run_draws(draws, seed, self._worked(examples))
        self._check_runs(runs, seed)
        if not subject.behaviour.has_apply:
            message = "define apply(args, state, now) -> response: without it the code decides errors only"
            self._add(Failed("apply", "no_apply", message).failure)
        certified = not self._failures and subject.behaviour.has_apply
        fields, outputs = observations.clock_derived(subject, runs) if certified else ((), ())
        return Certification(
            certified=certified,
            guard_certified=self._guard_stands,
            failures=tuple(self._failures),
            calls=len(runs),
            successes=sum(run.passed for run in runs),
            clock_fields=fields,
            clock_outputs=outputs,
            idle_reads=observations.idle_reads(subject, runs) if certified else (),
            idle_writes=observations.idle_writes(subject, runs) if certified else (),
        )

    @property
    def _guard_stands(self) -> bool:
        return not any(failure.part != "apply" for failure in self._failures)

    def _is_enough(self, part: Part) -> bool:
        return self._failed[part] >= _MOST_FAILURES

    def _try(self, check: Callable[[], None]) -> None:
        if self._is_enough("guard"):
            return
        try:
            check()
        except Failed as failed:
            self._add(failed.failure)

    def _add(self, failure: PropertyFailure) -> None:
        part: Part = "apply" if failure.part == "apply" else "guard"
        self._failed[part] += 1
        if any(limit in failure.message for limit in _LIMITS):
            self._failed[part] = _MOST_FAILURES
        if failure.property not in {known.property for known in self._failures}:
            self._failures.append(failure)

    def _worked(self, examples: Sequence[Example]) -> list[tuple[JsonObject, State]]:
        """The examples' calls, each on its state filled up from the given one; left out if that breaks the schemas."""
        subject = self._subject
        calls = [(example.arguments(subject.tool), {**subject.state, **example.state}) for example in examples]
        return [(arguments, before) for arguments, before in calls if not subject.schema.problems(before)]

    def _run_draws(self, draws: int, seed: int, worked: Sequence[tuple[JsonObject, State]]) -> list[DrawnRun]:
        subject = self._subject
        runs: list[DrawnRun] = []
        if self._is_enough("guard"):
            return runs
        calls = DrawnCalls(
            subject.tool,
            subject.state,
            subject.collections,
            now=subject.now,
            draws=draws,
            seed=seed,
            constants=[*numbers_in(subject.behaviour), *numbers_in(self._second)],
            worked=worked,
        )
        subject.run_ahead(list(calls.independent()))
        for arguments, before in calls:
            run = self._run_call(arguments, before)
            if self._is_enough("guard"):
                break
            if run is not None:
                runs.append(run)
                calls.led_to(apply_patch(before, run.patch) if run.patch else before, refused=not run.passed)
        return runs

    def _run_call(self, arguments: JsonObject, before: State) -> DrawnRun | None:
        """One drawn call; None where the guard failed it. Once apply has failed often, the guard goes on alone."""
        subject = self._subject
        if subject.behaviour.has_apply and not self._is_enough("apply"):
            try:
                outcome = subject.run_well(arguments, before)
                properties.guard_answer(subject, arguments, before, outcome)
                if outcome.message is None:
                    properties.apply_answer(subject, arguments, before, outcome)
                return DrawnRun(arguments, before, outcome, whole=True)
            except Failed as failed:
                self._add(failed.failure)
                if failed.failure.part != "apply":
                    return None
        try:
            outcome = subject.run_well(arguments, before, guard_only=True)
            properties.guard_answer(subject, arguments, before, outcome, alone=True)
        except Failed as failed:
            self._add(failed.failure)
            return None
        return DrawnRun(arguments, before, outcome, whole=False)

    def _check_runs(self, runs: Sequence[DrawnRun], seed: int) -> None:
        """Checks what shows only across calls; the guard is checked also where apply has failed."""
        subject = self._subject
        if not self._guard_stands:
            return
        self._try(lambda: properties.some_success(subject, runs))
        if not self._guard_stands:
            return
        for check in (
            properties.unknown_ids_refused,
            properties.guard_changes_nothing,
            properties.repeatable,
            properties.order_free,
        ):
            self._try(lambda check=check: check(subject, runs))
        if not self._failures and subject.behaviour.has_apply:
            self._try(lambda: properties.changes_state(subject, runs))
            self._try(lambda: new_ids(subject, runs))
            for name, parameter in subject.tool.parameters.items():
                if parameter.required and not self._is_enough("apply"):
                    self._try(lambda name=name: properties.arguments_matter(subject, name, runs, seed))
        if self._guard_stands:
            self._try(lambda: self._check_agreement(runs))

    def _check_agreement(self, runs: Sequence[DrawnRun]) -> None:
        subject, second = self._subject, self._second
        if second is None:
            return
        agreement = Agreement(subject.behaviour, second, subject.tool, collections=subject.collections, now=subject.now)
        for run in runs:
            found = agreement.compare(run.arguments, run.before, run.outcome, guards=not run.whole).disagreement
            if found is not None:
                by_guard = found.first.status != found.second.status
                message = f"a second behaviour does not agree with this one: {found.what}"
                raise Failed("guard" if by_guard else "apply", "agreement", message, run.arguments)
