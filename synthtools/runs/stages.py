"""The stages of a run, as one table: what each depends on, how its items come about, and which program does them.

The command line and the scheduler read this table; nothing else knows the order of the stages.
"""

import importlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from pydantic import TypeAdapter, ValidationError

from synthtools.errors import DamagedRecord, RunError
from synthtools.runs import tallies
from synthtools.runs.earlier import Earlier
from synthtools.runs.item import Item, Loss
from synthtools.runs.reader import StoreReader
from synthtools.types.audit import AuditedEnv
from synthtools.types.environment import EnvSpec, Scenario
from synthtools.types.profile import STANDARD, Profile
from synthtools.types.task import SolvedTurns, Task, ToolSequence
from synthtools.types.trajectory import Trajectory

Inputs = dict[str, Any]


class Program(Protocol):
    """What a stage needs of a program: one asynchronous call an item. Every program is such a `dspy.Module`."""

    async def acall(self, **inputs: Any) -> Any:
        """Does one item. Raises: Dropped, ModelError, WorldError, BudgetExceeded."""
        ...


class Records:
    """Typed records of a run, read when asked for; the last ones are kept, since many items share a parent."""

    def __init__(
        self, store: StoreReader, kept: int = 8 << 20, *, duplicate_threshold: float = STANDARD.duplicate_threshold
    ) -> None:
        """Reads nothing yet.

        Args:
            store: Has the records.
            kept: Most bytes of JSON whose records are kept; in memory they are about eight times as much.
            duplicate_threshold: From which likeness on a scenario or tool counts as one that there was.
        """
        self.earlier = Earlier(store, self.record, duplicate_threshold)
        self._store = store
        self._kept = kept
        self._size = 0
        self._cache: OrderedDict[tuple[str, str], tuple[Any, int]] = OrderedDict()

    def record(self, stage: str, id: str) -> Any:
        """The done record of a stage. Raises: RunError where it is missing; DamagedRecord."""
        key = (stage, id)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key][0]
        payload = self._store.payload(stage, id)
        record = STAGES[stage].read(payload, id)
        self._cache[key] = record, len(payload)
        self._size += len(payload)
        while self._size > self._kept and len(self._cache) > 1:
            self._size -= self._cache.popitem(last=False)[1][1]
        return record

    def forget(self, stage: str, id: str) -> None:
        """Drops a kept record, because it is being replaced."""
        _, size = self._cache.pop((stage, id), (None, 0))
        self._size -= size

    def item(self, stage: str, id: str) -> Item:
        """An item by stage and id. Raises: RunError where it is missing."""
        found = self._store.item(stage, id)
        if found is None:
            raise RunError(f"the run {self._store.folder} has no {stage} item {id}: its store is damaged")
        return found


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: a row of the table."""

    name: str
    verb: str
    """The command that runs it; more than one stage may share it."""
    depends_on: str
    """The stage whose done records its items are made from; empty: its items are planned from fields."""
    program: str
    """`module:class`, imported on first use, constructed with the profile."""
    record: TypeAdapter[Any]
    """Type of its records."""
    expand: Callable[[Item, Callable[[], Any], Profile], Iterable[Item]]
    """From a done item of `depends_on` and its record, read only where it matters: the items it makes possible."""
    inputs: Callable[[Item, Records], Inputs]
    """Keyword arguments of the program for an item."""
    losses: Callable[[Any], Iterable[Loss]] = lambda record: ()
    """Parts that a record lost on the way, to be counted in the funnel."""
    tallies: Callable[[Any], Mapping[str, int]] = tallies.of_any
    """What a record counts for, by name: added up over the run without its records being read again."""
    shape: tuple[str, ...] = ()
    """Profile settings that change its results."""
    roles: tuple[str, ...] = ()
    """Roles whose models take part."""
    worlds: bool = False
    """Whether its program runs worlds, and so has an attribute `transitions` to be given the run's."""
    expansion: Callable[[Profile], str] = lambda profile: "1"
    """Changes when a parent's children are to be planned again: then those that are missing are added."""
    variation: Callable[[Item, Records], int] = lambda item, records: 0
    """Added to the seed, so that a further round of the same question gets another answer."""
    unhashed: tuple[str, ...] = ()
    """Keys of a record that are no result, and so are left out of its content hash."""
    waits_for: str = ""
    """A stage, its own or an earlier one: an item is begun once everything with a lower id of its field is done,
    dropped or failed there, whatever the order in which that ended. What was left undone there, by a limit or in
    another command, keeps only the items after it waiting. Empty: items do not wait."""

    @property
    def internal(self) -> bool:
        """Whether the stage only prepares another one of its verb: `--limit` does not count it."""
        return self.name != self.verb

    @property
    def depth(self) -> int:
        """How many stages come before it."""
        return list(STAGES).index(self.name)

    def write(self, record: Any) -> bytes:
        """A record as JSON."""
        return self.record.dump_json(record, by_alias=True, exclude_defaults=True)

    def read(self, payload: bytes, id: str) -> Any:
        """A record from JSON. Raises: DamagedRecord where it is not of the type."""
        try:
            return self.record.validate_json(payload)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise DamagedRecord(f"the {self.name} record {id} cannot be read: {where}: {first['msg']}") from error

    def load_program(self, profile: Profile) -> Program:
        """The stage's program for a profile."""
        module, name = self.program.split(":")
        return cast(Program, getattr(importlib.import_module(module), name)(profile))


