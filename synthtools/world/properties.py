"""What every behaviour must hold to, whatever its tool is for: checks of one call, and checks across drawn calls.

Each check raises `Failed` with the case that shows a fault; without a fault it returns nothing.
"""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from synthtools.errors import StateError
from synthtools.types import Parameter
from synthtools.types.record import Json, JsonObject, State
from synthtools.types.shortened import shortened, shown_json
from synthtools.world import dialect
from synthtools.world.behaviour import Call, Outcome
from synthtools.world.draw import draw_other_values
from synthtools.world.gate import tool_gate
from synthtools.world.held import collection_of
from synthtools.world.patch import Patch, apply_patch, pointer_steps, same
from synthtools.world.property_failure import Failed, Part
from synthtools.world.state import records_of
from synthtools.world.subject import DrawnRun, Subject, undeclared

_REPEATED = 20
_REORDERED = 80
_GUARDED = 12

T = TypeVar("T")


def reads_only(subject: Subject) -> None:
    """The source looks up no collection that its tool does not declare: it would not be there."""
    for name, functions in sorted(dialect.collections_named(subject.behaviour.source).items()):
        if name not in subject.declared:
            part: Part = "apply" if functions == {"apply"} else "guard" if functions == {"guard"} else "source"
            raise Failed(part, "reads_only", undeclared(name, subject.declared))


def guard_answer(
    subject: Subject, arguments: JsonObject, before: State, outcome: Outcome, *, alone: bool = False
) -> None:
    """A refusal has a documented status, and changes nothing; nor does a guard that was run alone."""
    codes = sorted({error.status_code for error in subject.tool.errors})
    if outcome.message is not None and outcome.status_code not in codes:
        message = f"guard answered status_code {outcome.status_code}; documented are {codes}"
        raise Failed("guard", "documented_errors", message, arguments)
    if outcome.message is not None:
        titled = _codes_of_title(subject, outcome.message)
        if titled and outcome.status_code not in titled:
            message = (
                f"guard answered {outcome.status_code} {shortened(outcome.message, 90)!r}; documented is {titled[0]}"
            )
            raise Failed("guard", "documented_errors", f"{message} for it", arguments)
    if alone or outcome.message is not None:
        _unchanged(outcome.patch, arguments, before)


def _codes_of_title(subject: Subject, message: str) -> list[int]:
    """The codes of the documented error whose title a message begins with, the longest one; empty where it has none."""
    said = message.casefold()
    titles: dict[str, list[int]] = {}
    for error in subject.tool.errors:
        title = error.title.strip().casefold()
        if title and re.match(rf"{re.escape(title)}\s*($|[^\w\s])", said):
            titles.setdefault(title, []).append(error.status_code)
    return titles[max(titles, key=len)] if titles else []


def guard_changes_nothing(subject: Subject, runs: Sequence[DrawnRun]) -> None:
    """A guard that lets a call pass has changed nothing, either: what apply changes would hide it."""
    passed = spread([run for run in runs if run.passed], _GUARDED)
    subject.run_ahead([run.call for run in passed], guard_only=True)
    for run in passed:
        outcome = subject.run_well(run.arguments, run.before, guard_only=True)
        _unchanged(outcome.patch, run.arguments, run.before)
        if outcome.arguments is not None and not same(outcome.arguments, run.arguments):
            message = f"guard changed args to {shown_json(outcome.arguments, 110)}; apply must see what the caller gave"
            raise Failed("guard", "guard_changes_nothing", message, run.arguments)


def _unchanged(patch: Patch, arguments: JsonObject, before: State) -> None:
    if patch:
        message = "guard changed state; only apply may"
        raise Failed("guard", "guard_changes_nothing", message, arguments, before=before, patch=patch)


