"""What every backend does alike; the embedded model takes part where its weights are here (`-m real_model`)."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dspy
import pytest

from synthtools.backends import build_lm, model, usage_meter
from synthtools.backends.probe import probe
from synthtools.backends.scripted_server import serve
from synthtools.backends.weights import locate
from synthtools.errors import TruncatedAnswer
from tests.backends.shared import ECHO, CallTool, NameTool

EMBEDDED = "qwen2.5-coder-1.5b"
EVERYTHING = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^PET-[0-9]{1,4}$"},
        "status": {"enum": ["open", "closed"]},
        "fixed": {"const": 7},
        "count": {"type": "integer", "minimum": 2, "maximum": 5},
        "when": {"type": "string", "format": "date-time"},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 12}, "minItems": 1, "maxItems": 2},
        "owner": {
            "anyOf": [
                {"type": "null"},
                {"type": "object", "properties": {"name": {"type": "string", "maxLength": 20}}, "required": ["name"]},
            ]
        },
    },
    "required": ["id", "status", "fixed", "count", "when", "tags", "owner"],
}


@contextmanager
def backend(kind: str, **settings: Any) -> Iterator[dspy.LM]:
    if kind == "scripted":
        with model("scripted/echo", **settings) as lm:
            yield lm
    elif kind == "embedded":
        if locate(EMBEDDED) is None:
            pytest.skip(f"the weights are not in the cache: synthtools models pull {EMBEDDED}")
        with model(f"embedded/{EMBEDDED}", **settings) as lm:
            yield lm
    else:
        with serve(ECHO) as server, model(f"{kind}/scripted", api_base=server.url, **settings) as lm:
            yield lm


@pytest.fixture(params=["scripted", "openai", "hosted_vllm", pytest.param("embedded", marks=pytest.mark.real_model)])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


async def test_a_typed_answer_comes_back(kind: str):
    with backend(kind, max_tokens=80):
        answer = await dspy.Predict(NameTool).acall(field="veterinary clinics")
    assert answer.kind in ("read", "write")
    assert 0 < len(answer.name) < 40


def test_calling_without_await_gives_the_same(kind: str):
    with backend(kind, max_tokens=80):
        answer = dspy.Predict(NameTool)(field="libraries")
    assert answer.kind in ("read", "write")


async def test_every_schema_feature_we_emit_binds_the_answer(kind: str):
    with backend(kind, max_tokens=200):
        answer = await dspy.Predict(CallTool).acall(tool="FindPet: finds a pet", answer_schema=EVERYTHING)
    found = answer.arguments
    assert re.fullmatch(r"PET-[0-9]{1,4}", found["id"])
    assert found["status"] in ("open", "closed")
    assert found["fixed"] == 7
    assert 2 <= found["count"] <= 5
    assert 1 <= len(found["tags"]) <= 2
    assert found["owner"] is None or set(found["owner"]) == {"name"}


async def test_usage_is_counted(kind: str):
    with backend(kind, max_tokens=80), usage_meter() as meter:
        await dspy.Predict(NameTool).acall(field="libraries")
    assert meter.usage.calls == 1
    assert meter.usage.prompt_tokens > 10
    assert meter.usage.completion_tokens > 3


async def test_a_cut_answer_is_an_error_of_its_own(kind: str):
    with backend(kind), pytest.raises(TruncatedAnswer):
        await dspy.Predict(NameTool).acall(field="libraries", config={"max_tokens": 2})


async def test_the_same_seed_gives_the_same_answer(kind: str):
    with backend(kind, max_tokens=80):
        predict = dspy.Predict(NameTool)
        first = await predict.acall(field="libraries", config={"seed": 5})
        again = await predict.acall(field="libraries", config={"seed": 5})
    assert first.toDict() == again.toDict()


async def test_unicode_survives(kind: str):
    schema = {"type": "object", "properties": {"text": {"enum": ["naïve ☃ 日本"]}}, "required": ["text"]}
    with backend(kind, max_tokens=80):
        answer = await dspy.Predict(CallTool).acall(tool="日本 ☃", answer_schema=schema)
    assert answer.arguments == {"text": "naïve ☃ 日本"}


async def test_a_cancelled_call_ends_and_the_next_one_works(kind: str):
    with backend(kind, max_tokens=80):
        predict = dspy.Predict(NameTool)
        call = asyncio.create_task(predict.acall(field="libraries"))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await predict.acall(field="libraries")).kind in ("read", "write")


def test_one_model_serves_several_event_loops(kind: str):
    with backend(kind, max_tokens=80):
        predict = dspy.Predict(NameTool)
        kinds = {asyncio.run(predict.acall(field="libraries")).kind for _ in range(2)}
    assert kinds <= {"read", "write"}


async def test_the_probe_sees_that_answers_are_bound_by_the_schema(kind: str):
    with backend(kind) as lm:
        report = await probe(lm, calls=2)
    assert report.structured
    assert report.usage.calls == 2


def test_a_saved_model_is_built_again_from_its_state():
    lm = build_lm("scripted/echo", temperature=0.7, seed=3)
    state = lm.dump_state()
    loaded = dspy.LM.load_state(state, allow_custom_lm_class=True)
    assert loaded.kwargs == lm.kwargs
    assert loaded.dump_state() == state
    assert loaded("hello") == lm("hello")
