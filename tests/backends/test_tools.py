"""Native tools: what goes on the wire, what answers are refused, and an agent of DSPy's on a model of ours."""

import importlib.util
from typing import Any

import dspy
import orjson
import pytest
from dspy.lm15 import Config, FunctionTool, Message, Request, TextPart, ToolCallPart, ToolChoice, ToolResultPart

from synthtools.backends import build_lm, model, register_backend, registry, scope
from synthtools.backends.registry import fallback_line
from synthtools.backends.scripted import Script, ScriptedTransport
from synthtools.backends.scripted_server import Fault, serve
from synthtools.backends.spec import ModelSpec
from synthtools.errors import ConfigError, ParseError, ProviderError, TruncatedAnswer
from synthtools.types.record import JsonObject
from tests.backends.shared import Packed
from tests.backends.test_fallback import Entries

PARAMETERS: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FIND = FunctionTool("Find", "Finds.", PARAMETERS)
SELL = FunctionTool("Sell", None, PARAMETERS)
CLIENTS = pytest.mark.parametrize("client", ["direct", "openai", "hosted_vllm"])


def request(lm: dspy.LM, *messages: Message, **config: Any) -> Request:
    said = messages or (Message.user("go"),)
    return Request(model=lm.model, messages=said, tools=(FIND, SELL), config=Config(**config))


def answer(*calls: Any, finish: str = "tool_calls") -> Fault:
    choice = {"message": {"role": "assistant", "content": None, "tool_calls": list(calls)}, "finish_reason": finish}
    return Fault(body=orjson.dumps({"model": "m", "choices": [{"index": 0, **choice}], "usage": {}}).decode())


def call(name: object = "Find", arguments: object = '{"city":"Rome"}', id: object = "c1") -> JsonObject:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}  # pyright: ignore


@CLIENTS
async def test_tools_calls_and_results_are_sent_as_servers_take_them(client: str):
    made = Message(role="assistant", parts=(ToolCallPart("c1", "Find", {"city": "Rome"}),))
    results = (ToolResultPart("c1", (TextPart("sunny"),)), ToolResultPart("c2", (TextPart("gone"),), is_error=True))
    with serve(Script()) as server, model(f"{client}/x", api_base=server.url) as lm:
        choice = ToolChoice(mode="required", allowed=("Sell",), parallel=False)
        await lm.acall(request(lm, Message.user("go"), made, Message(role="tool", parts=results), tool_choice=choice))
        await lm.acall(request(lm, tool_choice=ToolChoice(mode="auto", allowed=("Find",))))
        await lm.acall(request(lm, tool_choice=ToolChoice(mode="none")))
        first, second, third = server.requests
    sell = {"type": "function", "function": {"name": "Sell", "parameters": PARAMETERS}}
    find = {"type": "function", "function": {"name": "Find", "description": "Finds.", "parameters": PARAMETERS}}
    assert first["tools"] == [sell]
    assert first["tool_choice"] == {"type": "function", "function": {"name": "Sell"}}
    assert first["parallel_tool_calls"] is False
    _, asked, *told = first["messages"]  # pyright: ignore
    assert asked["tool_calls"] == [call()]
    assert [(one["role"], one["tool_call_id"], one["content"]) for one in told] == [
        ("tool", "c1", "sunny"),
        ("tool", "c2", "error: gone"),
    ]
    assert (second["tools"], second["tool_choice"]) == ([find], "auto")
    assert (third["tools"], third["tool_choice"]) == ([find, sell], "none")


