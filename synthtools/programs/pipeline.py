"""All stages in memory, for notebooks: a field in, environments, tasks and trajectories out."""

from collections.abc import Mapping

from synthtools.errors import AnswerRefused, Dropped, ParseError
from synthtools.modules.role import Blocking
from synthtools.programs.env_audit import EnvAudit
from synthtools.programs.env_generation import EnvGeneration, Scenarios, Subfields
from synthtools.programs.task_audit import TaskAudit
from synthtools.programs.task_generation import TaskGeneration
from synthtools.programs.task_sequences import TaskSequences
from synthtools.programs.together import together
from synthtools.programs.trajectory_generation import TrajectoryGeneration
from synthtools.types.audit import AuditedEnv
from synthtools.types.environment import Drop, EnvSpec, Scenario
from synthtools.types.names import slug
from synthtools.types.profile import STANDARD, Profile
from synthtools.types.record import Record
from synthtools.types.task import Task, ToolSequence
from synthtools.types.trajectory import Trajectory
from synthtools.world.duplicates import EarlierTools
from synthtools.world.transitions import MemoryTransitions, Transitions


class PipelineResult(Record):
    """What a pipeline made, and what it lost on the way."""

    environments: tuple[AuditedEnv, ...] = ()
    tasks: tuple[Task, ...] = ()
    trajectories: tuple[Trajectory, ...] = ()
    drops: tuple[Drop, ...] = ()
    """Items that were not good enough, or whose answers were not usable, with the reason."""


class Pipeline(Blocking):
    """Field -> audited environments, certified tasks and verified trajectories, in memory.

    The stages are the same programs that a run uses; a run adds persistence, resuming and budgets.
    """

    def __init__(self, profile: Profile = STANDARD) -> None:
        super().__init__()
        self.profile = profile
        self.subfields = Subfields(profile)
        self.scenarios = Scenarios(profile)
        self.env_generation = EnvGeneration(profile)
        self.env_audit = EnvAudit(profile)
        self.task_sequences = TaskSequences(profile)
        self.task_generation = TaskGeneration(profile)
        self.task_audit = TaskAudit(profile)
        self.trajectory_generation = TrajectoryGeneration(profile)
        self.use(MemoryTransitions())

    def use(self, transitions: Transitions) -> None:
        """Makes every stage record and repeat the calls of LLM-served tools in the same place."""
        self.env_audit.transitions = transitions
        self.task_generation.transitions = transitions
        self.task_audit.transitions = transitions
        self.trajectory_generation.transitions = transitions

    async def aforward(self, *, field: str, environments: int = 1) -> PipelineResult:
        """Takes up to `environments` scenarios of a field through every stage.

        Raises:
            ModelError: the model could not be reached, or the field gave no subfields or scenarios.
        """
        scenarios: list[Scenario] = []
        drops: list[Drop] = []
        for subfield in await self.subfields.acall(field=field):
            if len(scenarios) < environments:
                described = await self.scenarios.acall(field=field, subfield=subfield, earlier=tuple(scenarios))
                scenarios.extend(scenario for scenario in described if not scenario.repeats)
                drops.extend(_repetition(scenario) for scenario in described if scenario.repeats)
        specs = await together(
            self._spec(scenario, f"{slug(field)}_spec_{number:03d}")
            for number, scenario in enumerate(scenarios[:environments], start=1)
        )
        earlier = EarlierTools(self.profile.duplicate_threshold)
        found = [(spec, earlier.add(spec)) for spec in specs if isinstance(spec, EnvSpec)]
        drops.extend(spec for spec in specs if isinstance(spec, Drop))
        parts = await together(self._environment(spec, repeated) for spec, repeated in found)
        return PipelineResult(
            environments=tuple(env for part in parts for env in part.environments),
            tasks=tuple(task for part in parts for task in part.tasks),
            trajectories=tuple(trajectory for part in parts for trajectory in part.trajectories),
            drops=(*drops, *(drop for part in parts for drop in part.drops)),
        )

    async def _spec(self, scenario: Scenario, env_id: str) -> EnvSpec | Drop:
        try:
            return await self.env_generation.acall(scenario=scenario, env_id=env_id)
        except (Dropped, AnswerRefused, ParseError) as error:
            return _drop(env_id, error)

    async def _environment(self, spec: EnvSpec, repeated: Mapping[str, str]) -> PipelineResult:
        try:
            env: AuditedEnv = await self.env_audit.acall(env=spec, repeated=repeated)
            sequences: tuple[ToolSequence, ...] = await self.task_sequences.acall(env=env)
        except (Dropped, AnswerRefused, ParseError) as error:
            return PipelineResult(drops=(_drop(spec.id, error),))
        parts = await together(self._task(env, sequence) for sequence in sequences)
        return PipelineResult(
            environments=(env,),
            tasks=tuple(task for part in parts for task in part.tasks),
            trajectories=tuple(trajectory for part in parts for trajectory in part.trajectories),
            drops=(*spec.drops, *(drop for part in parts for drop in part.drops)),
        )

    async def _task(self, env: AuditedEnv, sequence: ToolSequence) -> PipelineResult:
        try:
            turns = await self.task_generation.acall(env=env, sequence=sequence)
            task: Task = await self.task_audit.acall(env=env, turns=turns)
        except (Dropped, AnswerRefused, ParseError) as error:
            return PipelineResult(drops=(_drop(sequence.id, error),))
        rollouts = [
            await self.trajectory_generation.acall(task=task, sample=sample) for sample in range(self.profile.samples)
        ]
        return PipelineResult(tasks=(task,), trajectories=tuple(rollouts))


def _repetition(scenario: Scenario) -> Drop:
    part = f"scenario {scenario.title}"
    return Drop(part=part, reason="near-duplicate scenario", detail=f"repeats {scenario.repeats}")


def _drop(part: str, error: Dropped | AnswerRefused | ParseError) -> Drop:
    return Drop(part=part, reason=str(error), detail=error.detail if isinstance(error, Dropped) else "")
