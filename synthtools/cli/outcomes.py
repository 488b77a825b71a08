"""Records from elsewhere as done items of a run, what follows from them planned."""

from synthtools.runs.item import Item, Outcome, content_hash
from synthtools.runs.stages import NEXT, STAGES
from synthtools.types.environment import EnvSpec
from synthtools.types.names import slug
from synthtools.types.profile import Profile
from synthtools.types.task import Task
from synthtools.world.policy import check_policy


def environment_outcome(env: EnvSpec, profile: Profile) -> Outcome:
    """An environment from elsewhere as a done item of the environment generation, its audit planned."""
    return _outcome("env-generation", env, env.scenario.field, profile)


def task_outcome(task: Task, profile: Profile) -> Outcome:
    """A task from elsewhere as a done item of the task audit, its rollouts planned.

    Raises: DataError where its policy names what the task does not have.
    """
    check_policy(task)
    return _outcome("task-audit", task, task.field, profile)


def _outcome(name: str, record: EnvSpec | Task, field: str, profile: Profile) -> Outcome:
    stage, child = STAGES[name], NEXT[name]
    item = Item(stage.name, record.id, field=slug(field))
    payload = stage.write(record)
    return Outcome(
        item,
        "done",
        payload,
        content_hash(payload, stage.unhashed),
        tallies=stage.tallies(record),
        children=tuple(child.expand(item, lambda: record, profile)),
        expanded=child.expansion(profile),
    )