def first_items(fields: Mapping[str, str], round: int = 0) -> list[Item]:
    """The items a run begins with: one a field (slug -> name) and round.

    A further round of a field asks for subfields again, and numbers its environments on from the rounds before.
    """
    return [
        Item("subfields", slug if round == 0 else f"{slug}_r{round}", parent=name, position=round, field=slug)
        for slug, name in fields.items()
    ]


def _no_items(parent: Item, record: Callable[[], Any], profile: Profile) -> list[Item]:
    return []


def _scenario_items(parent: Item, record: Callable[[], tuple[str, ...]], profile: Profile) -> list[Item]:
    first = parent.position * profile.subfields
    return [
        Item("scenarios", f"{parent.field}_sub{first + index:03d}", parent.id, index, parent.field)
        for index in range(min(len(record()), profile.subfields))
    ]


def _environment_items(parent: Item, record: Callable[[], tuple[Scenario, ...]], profile: Profile) -> list[Item]:
    first = int(parent.id.rpartition("_sub")[2]) * profile.scenarios + 1
    return [
        Item("env-generation", f"{parent.field}_spec_{first + index:03d}", parent.id, index, parent.field)
        for index, scenario in enumerate(record()[: profile.scenarios])
        if not scenario.repeats
    ]


def _same_item(stage: str) -> Callable[[Item, Callable[[], Any], Profile], list[Item]]:
    return lambda parent, record, profile: [Item(stage, parent.id, parent.id, 0, parent.field)]


def _sequence_items(parent: Item, record: Callable[[], tuple[ToolSequence, ...]], profile: Profile) -> list[Item]:
    return [
        Item("task-generation", sequence.id, parent.id, index, parent.field) for index, sequence in enumerate(record())
    ]


def _rollout_items(parent: Item, record: Callable[[], Task], profile: Profile) -> list[Item]:
    return [
        Item("trajectory-generation", f"{parent.id}#{sample}", parent.id, sample, parent.field)
        for sample in range(profile.samples)
    ]


def _scenario_inputs(item: Item, records: Records) -> Inputs:
    return {
        "field": records.item("subfields", item.parent).parent,
        "subfield": records.record("subfields", item.parent)[item.position],
        "earlier": records.earlier.scenarios(item),
    }


def _env_audit_inputs(item: Item, records: Records) -> Inputs:
    return {
        "env": records.record("env-generation", item.parent),
        "repeated": records.earlier.repeated_tools(item),
    }


def _sequence_inputs(item: Item, records: Records) -> Inputs:
    return {
        "env": records.record("env-audit", item.parent),
        "sequence": records.record("task-sequences", item.parent)[item.position],
    }


def _audit_inputs(item: Item, records: Records) -> Inputs:
    turns: SolvedTurns = records.record("task-generation", item.parent)
    return {"env": records.record("env-audit", turns.env_id), "turns": turns}


def _repeated_scenarios(record: tuple[Scenario, ...]) -> list[Loss]:
    repeated = (scenario for scenario in record if scenario.repeats)
    return [Loss(f"scenario {one.title}", "near-duplicate scenario", f"repeats {one.repeats}") for one in repeated]


def _lost_tools(record: EnvSpec) -> list[Loss]:
    return [Loss(drop.part, drop.reason, drop.detail) for drop in record.drops]


def _unreliable_tools(record: AuditedEnv) -> list[Loss]:
    lost = (audit for audit in record.audits if not audit.kept)
    return [Loss(f"tool:{audit.tool}", audit.reason or "unreliable", audit.detail) for audit in lost]


def _lost_turns(record: SolvedTurns) -> list[Loss]:
    return [Loss("rest of the sequence", record.ended_by, record.ended_detail)] if record.ended_by else []


