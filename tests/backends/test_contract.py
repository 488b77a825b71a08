"""What every backend does alike; the embedded model takes part where its weights are here (`-m real_model`).

Any other model takes part by SYNTHTOOLS_CONTRACT_MODEL and SYNTHTOOLS_CONTRACT_API_BASE (`contract.py`).
"""

import asyncio
import copy
import itertools
import threading
from dataclasses import replace
from typing import Any

import dspy
import jsonschema_rs
import pytest
from dspy.lm15 import (
    BuiltinTool,
    Config,
    FunctionTool,
    ImagePart,
    Message,
    Request,
    TextPart,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)

from synthtools.backends import usage_meter
from synthtools.backends.probe import probe
from synthtools.backends.scripted_server import Fault, serve
from synthtools.errors import ConfigError, ContextTooSmall, ModelError, ProviderError, TruncatedAnswer
from tests.backends.contract import BUSY, CONTRACT, MODELS, STAND_INS, Backend
from tests.backends.shared import CallTool, NameTool

FEATURES: dict[str, dict[str, Any]] = {
    "enum": {"enum": ["open", "closed"]},
    "enum of numbers": {"enum": [3, 5, 8]},
    "const": {"const": 7},
    "pattern": {"type": "string", "pattern": "^PET-[0-9]{1,4}$"},
    "length": {"type": "string", "minLength": 3, "maxLength": 9},
    "integer bounds": {"type": "integer", "minimum": 2, "maximum": 5},
    "number bounds": {"type": "number", "minimum": 0, "maximum": 1},
    "boolean or null": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
    "array bounds": {"type": "array", "items": {"type": "string", "maxLength": 12}, "minItems": 1, "maxItems": 2},
    "empty array": {"type": "array", "items": {"type": "null"}, "maxItems": 0},
    "nested": {
        "type": "object",
        "properties": {
            "owner": {"type": "object", "properties": {"name": {"enum": ["Ann", "Bo"]}}, "required": ["name"]},
            "pets": {"type": "array", "items": {"enum": ["cat", "dog"]}, "minItems": 1, "maxItems": 3},
        },
        "required": ["owner", "pets"],
    },
    "optional": {"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}}, "required": ["a"]},
    "anyOf": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"n": {"const": 1}}, "required": ["n"]}]},
    "oneOf calls": {
        "oneOf": [
            {
                "type": "object",
                "properties": {"name": {"const": name}, "id": {"type": "string", "pattern": "^[A-Z]-[0-9]$"}},
                "required": ["name", "id"],
            }
            for name in ("FindPet", "SellPet")
        ]
    },
    "date-time": {"type": "string", "format": "date-time"},
}


def chosen(*names: str) -> list[Any]:
    embedded = {"embedded": [pytest.mark.real_model]}
    return [pytest.param(name, marks=embedded.get(name, [])) for name in (*names, *MODELS)]


@pytest.fixture(params=chosen(*STAND_INS))
def backend(request: pytest.FixtureRequest) -> Backend:
    return {**STAND_INS, **MODELS}[request.param]()


@pytest.fixture(params=chosen("scripted"))
def decoder(request: pytest.FixtureRequest) -> Backend:
    """What writes answers under a schema: the servers of the stand-in share one with the stand-in in process."""
    return {**STAND_INS, **MODELS}[request.param]()


async def ask(field: str = "libraries", **config: Any) -> dspy.Prediction:
    return await dspy.Predict(NameTool).acall(field=field, config=config)


async def test_a_typed_answer_comes_back(backend: Backend):
    with backend.lm(max_tokens=80):
        answer = await ask("veterinary clinics")
    assert answer.kind in ("read", "write")
    assert 0 < len(answer.name) <= 40


def test_calling_without_await_gives_the_same(backend: Backend):
    with backend.lm(max_tokens=80):
        answer = dspy.Predict(NameTool)(field="libraries")
    assert answer.kind in ("read", "write")


@pytest.mark.parametrize("feature", FEATURES)
async def test_every_schema_feature_we_emit_binds_the_answer(decoder: Backend, feature: str):
    schema = {"type": "object", "properties": {"value": FEATURES[feature]}, "required": ["value"]}
    with decoder.lm(max_tokens=200):
        answer = await dspy.Predict(CallTool).acall(tool="FindPet: finds a pet", answer_schema=schema)
    jsonschema_rs.validate(schema, answer.arguments)


async def test_all_features_together_bind_the_answer(backend: Backend):
    properties = {name.replace(" ", "_"): schema for name, schema in FEATURES.items()}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    with backend.lm(max_tokens=600):
        answer = await dspy.Predict(CallTool).acall(tool="FindPet: finds a pet", answer_schema=schema)
    jsonschema_rs.validate(schema, answer.arguments)


