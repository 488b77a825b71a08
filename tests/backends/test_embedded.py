"""The embedded engine on real weights: SmolLM2-135M suffices for how it behaves (`-m real_model`)."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import dspy
import pytest
from pydantic import Field

from synthtools.backends import embedded, model, usage_meter
from synthtools.backends.weights import locate, pull
from synthtools.errors import ContextTooSmall, DataError, ModelError, ProviderError
from tests.backends.shared import CallTool, NameTool

SMALL = "smollm2-135m"
pytestmark = pytest.mark.real_model


class Write(dspy.Signature):
    """Write a long story."""

    field: str = dspy.InputField()
    story: Annotated[str, Field(max_length=8000)] = dspy.OutputField()


@pytest.fixture(scope="module")
def weights() -> Path:
    """The small weights, fetched if they are not in the cache."""
    try:
        return locate(SMALL) or pull(SMALL)
    except ProviderError as error:
        pytest.skip(f"the weights cannot be fetched here: {error}")


@pytest.fixture
def small(weights: Path) -> Iterator[dspy.LM]:
    with model(f"embedded/{SMALL}", n_ctx=2048) as lm:
        yield lm


async def test_the_loop_runs_on_while_the_model_writes(small: dspy.LM):
    call = asyncio.create_task(dspy.Predict(Write).acall(field="a pond", config={"max_tokens": 200}))
    turns = 0
    while not call.done():
        await asyncio.wait({call}, timeout=0.001)
        turns += 1
    await asyncio.gather(call, return_exceptions=True)
    assert turns > 20


async def test_a_cancelled_answer_is_not_written_on(small: dspy.LM, monkeypatch: pytest.MonkeyPatch):
    begun: list[embedded.Generation] = []
    start = embedded.Generation.start
    monkeypatch.setattr(embedded.Generation, "start", lambda self: (begun.append(self), start(self)))
    lm = dspy.settings.lm
    calls = [asyncio.create_task(dspy.Predict(Write).acall(field=f"pond {i}")) for i in range(3)]
    while not (begun and begun[0].tokens):
        await asyncio.wait(calls, timeout=0.01)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert len(await asyncio.to_thread(lm, "Say hi.", max_tokens=3)) == 1
    assert 0 < begun[0].tokens < 50
    assert [later.tokens for later in begun[1:3]] == [0, 0]


async def test_calls_in_parallel_each_get_their_own_answer(small: dspy.LM):
    schemas = [{"type": "object", "properties": {"n": {"const": i}}, "required": ["n"]} for i in range(6)]
    predict = dspy.Predict(CallTool)
    answers = await asyncio.gather(*(predict.acall(tool="Count", answer_schema=schema) for schema in schemas))
    assert [answer.arguments["n"] for answer in answers] == list(range(6))


async def test_a_repeated_beginning_is_taken_from_the_prompt_cache(small: dspy.LM):
    predict = dspy.Predict(NameTool)
    await predict.acall(field="libraries", config={"max_tokens": 60})
    with usage_meter() as meter:
        await predict.acall(field="libraries and museums", config={"max_tokens": 60})
    assert meter.usage.cached_tokens > meter.usage.prompt_tokens / 2


async def test_a_prompt_beyond_the_context_is_refused_before_it_is_read(small: dspy.LM):
    with usage_meter() as meter, pytest.raises(ContextTooSmall, match="2048"):
        await dspy.Predict(NameTool).acall(field="word " * 4000)
    assert meter.usage.calls == 0


async def test_a_timeout_ends_the_generation(weights: Path):
    with model(f"embedded/{SMALL}", n_ctx=2048, timeout=0.01), pytest.raises(ProviderError, match=r"no answer within"):
        await dspy.Predict(Write).acall(field="a pond", config={"max_tokens": 1500})


def test_a_file_that_is_no_model_is_told(tmp_path: Path, weights: Path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"not a model")
    with model(f"embedded/{broken}"), pytest.raises((DataError, ModelError)):
        dspy.Predict(NameTool)(field="a")


def test_a_process_that_used_the_model_ends_cleanly(weights: Path):
    code = (
        "from synthtools.backends import model\n"
        f"with model('embedded/{weights}') as lm:\n"
        "    print(len(lm('Say hi.', max_tokens=2)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "1")


async def test_an_answer_that_fills_the_context_says_so(weights: Path):
    with model(f"embedded/{SMALL}", n_ctx=256), pytest.raises(ContextTooSmall, match="context of 256"):
        await dspy.Predict(Write).acall(field="a pond " * 30, config={"max_tokens": 1500, "temperature": 1.5})
