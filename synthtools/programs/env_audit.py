"""Stage 2: every tool of an environment is probed, and unreliable ones are left out of later stages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal, NamedTuple

from synthtools.errors import AnswerRefused, ParseError
from synthtools.modules.role import Blocking
from synthtools.modules.simulator import LLMSimulator
from synthtools.modules.validator import ResponseJudge, TestCallWriter
from synthtools.programs.audit_score import scored
from synthtools.programs.audit_verdict import verdict_by_code
from synthtools.programs.together import together
from synthtools.types.audit import AuditedCall, AuditedEnv, TestCall, ToolAudit
from synthtools.types.call import ToolCall
from synthtools.types.environment import EnvSpec
from synthtools.types.profile import STANDARD, Profile
from synthtools.types.record import JsonObject
from synthtools.types.tool import Tool
from synthtools.types.verdict import SimulationVerdict
from synthtools.world import metamorphic
from synthtools.world.candidates import find_candidates, realistic_arguments
from synthtools.world.draw import draw_valid_call
from synthtools.world.gate import fill
from synthtools.world.metamorphic import Finding, Made, make
from synthtools.world.probes import schema_probes
from synthtools.world.state import slice_of
from synthtools.world.transitions import Transitions
from synthtools.world.world import World

_MOST_READINGS = 2
"""Most readings of a reading tool after other tools' changes: each may cost a model call."""


class _Worlds(NamedTuple):
    """An environment, and its worlds before any call."""

    env: EnvSpec
    served: World
    """With the simulator and the recorded calls: what later stages see."""
    anew: World
    """Looks nothing up and asks no model: certified code answers each call again."""


@dataclass
class _Evidence:
    """What the audit of one tool has gathered so far."""

    tool: Tool
    calls: list[AuditedCall] = field(default_factory=list[AuditedCall])
    succeeded: list[Made] = field(default_factory=list[Made])
    """Calls that should succeed, and did."""
    refused: list[Made] = field(default_factory=list[Made])
    """Calls that were refused; of the schema calls, which share a session, the last one."""
    tried: set[str] = field(default_factory=set[str])
    missing: list[str] = field(default_factory=list[str])
    unjudged: list[str] = field(default_factory=list[str])

    def is_new(self, call: ToolCall) -> bool:
        """Whether no equal call, defaults filled, was tried before; notes the call as tried."""
        key = str(ToolCall(name=call.name, arguments=fill(self.tool, call)))
        known = key in self.tried
        self.tried.add(key)
        return not known

    def found(self, finding: Finding | None) -> None:
        """Notes a finding; None: the relation did not apply."""
        if finding is None:
            return
        test = TestCall(
            mode="metamorphic",
            relation=finding.relation,
            call=finding.call,
            should_succeed=finding.relation != "errors_leave_state",
            expectation=finding.expected,
        )
        verdict = SimulationVerdict(
            verdict="correct" if finding.holds else "inappropriate_response", reason=finding.came or "by code"
        )
        self.calls.append(AuditedCall(test=test, response=finding.response, verdict=verdict))