async def test_a_schema_that_the_prompt_does_not_mention_binds_the_answer(backend: Backend):
    backend.needs("structured")
    with backend.lm() as lm:
        report = await probe(lm, calls=2)
    assert report.structured
    assert report.usage.calls == 2


async def test_a_backend_without_schemas_is_told_them(backend: Backend):
    with serve(CONTRACT) as server, backend.on(server, max_tokens=80):
        await ask()
    (body,) = server.requests
    assert ("response_format" in body) is ("structured" in backend.can)
    assert ("maxLength" in str(body["messages"])) is ("structured" not in backend.can)


async def test_usage_is_counted(backend: Backend):
    with backend.lm(max_tokens=80), usage_meter() as meter:
        await ask()
    assert meter.usage.calls == 1
    assert meter.usage.prompt_tokens > 10
    assert meter.usage.completion_tokens > 3


async def test_cached_prompt_tokens_are_counted(backend: Backend):
    backend.needs("cached")
    with backend.lm(max_tokens=80), usage_meter() as meter:
        tool = "FindPet: finds a pet by its number. " * 20
        schema = {"type": "object", "properties": {"id": {"const": 7}}, "required": ["id"]}
        for seed in range(2):
            await dspy.Predict(CallTool).acall(tool=tool, answer_schema=schema, config={"seed": seed})
    assert 0 < meter.usage.cached_tokens < meter.usage.prompt_tokens


async def test_the_same_seed_gives_the_same_answer(backend: Backend):
    backend.needs("seed")
    with backend.lm(max_tokens=80):
        first, again = [await ask(seed=5) for _ in range(2)]
    assert first.toDict() == again.toDict()


async def test_several_answers_come_from_several_seeds(backend: Backend):
    with backend.lm(max_tokens=80, temperature=0.9), usage_meter() as meter:
        answer = await ask(n=3)
    assert len(answer.completions) == 3
    assert meter.usage.calls == 3


async def test_an_answer_stops_before_the_stop_word(backend: Backend):
    backend.needs("stop")
    with backend.lm() as lm:
        request = Request(
            model=lm.model,
            messages=(Message.user("Write the words: stand-in, no language model."),),
            config=Config(max_tokens=30, temperature=0.0, stop=(",",)),
        )
        response = await lm.acall(request)
    assert "," not in (response.message.text or "")


async def test_a_cut_answer_is_an_error_of_its_own(backend: Backend):
    with backend.lm(), pytest.raises(TruncatedAnswer):
        await ask(max_tokens=2)


async def test_an_answer_without_a_bound_is_as_long_as_it_has_to_be(backend: Backend):
    backend.needs("structured")
    words = " ".join(["north", "east", "south", "west"] * 20)
    schema = {"type": "object", "properties": {"text": {"enum": [words]}}, "required": ["text"]}
    with backend.lm():
        answer = await dspy.Predict(CallTool).acall(tool="Compass", answer_schema=schema)
    assert answer.arguments == {"text": words}


async def test_a_prompt_that_does_not_fit_is_an_error_of_its_own(backend: Backend):
    if not backend.context:
        pytest.skip(f"how much fits {backend.model} is not known")
    with backend.lm(max_tokens=40):
        with pytest.raises(ContextTooSmall) as raised:
            await ask("many different words in a row " * backend.context)
        assert (await ask()).kind in ("read", "write")
    assert len(str(raised.value).splitlines()) == 1


async def test_unicode_survives(backend: Backend):
    schema = {"type": "object", "properties": {"text": {"enum": ["naïve ☃ 日本 🦉"]}}, "required": ["text"]}
    with backend.lm(max_tokens=80):
        answer = await dspy.Predict(CallTool).acall(tool="日本 ☃ 🦉", answer_schema=schema)
    assert answer.arguments == {"text": "naïve ☃ 日本 🦉"}


BOOK = FunctionTool(
    name="BookRoom",
    description="Books a room of the hotel.",
    parameters={
        "type": "object",
        "properties": {
            "guest": {"type": "string", "maxLength": 20},
            "nights": {"type": "integer", "minimum": 1, "maximum": 9},
            "breakfast": {"type": "boolean"},
        },
        "required": ["guest", "nights", "breakfast"],
    },
)
CANCEL = FunctionTool(name="CancelRoom", parameters={"type": "object", "properties": {"guest": {"type": "string"}}})
WISH = Message.user("Book a room with breakfast for Ann, for 2 nights.")


def with_tools(lm: dspy.LM, *messages: Message, **config: Any) -> Request:
    """A request that offers two tools; `config`: the choice among them and the sampling."""
    return Request(model=lm.model, messages=messages, tools=(BOOK, CANCEL), config=Config(max_tokens=200, **config))