@CLIENTS
async def test_calls_of_an_answer_are_read_with_their_arguments(client: str):
    answers = answer(call(arguments='{"city": "Rome", "days": 3}'), call("Sell", "", id="c2"))
    with serve(faults=lambda number: answers) as server, model(f"{client}/x", api_base=server.url) as lm:
        response = await lm.acall(request(lm))
    calls = [part for part in response.message.parts if part.type == "tool_call"]
    assert [(one.id, one.name, one.input) for one in calls] == [
        ("c1", "Find", {"city": "Rome", "days": 3}),
        ("c2", "Sell", {}),
    ]
    assert response.finish_reason == "tool_call"


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        (answer(call(arguments='{"city": ')), ParseError, "the arguments of Find are not JSON"),
        (answer(call(arguments="[1]")), ParseError, "the arguments of Find are no JSON object"),
        (answer(call(arguments='{"city": NaN}')), ParseError, "the arguments of Find are not JSON"),
        (answer(call(name="")), ParseError, "calls a tool without saying which"),
        (answer(call(arguments='{"city": '), finish="length"), TruncatedAnswer, "was cut"),
    ],
)
async def test_calls_that_are_none_are_answers_thrown_away(fault: Fault, error: type[ParseError], said: str):
    ledger = Entries()
    with serve(faults=lambda number: fault) as server, model("direct/x", api_base=server.url) as lm:
        with scope(ledger=ledger), pytest.raises(Exception, match=said) as raised:
            await lm.acall(request(lm))
        assert type(raised.value.__cause__) is error
        assert len(server.requests) == 1
    assert ledger.told == [("direct/x", error.__name__)]


@pytest.mark.parametrize("odd", [None, "Find", 3, {}, {"function": None}, {"function": "Find"}])
async def test_what_is_no_call_is_left_out(odd: Any):
    fault = answer(odd, call(id=None, arguments={"city": "Rome"}))
    with serve(faults=lambda number: fault) as server, model("direct/x", api_base=server.url) as lm:
        response = await lm.acall(request(lm))
    (only,) = response.message.parts
    assert (only.type, only.input) == ("tool_call", {"city": "Rome"})
    assert only.id


async def test_a_call_of_tools_is_journalled_and_replayed():
    with serve(Script()) as server, model("direct/x", api_base=server.url) as lm, scope(journal=Packed()):
        first, again = [await lm.acall(request(lm)) for _ in range(2)]
        assert len(server.requests) == 1
    assert first.message == again.message
    assert first.message.parts[0].type == "tool_call"


def search(city: str, days: int) -> str:
    """The weather of a city."""
    return f"{days} sunny days in {city}"


@CLIENTS
async def test_an_agent_of_dspy_runs_on_a_model_of_ours(client: str):
    agent = dspy.ReActV2("question -> answer: int", tools=[search], max_iters=3)
    with (
        serve(Script()) as server,
        model(f"{client}/x", api_base=server.url, seed=2),
        dspy.context(adapter=dspy.ChatAdapter(use_native_function_calling=True)),
    ):
        answered = await agent.acall(question="How is the weather?")
    assert isinstance(answered.answer, int)
    names = [tool["function"]["name"] for tool in server.requests[0]["tools"]]  # pyright: ignore
    assert names == ["search", "submit"]


def test_an_agent_without_await_makes_the_calls_that_the_model_asks_for():
    agent = dspy.ReActV2("question -> answer: int", tools=[search], max_iters=3)
    arguments = '{"city": "Rome", "days": 2}'
    with (
        serve(Script(), faults=lambda number: answer(call("search", arguments)) if number == 0 else None) as server,
        model("direct/x", api_base=server.url),
        dspy.context(adapter=dspy.ChatAdapter(use_native_function_calling=True)),
    ):
        agent(question="How is the weather?")
    results = [one for one in server.requests[1]["messages"] if one["role"] == "tool"]  # pyright: ignore
    assert [one["content"] for one in results] == ["2 sunny days in Rome"]  # pyright: ignore


async def test_a_fallback_without_tools_gets_no_call_with_tools(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))

    def plain(spec: ModelSpec) -> ScriptedTransport:
        transport = ScriptedTransport(spec.model_copy(update={"name": "scripted/schema"}))
        transport.native_tools = False
        return transport

    register_backend("plain", plain)
    with (
        serve(faults=lambda number: Fault(status=401)) as server,
        model("direct/x", api_base=server.url, fallback=build_lm("plain/x")) as lm,
    ):
        with pytest.raises(Exception, match="made to fail") as raised:
            await lm.acall(request(lm))
        assert type(raised.value.__cause__) is ProviderError
        assert fallback_line(lm) == ""


@pytest.mark.skipif(importlib.util.find_spec("mcp") is not None, reason="mcp is installed here")
async def test_what_litellm_lacks_for_tools_of_a_provider_is_told():
    with model("anthropic/x") as lm, pytest.raises(Exception, match=r"pip install 'synthtools\[mcp\]'") as raised:
        await lm.acall(request(lm))
    assert isinstance(raised.value.__cause__, ConfigError)