def apply_answer(subject: Subject, arguments: JsonObject, before: State, outcome: Outcome) -> None:
    """A response fits the tool's output; a change stays within `writes` and leaves a sound state."""
    tool = subject.tool
    problem = tool_gate(tool).response_problem(outcome.data) or _whole_float_in(
        tool.output, outcome.data, "the response"
    )
    if problem:
        keys = ", ".join(f"{name}: {parameter.type}" for name, parameter in tool.output.items())
        message = f"apply returned {shown_json(outcome.data, 90)}; expected {{{keys[:120]}}}: {problem[:120]}"
        raise Failed("apply", "output_schema", message, arguments)
    patch = outcome.patch
    for operation in patch:
        collection = pointer_steps(str(operation["path"]))[0]
        if collection not in tool.writes:
            allowed = f"only {list(tool.writes)}" if tool.writes else "nothing: the tool only reads"
            message = f"apply changed {collection}; it may change {allowed}"
            raise Failed("apply", "writes_only", message, arguments, before=before, patch=patch)
    try:
        subject.schema.check_change(before, apply_patch(before, patch), patch)
    except StateError as error:
        message = f"apply left a wrong state: {error}"
        raise Failed("apply", "state_schema", message, arguments, before=before, patch=patch) from None
    for problem in _whole_floats(subject, patch):
        raise Failed("apply", "state_schema", f"apply left a wrong state: {problem}", arguments)


def _whole_floats(subject: Subject, patch: Patch) -> Iterator[str]:
    """Numbers that a patch writes as 3.0 where the schema has an integer: JSON Schema takes them, equality does not."""
    for operation in patch:
        name, *steps = pointer_steps(str(operation["path"]))
        collection, value = subject.schema.collections.get(name), operation.get("value")
        if collection is None:
            continue
        where = "/".join((name, *steps))
        if not steps and isinstance(value, dict):
            problems = [_whole_float_in(collection.fields, record, where) for record in value.values()]
        elif len(steps) == 1:
            problems = [_whole_float_in(collection.fields, value, where)]
        elif len(steps) == 2 and steps[1] in collection.fields:
            problems = [_whole_float(collection.fields[steps[1]], value, where)]
        else:
            problems = []
        yield from filter(None, problems)


def _whole_float(parameter: Parameter, value: Json, where: str) -> str | None:
    if parameter.type == "integer" and isinstance(value, float):
        return f"{where} is {value}, no integer: use //, int() or round()"
    if isinstance(value, list) and parameter.items is not None:
        items = parameter.items
        return next((problem for item in value if (problem := _whole_float(items, item, where))), None)
    return _whole_float_in(parameter.properties or {}, value, where)


def _whole_float_in(known: Mapping[str, Parameter], value: Json, where: str) -> str | None:
    if not isinstance(value, dict):
        return None
    found = (_whole_float(known[key], item, f"{where}/{key}") for key, item in value.items() if key in known)
    return next((problem for problem in found if problem), None)


def some_success(subject: Subject, runs: Sequence[DrawnRun]) -> None:
    """Some drawn call succeeds."""
    if not runs:
        raise Failed("source", "some_success", "no call that fits the parameters could be drawn")
    if not any(run.passed for run in runs):
        run = runs[0]
        message = f"every call was refused, this one with {run.outcome.status_code} {run.outcome.message}"
        raise Failed("guard", "some_success", f"{message}; some calls must succeed", run.arguments)


def unknown_ids_refused(subject: Subject, runs: Sequence[DrawnRun]) -> None:
    """If 404 is documented, some call with an unknown id is refused with it; not all such calls pass."""
    if not any(error.status_code == 404 for error in subject.tool.errors):
        return
    if any(run.outcome.status_code == 404 for run in runs):
        return
    for name, parameter in subject.tool.parameters.items():
        target = parameter.references or collection_of(name, subject.declared)
        if not parameter.required or parameter.type != "string" or target not in subject.declared:
            continue
        for run in runs:
            records = records_of(run.before, target)
            if run.passed and records and run.arguments.get(name) not in records:
                message = f"guard let pass a {name} that {target} does not hold, and never answered the documented 404"
                raise Failed("guard", "documented_errors", message, run.arguments)


