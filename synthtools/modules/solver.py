"""The solver: one turn, a whole plan at once, and the next step of a rollout."""

from collections.abc import Sequence
from typing import Any, cast

import dspy

from synthtools.errors import AnswerRefused
from synthtools.modules import drafts
from synthtools.modules.demos import STEPS
from synthtools.modules.role import Role
from synthtools.signatures import solver as ask
from synthtools.types.call import Response, ToolCall
from synthtools.types.record import Json, JsonObject, Record
from synthtools.types.tool import Tool
from synthtools.types.trajectory import Step


def agent_view(tool: Tool) -> JsonObject:
    """A tool as an agent sees it: name, description, parameters and usage."""
    view: JsonObject = {"name": tool.name, "description": tool.description}
    view["parameters"] = {
        name: _parameter_view(cast(JsonObject, schema))
        for name, schema in cast(JsonObject, tool.parameters_schema()["properties"]).items()
    }
    optional = [name for name, parameter in tool.parameters.items() if not parameter.required]
    if optional:
        view["optional"] = cast(Json, optional)
    if tool.usage:
        view["usage"] = tool.usage
    return view


def _parameter_view(schema: JsonObject) -> Json:
    """A parameter's schema, shortened to its description where that and the type say it all."""
    rest = {key for key in schema if key not in ("type", "description", "minLength", "maxLength")}
    if schema.get("type") == "string" and not rest and schema.get("description"):
        return schema["description"]
    return {key: value for key, value in schema.items() if key not in ("minLength", "maxLength")}


class TurnSolver(Role):
    """One turn (gen): request and conversation -> the call that does it."""

    signature = ask.SolveTurn
    max_tokens = 300

    async def aforward(
        self,
        *,
        tools: Sequence[Tool],
        conversation: Sequence[str],
        request: str,
        feedback: str = "",
        first_attempt: int = 0,
    ) -> ToolCall:
        """Chooses the tool call for a request."""

        def build(answer: dspy.Prediction) -> ToolCall:
            return call_of(cast(dict[str, Any], answer.call))

        return await self.ask(
            build,
            tools=[agent_view(tool) for tool in tools],
            conversation=list(conversation),
            request=request,
            feedback=feedback,
            first_attempt=first_attempt,
            answer_schema=drafts.call_schema(tools),
        )


class OneShotSolver(Role):
    """A whole plan at once (eval): request -> the list of calls, before any is run."""

    signature = ask.PlanSolution
    max_tokens = 800

    async def aforward(self, *, tools: Sequence[Tool], request: str, most: int) -> tuple[ToolCall, ...]:
        """Plans at most `most` calls for a request.

        The tools are shown in the order of their names, so that tasks of one environment begin alike: that order tells
        nothing of the solution either.
        """
        named = sorted(tools, key=lambda tool: tool.name)

        def build(answer: dspy.Prediction) -> tuple[ToolCall, ...]:
            return tuple(call_of(row) for row in cast(list[dict[str, Any]], answer.calls))

        return await self.ask(
            build,
            tools=[agent_view(tool) for tool in named],
            request=request,
            answer_schema=drafts.between(1, most, drafts.call_schema(named)),
        )


class AgentStep(Record):
    """The agent's next step: calls, or the final answer."""

    thought: str
    calls: tuple[ToolCall, ...] = ()
    answer: str | None = None


class AgentSolver(Role):
    """A rollout's next step (trajectory): request and past calls -> next calls, or the final answer."""

    signature = ask.NextStep
    demos = STEPS
    max_tokens = 500

    async def aforward(
        self,
        *,
        tools: Sequence[Tool],
        request: str,
        steps: Sequence[Step],
        parallel: int = 1,
        first_attempt: int = 0,
    ) -> AgentStep:
        """Chooses the next step of a rollout; at most `parallel` calls in one step.

        An agent that answers while it says itself that something is open is reminded of it once.

        Raises:
            AnswerRefused: the agent would only repeat calls that it has made.
        """
        done = [call for past in steps for call in past.calls]
        reminded: list[str] = []

        def build(answer: dspy.Prediction) -> AgentStep:
            step = cast(dict[str, Any], answer.step)
            if "answer" in step:
                if _names_open_parts(answer.open_parts) and not reminded:
                    reminded.append(answer.open_parts)
                    raise AnswerRefused(f"You say this is open: {answer.open_parts}. Call the tool that does it.")
                return AgentStep(thought=answer.open_parts, answer=step["answer"])
            calls = tuple(call_of(row) for row in step["calls"])
            for call in calls:
                if call in done:
                    raise AnswerRefused(f"{call} is done already, see its answer. If nothing else is open, answer.")
            return AgentStep(thought=answer.open_parts, calls=calls)

        return await self.ask(
            build,
            tools=[agent_view(tool) for tool in tools],
            request=request,
            calls_so_far=[line for step in steps for line in made(step)],
            first_attempt=first_attempt,
            answer_schema=drafts.step_schema(tools, parallel),
        )


def _names_open_parts(said: str) -> bool:
    words = said.lower().split()
    return bool(words) and words[0].isalpha() and words[0] not in ("nothing", "none", "no")


def made(step: Step) -> list[Json]:
    """The calls of a step with their answers, as an agent sees them."""
    return [exchange(call, response) for call, response in zip(step.calls, step.responses, strict=True)]


def exchange(call: ToolCall, response: Response) -> JsonObject:
    """A call and its answer, as an agent sees them."""
    shown: Json = response.data if response.ok else response.shown()
    return {"tool": call.name, "arguments": call.arguments, "answer": shown}


def call_of(row: dict[str, Any]) -> ToolCall:
    """The call in an answer, without the optional arguments that were left null."""
    arguments = {name: value for name, value in row["arguments"].items() if value is not None}
    return ToolCall(name=row["tool"], arguments=arguments)
