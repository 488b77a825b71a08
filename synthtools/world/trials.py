"""Solutions of a task, each made in a fork of one world and scored with the answer that its own calls found."""

from collections.abc import Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import orjson

from synthtools.types import AnswerValue, Certificate, Response, Task, ToolCall, Verdict
from synthtools.types.record import Json, State
from synthtools.world.comparison import Comparison, close
from synthtools.world.gate import fill
from synthtools.world.gold_run import GoldRun
from synthtools.world.patch import pointer_steps, resolve, same
from synthtools.world.scoring import Executed, score
from synthtools.world.variants import GoldStep, Variant
from synthtools.world.world import World

Fate = Literal["killed", "equivalent", "survived", "undecided"]
"""What becomes of a changed solution. `killed`: it fails; `equivalent`: it passes and ends as the gold one does;
`survived`: it passes and ends otherwise; `undecided`: only a judge could tell."""


class Solution(NamedTuple):
    """A solution that was run."""

    calls: Sequence[tuple[ToolCall, Response]]
    state: State


class Trials:
    """Runs the gold solution of a task, and changed ones.

    Args:
        task: The task.
        expected: What its answer must say.
        base: A fresh world in its initial state; it is not changed.
    """

    def __init__(self, task: Task, expected: Sequence[AnswerValue], base: World) -> None:
        self.base = base
        self.expected = tuple(expected)
        # Verification looks at the expected answer in the certificate: the one under construction.
        certificate = Certificate(grade="recorded", expected_answer=self.expected)
        world = base.fork()
        befores: list[World] = []
        for call in task.gt_tool_calls:
            befores.append(world)
            world = world.fork()
            world.call(call)
        self.after_gold = world
        self._befores = [*befores, world]
        self.gold = _solution(world)
        self.task = task.model_copy(
            update={
                "certificate": certificate,
                "final_state": self.gold.state if task.final_state is None else task.final_state,
            }
        )
        self.gold_run = GoldRun(self.task, lambda: self._befores)
        self.comparison = Comparison(
            task.policy,
            task.collections,
            chosen_ids=lambda: self.gold_run.chosen_ids,
        )

    @cached_property
    def steps(self) -> list[GoldStep]:
        """The gold calls, each with the state before it; only where all of them succeed."""
        changing = {tool.name for tool in self.base.tools if tool.changes_state}
        required = self._required()
        return [
            GoldStep(call, self._befores[index].state, call.name in changing, index in required)
            for index, call in enumerate(self.task.gt_tool_calls)
        ]

    def _required(self) -> set[int]:
        """The gold calls that verification asks for although they change nothing."""
        task, gold = self.task, self.task.gt_tool_calls
        named = [_whole(task, call) for call in task.policy.required_calls]
        required = {value.call for value in self.expected}
        required |= {index for index, call in enumerate(gold) if any(same(_whole(task, call), one) for one in named)}
        if not required and same(plain(task.initial_state or {}), plain(self.gold.state)):
            required = set(range(len(gold)))
        return required

    def run(self, calls: Sequence[ToolCall]) -> Solution:
        """A solution; the gold calls that it begins with are not made again."""
        gold = self.task.gt_tool_calls
        kept = 0
        while kept < min(len(calls), len(gold)) and calls[kept] is gold[kept]:
            kept += 1
        world = self._befores[kept].fork()
        for call in calls[kept:]:
            world.call(call)
        return _solution(world)

    def score(self, ran: Solution, gold: Sequence[int | None]) -> Verdict:
        """The verdict on a solution whose answer says what its own calls answered.

        Args:
            ran: The solution.
            gold: For every call of it, the index of the gold call that it stands for.
        """
        answer = "; ".join(_said(self.value_at(ran.calls, gold, value), value.pointer) for value in self.expected)
        executed = Executed(ran.calls, ran.state, answer, answer_due=True)
        return score(self.task, executed, self.task.final_state, self.gold_run)

    def fate(self, variant: Variant) -> Fate:
        """What becomes of a changed solution.

        One that passes is equivalent where its end state is exactly the gold one (of a mere change of order: where it
        is the gold one by the task's policy) and it found the same answers.
        """
        ran = self.run(variant.calls)
        verdict = self.score(ran, variant.gold)
        if not verdict.passed:
            return "undecided" if verdict.cause == "judge" else "killed"
        same_end = variant.kind == "swapped" or same(plain(ran.state), plain(self.gold.state))
        return "equivalent" if same_end and self._finds_the_same(ran, variant.gold) else "survived"

    def _finds_the_same(self, ran: Solution, gold: Sequence[int | None]) -> bool:
        renaming = self.comparison.renaming(self.task.initial_state or {}, self.gold.state, ran.state)
        for value in self.expected:
            found = self.value_at(ran.calls, gold, value)
            found = renaming.get(found, found) if isinstance(found, str) else found
            if not close(found, value.value, value.tolerance):
                return False
        return True

    @staticmethod
    def value_at(calls: Sequence[tuple[ToolCall, Response]], gold: Sequence[int | None], value: AnswerValue) -> Json:
        """What a solution's own responses have where the gold ones have an expected value; None: nothing."""
        if value.call not in gold:
            return None
        try:
            return resolve(calls[gold.index(value.call)][1].data, value.pointer)
        except KeyError:
            return None


def plain(state: State) -> State:
    """A state without empty collections: one that is absent is empty."""
    return {name: records for name, records in state.items() if records != {}}


def _solution(world: World) -> Solution:
    return Solution([(exchange.call, exchange.response) for exchange in world.transcript], world.state)


def _whole(task: Task, call: ToolCall) -> Json:
    """A call with its defaults filled, as one value."""
    tool = task.tool(call.name)
    return [call.name, fill(tool, call) if tool is not None else call.arguments]


def _said(value: Json, pointer: str) -> str:
    """A value as an answer says it; a yes or no with what it is about."""
    if value is None:
        return ""
    if isinstance(value, bool):
        about = pointer_steps(pointer)[-1].replace("_", " ") if pointer else "it"
        return f"{about}: {'yes' if value else 'no'}"
    return value if isinstance(value, str) else orjson.dumps(value).decode()