def repeatable(subject: Subject, runs: Sequence[DrawnRun]) -> None:
    """Calls made once more, in another order, come out as before: nothing is kept between them."""
    tried = spread(runs, _REPEATED)[::-1]
    for run, again in zip(tried, subject.again(tried), strict=True):
        if again.status_code != run.outcome.status_code:
            message = f"the same call answered status {again.status_code} and before {run.outcome.status_code}"
            raise Failed("guard", "repeatable", message, run.arguments)
        if run.succeeded and not same(again.data, run.outcome.data):
            message = (
                f"the same call answered {shown_json(again.data, 90)} and before {shown_json(run.outcome.data, 90)}"
            )
            raise Failed("apply", "repeatable", message, run.arguments)
        if run.succeeded and not same(again.state, run.outcome.state):
            raise Failed("apply", "repeatable", "the same call changed the state in another way", run.arguments)


def order_free(subject: Subject, runs: Sequence[DrawnRun]) -> None:
    """Collections are unordered: with its records the other way round, a call comes out the same."""
    by_success = sorted(runs, key=lambda run: not run.succeeded)
    reordered: list[tuple[DrawnRun, State]] = []
    for index, run in enumerate(spread(by_success, _REORDERED)):
        before = _another_order(run.before, subject.declared, random.Random(f"order:{index}"))
        if before is not None:
            reordered.append((run, before))
    subject.run_ahead([Call(run.arguments, before) for run, before in reordered if run.whole])
    for run, before in reordered:
        again = subject.run_well(run.arguments, before, guard_only=not run.whole)
        advice = "records have no order: sort by a field or by id, never rely on the first or last one"
        if again.status_code != run.outcome.status_code:
            message = (
                f"with the records in another order, guard answered status {again.status_code} and not "
                f"{run.outcome.status_code}; {advice}"
            )
            raise Failed("guard", "order_free", message, run.arguments)
        if not run.succeeded:
            continue
        found = subject.equivalence.unlike(
            subject.part(run.before), subject.ending(run.outcome), subject.ending(again), any_order=True
        )
        if found:
            first = found[0]
            message = (
                f"with the records in another order, {first.place} is {shown_json(first.actual, 60)} and not "
                f"{shown_json(first.expected, 60)}; {advice}"
            )
            raise Failed("apply", "order_free", message, run.arguments)


def _another_order(state: State, names: Sequence[str], rng: random.Random) -> State | None:
    """The state with the records of some collections in another order; None where none has two."""
    reordered: State = {}
    for name in names:
        records = records_of(state, name)
        if len(records) < 2:
            continue
        ids = list(records)
        shuffled = rng.sample(ids, len(ids))
        if shuffled == ids or rng.random() < 0.5:
            shuffled = ids[::-1]
        reordered[name] = {record_id: records[record_id] for record_id in shuffled}
    return {**state, **reordered} if reordered else None


def changes_state(subject: Subject, runs: Sequence[DrawnRun]) -> None:
    """A tool with `writes` changes something in some call."""
    successes = [run for run in runs if run.succeeded]
    if subject.tool.writes and not any(run.patch for run in successes):
        message = f"apply never changed state; it must change {', '.join(subject.tool.writes)}"
        raise Failed("apply", "changes_state", message, successes[0].arguments)


def arguments_matter(subject: Subject, name: str, runs: Sequence[DrawnRun], seed: int) -> None:
    """Another value of a required argument makes a difference in some call."""
    tried = 0
    successful = sorted(runs, key=lambda run: not run.succeeded)
    for index, run in enumerate(successful[:12]):
        others = draw_other_values(
            subject.tool, name, run.arguments.get(name), run.before, subject.collections, seed + index, n=3
        )
        for value in others:
            tried += 1
            other = subject.run_well({**run.arguments, name: value}, run.before)
            if other.status_code != run.outcome.status_code or not same(other.data, run.outcome.data):
                return
            if not same(other.state, run.outcome.state):
                return
    if tried:
        message = f"the value of {name} never makes a difference; use args['{name}']"
        raise Failed("apply", "arguments_matter", message, successful[0].arguments)


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most `most` of the items, evenly spread over them."""
    if len(items) <= most:
        return list(items)
    return [items[index * len(items) // most] for index in range(most)]
