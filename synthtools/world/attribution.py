"""Whose fault it is that a rollout did not solve its task, by its calls: the simulator's or the agent's."""

from collections import Counter
from collections.abc import Sequence

from synthtools.errors import FailureCause
from synthtools.types import Response, Task, ToolCall
from synthtools.world.patch import same

OWN: frozenset[FailureCause] = frozenset({"agent", "parameter"})
"""Causes that are the agent's own: a rollout with any other one is not scored."""

Calls = Sequence[tuple[ToolCall, Response]]
"""Calls with their answers, in order."""


def unanswered(calls: Calls) -> str:
    """The first call that no tool could answer, as text; empty: none."""
    for call, response in calls:
        if response.answered_by == "simulator_failure":
            return f"{call.name} had no answer: {response.error_message}"
    return ""


def refused_for_good(task: Task, calls: Calls) -> str:
    """The first call the task needed that the gate refused and the agent never repaired, as text; empty: none.

    A call was needed if its tool succeeded less often than in the gold solution. A call of a tool that does not exist
    counts as one of the gold tool with the same letters, or of the gold call with the same arguments.
    """
    needed = Counter(call.name for call in task.gt_tool_calls)
    done = Counter(call.name for call, response in calls if response.ok)
    last = {_meant(task, call): (call, response) for call, response in calls}
    for name, count in needed.items():
        call, response = last.get(name, (None, None))
        if call is None or response is None or done[name] >= count:
            continue
        if response.answered_by == "gate" and not response.ok:
            return f"{call} was refused and never made right: {response.status_code} {response.error_message}"
    return ""


def _meant(task: Task, call: ToolCall) -> str:
    """The tool that a call is meant for."""
    if task.tool(call.name) is not None:
        return call.name
    for gold in task.gt_tool_calls:
        if _letters(gold.name) == _letters(call.name) or (call.arguments and same(gold.arguments, call.arguments)):
            return gold.name
    return call.name


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()
