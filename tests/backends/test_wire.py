"""What a real server on a real socket is sent, and what its failures become."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import dspy
import pytest

from synthtools.backends import model, scope
from synthtools.backends.scripted_server import Fault, ScriptedServer, serve
from synthtools.errors import (
    ContextTooSmall,
    ModelUnreachable,
    ParseError,
    ProviderError,
    SynthToolsError,
)
from tests.backends.shared import ECHO, CallTool, NameTool, Packed

PREFIXES = ["openai", "hosted_vllm", "direct"]


@pytest.fixture(params=PREFIXES)
def prefix(request: pytest.FixtureRequest) -> str:
    return request.param


def failing(*faults: Fault) -> Callable[[int], Fault | None]:
    """The first requests meet these faults, the rest are answered."""
    return lambda number: faults[number] if number < len(faults) else None


def always(fault: Fault) -> Callable[[int], Fault | None]:
    return lambda number: fault


async def test_what_is_configured_is_what_is_sent(prefix: str, server: ScriptedServer):
    settings: dict[str, Any] = {"temperature": 0.3, "top_p": 0.8, "seed": 11, "max_tokens": 77, "stop": ["###"]}
    with model(f"{prefix}/qwen", api_base=server.url, **settings):
        await dspy.Predict(NameTool).acall(field="libraries")
    body = server.requests[0]
    assert {key: body[key] for key in settings} == settings
    assert body["model"] == "qwen"
    shape = body["response_format"]
    assert shape["type"] == "json_schema"
    assert shape["json_schema"]["name"] == shape["json_schema"]["schema"]["title"] == "NameTool"
    assert shape["json_schema"]["strict"] is True
    assert shape["json_schema"]["schema"]["properties"]["name"] == {"type": "string", "maxLength": 40}


async def test_a_calls_own_config_goes_before_the_models(prefix: str, server: ScriptedServer):
    with model(f"{prefix}/qwen", api_base=server.url, temperature=0.3, seed=11):
        config = {"seed": 12, "temperature": 0.9, "max_tokens": 50}
        answer = await dspy.Predict(NameTool).acall(field="libraries", config=config)
    assert {key: server.requests[0][key] for key in config} == config
    assert answer.name == "libraries 12"


async def test_settings_of_none_are_not_sent(server: ScriptedServer):
    with model("openai/qwen", api_base=server.url, temperature=None, top_p=None, seed=None):
        await dspy.Predict(NameTool).acall(field="libraries")
    assert not {"temperature", "top_p", "seed", "max_tokens"} & set(server.requests[0])


async def test_a_bound_schema_reaches_the_wire_and_its_input_does_not(prefix: str, server: ScriptedServer):
    schema = {"type": "object", "properties": {"secret_key_9": {"type": "string", "maxLength": 9}}}
    with model(f"{prefix}/qwen", api_base=server.url):
        await dspy.Predict(CallTool).acall(tool="T", answer_schema=schema)
    body = server.requests[0]
    sent = body["response_format"]["json_schema"]["schema"]["properties"]["arguments"]
    assert sent == {**schema, "additionalProperties": False}
    assert "secret_key_9" not in str(body["messages"])
    assert body["response_format"]["json_schema"]["strict"] is False  # an optional key is not OpenAI's strict mode


async def test_the_system_message_is_the_same_for_all_calls_of_a_signature(server: ScriptedServer):
    with model("openai/qwen", api_base=server.url):
        predict = dspy.Predict(NameTool)
        await asyncio.gather(*(predict.acall(field=f"field {i}") for i in range(3)))
    assert len({body["messages"][0]["content"] for body in server.requests}) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429, retry_after=0.01),
        Fault(status=500),
        Fault(status=503),
        Fault(reset=True),
    ],
    ids=["busy", "error", "unavailable", "reset"],
)
async def test_what_may_pass_is_tried_again(prefix: str, fault: Fault):
    with serve(ECHO, faults=failing(fault)) as server, model(f"{prefix}/qwen", api_base=server.url):
        answer = await dspy.Predict(NameTool).acall(field="libraries")
    assert answer.name == "libraries 0"
    assert len(server.requests) == 2


@pytest.mark.parametrize("fault", [Fault(status=429), Fault(status=500), Fault(reset=True)])
async def test_retries_are_bounded(prefix: str, fault: Fault):
    with (
        serve(ECHO, faults=always(fault)) as server,
        model(f"{prefix}/qwen", api_base=server.url, retries=1),
        pytest.raises(ProviderError),
    ):
        await dspy.Predict(NameTool).acall(field="libraries")
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=401, message="bad key", kind="invalid_api_key"), ProviderError),
        (Fault(status=400, message="bad schema", kind="invalid_request_error"), ProviderError),
        (Fault(status=404, message="The model `qwen` does not exist.", kind="NotFoundError"), ModelUnreachable),
        (
            Fault(
                status=400,
                message="This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
                kind="BadRequestError",
            ),
            ContextTooSmall,
        ),
    ],
)
async def test_what_will_not_pass_is_told_at_once(prefix: str, fault: Fault, error: type[SynthToolsError]):
    with (
        serve(ECHO, faults=always(fault)) as server,
        model(f"{prefix}/qwen", api_base=server.url),
        pytest.raises(error) as raised,
    ):
        await dspy.Predict(NameTool).acall(field="libraries")
    assert len(server.requests) == 1
    assert type(raised.value) is error
    assert len(str(raised.value).splitlines()) == 1


async def test_a_key_that_the_server_repeats_is_not_told(prefix: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(f"{prefix.upper()}_API_KEY", "sk-hush-hush")
    refused = Fault(status=401, message="Incorrect API key provided: sk-hush-hush", kind="invalid_api_key")
    with (
        serve(ECHO, faults=always(refused)) as server,
        model(f"{prefix}/qwen", api_base=server.url),
        pytest.raises(ProviderError, match=r"Incorrect API key provided: \*\*\*") as raised,
    ):
        await dspy.Predict(NameTool).acall(field="libraries")
    assert "hush" not in str(raised.value)


def test_a_refused_connection_is_an_unreachable_model(prefix: str):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, never listening: connections are refused
        address = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
        with model(f"{prefix}/qwen", api_base=address, retries=1):
            with pytest.raises(ModelUnreachable, match=address):
                asyncio.run(dspy.Predict(NameTool).acall(field="libraries"))
            with pytest.raises(ModelUnreachable):
                dspy.Predict(NameTool)(field="libraries")


async def test_a_silent_server_times_out(prefix: str):
    with (
        serve(ECHO, latency=30) as server,
        model(f"{prefix}/qwen", api_base=server.url, timeout=0.1, retries=0),
        pytest.raises(ProviderError, match=r"no answer within 0.1 s"),
    ):
        await dspy.Predict(NameTool).acall(field="libraries")


async def test_an_answer_that_is_not_of_the_schema_is_not_repaired(prefix: str):
    broken = Fault(text='{"name": "x", "kind": "read",}')
    with (
        serve(ECHO, faults=always(broken)) as server,
        model(f"{prefix}/qwen", api_base=server.url),
        pytest.raises(ParseError),
    ):
        await dspy.Predict(NameTool).acall(field="libraries")
    assert len(server.requests) == 1


async def test_half_a_character_is_a_malformed_answer_and_no_crash():
    choice = r'{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"half \ud83d"}}'
    half = Fault(body=f'{{"id":"1","model":"qwen","choices":[{choice}]}}')
    with (
        serve(ECHO, faults=always(half)) as server,
        model("hosted_vllm/qwen", api_base=server.url),
        scope(journal=Packed()),
        pytest.raises(ParseError, match="not JSON"),
    ):
        await dspy.Predict(NameTool).acall(field="libraries")


async def test_a_hundred_calls_are_in_flight_at_once(prefix: str):
    with serve(ECHO, latency=0.5) as server, model(f"{prefix}/qwen", api_base=server.url):
        predict = dspy.Predict(NameTool)
        answers = await asyncio.gather(*(predict.acall(field=f"field {i}") for i in range(100)))
    assert [answer.name for answer in answers] == [f"field {i} 0" for i in range(100)]
    assert server.most_in_flight > 64


async def test_n_answers_have_n_seeds(server: ScriptedServer):
    with model("openai/qwen", api_base=server.url, seed=4, temperature=0.7):
        answer = await dspy.Predict(NameTool).acall(field="libraries", config={"n": 3})
    assert sorted(answer.completions.name) == ["libraries 4", "libraries 5", "libraries 6"]


async def test_cancelling_a_call_breaks_its_connection(prefix: str):
    with serve(ECHO, latency=30) as server, model(f"{prefix}/qwen", api_base=server.url):
        call = asyncio.create_task(dspy.Predict(NameTool).acall(field="libraries"))
        await asyncio.to_thread(server.arrived.wait)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.to_thread(server.idle.wait)
        assert server.in_flight == 0
