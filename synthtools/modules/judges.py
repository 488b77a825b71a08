"""The judges: asked only where code cannot decide."""

from collections.abc import Sequence
from typing import Any, Literal, cast
from zlib import crc32

import dspy

from synthtools.errors import AnswerRefused
from synthtools.modules import drafts
from synthtools.modules.generator import behaviour_text
from synthtools.modules.role import Role
from synthtools.modules.simulator import records_view
from synthtools.modules.solver import exchange
from synthtools.signatures import judges as ask
from synthtools.types.call import Response, ToolCall
from synthtools.types.tool import Tool
from synthtools.types.trajectory import Trajectory
from synthtools.types.verdict import Citation, SolutionVerdict, TrajectoryVerdict, TurnVerdict
from synthtools.world.agreement import Disagreement, Which


class TurnJudge(Role):
    """One turn (gen): the arguments whose source code could not find -> citations and a verdict."""

    signature = ask.JudgeTurn
    max_tokens = 400

    async def aforward(
        self,
        *,
        conversation: Sequence[str],
        request: str,
        expected: tuple[ToolCall, Response],
        actual: tuple[ToolCall, Response],
        in_question: Sequence[str],
    ) -> TurnVerdict:
        """Judges a turn.

        Args:
            conversation: What was asked before, and what came of it.
            request: This turn's request.
            expected: The evolver's call with its response.
            actual: The solver's call with its response.
            in_question: Parameters whose value code found neither in the request nor in an earlier answer.
        """
        sources = ["request", "response", "rule", "nowhere"]
        said = " ".join([*conversation, request]).lower()

        def build(answer: dspy.Prediction) -> TurnVerdict:
            citations = tuple(
                Citation(parameter=row["parameter"], source=row["source"], quote=row["quote"])
                for row in cast(list[dict[str, Any]], answer.citations)
            )
            for citation in citations:
                if citation.source in ("request", "response") and citation.quote.lower() not in said:
                    raise AnswerRefused(f"The quote for {citation.parameter} stands nowhere in the conversation.")
            grounded = all(citation.source != "nowhere" for citation in citations)
            return TurnVerdict(
                citations=citations, grounded=grounded, correct=bool(answer.correct), feedback=answer.reason
            )

        variants = [
            drafts.closed({"parameter": {"const": name}, "quote": drafts.text(80), "source": drafts.one_of(sources)})
            for name in in_question
        ]
        none_asked: dict[str, Any] = {"type": "array", "items": {"type": "null"}, "maxItems": 0}
        return await self.ask(
            build,
            conversation=list(conversation),
            request=request,
            expected_call=str(expected[0]),
            actual_call=str(actual[0]),
            expected_response=expected[1].shown(),
            actual_response=actual[1].shown(),
            answer_schema=drafts.exactly(len(variants), {"anyOf": list(variants)}) if variants else none_asked,
        )


class SolutionJudge(Role):
    """A solution whose effects differ from the gold one's (eval) -> whether it serves the person equally well."""

    signature = ask.JudgeSolution
    max_tokens = 200

    async def aforward(
        self,
        *,
        request: str,
        expected: Sequence[ToolCall],
        actual: Sequence[ToolCall],
        differences: Sequence[str],
    ) -> SolutionVerdict:
        """Judges a solution by what differs after it.

        Args:
            request: What the person asked for.
            expected: The gold calls.
            actual: The calls that succeeded.
            differences: How the records differ from those after the gold calls, as `Verdict.undecided` has it.
        """

        def build(answer: dspy.Prediction) -> SolutionVerdict:
            return SolutionVerdict(
                differences=tuple(differences), equivalent=bool(answer.equivalent), reason=answer.reason
            )

        return await self.ask(
            build,
            request=request,
            expected_calls=[str(call) for call in expected],
            actual_calls=[str(call) for call in actual],
            differences=list(differences),
        )


class DisagreementJudge(Role):
    """Two behaviours' outcomes of one call -> which is right."""

    signature = ask.JudgeDisagreement
    max_tokens = 200

    async def aforward(self, *, tool: Tool, now: str, case: Disagreement) -> Which | Literal["neither"]:
        """Judges a case in which two behaviours differ.

        Which of the two is shown first hangs on the case alone, so that a liking for a place favours neither writer.
        """
        turned = crc32(case.what.encode()) % 2 == 1
        shown = [case.shown("second"), case.shown("first")] if turned else [case.shown("first"), case.shown("second")]

        def build(answer: dspy.Prediction) -> Which | Literal["neither"]:
            right = cast(Which | Literal["neither"], answer.right)
            if turned and right != "neither":
                return "second" if right == "first" else "first"
            return right

        return await self.ask(
            build,
            tool=behaviour_text(tool),
            now=now,
            records=records_view(tool, case.before),
            arguments=case.arguments,
            first=shown[0],
            second=shown[1],
        )


class TrajectoryJudge(Role):
    """A whole rollout -> its alignment with the expected calls, and whether the goal was reached."""

    signature = ask.JudgeTrajectory
    max_tokens = 500

    async def aforward(
        self, *, request: str, expected: Sequence[ToolCall], trajectory: Trajectory
    ) -> TrajectoryVerdict:
        """Judges a rollout."""

        def build(answer: dspy.Prediction) -> TrajectoryVerdict:
            if answer.goal_reached and answer.missing_calls:
                raise AnswerRefused("The goal cannot be reached while calls are missing.")
            return TrajectoryVerdict(
                missing_calls=tuple(answer.missing_calls),
                extra_calls=tuple(answer.extra_calls),
                goal_reached=answer.goal_reached,
                reason=answer.reason,
            )

        return await self.ask(
            build,
            request=request,
            expected_calls=[str(call) for call in expected],
            actual_calls=[
                exchange(call, response)
                for step in trajectory.steps
                for call, response in zip(step.calls, step.responses, strict=True)
            ],
            final_answer=trajectory.answer or "",
        )
