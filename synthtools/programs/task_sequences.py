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
from synthtools.world.candidates import records_of

_BATCH = 10
"""Most sequences asked for at once."""

_ROUNDS = 3
"""Rounds without a new usable sequence before the rest is given up."""


class TaskSequences(Blocking):
    """Audited environment -> tool sequences, as many and as long as the profile says and the tools allow."""

    def __init__(self, profile: Profile = STANDARD) -> None:
        super().__init__()
        self.profile = profile
        self.plan = SequenceGenerator()

    async def aforward(self, *, env: AuditedEnv) -> tuple[ToolSequence, ...]:
        """Plans sequences; those that cannot be carried out or repeat others are asked for again.

        Raises:
            Dropped: there are fewer than two reliable tools, or no usable sequence came.
        """
        tools = [tool for tool in env.env.tools if tool.name in env.reliable]
        if len(tools) < 2:
            raise Dropped("fewer than two reliable tools")
        length = min(self.profile.length, len(tools))
        accepted: list[tuple[str, ...]] = []
        seen: set[tuple[str, ...]] = set()
        attempt = fruitless = 0
        while len(accepted) < self.profile.sequences and fruitless < _ROUNDS:
            offered = await self.plan.acall(
                scenario=env.env.scenario,
                tools=tools,
                count=min(_BATCH, self.profile.sequences - len(accepted)),
                length=length,
                taken=accepted[-_BATCH:],
                first_attempt=10 * attempt,
            )
            before = len(accepted)
            for sequence in offered:
                if sequence not in seen and is_usable(sequence, tools, env):
                    accepted.append(sequence)
                seen.add(sequence)
            fruitless = fruitless + 1 if len(accepted) == before else 0
            attempt += 1
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
