"""The validator: writes test calls, and judges what a tool answered."""

from typing import Any, Literal, cast

import dspy

from synthtools.errors import AnswerRefused
from synthtools.modules import drafts
from synthtools.modules.role import Role
from synthtools.modules.simulator import records_view, tool_view
from synthtools.signatures import validator as ask
from synthtools.types.audit import TestCall
from synthtools.types.call import Response, ToolCall
from synthtools.types.record import Json
from synthtools.types.tool import Tool
from synthtools.types.verdict import SimulationVerdict
from synthtools.world.gate import check

_MOST_RECORDS = 8
"""Records of a collection that the writer of test calls is shown: enough to choose from, whatever the state's size."""


class TestCallWriter(Role):
    """Tool and records -> test calls of the rule or the happy mode."""

    __test__ = False  # pytest: a module, not a test class

    signature = ask.WriteTestCalls

    async def aforward(
        self, *, tool: Tool, records: Json, mode: Literal["rule", "happy"], count: int
    ) -> tuple[TestCall, ...]:
        """Writes `count` calls that pass the gate and that a right tool carries out (happy) or refuses (rule)."""

        def build(answer: dspy.Prediction) -> tuple[TestCall, ...]:
            tests = tuple(
                TestCall(
                    mode=mode,
                    call=ToolCall(name=tool.name, arguments=row["arguments"]),
                    should_succeed=mode == "happy",
                    expectation=row["expectation"],
                )
                for row in cast(list[dict[str, Any]], answer.calls)
            )
            for test in tests:
                found = check(tool, test.call)
                if not found.passed:
                    raise AnswerRefused(f"{test.call} is not valid in form: {found.error_message}")
            return tests

        item = drafts.closed({"expectation": drafts.text(120), "arguments": tool.parameters_schema()})
        return await self.ask(
            build,
            records=records_view(tool, _some(records)),
            tool=tool_view(tool),
            mode=mode,
            answer_schema=drafts.exactly(count, item),
        )


def _some(records: Json) -> Json:
    """The first records of every collection."""
    if not isinstance(records, dict):
        return records
    return {
        name: dict(list(kept.items())[:_MOST_RECORDS]) if isinstance(kept, dict) else kept
        for name, kept in records.items()
    }


class ResponseJudge(Role):
    """Tool, test call and outcome -> verdict."""

    signature = ask.JudgeResponse
    max_tokens = 200

    async def aforward(self, *, tool: Tool, records: Json, test: TestCall, response: Response) -> SimulationVerdict:
        """Judges what a tool answered to a test call."""

        def build(answer: dspy.Prediction) -> SimulationVerdict:
            return SimulationVerdict(verdict=answer.verdict, reason=answer.reason)

        wrong = "should_error_got_success" if response.ok else "should_success_got_error"
        return await self.ask(
            build,
            records=records_view(tool, records),
            tool=tool_view(tool),
            arguments=test.call.arguments,
            expectation=test.expectation,
            outcome=response.shown(),
            answer_schema=drafts.one_of(["correct", wrong, "inappropriate_response"]),
        )