async def called(lm: dspy.LM, *messages: Message) -> Message:
    """A message in which the model calls a tool that it has to."""
    response = await lm.acall(with_tools(lm, *messages, tool_choice=ToolChoice(mode="required", allowed=("BookRoom",))))
    return response.message


async def test_an_offered_tool_is_called_with_typed_arguments(backend: Backend):
    backend.needs("tools")
    with backend.lm() as lm:
        (call,) = (part for part in (await called(lm, WISH)).parts if part.type == "tool_call")
    assert (call.name, bool(call.id)) == ("BookRoom", True)
    jsonschema_rs.validate(BOOK.parameters, call.input)


async def test_what_came_of_a_call_is_told_to_the_model(backend: Backend):
    backend.needs("tools")
    with backend.lm() as lm, usage_meter() as meter:
        message = await called(lm, WISH)
        calls = [part for part in message.parts if part.type == "tool_call"]
        result = Message(role="tool", parts=tuple(ToolResultPart(part.id, (TextPart("booked"),)) for part in calls))
        response = await lm.acall(with_tools(lm, WISH, message, result))
        refused = Message(role="tool", parts=(ToolResultPart(calls[0].id, (TextPart("no room"),), is_error=True),))
        await lm.acall(with_tools(lm, WISH, message, refused, tool_choice=ToolChoice(mode="none")))
    assert response.message.role == "assistant"
    assert meter.usage.calls == 3


async def test_a_backend_without_native_tools_says_so(backend: Backend):
    with backend.lm() as lm:
        assert lm.supports_function_calling == ("tools" in backend.can)
        if "tools" in backend.can:
            return
        told = "takes no native tools: ask for the calls as fields"
        with pytest.raises(Exception, match=told) as raised:
            await lm.acall(with_tools(lm, WISH))
        assert isinstance(raised.value.__cause__, ConfigError)
        call = Message(role="assistant", parts=(ToolCallPart("1", "BookRoom", {"guest": "Ann"}),))
        result = Message(role="tool", parts=(ToolResultPart("1", (TextPart("booked"),)),))
        with pytest.raises(Exception, match=told):
            await lm.acall(Request(model=lm.model, messages=(WISH, call, result)))


async def test_the_probabilities_of_what_was_decided_come_where_a_call_asks(backend: Backend):
    backend.needs("logprobs")
    with backend.lm(max_tokens=80, temperature=0.0):
        plain, answer = await ask(), await ask(logprobs=20)
    assert "probabilities" not in plain.toDict()
    assert (answer.name, answer.kind) == (plain.name, plain.kind)
    shares = answer.probabilities["kind"]
    assert set(shares) == {"read", "write"} and sum(shares.values()) == pytest.approx(1.0)
    assert all(0 <= share <= 1 for share in shares.values())


async def test_tokens_come_with_their_alternatives_where_a_call_asks(backend: Backend):
    backend.needs("logprobs")
    with backend.lm() as lm:
        request = Request(
            model=lm.model,
            messages=(Message.user("Name a bird."),),
            config=Config(max_tokens=20, temperature=0.0, logprobs=3),
        )
        response = await lm.acall(request)
        plain = await lm.acall(replace(request, config=replace(request.config, logprobs=None)))
    assert plain.logprobs is None
    assert response.logprobs and all(token.top and token.logprob <= 0 for token in response.logprobs)


async def test_a_backend_without_probabilities_says_so(backend: Backend):
    with backend.lm() as lm:
        assert ("logprobs" in lm.engine.supported_params) == ("logprobs" in backend.can)
        if "logprobs" not in backend.can:
            with pytest.raises(Exception, match="gives no probabilities of tokens"):
                await ask(logprobs=20)


async def test_what_cannot_be_sent_is_refused_and_not_dropped(backend: Backend):
    with backend.lm() as lm:
        picture = Message(role="user", parts=(ImagePart(url="http://127.0.0.1/cat.png"),))
        with pytest.raises(Exception, match="only text is sent"):
            await lm.acall(Request(model=lm.model, messages=(picture,)))
        request = Request(model=lm.model, messages=(WISH,), tools=(BuiltinTool("web_search"),))
        with pytest.raises(Exception, match="web_search is a provider's own tool"):
            await lm.acall(request)


async def test_a_cancelled_call_ends_and_the_next_one_works(backend: Backend):
    with backend.lm(max_tokens=80, concurrency=1):
        call = asyncio.create_task(ask())
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await ask()).kind in ("read", "write")


async def test_a_cancelled_call_breaks_its_connection_and_frees_its_place(backend: Backend):
    waits = itertools.chain([30.0], itertools.repeat(0.0))
    with serve(CONTRACT, latency=lambda: next(waits)) as server, backend.on(server, concurrency=1):
        call = asyncio.create_task(ask())
        await asyncio.to_thread(server.arrived.wait)
        waiting = asyncio.create_task(ask("museums"))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await asyncio.wait_for(waiting, 20)).kind in ("read", "write")
        await asyncio.to_thread(server.idle.wait)
        assert server.in_flight == 0