class EnvAudit(Blocking):
    """Environment -> the same, with an audit of each tool.

    Calls that break the schema, and relations between answers, are made and judged by code. Rule and happy calls are
    written by the validator, without seeing any code. Where code answers as the author of the call expected, the two
    agree and nobody else is asked; where a certified guard lets a call pass that a model then refuses, the guard
    decides; the judge sees the other disagreements, and the successful answers of a simulator.

    A tool is charged with what it does itself: where a reading tool shows a record otherwise than the state has it,
    after another tool changed it, the reading tool loses the point.
    """

    transitions: Transitions | None = None
    """Recorded calls of LLM-served tools, where a run keeps them."""

    def __init__(self, profile: Profile = STANDARD) -> None:
        super().__init__()
        self.profile = profile
        self.write_calls = TestCallWriter()
        self.judge = ResponseJudge()
        self.simulator = LLMSimulator()

    async def aforward(self, *, env: EnvSpec, repeated: Mapping[str, str] | None = None) -> AuditedEnv:
        """Audits every tool of an environment.

        `repeated`: the tools that nearly repeat one of an earlier environment of the field, each with that one in
        words. They are dropped without a call.
        """
        repeated = repeated or {}
        served = World(env, simulator=self.simulator, transitions=self.transitions)
        worlds = _Worlds(env, served, World(env))
        gathered = await together(self._gather(worlds, tool) for tool in env.tools if tool.name not in repeated)
        await together(self._read_after_writes(worlds, gathered, one) for one in gathered)
        audits = {
            one.tool.name: scored(
                one.tool.name,
                one.calls,
                missing=one.missing,
                unjudged=one.unjudged,
                answered_by_code=served.answered_by_code(one.tool.name),
                profile=self.profile,
            )
            for one in gathered
        }
        for name, other in repeated.items():
            code = served.answered_by_code(name)
            audits[name] = ToolAudit(tool=name, answered_by_code=code, reason="near-duplicate", detail=other)
        return AuditedEnv(env=env, audits=tuple(audits[tool.name] for tool in env.tools))

    async def _gather(self, worlds: _Worlds, tool: Tool) -> _Evidence:
        """All calls of one tool but those that need other tools."""
        evidence = _Evidence(tool)
        modes: list[tuple[Literal["rule", "happy"], int]] = [("happy", self.profile.happy_calls)]
        if tool.errors:
            modes.append(("rule", self.profile.rule_calls))
        records = slice_of(worlds.served.state, (*tool.reads, *tool.writes)) or None
        for mode, count in modes:
            if count == 0:
                continue
            try:
                tests: tuple[TestCall, ...] = await self.write_calls.acall(
                    tool=tool, records=records, mode=mode, count=count
                )
            except (AnswerRefused, ParseError) as error:
                evidence.missing.append(f"no {mode} calls: {error}"[:200])
                continue
            for test in tests:
                if evidence.is_new(test.call):
                    await self._try(worlds, evidence, test)
        await self._try_schema(worlds, evidence)
        await self._relate(worlds, evidence)
        return evidence

    async def _try(self, worlds: _Worlds, evidence: _Evidence, test: TestCall) -> None:
        made = await make(worlds.served, evidence.tool, test.call)
        if not made.response.ok:
            evidence.refused.append(made)
        elif test.should_succeed:
            evidence.succeeded.append(made)
        try:
            verdict = await self._verdict(worlds.env, made, test)
        except (AnswerRefused, ParseError) as error:
            evidence.unjudged.append(f"{test.call} was not judged: {error}"[:200])
        else:
            evidence.calls.append(AuditedCall(test=test, response=made.response, verdict=verdict))

    async def _verdict(self, env: EnvSpec, made: Made, test: TestCall) -> SimulationVerdict:
        """The judgement of an answer, by code where code can tell."""
        tool = made.tool
        by_code = verdict_by_code(env, test, made.response)
        if by_code is not None:
            return by_code
        records = slice_of(made.before, (*tool.reads, *tool.writes)) or None
        return await self.judge.acall(tool=tool, records=records, test=test, response=made.response)

    async def _try_schema(self, worlds: _Worlds, evidence: _Evidence) -> None:
        """Every call that breaks the schema, one after another in one session, none of which may change anything."""
        tool = evidence.tool
        arguments = self._right_arguments(worlds, evidence)
        if arguments is None:
            evidence.unjudged.append("no call that passes the gate was found to make schema calls of")
            return
        session, before = worlds.served.fork(), worlds.served.state
        probes = schema_probes(tool, arguments, before, worlds.env.collections)
        for probe in probes:
            response = await session.acall(probe.call)
            right = probe.is_met_by(response) and not session.transcript[-1].patch
            wrong = "should_error_got_success" if response.ok else "inappropriate_response"
            evidence.calls.append(
                AuditedCall(
                    test=TestCall(mode="schema", call=probe.call, should_succeed=False, expectation=probe.expectation),
                    response=response,
                    verdict=SimulationVerdict(verdict="correct" if right else wrong, reason="by code"),
                )
            )
        evidence.refused.append(Made(tool, probes[-1].call, evidence.calls[-1].response, before, session))

    def _right_arguments(self, worlds: _Worlds, evidence: _Evidence) -> JsonObject | None:
        """Arguments that pass the gate: realistic ones, else drawn ones, else those of a call of the validator."""
        env, tool, state = worlds.env, evidence.tool, worlds.served.state
        draw = Random(f"{env.id}/{tool.name}")
        arguments = realistic_arguments(tool, state, env.collections, env.spare_records, draw)
        if arguments is not None:
            return arguments
        drawn = draw_valid_call(tool, state, env.collections, 0)
        calls = (drawn, *(made.call for made in (*evidence.succeeded, *evidence.refused)))
        return next((call.arguments for call in calls if call is not None), None)

    async def _relate(self, worlds: _Worlds, evidence: _Evidence) -> None:
        """Checks the relations between a tool's own answers, on all calls answered by code or one by a model.

        A model is not asked again what the world has recorded: that would cost a call and could not fail.
        """
        tool = evidence.tool
        evidence.found(metamorphic.errors_leave_state(evidence.refused))
        by_code = worlds.served.answered_by_code(tool.name)
        if by_code and self.profile.happy_calls == 0:
            evidence.succeeded = await self._found_by_execution(worlds, tool)
        for made in evidence.succeeded if by_code else evidence.succeeded[:1]:
            subject = made
            if by_code:
                subject = await make(worlds.anew, tool, made.call)
                evidence.found(metamorphic.repeatable(made, subject))
            if by_code or self.transitions is None:
                evidence.found(await metamorphic.idempotent_read(subject))
            evidence.found(await metamorphic.repeat(subject))
        for made in evidence.succeeded:
            evidence.found(metamorphic.own_answer(made, worlds.env.collections))

    async def _found_by_execution(self, worlds: _Worlds, tool: Tool) -> list[Made]:
        """Calls that succeed, where the validator is asked for none: found by trying, which coded tools allow."""
        env, seed = worlds.env, f"{worlds.env.id}/{tool.name}"
        found = await find_candidates(worlds.served, tool, env.collections, env.spare_records, count=1, seed=seed)
        return [await make(worlds.served, tool, candidate.call) for candidate in found]

    async def _read_after_writes(self, worlds: _Worlds, gathered: Iterable[_Evidence], reader: _Evidence) -> None:
        """Holds a reading tool to the state after other tools' changes, the first change of each tool."""
        collections = worlds.env.collections
        changes = [next((made for made in one.succeeded if made.patch), None) for one in gathered]
        readable = [made for made in changes if made and metamorphic.can_read(reader.tool, made, collections)]
        for made in readable[:_MOST_READINGS]:
            reader.found(await metamorphic.read_after_write(reader.tool, made, collections))
