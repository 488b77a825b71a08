"""Targets of whole programs, by what code says of their results: certificates, reliability, groundedness, rewards."""

from synthtools.optimizers.draws.stages import inputs_of
from synthtools.optimizers.inputs import (
    EnvAuditInputs,
    EnvGenerationInputs,
    TaskAuditInputs,
    TaskGenerationInputs,
    TrajectoryInputs,
)
from synthtools.optimizers.metrics import Found, Part, composite, share, told
from synthtools.optimizers.target import Target
from synthtools.programs.env_audit import EnvAudit
from synthtools.programs.env_generation import EnvGeneration
from synthtools.programs.task_audit import TaskAudit
from synthtools.programs.task_generation import TaskGeneration
from synthtools.programs.trajectory_generation import TrajectoryGeneration
from synthtools.types.audit import AuditedEnv
from synthtools.types.environment import EnvSpec
from synthtools.types.profile import STANDARD
from synthtools.types.record import Json
from synthtools.types.task import SolvedTurns, Task
from synthtools.types.trajectory import Trajectory
from synthtools.world.duplicates import NearDuplicates, tool_text
from synthtools.world.grounding import ground, ungrounded


def _certified(asked: EnvGenerationInputs, expected: Json, answer: EnvSpec) -> Found:
    """The share of tries for a tool that gave certified code."""
    certified = sum(code.certified for code in answer.code.values())
    problems = [f"{drop.part}: {drop.reason}: {drop.detail}" for drop in answer.drops]
    return Found(share(certified, len(answer.tools) + len(answer.drops)), told(problems).reason)


def _changing(asked: EnvGenerationInputs, expected: Json, answer: EnvSpec) -> Found:
    changing = sum(tool.changes_state for tool in answer.tools)
    wanted = STANDARD.changing_tools
    reason = f"Only {changing} of {len(answer.tools)} tools change records; {wanted:.0%} should."
    value = min(1.0, share(changing, len(answer.tools)) / wanted)
    return Found(value, reason if value < 1 else "")


def _distinct_tools(asked: EnvGenerationInputs, expected: Json, answer: EnvSpec) -> Found:
    known = NearDuplicates(STANDARD.duplicate_threshold)
    problems: list[str] = []
    for tool in answer.tools:
        near = known.find(tool_text(tool))
        if near is not None:
            problems.append(f"{tool.name} does nearly the same as {near.key}")
        known.add(tool.name, tool_text(tool))
    return told(problems, len(answer.tools))


def _reliable(asked: EnvAuditInputs, expected: Json, answer: AuditedEnv) -> Found:
    tried = [audit for audit in answer.audits if audit.reason != "near-duplicate"]
    problems = [
        f"{audit.tool} is {audit.reason or 'less than reliable'}: {audit.detail}"
        for audit in tried
        if audit.reliability < 1
    ]
    return Found(sum(audit.reliability for audit in tried) / len(tried) if tried else 1.0, told(problems).reason)


def _kept(asked: EnvAuditInputs, expected: Json, answer: AuditedEnv) -> Found:
    tried = [audit for audit in answer.audits if audit.reason != "near-duplicate"]
    lost = [f"{audit.tool} is lost: {audit.reason}: {audit.detail}" for audit in tried if not audit.kept]
    return told(lost, len(tried))


def _carried_on(asked: TaskGenerationInputs, expected: Json, answer: SolvedTurns) -> Found:
    of = len(asked.sequence.tools)
    reason = f"The sequence ended after {len(answer.turns)} of {of} tools: {answer.ended_by}: {answer.ended_detail}."
    return Found(share(len(answer.turns), of), reason if len(answer.turns) < of else "")


