"""Stage 2: every tool of an environment is probed, and unreliable ones are left out of later stages."""

from collections import Counter
from collections.abc import Sequence
from math import sqrt
from random import Random
from typing import Literal

from synthtools.errors import AnswerRefused, ParseError
from synthtools.modules.role import Blocking
from synthtools.modules.simulator import LLMSimulator
from synthtools.modules.validator import ResponseJudge, TestCallWriter
from synthtools.programs.together import together
from synthtools.types.audit import AuditedCall, AuditedEnv, ModeScore, TestCall, TestMode, ToolAudit
from synthtools.types.call import Response
from synthtools.types.environment import EnvSpec
from synthtools.types.profile import STANDARD, Profile
from synthtools.types.tool import Tool
from synthtools.types.verdict import SimulationVerdict
from synthtools.world.candidates import realistic_arguments
from synthtools.world.draw import draw_valid_call
from synthtools.world.probes import schema_probes
from synthtools.world.state import slice_of
from synthtools.world.transitions import Transitions
from synthtools.world.world import World


class EnvAudit(Blocking):
    """Environment -> the same, with an audit of each tool.

    Calls that break the schema are made and judged by code. Rule and happy calls are written by the validator. Where
    certified code answers as the author of the call expected, the two agree and nobody else is asked; the judge sees
    disagreements, and every answer of a simulator.
    """

    transitions: Transitions | None = None
    """Recorded calls of LLM-served tools, where a run keeps them."""

    def __init__(self, profile: Profile = STANDARD) -> None:
        super().__init__()
        self.profile = profile
        self.write_calls = TestCallWriter()
        self.judge = ResponseJudge()
        self.simulator = LLMSimulator()

    async def aforward(self, *, env: EnvSpec) -> AuditedEnv:
        """Audits every tool of an environment."""
        audits = await together(self._audit(env, tool) for tool in env.tools)
        return AuditedEnv(env=env, audits=tuple(audits))

    async def _audit(self, env: EnvSpec, tool: Tool) -> ToolAudit:
        world = World(env, simulator=self.simulator, transitions=self.transitions)
        calls = await self._schema_calls(env, tool, world)
        missing: list[str] = []
        unjudged: list[str] = []
        modes: list[tuple[Literal["rule", "happy"], int]] = [("happy", self.profile.happy_calls)]
        if tool.errors:
            modes.append(("rule", self.profile.rule_calls))
        records = slice_of(world.state, (*tool.reads, *tool.writes)) or None
        for mode, count in modes:
            if count == 0:
                continue
            try:
                tests: tuple[TestCall, ...] = await self.write_calls.acall(
                    tool=tool, records=records, mode=mode, count=count
                )
            except (AnswerRefused, ParseError) as error:
                missing.append(f"no {mode} calls: {error}"[:200])
                continue
            for test in tests:
                try:
                    calls.append(await self._try(world, tool, test))
                except (AnswerRefused, ParseError) as error:
                    unjudged.append(f"{test.call} was not judged: {error}"[:200])
        return self._scored(tool, calls, missing, unjudged, answered_by_code=world.answered_by_code(tool.name))

    async def _schema_calls(self, env: EnvSpec, tool: Tool, world: World) -> list[AuditedCall]:
        """Calls that break the schema; right are those that the gate refuses, naming the right parameter."""
        draw = Random(f"{env.id}/{tool.name}")
        arguments = realistic_arguments(tool, world.state, env.collections, env.spare_records, draw)
        if arguments is None:
            drawn = draw_valid_call(tool, world.state, env.collections, 0)
            if drawn is None:
                return []
            arguments = drawn.arguments
        audited: list[AuditedCall] = []
        for probe in schema_probes(tool, arguments, self.profile.schema_calls):
            response = await world.fork().acall(probe.call)
            right = response.answered_by == "gate" and probe.parameter in (response.error_message or "")
            audited.append(
                AuditedCall(
                    test=TestCall(mode="schema", call=probe.call, should_succeed=False, expectation=probe.why),
                    response=response,
                    verdict=SimulationVerdict(
                        verdict="correct"
                        if right
                        else "should_error_got_success"
                        if response.ok
                        else "inappropriate_response",
                        reason="by code",
                    ),
                )
            )
        return audited

    async def _try(self, world: World, tool: Tool, test: TestCall) -> AuditedCall:
        response = await world.fork().acall(test.call)
        verdict = await self._verdict(world, tool, test, response)
        return AuditedCall(test=test, response=response, verdict=verdict)

    async def _verdict(self, world: World, tool: Tool, test: TestCall, response: Response) -> SimulationVerdict:
        if response.answered_by == "simulator_failure":
            return SimulationVerdict(verdict="inappropriate_response", reason=response.error_message or "no answer")
        if world.answered_by_code(tool.name) and response.ok == test.should_succeed:
            return SimulationVerdict(verdict="correct", reason="certified code answers as expected")
        records = slice_of(world.state, (*tool.reads, *tool.writes)) or None
        return await self.judge.acall(tool=tool, records=records, test=test, response=response)

    def _scored(
        self,
        tool: Tool,
        calls: Sequence[AuditedCall],
        missing: Sequence[str],
        unjudged: Sequence[str],
        *,
        answered_by_code: bool,
    ) -> ToolAudit:
        """The audit of a tool. Calls without a judgement count neither way."""
        judged = Counter[TestMode](call.test.mode for call in calls)
        correct = Counter[TestMode](call.test.mode for call in calls if call.verdict.verdict == "correct")
        reliability = share(correct.total(), judged.total(), wilson=self.profile.wilson_bound)
        reason = ""
        if missing:
            reason = "test calls could not be written"
        elif reliability < self.profile.reliability_threshold:
            reason = "unreliable"
        return ToolAudit(
            tool=tool.name,
            calls=tuple(calls),
            scores={mode: ModeScore(correct=correct[mode], judged=judged[mode]) for mode in judged},
            reliability=reliability,
            answered_by_code=answered_by_code,
            kept=not reason,
            reason=reason,
            detail="; ".join([*missing, *unjudged]),
        )


def share(correct: int, judged: int, *, wilson: bool) -> float:
    """Correct / judged, or the lower end of its 95 % Wilson interval; 0 where nothing was judged."""
    if judged == 0:
        return 0.0
    rate = correct / judged
    if not wilson:
        return rate
    z = 1.96
    centre = rate + z * z / (2 * judged)
    spread = z * sqrt(rate * (1 - rate) / judged + z * z / (4 * judged * judged))
    return max(0.0, (centre - spread) / (1 + z * z / judged))