_TABLE = (
    Stage(
        name="subfields",
        verb="env-generation",
        depends_on="",
        program="synthtools.programs.env_generation:Subfields",
        record=TypeAdapter(tuple[str, ...]),
        expand=_no_items,
        roles=("generator",),
        inputs=lambda item, records: {"field": item.parent},
        variation=lambda item, records: item.position,
        shape=("subfields",),
    ),
    Stage(
        name="scenarios",
        verb="env-generation",
        depends_on="subfields",
        program="synthtools.programs.env_generation:Scenarios",
        record=TypeAdapter(tuple[Scenario, ...]),
        expand=_scenario_items,
        roles=("generator",),
        inputs=_scenario_inputs,
        variation=lambda item, records: records.item("subfields", item.parent).position,
        losses=_repeated_scenarios,
        shape=("subfields", "scenarios", "duplicate_threshold"),
        waits_for="scenarios",
    ),
    Stage(
        name="env-generation",
        verb="env-generation",
        depends_on="scenarios",
        program="synthtools.programs.env_generation:EnvGeneration",
        record=TypeAdapter(EnvSpec),
        expand=_environment_items,
        roles=("generator", "judges"),
        inputs=lambda item, records: {
            "scenario": records.record("scenarios", item.parent)[item.position],
            "env_id": item.id,
        },
        losses=_lost_tools,
        tallies=tallies.of_environment,
        shape=(
            *("scenarios", "collections", "records", "record_fields", "tools", "parameters", "tool_attempts"),
            *("behaviour_rounds", "certification_draws", "changing_tools", "duplicate_threshold"),
        ),
    ),
    Stage(
        name="env-audit",
        verb="env-audit",
        depends_on="env-generation",
        program="synthtools.programs.env_audit:EnvAudit",
        record=TypeAdapter(AuditedEnv),
        expand=_same_item("env-audit"),
        roles=("validator", "simulator", "judges"),
        inputs=_env_audit_inputs,
        losses=_unreliable_tools,
        tallies=tallies.of_audit,
        shape=("rule_calls", "happy_calls", "reliability_threshold", "wilson_bound", "duplicate_threshold"),
        waits_for="env-generation",
        worlds=True,
    ),
    Stage(
        name="task-sequences",
        verb="task-sequences",
        depends_on="env-audit",
        program="synthtools.programs.task_sequences:TaskSequences",
        record=TypeAdapter(tuple[ToolSequence, ...]),
        expand=_same_item("task-sequences"),
        roles=("generator",),
        inputs=lambda item, records: {"env": records.record("env-audit", item.parent)},
        shape=("sequences", "length", "changing_tasks"),
    ),
    Stage(
        name="task-generation",
        verb="task-generation",
        depends_on="task-sequences",
        program="synthtools.programs.task_generation:TaskGeneration",
        record=TypeAdapter(SolvedTurns),
        expand=_sequence_items,
        roles=("evolver", "solver", "simulator", "judges"),
        inputs=_sequence_inputs,
        losses=_lost_turns,
        shape=("candidates", "evolver_tries", "solver_tries"),
        worlds=True,
    ),
    Stage(
        name="task-audit",
        verb="task-audit",
        depends_on="task-generation",
        program="synthtools.programs.task_audit:TaskAudit",
        record=TypeAdapter(Task),
        tallies=tallies.of_task,
        expand=_same_item("task-audit"),
        roles=("summarizer", "solver"),
        inputs=_audit_inputs,
        shape=("summary_tries", "second_solution", "distractors"),
        worlds=True,
    ),
    Stage(
        name="trajectory-generation",
        verb="trajectory-generation",
        depends_on="task-audit",
        program="synthtools.programs.trajectory_generation:TrajectoryGeneration",
        record=TypeAdapter(Trajectory),
        tallies=tallies.of_rollout,
        expand=_rollout_items,
        roles=("solver", "simulator", "judges"),
        inputs=lambda item, records: {"task": records.record("task-audit", item.parent), "sample": item.position},
        shape=("max_turns", "parallel_calls"),
        worlds=True,
        expansion=lambda profile: f"samples={profile.samples}",
        unhashed=("usage",),
    ),
)

STAGES: dict[str, Stage] = {stage.name: stage for stage in _TABLE}
"""Every stage by name, in order."""

VERBS: dict[str, tuple[Stage, ...]] = {
    verb: tuple(stage for stage in _TABLE if stage.verb == verb) for verb in dict.fromkeys(s.verb for s in _TABLE)
}
"""The stages of each command."""

NEXT: dict[str, Stage] = {stage.depends_on: stage for stage in _TABLE if stage.depends_on}
"""By stage: the one that is made from its records."""

UNHASHED = {stage.name: stage.unhashed for stage in _TABLE}
"""By stage: the keys its content hashes leave out."""
