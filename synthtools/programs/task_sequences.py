"""Stage 3a: reliable tools -> ordered tool sequences that can be carried out one call after another."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil

from synthtools.errors import Dropped
from synthtools.modules.generator import SequenceGenerator
from synthtools.modules.role import Blocking
from synthtools.types.audit import AuditedEnv
from synthtools.types.profile import STANDARD, Profile
from synthtools.types.task import ToolSequence
from synthtools.types.tool import Tool
from synthtools.world.state import records_of

_BATCH = 10
"""Most sequences asked for at once."""


class TaskSequences(Blocking):
    """Audited environment -> tool sequences, as many and as long as the profile says and the tools allow."""

    def __init__(self, profile: Profile = STANDARD) -> None:
        super().__init__()
        self.profile = profile
        self.plan = SequenceGenerator()

    async def aforward(self, *, env: AuditedEnv) -> tuple[ToolSequence, ...]:
        """Plans sequences until there are enough, or every pair of tools has begun one.

        Raises:
            Dropped: there are fewer than two reliable tools, or no usable sequence came.
        """
        tools = [tool for tool in env.env.tools if tool.name in env.reliable]
        if len(tools) < 2:
            raise Dropped("fewer than two reliable tools")
        length = min(self.profile.length, len(tools))
        accepted: list[tuple[str, ...]] = []
        begun = {(one.name, other.name) for one in tools for other in tools if one is other}
        for attempt in range(self.profile.sequences):
            wanted = self.profile.sequences - len(accepted)
            starts = _starts([tool.name for tool in tools], begun, min(wanted, _BATCH))
            if not starts:
                break
            offered: tuple[tuple[str, ...], ...] = await self.plan.acall(
                scenario=env.env.scenario,
                tools=tools,
                starts=starts,
                length=length,
                taken=accepted[-_BATCH:],
                first_attempt=10 * attempt,
            )
            begun.update((sequence[0], sequence[1]) for sequence in offered)
            accepted.extend(sequence for sequence in offered if is_usable(sequence, tools, env))
        kept = self._balanced(accepted, {tool.name for tool in tools if tool.changes_state})
        if not kept:
            raise Dropped("no usable sequence")
        return tuple(
            ToolSequence(id=f"{env.env.id}_seq{number:02d}", env_id=env.env.id, tools=sequence)
            for number, sequence in enumerate(kept, start=1)
        )

    def _balanced(self, sequences: Sequence[tuple[str, ...]], changing: set[str]) -> list[tuple[str, ...]]:
        """Sequences that change something first, and only as many others as the profile's share leaves room for."""
        change = [sequence for sequence in sequences if changing & set(sequence)]
        read = [sequence for sequence in sequences if not changing & set(sequence)]
        share = self.profile.changing_tasks
        room = len(read) if share <= 0 or not changing else ceil(len(change) * (1 - share) / share)
        return change + read[:room]


def _starts(names: Sequence[str], begun: set[tuple[str, str]], most: int) -> dict[str, list[str]]:
    """By first tool: the tools that may come second, pairs already begun left out; the least used first tools first."""
    open_seconds = {first: [name for name in names if (first, name) not in begun] for first in names}
    ordered = sorted(names, key=lambda first: -len(open_seconds[first]))
    return {first: open_seconds[first] for first in ordered[:most] if open_seconds[first]}


def is_usable(sequence: tuple[str, ...], tools: Iterable[Tool], env: AuditedEnv) -> bool:
    """Whether a sequence has two tools at least, repeats none in a row, and every record it needs can be there."""
    named = {tool.name: tool for tool in tools}
    if len(sequence) < 2 or any(one == other for one, other in pairwise(sequence)):
        return False
    created: set[str] = set()
    for name in sequence:
        tool = named[name]
        needed = {parameter.references for parameter in tool.parameters.values() if parameter.references}
        if any(not records_of(env.env.initial_state, target) and target not in created for target in needed):
            return False
        created |= set(tool.writes)
    return True
