"""Profiles: counts and lengths of a run. A profile never selects other code."""

from typing import Annotated

from pydantic import Field

from synthtools.types.record import Record

Count = Annotated[int, Field(ge=1)]
OptionalCount = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Profile(Record):
    """How much of everything a run makes, and how often it tries."""

    name: str = "standard"
    subfields: Count = 5
    """Subfields per field."""
    scenarios: Count = 5
    """Scenarios per subfield; each becomes one environment."""
    collections: Count = 4
    """Most collections in a state."""
    records: Count = 8
    """Records per collection in the initial state."""
    record_fields: Count = 8
    """Most fields of a record."""
    tools: Count = 10
    """Tools per environment (the tool budget)."""
    parameters: Count = 8
    """Most parameters of a tool."""
    tool_attempts: Count = 3
    """Tries for one tool's design before its slot is given up."""
    behaviour_rounds: Count = 3
    """Rounds of writing a tool's code; each is shown the failing case of the one before."""
    second_behaviour: bool = True
    """Whether a second, independently written behaviour must agree where code alone cannot say what is right."""
    certification_draws: Count = 300
    """Argument sets drawn to certify a behaviour."""
    rule_calls: OptionalCount = 3
    """Test calls per tool that break a documented rule."""
    happy_calls: OptionalCount = 3
    """Test calls per tool that should succeed."""
    reliability_threshold: Share = 0.33
    """Least share of rightly answered test calls (rule, happy, metamorphic) of a tool that is kept."""
    wilson_bound: bool = True
    """Whether the threshold applies to the lower 95 % Wilson bound instead of the plain share."""
    duplicate_threshold: Annotated[float, Field(gt=0.0, le=1.0)] = 0.65
    """Least similarity at which a scenario or tool of a field counts as a repetition of an earlier one; 1: only equal
    ones do. Under 0.6, tools that differ in one word of their name, as for two statuses of a record, count as one."""
    changing_tools: Share = 0.4
    """Least share of tools that change the state, in an environment."""
    changing_tasks: Share = 0.6
    """Least share of sequences with a tool that changes the state."""
    sequences: Count = 50
    """Tool sequences per environment."""
    length: Count = 10
    """Tools in a sequence."""
    candidates: Count = 6
    """Executed candidate calls offered to the evolver in a turn."""
    evolver_tries: Count = 5
    """Tries for a turn whose arguments are not grounded in the request."""
    solver_tries: OptionalCount = 2
    """Further tries of the solver where the request is grounded."""
    summary_tries: Count = 4
    """Tries for the merged request of a task."""
    second_solution: bool = True
    """Whether an independent one-shot solution is asked for a task's certificate."""
    distractors: OptionalCount = 6
    """Most tools beyond the needed ones in a task."""
    samples: Count = 1
    """Rollouts per task."""
    parallel_calls: Count = 4
    """Most calls of one step of an agent."""
    max_turns: Count | None = None
    """Turns of a rollout; None: max(12, 2 x gold + 2)."""


STANDARD = Profile()
"""For servers with a capable model."""

SMALL = Profile(
    name="small",
    subfields=3,
    scenarios=1,
    collections=2,
    records=3,
    record_fields=4,
    tools=4,
    parameters=4,
    tool_attempts=4,
    behaviour_rounds=3,
    second_behaviour=False,
    certification_draws=60,
    rule_calls=1,
    happy_calls=2,
    wilson_bound=False,
    sequences=6,
    length=2,
    candidates=3,
    evolver_tries=3,
    solver_tries=1,
    summary_tries=4,
    second_solution=False,
    distractors=2,
    parallel_calls=1,
)
"""For the embedded model: short prompts, few items, one small question at a time."""

PROFILES = {profile.name: profile for profile in (STANDARD, SMALL)}
