"""Programs that make small, valid records and ask a fake model, through the same scope as a real one does."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from synthtools.backends.scope import current_scope
from synthtools.errors import SynthToolsError
from synthtools.runs.stages import Stage
from synthtools.types import (
    AuditedEnv,
    Certificate,
    EnvSpec,
    LedgerEntry,
    Parameter,
    Response,
    Scenario,
    SolvedTurns,
    Task,
    Tool,
    ToolAudit,
    ToolCall,
    ToolCode,
    ToolSequence,
    Trajectory,
    Turn,
    TurnVerdict,
    Verdict,
)

Fail = Callable[[str, str, str], SynthToolsError | None]


class FakeModel:
    """Answers every question, counts the paid ones, and fails where `fail` says so."""

    def __init__(self, fail: Fail = lambda stage, item, what: None) -> None:
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None
        self.on_call: Callable[[str], None] = lambda key: None
        self._fail = fail

    async def ask(self, what: str) -> str:
        scope = current_scope()
        key = f"{scope.stage}:{scope.item}:{what}"
        assert scope.journal is not None and scope.ledger is not None
        kept = scope.journal.get(key)
        if kept is not None:
            return str(kept["text"])
        if scope.before_call is not None:
            scope.before_call()
        self.asked.append(key)
        self.on_call(key)
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        error = self._fail(scope.stage, scope.item, what)
        entry = LedgerEntry(
            stage=scope.stage, item=scope.item, role="fake", model="fake", prompt_tokens=10, completion_tokens=5
        )
        scope.ledger.write(entry)
        if error is not None:
            raise error
        written = scope.journal.put(key, {"text": what})
        if written is not None:  # a model holds the slot until then
            await asyncio.wrap_future(written)
        return what


TOOL = Tool(
    name="AddLoan",
    description="Lends a book.",
    parameters={"book": Parameter(type="string", required=True)},
    output={"loan": Parameter(type="string")},
    writes=("loans",),
)
CALL = ToolCall(name="AddLoan", arguments={"book": "BOK-1"})


class FakeProgram:
    """A program whose records tell what it was given of the items before it."""

    def __init__(self, stage: str, model: FakeModel, calls: int) -> None:
        self._make = getattr(self, "_" + stage.replace("-", "_"))
        self._model = model
        self._calls = calls

    async def acall(self, **inputs: Any) -> Any:
        for number in range(self._calls):
            await self._model.ask(f"question {number}")
        return self._make(**inputs)

    def _subfields(self, field: str) -> tuple[str, ...]:
        return (f"{field} one", f"{field} two")

    def _scenarios(self, field: str, subfield: str, earlier: tuple[Scenario, ...]) -> tuple[Scenario, ...]:
        known = ", ".join(scenario.title for scenario in earlier)
        return tuple(
            Scenario(field=field, subfield=subfield, title=f"{subfield} {n}", description=f"Not {known}.")
            for n in range(2)
        )

    def _env_generation(self, scenario: Scenario, env_id: str) -> EnvSpec:
        return EnvSpec(id=env_id, scenario=scenario, tools=(TOOL,), code={"AddLoan": ToolCode(source="x")})

    def _env_audit(self, env: EnvSpec, repeated: Mapping[str, str]) -> AuditedEnv:
        audit = ToolAudit(tool="AddLoan", kept=True, answered_by_code=True, detail=repeated.get("AddLoan", ""))
        return AuditedEnv(env=env, audits=(audit,))

    def _task_sequences(self, env: AuditedEnv) -> tuple[ToolSequence, ...]:
        return tuple(
            ToolSequence(id=f"{env.env.id}_seq{n:02d}", env_id=env.env.id, tools=("AddLoan",)) for n in range(2)
        )

    def _task_generation(self, env: AuditedEnv, sequence: ToolSequence) -> SolvedTurns:
        turn = Turn(
            request="Lend me the book.",
            call=CALL,
            response=Response(status_code=200),
            verdict=TurnVerdict(grounded=True, correct=True),
        )
        return SolvedTurns(
            id=sequence.id, env_id=env.env.id, initial_state={}, final_state={"loans": {}}, turns=(turn,)
        )

    def _task_audit(self, env: AuditedEnv, turns: SolvedTurns) -> Task:
        return Task(
            id=turns.id,
            field=env.env.scenario.field,
            summary="Lend me the book.",
            tools=(TOOL,),
            gt_tool_calls=(CALL,),
            initial_state={},
            final_state={"loans": {}},
            certificate=Certificate(grade="certified"),
        )

    def _trajectory_generation(self, task: Task, sample: int) -> Trajectory:
        return Trajectory(
            task_id=task.id,
            sample=sample,
            answer="Done.",
            stop_reason="answered",
            verdict=Verdict(reward=1.0, passed=True, explanation="the state is as it should be"),
        )


def fake_programs(model: FakeModel, calls: int = 2) -> Callable[[Stage], FakeProgram]:
    return lambda stage: FakeProgram(stage.name, model, calls)
