"""Cases for the evolver, the solver of turns and the summarizer: the turns of solved sequences, made again by code."""

from collections.abc import Iterator
from typing import NamedTuple

from synthtools.modules.generator import scenario_text
from synthtools.modules.role import run_blocking
from synthtools.optimizers.case import Case
from synthtools.optimizers.draws.records import Solved, case, solved_turns
from synthtools.optimizers.inputs import (
    MergeContext,
    MergeInputs,
    RightCall,
    TurnContext,
    TurnInputs,
    TurnSolverInputs,
)
from synthtools.programs.task_audit import user_values
from synthtools.programs.task_generation import spoken_turn
from synthtools.runs.run import Run
from synthtools.types.call import Response
from synthtools.types.environment import EnvSpec
from synthtools.types.task import TaskWorld, Turn
from synthtools.types.tool import Tool
from synthtools.world.candidates import find_candidates
from synthtools.world.world import World

_CANDIDATES = 3
"""Calls that the writer of a turn may choose from."""


class MadeTurn(NamedTuple):
    """A solved turn with the world before it."""

    solved: Solved
    position: int
    turn: Turn
    tool: Tool
    world: World
    earlier: tuple[Response, ...]
    conversation: tuple[str, ...]

    @property
    def id(self) -> str:
        """An id for cases of the turn."""
        return f"{self.solved.turns.id}/{self.position}"

    @property
    def effect(self) -> str:
        """Whether the call changes records or looks something up: a label."""
        return "changes" if self.tool.changes_state else "looks up"


def made_turns(run: Run) -> Iterator[MadeTurn]:
    """Every solved turn in an environment that is all code."""
    for solved in solved_turns(run):
        spec = solved.env.env
        world = World(spec, solved.turns.initial_state)
        earlier: list[Response] = []
        conversation: list[str] = []
        for position, turn in enumerate(solved.turns.turns):
            tool = spec.tool(turn.call.name)
            assert tool is not None  # the turn was solved with it
            yield MadeTurn(solved, position, turn, tool, world.fork(), tuple(earlier), tuple(conversation))
            earlier.append(world.call(turn.call))
            conversation.extend(spoken_turn(turn))


def first_turns(run: Run) -> Iterator[Case]:
    """What the writer of a first turn was asked: the tool, and calls of it that work."""
    return (found for made in made_turns(run) if made.position == 0 and (found := _written(made)) is not None)


def next_turns(run: Run) -> Iterator[Case]:
    """What the writers of the later turns were asked."""
    return (found for made in made_turns(run) if made.position > 0 and (found := _written(made)) is not None)


def _written(made: MadeTurn) -> Case | None:
    """The question of a turn's writer; None where no call to choose is found again."""
    spec = made.solved.env.env
    candidates = run_blocking(
        find_candidates(
            made.world,
            made.tool,
            spec.collections,
            spec.spare_records,
            count=_CANDIDATES,
            seed=made.id,
            avoid=[exchange.call for exchange in made.world.transcript],
        )
    )
    if not candidates:
        return None
    context = TurnContext(
        tools=spec.tools,
        earlier=made.earlier,
        state=made.solved.turns.initial_state,
        spares=spec.spare_records,
        now=spec.now,
    )
    return case(
        TurnInputs(
            scenario=scenario_text(spec.scenario),
            tool=made.tool,
            candidates=tuple(candidates),
            conversation=made.conversation,
        ),
        id=made.id,
        field=made.solved.field,
        expected=context.to_json(),
        label=made.effect,
        source=made.solved.source,
    )


def turns_to_solve(run: Run) -> Iterator[Case]:
    """Turns that were solved, with the call that does what they ask for."""
    for made in made_turns(run):
        right = RightCall(call=made.turn.call, world=world_of(made.solved.env.env), before=made.world.state)
        yield case(
            TurnSolverInputs(tools=made.solved.reliable, conversation=made.conversation, request=made.turn.request),
            id=made.id,
            field=made.solved.field,
            expected=right.to_json(),
            label=made.effect,
            source=made.solved.source,
        )


def turns_to_merge(run: Run) -> Iterator[Case]:
    """The turns of sequences of two and more."""
    for solved in solved_turns(run):
        spec, turns = solved.env.env, solved.turns
        if len(turns.turns) < 2:
            continue
        context = MergeContext(turns=turns, tools=spec.tools, spares=spec.spare_records, now=spec.now)
        yield case(
            MergeInputs(turns=tuple(turn.request for turn in turns.turns), values=tuple(user_values(turns))),
            id=turns.id,
            field=solved.field,
            expected=context.to_json(),
            label=f"{len(turns.turns)} turns",
            source=solved.source,
        )


def world_of(env: EnvSpec) -> TaskWorld:
    """An environment's tools with their code, as tasks have them."""
    return TaskWorld(env_id=env.id, tools=env.tools, code=env.code, collections=env.collections, now=env.now)
