"""Cases for the solvers of whole tasks: released tasks whose worlds are all code."""

from collections.abc import Iterator

from synthtools.optimizers.case import Case
from synthtools.optimizers.draws.records import case, coded_tasks
from synthtools.optimizers.inputs import AgentInputs, OneShotInputs
from synthtools.runs.run import Run
from synthtools.types.trajectory import Step
from synthtools.world.replay import open_world

_SPARE_CALLS = 2
"""Calls that a plan may have beyond those of the gold solution, as in the audit of tasks."""


def plans(run: Run) -> Iterator[Case]:
    """Tasks, with themselves as what verifies a plan."""
    for task in coded_tasks(run):
        yield case(
            OneShotInputs(tools=task.tools, request=task.summary, most=len(task.gt_tool_calls) + _SPARE_CALLS),
            id=task.id,
            field=task.field,
            expected=task.to_json(),
            label=f"{len(task.gt_tool_calls)} calls",
            source=f"task-audit/{task.id}",
        )


def steps(run: Run) -> Iterator[Case]:
    """Tasks after each part of their gold solution: what remains is a call, or the answer."""
    for task in coded_tasks(run):
        world = open_world(task, engine="code")
        done: list[Step] = []
        for number in range(len(task.gt_tool_calls) + 1):
            last = number == len(task.gt_tool_calls)
            yield case(
                AgentInputs(tools=task.tools, request=task.summary, steps=tuple(done)),
                id=f"{task.id}/{number}",
                field=task.field,
                expected=task.to_json(),
                label="answer" if last else "later call" if number else "first call",
                source=f"task-audit/{task.id}",
            )
            if not last:
                call = task.gt_tool_calls[number]
                done.append(Step(calls=(call,), responses=(world.call(call),)))