def _grounded(asked: TaskGenerationInputs, expected: Json, answer: SolvedTurns) -> Found:
    """The share of arguments that code finds in the requests and answers, without a judge's word."""
    missing: list[str] = []
    for index, turn in enumerate(answer.turns):
        tool = asked.env.env.tool(turn.call.name)
        assert tool is not None  # the turn was solved with it
        earlier = [past.response for past in answer.turns[:index]]
        for name in ungrounded(ground(tool, turn.call, turn.request, earlier, asked.env.env.now)):
            missing.append(f"{name} of turn {index + 1} is only said in other words: {turn.request}")
    return told(missing, sum(len(turn.call.arguments) for turn in answer.turns))


def _certificate(asked: TaskAuditInputs, expected: Json, answer: Task) -> Found:
    grade = answer.certificate.grade if answer.certificate else "refused"
    if grade == "certified":
        return Found(1.0)
    if grade == "recorded":
        return Found(0.6, "The task is only recorded: a model answers some tool on its path.")
    checks = answer.certificate.checks if answer.certificate else ()
    failed = [f"{check.name}: {check.detail}" for check in checks if not check.passed]
    return Found(0.0, told(failed or ["the task has no certificate"]).reason)


def _kills(asked: TaskAuditInputs, expected: Json, answer: Task) -> Found | None:
    found = answer.certificate
    if found is None or not found.variants:
        return None
    reason = f"{found.variants - found.killed} of {found.variants} broken solutions pass."
    return Found(share(found.killed, found.variants), reason if found.killed < found.variants else "")


def _reward(asked: TrajectoryInputs, expected: Json, answer: Trajectory) -> Found:
    verdict = answer.verdict
    if verdict is None:
        return Found(0.0, "The rollout was not verified.")
    return Found(verdict.reward or 0.0, "" if verdict.passed else " ".join(verdict.explanation.split()) + ".")


def _brief(asked: TrajectoryInputs, expected: Json, answer: Trajectory) -> Found:
    """Calls beside those of the gold solution, each of which costs; one for each gold call is allowed."""
    gold = len(asked.task.gt_tool_calls)
    spare = len(answer.calls) - 2 * gold
    if spare <= 0:
        return Found(1.0)
    return Found(2 * gold / len(answer.calls), f"It makes {len(answer.calls)} calls where {gold} do.")


ENV_GENERATION = Target(
    name="env-generation",
    build=EnvGeneration,
    inputs=EnvGenerationInputs,
    metric=composite(
        [Part("certified", 0.6, _certified), Part("changing", 0.2, _changing), Part("distinct", 0.2, _distinct_tools)]
    ),
    cases=inputs_of("env-generation", EnvGenerationInputs),
)

ENV_AUDIT = Target(
    name="env-audit",
    build=EnvAudit,
    inputs=EnvAuditInputs,
    metric=composite([Part("reliable", 0.6, _reliable), Part("kept", 0.4, _kept)]),
    cases=inputs_of("env-audit", EnvAuditInputs),
)

TASK_GENERATION = Target(
    name="task-generation",
    build=TaskGeneration,
    inputs=TaskGenerationInputs,
    metric=composite([Part("carried on", 0.7, _carried_on), Part("grounded", 0.3, _grounded)]),
    cases=inputs_of("task-generation", TaskGenerationInputs),
)

TASK_AUDIT = Target(
    name="task-audit",
    build=TaskAudit,
    inputs=TaskAuditInputs,
    metric=composite([Part("certificate", 0.8, _certificate), Part("kills", 0.2, _kills)]),
    cases=inputs_of("task-audit", TaskAuditInputs),
)

TRAJECTORY_GENERATION = Target(
    name="trajectory-generation",
    build=TrajectoryGeneration,
    inputs=TrajectoryInputs,
    metric=composite([Part("reward", 0.9, _reward), Part("brief", 0.1, _brief)]),
    cases=inputs_of("trajectory-generation", TrajectoryInputs),
)

TARGETS = (ENV_GENERATION, ENV_AUDIT, TASK_GENERATION, TASK_AUDIT, TRAJECTORY_GENERATION)
