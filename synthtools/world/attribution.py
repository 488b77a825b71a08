"""Whose fault it is that a rollout did not solve its task: what its calls tell of the simulator and of the agent."""

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
    """The first call that no tool could answer, in words; empty where all were answered."""
    for call, response in calls:
        if response.answered_by == "simulator_failure":
            return f"{call.name} had no answer: {response.error_message}"
    return ""


def refused_for_good(task: Task, calls: Calls) -> str:
    """A needed call that the gate refused and that was never made right after that, in words; empty where none was.

    A call is needed where a tool of the gold solution succeeded less often than it does there. A call of a tool that
    does not exist stands for the one that it is written like, or for the gold call whose arguments it has.
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
    tools = task.world.tools if task.world is not None else task.tools
    if any(tool.name == call.name for tool in tools):
        return call.name
    for gold in task.gt_tool_calls:
        if _letters(gold.name) == _letters(call.name) or (call.arguments and same(gold.arguments, call.arguments)):
            return gold.name
    return call.name


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()