async def test_a_call_that_takes_too_long_is_given_up(backend: Backend):
    backend.needs("timeout")
    with (
        serve(CONTRACT, latency=30) as server,
        backend.on(server, timeout=0.1, retries=0) if "http" in backend.can else backend.lm(timeout=0.001, retries=0),
        pytest.raises(ProviderError, match=r"no answer within 0\.[01]+ s"),
    ):
        await ask("libraries " * 50)


async def test_many_calls_at_once_get_their_own_answers(backend: Backend):
    schemas = [
        {"type": "object", "properties": {"number": {"const": number}}, "required": ["number"]} for number in range(12)
    ]
    with backend.lm(max_tokens=40, concurrency=4), usage_meter() as meter:
        predict = dspy.Predict(CallTool)
        answers = await asyncio.gather(*(predict.acall(tool="T", answer_schema=schema) for schema in schemas))
    assert [answer.arguments["number"] for answer in answers] == list(range(12))
    assert meter.usage.calls == 12


def test_one_model_serves_several_event_loops(backend: Backend):
    with backend.lm(max_tokens=80):
        kinds = {asyncio.run(ask()).kind for _ in range(2)}
    assert kinds <= {"read", "write"}


def test_one_model_serves_several_threads_at_once(backend: Backend):
    kinds: list[str] = []
    with backend.lm(max_tokens=80) as lm:
        adapter = dspy.settings.adapter

        def work(waits: bool) -> None:
            with dspy.context(lm=lm, adapter=adapter):
                predict = dspy.Predict(NameTool)
                answer = asyncio.run(predict.acall(field="a")) if waits else predict(field="a")
                kinds.append(answer.kind)

        threads = [threading.Thread(target=work, args=(number % 2 == 0,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=120)
    assert len(kinds) == 4


async def test_a_copy_of_a_program_shares_the_model(backend: Backend):
    with backend.lm(max_tokens=80) as lm:
        predict = dspy.Predict(NameTool)
        predict.lm = lm
        answer = await copy.deepcopy(predict).acall(field="libraries")
    assert answer.kind in ("read", "write")


def test_a_saved_model_is_built_again_from_its_state(backend: Backend):
    with backend.lm(temperature=0.7, seed=3, max_tokens=80) as lm:
        state = lm.dump_state()
        loaded = dspy.LM.load_state(state, allow_custom_lm_class=True)
        assert loaded.kwargs == lm.kwargs
        assert loaded.dump_state() == state
        with dspy.context(lm=loaded):
            assert dspy.Predict(NameTool)(field="libraries").kind in ("read", "write")


FAULTS = {
    "busy": BUSY,
    "error": Fault(status=500),
    "reset": Fault(reset=True),
    "half": Fault(half=True),
    "empty": Fault(body=""),
    "no JSON": Fault(body="<html>Bad gateway</html>"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failure_that_passes_costs_nothing_but_a_try(backend: Backend, fault: str):
    with (
        serve(CONTRACT, faults=lambda number: FAULTS[fault] if number == 0 else None) as server,
        backend.on(server, max_tokens=80),
    ):
        assert (await ask()).kind in ("read", "write")
    assert len(server.requests) == 2


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failure_that_stays_is_told_in_a_line(backend: Backend, fault: str):
    with (
        serve(CONTRACT, faults=lambda number: FAULTS[fault]) as server,
        backend.on(server, retries=1),
        pytest.raises(ProviderError, match=server.url) as raised,
    ):
        await ask()
    assert type(raised.value) is ProviderError
    assert len(str(raised.value).splitlines()) == 1
    assert len(server.requests) == 2


async def test_two_hundred_failing_and_hanging_calls_leave_nothing_in_flight(backend: Backend):
    begun, all_hang = itertools.count(1), threading.Event()

    def hang() -> float:
        if next(begun) == 100:
            all_hang.set()
        return 30.0

    faults = [Fault(reset=True), Fault(half=True), Fault(status=500), Fault(status=401)]
    with serve(CONTRACT, faults=lambda number: faults[number % 4]) as failing, backend.on(failing, retries=0):
        results = await asyncio.gather(*(ask(f"{number}") for number in range(100)), return_exceptions=True)
    assert all(isinstance(result, ModelError) for result in results)
    with serve(CONTRACT, latency=hang) as hanging, backend.on(hanging):
        calls = [asyncio.create_task(ask(f"{number}")) for number in range(100)]
        await asyncio.to_thread(all_hang.wait)
        for call in calls:
            call.cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        await asyncio.to_thread(hanging.idle.wait)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    left = {task for task in asyncio.all_tasks() if "litellm" not in repr(task)} - {asyncio.current_task()}
    assert not left
