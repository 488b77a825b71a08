"""Records as people read them, on a terminal."""

from collections.abc import Iterable
from typing import Any, cast

import orjson
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from synthtools.reports.text import plain, shown
from synthtools.types.audit import AuditedEnv
from synthtools.types.call import Response
from synthtools.types.environment import EnvSpec, Scenario
from synthtools.types.record import Json, Record, State
from synthtools.types.task import SolvedTurns, Task, ToolSequence
from synthtools.types.tool import Parameter, Tool
from synthtools.types.trajectory import Trajectory
from synthtools.types.verdict import Verdict

_VALUE = 400
"""Most characters of a value in a table."""


def view(record: Any) -> RenderableType:
    """A record of any stage."""
    if isinstance(record, EnvSpec):
        return environment_view(record)
    if isinstance(record, AuditedEnv):
        return audit_view(record)
    if isinstance(record, SolvedTurns):
        return turns_view(record)
    if isinstance(record, Task):
        return task_view(record)
    if isinstance(record, Trajectory):
        return trajectory_view(record)
    return _listing(record)


def environment_view(env: EnvSpec) -> RenderableType:
    """An environment: scenario, tools, state, and what was lost."""
    scenario = env.scenario
    generated = f" ({env.difficulty})" if env.collections else ""
    parts: list[RenderableType] = [
        shown(f"{env.id}: {scenario.title}{generated}", "bold"),
        shown(f"{scenario.field} > {scenario.subfield}. {scenario.description}"),
        _tools(env.tools, {name: _served(code.certified, code.guard_certified) for name, code in env.code.items()}),
        _state("Initial state", env.initial_state),
    ]
    parts += [shown(f"lost: {drop.part}: {drop.reason}. {drop.detail}", "dim", 600) for drop in env.drops]
    return Group(*parts)


def audit_view(audited: AuditedEnv) -> RenderableType:
    """The audit of an environment, a row a tool."""
    table = Table(title="Audit", title_justify="left", header_style="bold")
    for name in ("tool", "reliability", "answered by", "kept"):
        table.add_column(name)
    for audit in audited.audits:
        scores = ", ".join(
            f"{mode} {score.correct}/{score.judged} [{score.interval.low:.2f}, {score.interval.high:.2f}]"
            for mode, score in audit.scores.items()
        )
        table.add_row(
            shown(audit.tool),
            shown(f"{audit.reliability:.2f} ({scores})"),
            "code" if audit.answered_by_code else "model",
            shown("yes" if audit.kept else f"no: {audit.reason}"),
        )
    return Group(environment_view(audited.env), table)


def turns_view(turns: SolvedTurns) -> RenderableType:
    """The solved turns of a sequence."""
    table = _steps("Turns")
    for number, turn in enumerate(turns.turns, 1):
        table.add_row(str(number), shown(turn.request), shown(str(turn.call)), _response(turn.response))
    ended = [shown(f"ended before its last tool: {turns.ended_by}", "dim")] if turns.ended_by else []
    return Group(shown(turns.id, "bold"), table, *ended)


def task_view(task: Task) -> RenderableType:
    """A task: request, tools, solution, and how it is certified."""
    parts: list[RenderableType] = [
        shown(f"{task.id} ({task.field})", "bold"),
        Panel(shown(task.summary), title="Request", title_align="left"),
        _tools(task.tools, {}),
    ]
    table = Table(title="Solution", title_justify="left", header_style="bold")
    table.add_column("#", justify="right")
    table.add_column("call", overflow="fold")
    for number, call in enumerate(task.gt_tool_calls, 1):
        table.add_row(str(number), shown(str(call)))
    parts.append(table)
    changes = _changes(task.initial_state, task.final_state)
    parts += [shown(line) for line in changes] or [Text("The solution changes nothing.")]
    if task.certificate is not None:
        passed = sum(check.passed for check in task.certificate.checks)
        parts.append(
            shown(
                f"{task.certificate.grade}: {passed} of {len(task.certificate.checks)} checks hold, "
                f"{task.certificate.killed} of {task.certificate.variants} broken solutions fail as they should",
                "bold",
            )
        )
    return Group(*parts)


