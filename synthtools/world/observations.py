"""What certified code is seen to do: which values derive from the clock, and which collections it has no use for."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from synthtools.errors import SandboxError
from synthtools.types.dates import is_date_time, is_day, iso_text
from synthtools.types.record import JsonObject, State
from synthtools.world.patch import pointer_steps, same
from synthtools.world.properties import spread
from synthtools.world.subject import DrawnRun, Subject

_CLOCKED = 12
_READING = 8
_REFUSED = 3
_LATER = timedelta(days=1, hours=1, minutes=1, seconds=1)
"""Changes every part of a time, and is so short that few rules on dates come out differently."""


def clock_derived(subject: Subject, runs: Sequence[DrawnRun]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The record fields (`collection.field`) and the output keys that differ when a call is made at another time.

    A call that then gets another status, or touches other records, shows a rule on dates and no derived value.
    """
    now = later(subject.now)
    fields: set[str] = set()
    outputs: set[str] = set()
    successes = [run for run in runs if run.succeeded]
    clocked = [*successes[:_CLOCKED], *successes[-1:]] if now else []
    subject.run_ahead([run.call for run in clocked], now=now)
    for run in clocked:
        try:
            other = subject.run(run.arguments, run.before, now=now)
        except SandboxError:
            continue
        if other.message is not None:
            continue
        for found in subject.equivalence.unlike(
            subject.part(run.before), subject.ending(run.outcome), subject.ending(other)
        ):
            collection, _, name = found.place.partition(".")
            if found.place.startswith("response."):
                outputs.add(found.where)
            elif name:
                fields.add(f"{collection}.{name}")
    return tuple(sorted(fields)), tuple(sorted(outputs - {""}))


def later(now: str) -> str | None:
    """A clock somewhat later, in the same notation; None where it is no date."""
    if not is_date_time(now):
        return None
    return iso_text(datetime.fromisoformat(now) + _LATER, day_only=is_day(now))


def idle_writes(subject: Subject, runs: Sequence[DrawnRun]) -> tuple[str, ...]:
    """The collections in `writes` that no drawn call changed."""
    touched = {pointer_steps(str(operation["path"]))[0] for run in runs for operation in run.patch}
    return tuple(name for name in subject.tool.writes if name not in touched)


def idle_reads(subject: Subject, runs: Sequence[DrawnRun]) -> tuple[str, ...]:
    """The collections in `reads` whose records, exchanged or removed, made no difference to any call that was tried."""
    by_success = sorted(runs, key=lambda run: not run.succeeded)
    refused: dict[int, list[DrawnRun]] = {}
    for run in runs:
        if not run.passed:
            refused.setdefault(run.outcome.status_code, []).append(run)
    sample = [*by_success[:_READING], *(run for same_code in refused.values() for run in spread(same_code, _REFUSED))]
    names = [name for name in subject.tool.reads if name not in subject.tool.writes]
    return tuple(name for name in names if not any(_matters(subject, run, name) for run in sample))


def _matters(subject: Subject, run: DrawnRun, name: str) -> bool:
    records = run.before.get(name)
    if not isinstance(records, dict):
        return True
    for other in _other_records(records):
        before: State = {**run.before, name: other}
        try:
            outcome = subject.run(run.arguments, before)
        except SandboxError:
            return True
        if outcome.status_code != run.outcome.status_code or not same(outcome.data, run.outcome.data):
            return True
        if not same(list(outcome.patch), list(run.outcome.patch)):
            return True
    return False


def _other_records(records: JsonObject) -> Iterator[JsonObject]:
    """Other contents of a collection: none, the records under each other's ids, and all but one."""
    if not records:
        return
    yield {}
    ids, held = list(records), list(records.values())
    if len(ids) > 1:
        yield dict(zip(ids, [*held[1:], held[0]], strict=True))
    for gone in ids[:3]:
        yield {record_id: record for record_id, record in records.items() if record_id != gone}
