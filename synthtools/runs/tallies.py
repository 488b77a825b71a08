"""What a run counts of its records as they come, so that nobody has to read them all to know how good they are.

Each function gives the counts of one record, by name; a store keeps them by item and adds them up. Names are part of
`status --json`; a count that depends on a kind has the kind after a point, such as `unsolved.agent`.
"""

from collections.abc import Mapping

from synthtools.types.audit import AuditedEnv
from synthtools.types.environment import EnvSpec
from synthtools.types.task import Task
from synthtools.types.trajectory import Trajectory

Tallies = Mapping[str, int]
"""Counts by name; `records` is how many records were counted."""


def of_any(record: object) -> Tallies:
    """Nothing but that the record was counted."""
    return {"records": 1}


def of_environment(env: EnvSpec) -> Tallies:
    """Tools tried (given up ones included), those whose errors or whole behaviour code decides, those that change."""
    return {
        "records": 1,
        "tools_tried": len(env.tools) + sum(drop.part.startswith("tool:") for drop in env.drops),
        "tools_certified": sum(code.certified for code in env.code.values()),
        "guards_certified": sum(code.guard_certified and not code.certified for code in env.code.values()),
        "tools_changing": sum(tool.changes_state for tool in env.tools),
        "tools": len(env.tools),
    }


def of_audit(audited: AuditedEnv) -> Tallies:
    """Tools audited and kept, and by mode the calls judged and those answered rightly."""
    counts = {"records": 1, "tools_audited": len(audited.audits), "tools_kept": len(audited.reliable)}
    for audit in audited.audits:
        for mode, score in audit.scores.items():
            counts[f"judged.{mode}"] = counts.get(f"judged.{mode}", 0) + score.judged
            counts[f"correct.{mode}"] = counts.get(f"correct.{mode}", 0) + score.correct
    return counts


def of_task(task: Task) -> Tallies:
    """The grade of its certificate, the broken solutions tried and found out, and whether it changes the state."""
    counts = {"records": 1, "tasks_changing": int(task.initial_state != task.final_state)}
    certificate = task.certificate
    if certificate is None:
        return {**counts, "grade.none": 1}
    counts |= {f"grade.{certificate.grade}": 1, "variants": certificate.variants, "killed": certificate.killed}
    for kind, count in certificate.kills.items():
        counts[f"variants.{kind}"] = count.tried
        counts[f"killed.{kind}"] = count.killed
    return counts


def of_rollout(rollout: Trajectory) -> Tallies:
    """Whether it was scored and solved, and what it is attributed to where it was not."""
    verdict = rollout.verdict
    if verdict is None:
        return {"records": 1, "unverified": 1}
    counts = {"records": 1, "scored": int(verdict.reward is not None), "solved": int(verdict.passed)}
    if not verdict.passed and verdict.cause is not None:
        counts[f"unsolved.{verdict.cause}"] = 1
    return counts
