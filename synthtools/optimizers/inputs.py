"""What each role and program is asked, as one typed record, and what code must know besides to score an answer."""

from typing import Literal

from synthtools.types.audit import AuditedEnv, TestCall
from synthtools.types.call import Response, ToolCall
from synthtools.types.environment import Collection, EnvSpec, RecordKind, Scenario
from synthtools.types.profile import STANDARD, Profile
from synthtools.types.record import Json, JsonObject, Record, State
from synthtools.types.task import SolvedTurns, Task, TaskWorld, ToolSequence
from synthtools.types.tool import Tool
from synthtools.types.trajectory import Step, Trajectory
from synthtools.world.agreement import Disagreement
from synthtools.world.candidates import Candidate
from synthtools.world.design import ToolDesign


class SubfieldInputs(Record):
    """What `SubfieldGenerator` is asked."""

    field: str
    count: int


class ScenarioInputs(Record):
    """What `ScenarioGenerator` is asked."""

    field: str
    subfield: str
    count: int
    kinds: int = 2
    earlier: tuple[Scenario, ...] = ()
    duplicate_threshold: float = STANDARD.duplicate_threshold


class CollectionInputs(Record):
    """What `CollectionGenerator` is asked."""

    scenario: Scenario
    kind: RecordKind
    earlier: tuple[Collection, ...] = ()
    fields: int


class RecordInputs(Record):
    """What `RecordGenerator` is asked."""

    scenario: Scenario
    collection: Collection
    state: State = {}
    count: int
    spare: int
    seed: int = 0


class ToolInputs(Record):
    """What `ToolGenerator` is asked."""

    scenario: Scenario
    collections: tuple[Collection, ...]
    earlier: tuple[ToolDesign, ...] = ()
    failed: tuple[ToolDesign, ...] = ()
    changing: bool
    profile: Profile = STANDARD


class BehaviourInputs(Record):
    """What `BehaviourGenerator` is asked."""

    tool: Tool
    env: EnvSpec
    """Its collections, populated state and clock; of its tools and code nothing is looked at."""
    last_source: str = ""
    feedback: str = ""


class SequenceInputs(Record):
    """What `SequenceGenerator` is asked."""

    scenario: Scenario
    tools: tuple[Tool, ...]
    starts: dict[str, tuple[str, ...]]
    length: int
    taken: tuple[tuple[str, ...], ...] = ()


class RuleCheckInputs(Record):
    """What `RuleChecker` is asked."""

    tool: Tool
    call: ToolCall
    records: Json = None


class SimulationInputs(Record):
    """What `ResponseSimulator` is asked."""

    tool: Tool
    call: ToolCall
    records: Json = None
    collections: tuple[Collection, ...] = ()
    now: str


class RightEnding(Record):
    """Where a call leads by certified code."""

    data: Json
    after: State
    """The collections that the tool declares, afterwards."""


class TestCallInputs(Record):
    """What `TestCallWriter` is asked."""

    tool: Tool
    records: Json = None
    mode: Literal["rule", "happy"]
    count: int


class Code(Record):
    """Certified code of a tool, with what it runs on."""

    source: str
    collections: tuple[Collection, ...] = ()
    now: str


class ResponseJudgeInputs(Record):
    """What `ResponseJudge` is asked."""

    tool: Tool
    records: Json = None
    test: TestCall
    response: Response


class TurnInputs(Record):
    """What a turn of the evolver is asked."""

    scenario: str
    tool: Tool
    candidates: tuple[Candidate, ...]
    conversation: tuple[str, ...] = ()
    """Empty for the first turn."""
    feedback: str = ""


class TurnContext(Record):
    """What code must know to look at a turn's request."""

    tools: tuple[Tool, ...]
    earlier: tuple[Response, ...] = ()
    state: State
    spares: dict[str, tuple[JsonObject, ...]] = {}
    now: str


class TurnSolverInputs(Record):
    """What `TurnSolver` is asked."""

    tools: tuple[Tool, ...]
    conversation: tuple[str, ...] = ()
    request: str


class RightCall(Record):
    """A call that does what was asked, with the world in which it does."""

    call: ToolCall
    world: TaskWorld
    before: State


class OneShotInputs(Record):
    """What `OneShotSolver` is asked."""

    tools: tuple[Tool, ...]
    request: str
    most: int


class AgentInputs(Record):
    """What `AgentSolver` is asked."""

    tools: tuple[Tool, ...]
    request: str
    steps: tuple[Step, ...] = ()
    parallel: int = 1


class TurnJudgeInputs(Record):
    """What `TurnJudge` is asked."""

    conversation: tuple[str, ...] = ()
    request: str
    expected: tuple[ToolCall, Response]
    actual: tuple[ToolCall, Response]
    in_question: tuple[str, ...] = ()


class RightTurn(Record):
    """What a judge of a turn should say."""

    correct: bool
    sources: dict[str, str] = {}
    """By argument in question: where it comes from, as `Citation.source` has it."""


class SolutionJudgeInputs(Record):
    """What `SolutionJudge` is asked."""

    request: str
    expected: tuple[ToolCall, ...]
    actual: tuple[ToolCall, ...]
    differences: tuple[str, ...]


class DisagreementInputs(Record):
    """What `DisagreementJudge` is asked."""

    tool: Tool
    now: str
    case: Disagreement


class TrajectoryJudgeInputs(Record):
    """What `TrajectoryJudge` is asked."""

    request: str
    expected: tuple[ToolCall, ...]
    trajectory: Trajectory


class RightReading(Record):
    """What a judge of a rollout should say."""

    goal_reached: bool
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


class MergeInputs(Record):
    """What `TurnMerger` is asked."""

    turns: tuple[str, ...]
    values: tuple[str, ...] = ()


class MergeContext(Record):
    """What code must know to look at a merged request."""

    turns: SolvedTurns
    tools: tuple[Tool, ...]
    spares: dict[str, tuple[JsonObject, ...]] = {}
    now: str


class EnvGenerationInputs(Record):
    """What `EnvGeneration` is asked."""

    scenario: Scenario
    env_id: str


class EnvAuditInputs(Record):
    """What `EnvAudit` is asked."""

    env: EnvSpec
    repeated: dict[str, str] = {}


class TaskGenerationInputs(Record):
    """What `TaskGeneration` is asked."""

    env: AuditedEnv
    sequence: ToolSequence


class TaskAuditInputs(Record):
    """What `TaskAudit` is asked."""

    env: AuditedEnv
    turns: SolvedTurns


class TrajectoryInputs(Record):
    """What `TrajectoryGeneration` is asked."""

    task: Task
    sample: int = 0
