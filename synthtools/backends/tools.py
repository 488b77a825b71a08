"""Native tools on the wire: what a request offers, the calls that a model made, and what came of them.

The library's own roles ask for tool calls as JSON of a schema, which every backend can bind. This is for programs that
bring `dspy.Tool`s: a backend either takes them (`Transport.native_tools`) or the call is refused before it is sent.
"""

from typing import cast

import orjson
from dspy.lm15 import BuiltinTool, Message, Request, TextPart, ToolCallPart, ToolChoice, ToolResultPart

from synthtools.errors import ConfigError
from synthtools.types.record import Json, JsonObject

TOOL_KEYS = frozenset({"tools", "tool_choice", "parallel_tool_calls"})
"""What `offered` puts into a body."""


def offered(request: Request) -> JsonObject:
    """`tools`, `tool_choice` and `parallel_tool_calls` of a body, as far as the request has them.

    A choice among some tools is sent as those tools alone, since servers know only one or all.

    Raises: ConfigError for a provider's built-in tool.
    """
    choice = request.config.tool_choice
    if not request.tools:
        return {}
    entries: list[Json] = []
    for tool in request.tools:
        if isinstance(tool, BuiltinTool):
            raise ConfigError(f"{tool.name} is a provider's own tool; only tools with parameters of yours are sent")
        if choice is not None and choice.allowed and tool.name not in choice.allowed:
            continue
        function: JsonObject = {"name": tool.name, "parameters": tool.parameters}
        if tool.description:
            function["description"] = tool.description
        entries.append({"type": "function", "function": function})
    body: JsonObject = {"tools": entries}
    if choice is not None:
        body["tool_choice"] = _choice(choice)
        if choice.parallel is not None:
            body["parallel_tool_calls"] = choice.parallel
    return body


def _choice(choice: ToolChoice) -> Json:
    if choice.mode == "required" and len(choice.allowed) == 1:
        return {"type": "function", "function": {"name": choice.allowed[0]}}
    return choice.mode


def assistant_message(message: Message, text: str) -> JsonObject:
    """What a model said earlier, with the calls that it made. `text`: its words."""
    calls: list[Json] = [
        {
            "id": part.id,
            "type": "function",
            "function": {"name": part.name, "arguments": orjson.dumps(part.input).decode()},
        }
        for part in message.parts
        if isinstance(part, ToolCallPart)
    ]
    said: JsonObject = {"role": "assistant", "content": text}
    return {**said, "content": text or None, "tool_calls": calls} if calls else said


def result_messages(message: Message) -> list[JsonObject]:
    """A message for each result of a tool. Raises: ConfigError for one that is no text."""
    messages: list[JsonObject] = []
    for part in message.parts:
        if not isinstance(part, ToolResultPart) or not all(isinstance(one, TextPart) for one in part.content):
            raise ConfigError("the result of a tool is no text; only text is sent")
        text = "".join(cast(TextPart, one).text for one in part.content)
        content = f"error: {text}" if part.is_error else text
        messages.append({"role": "tool", "tool_call_id": part.id, "content": content})
    return messages


def has_tools(body: JsonObject) -> bool:
    """Whether a body offers tools, or tells of calls and results."""
    messages = cast("list[JsonObject]", body["messages"])
    return "tools" in body or any(message["role"] == "tool" or "tool_calls" in message for message in messages)


def kept_calls(message: JsonObject) -> list[Json]:
    """The function calls of an answer's message, each with an id, a name and arguments as text, whatever was sent."""
    calls = message.get("tool_calls")
    kept: list[Json] = []
    for number, call in enumerate(calls if isinstance(calls, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(call, dict) or not isinstance(function, dict):
            continue
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else orjson.dumps(arguments or {}).decode()
        named: JsonObject = {"name": str(function.get("name") or ""), "arguments": text}
        kept.append({"id": str(call.get("id") or f"call_{number}"), "type": "function", "function": named})
    return kept


def problem_of(calls: list[Json]) -> str | None:
    """What is wrong with calls: one has no name, or arguments that are no JSON object."""
    for call in calls:
        function = cast("dict[str, str]", cast(JsonObject, call)["function"])
        if not (name := function["name"]):
            return "the answer calls a tool without saying which"
        try:
            arguments: Json = orjson.loads(function["arguments"] or "{}")
        except orjson.JSONDecodeError as error:
            return f"the arguments of {name} are not JSON: {error}"
        if not isinstance(arguments, dict):
            return f"the arguments of {name} are no JSON object"
    return None
