"""The records of a run that cases are drawn from, and certified tools with calls of them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from heapq import nsmallest
from typing import NamedTuple, TypeVar
from zlib import crc32

from synthtools.errors import SandboxError
from synthtools.optimizers.case import Case
from synthtools.runs.item import Item, Status
from synthtools.runs.run import Run
from synthtools.types.audit import AuditedEnv
from synthtools.types.canonical import content_hash
from synthtools.types.environment import EnvSpec, ToolCode
from synthtools.types.record import Json, JsonObject, Record, State
from synthtools.types.task import SolvedTurns, Task
from synthtools.types.tool import Tool
from synthtools.world.behaviour import Behaviour, Outcome
from synthtools.world.draw import draw_arguments
from synthtools.world.state import slice_of

DRAWS = 100
"""Calls that are drawn of a tool to find its outcomes."""

MOST_ITEMS = 200
"""Records of a field that cases are drawn from, each of which may give many: a run of any size gives its cases soon."""

_T = TypeVar("_T")


class DrawnRun(NamedTuple):
    """A drawn call of a certified tool, and where it led."""

    arguments: JsonObject
    before: State
    """The collections that the tool declares."""
    outcome: Outcome


class Coded(NamedTuple):
    """A tool of an environment whose errors, or whose every answer, certified code decides."""

    env: EnvSpec
    field: str
    tool: Tool
    behaviour: Behaviour
    certified: bool
    """Whether its answers are certified too, not its guard alone."""
    source: str
    """`env-generation/ID`."""

    @property
    def name(self) -> str:
        """An id for cases of the tool."""
        return f"{self.env.id}/{self.tool.name}"

    @property
    def unguarded(self) -> "Coded | None":
        """The tool with a guard that lets everything pass; None where the source has no such two parts."""
        _, _, apply = self.behaviour.source.partition("\n\n\n")
        if not apply.startswith("def apply("):
            return None
        return self._replace(behaviour=Behaviour(f"def guard(args, state, now):\n    return None\n\n\n{apply}"))

    def run(self, arguments: JsonObject, state: State) -> Outcome:
        """Where a call leads. Raises: SandboxError."""
        return self.behaviour.run(
            self.tool,
            arguments,
            state,
            now=self.env.now,
            collections=self.env.collections,
            guard_only=not self.certified,
        )

    def drawn(self, seed: int = 0) -> Iterator[DrawnRun]:
        """Different drawn calls in the environment's initial state; those that crash the code are passed over."""
        state, tried = self.env.initial_state, set[str]()
        for arguments in draw_arguments(self.tool, state, self.env.collections, seed, DRAWS, now=self.env.now):
            key = content_hash(arguments)
            if key in tried:
                continue
            tried.add(key)
            try:
                outcome = self.run(arguments, state)
            except SandboxError:
                continue
            yield DrawnRun(arguments, slice_of(state, (*self.tool.reads, *self.tool.writes)), outcome)


class Solved(NamedTuple):
    """Solved turns with their environment."""

    env: AuditedEnv
    turns: SolvedTurns
    field: str
    source: str
    """`task-generation/ID`."""

    @property
    def reliable(self) -> tuple[Tool, ...]:
        """The tools that later stages may use."""
        return tuple(tool for tool in self.env.env.tools if tool.name in self.env.reliable)


def chosen(run: Run, stage: str, status: Status = "done") -> list[Item]:
    """The items of a stage, by id: of each field at most `MOST_ITEMS`, by a chance that hangs on their ids alone."""
    by_field: dict[str, list[Item]] = defaultdict(list)
    for item in run.store.each(stage, status):
        by_field[item.field].append(item)
    few = (nsmallest(MOST_ITEMS, listed, key=lambda item: crc32(item.id.encode())) for listed in by_field.values())
    return sorted((item for listed in few for item in listed), key=lambda item: item.id)


def items(run: Run, stage: str, kind: type[_T]) -> Iterator[tuple[Item, _T]]:
    """The chosen done items of a stage with their records."""
    for item in chosen(run, stage):
        yield item, run.record(stage, item.id)


def coded_tools(run: Run) -> Iterator[Coded]:
    """Every tool that has a certified guard."""
    for item, env in items(run, "env-generation", EnvSpec):
        for tool in env.tools:
            code = env.code.get(tool.name)
            if code is not None and (code.certified or code.guard_certified):
                source = f"env-generation/{env.id}"
                yield Coded(env, item.field, tool, Behaviour(code.source), code.certified, source)


def solved_turns(run: Run) -> Iterator[Solved]:
    """Every sequence with solved turns whose environment is all code: only there may calls be made again for free."""
    for item, turns in items(run, "task-generation", SolvedTurns):
        env: AuditedEnv = run.record("env-audit", turns.env_id)
        if is_all_code(env.env.code, env.env.tools):
            yield Solved(env, turns, item.field, f"task-generation/{turns.id}")


def coded_tasks(run: Run) -> Iterator[Task]:
    """Every task whose world is all code."""
    for _, task in items(run, "task-audit", Task):
        if task.world is not None and is_all_code(task.world.code, task.world.tools):
            yield task


def is_all_code(code: Mapping[str, ToolCode], tools: tuple[Tool, ...]) -> bool:
    """Whether certified code answers every tool."""
    return all(tool.name in code and code[tool.name].certified for tool in tools)


def case(inputs: Record, *, id: str, field: str, expected: Json = None, label: str = "", source: str) -> Case:
    """A case of typed inputs."""
    return Case(id=id, field=field, inputs=inputs.to_json(), expected=expected, label=label, source=source)