def trajectory_view(trajectory: Trajectory) -> RenderableType:
    """A rollout, step by step, with its verdict."""
    table = _steps("Rollout")
    for number, step in enumerate(trajectory.steps, 1):
        calls = Text("\n").join(shown(str(call)) for call in step.calls)
        responses = Text("\n").join(_response(response) for response in step.responses)
        table.add_row(str(number), shown(step.thought, most=_VALUE), calls, responses)
    ended = f"ended by {trajectory.stop_reason}" + (f": {trajectory.error}" if trajectory.error else "")
    parts: list[RenderableType] = [shown(trajectory.id, "bold"), table, shown(ended, "dim")]
    if trajectory.answer is not None:
        parts.append(Panel(shown(trajectory.answer), title="Answer", title_align="left"))
    if trajectory.verdict is not None:
        parts += _verdict(trajectory.verdict)
    return Group(*parts)


def _verdict(verdict: Verdict) -> list[RenderableType]:
    """The verdict's first line with its reward, then the rest of its explanation as it stands."""
    word = "solved" if verdict.passed else f"not solved ({verdict.cause or 'agent'})"
    worth = "not scored" if verdict.reward is None else f"reward {verdict.reward:.2f}"
    head, _, rest = verdict.explanation.partition("\n")
    told = "\n".join(filter(None, ("" if head == word else head, rest)))
    parts: list[RenderableType] = [shown(f"{word}, {worth}", "bold green" if verdict.passed else "bold red")]
    return [*parts, shown(told)] if told else parts


def _listing(record: Any) -> RenderableType:
    rows = cast("tuple[Any, ...]", record) if isinstance(record, tuple) else (record,)
    lines: list[RenderableType] = []
    for row in rows:
        if isinstance(row, Scenario):
            lines.append(shown(f"{row.title}: {row.description}"))
        elif isinstance(row, ToolSequence):
            lines.append(shown(f"{row.id}: {' > '.join(row.tools)}"))
        elif isinstance(row, Record):
            lines.append(shown(_json(row.to_json())))
        else:
            lines.append(shown(str(row)))
    return Group(*lines)


def _steps(title: str) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold", show_lines=True)
    table.add_column("#", justify="right")
    table.add_column("request" if title == "Turns" else "thought", overflow="fold", ratio=1)
    table.add_column("call", overflow="fold", ratio=1)
    table.add_column("response", overflow="fold", ratio=1)
    return table


def _tools(tools: Iterable[Tool], served: dict[str, str]) -> Table:
    table = Table(title="Tools", title_justify="left", header_style="bold")
    table.add_column("tool", no_wrap=True)
    table.add_column("what it does", overflow="fold")
    table.add_column("parameters", overflow="fold")
    table.add_column("changes", overflow="fold")
    if served:
        table.add_column("answered by")
    for tool in tools:
        parameters = ", ".join(f"{name}: {_type(parameter)}" for name, parameter in tool.parameters.items())
        row = [shown(tool.name), shown(tool.description), shown(parameters), shown(", ".join(tool.writes) or "-")]
        table.add_row(*row, *([served.get(tool.name, "model")] if served else []))
    return table


def _type(parameter: Parameter) -> str:
    choice = f" of {len(parameter.enum)}" if parameter.enum is not None else ""
    return f"{parameter.type}{choice}{'' if parameter.required else '?'}"


def _served(certified: bool, guarded: bool) -> str:
    if certified:
        return "code"
    return "code for errors, model for answers" if guarded else "model"


def _response(response: Response) -> Text:
    if response.ok:
        return shown(f"{response.status_code} {_json(response.data)}", most=_VALUE)
    return shown(f"{response.status_code} {response.error_message or ''}", "red", _VALUE)


def _state(title: str, state: State) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    table.add_column("collection")
    table.add_column("records", overflow="fold")
    for name, records in state.items():
        table.add_row(shown(name), shown(_json(records), most=3 * _VALUE))
    return table


def _changes(before: State | None, after: State | None) -> list[str]:
    lines: list[str] = []
    first, last = before or {}, after or {}
    for name in {**first, **last}:
        old, new = _records(first.get(name)), _records(last.get(name))
        for id in {**old, **new}:
            if id not in old:
                lines.append(f"+ {name} {id}: {_json(new[id])}")
            elif id not in new:
                lines.append(f"- {name} {id}")
            elif old[id] != new[id]:
                lines.append(f"~ {name} {id}: {_json(old[id])} -> {_json(new[id])}")
    return [plain(line, 2 * _VALUE) for line in lines]


def _records(collection: Json) -> dict[str, Json]:
    return collection if isinstance(collection, dict) else {"": collection} if collection is not None else {}


def _json(value: Json) -> str:
    return orjson.dumps(value).decode()
