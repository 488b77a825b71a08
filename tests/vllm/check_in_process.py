"""`vllm/PATH` on a real engine: what the contract suite cannot ask of a server."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import dspy
import psutil
import pytest
from pydantic import Field

from synthtools.backends import model, usage_meter, vllm
from synthtools.errors import ConfigError, ContextTooSmall, DataError, ProviderError
from tests.backends.shared import CallTool, NameTool

MODEL = os.environ["SYNTHTOOLS_VLLM_MODEL"]
SETTINGS: dict[str, Any] = {
    "dtype": "float32",
    "max_model_len": 2048,
    "enforce_eager": True,
    "block_size": 32,
    "kv_cache_memory_bytes": 1 << 28,
}
WRITES_ON = f"""
import sys
from synthtools.backends import model
with model('vllm/{MODEL}', **{SETTINGS!r}) as lm:
    lm('Say hi.', max_tokens=1)
    print('loaded', flush=True)
    if sys.argv[1:]:
        while True:
            lm('Write a long story.', max_tokens=1900)
"""


class Write(dspy.Signature):
    """Write a long story."""

    field: str = dspy.InputField()
    story: Annotated[str, Field(max_length=8000)] = dspy.OutputField()


@pytest.fixture
def lm() -> Iterator[dspy.LM]:
    with model(f"vllm/{MODEL}", max_tokens=100, **SETTINGS) as loaded:
        yield loaded


def engine(lm: dspy.LM) -> vllm._Engine:
    transport: Any = lm.engine.calls.transport
    return vllm._engine_for(transport._key)


def test_threads_and_event_loops_share_one_batch_and_each_call_gets_its_own_answer(lm: dspy.LM) -> None:
    found: dict[int, list[int]] = {}

    async def ask(numbers: range) -> list[int]:
        schemas = [{"type": "object", "properties": {"n": {"const": n}}, "required": ["n"]} for n in numbers]
        predict = dspy.Predict(CallTool)
        answers = await asyncio.gather(*(predict.acall(tool="Count", answer_schema=schema) for schema in schemas))
        return [answer.arguments["n"] for answer in answers]

    def work(first: int) -> None:
        with model(f"vllm/{MODEL}", max_tokens=100, **SETTINGS):
            found[first] = asyncio.run(ask(range(first, first + 6)))

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 24, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {first: list(range(first, first + 6)) for first in range(0, 24, 6)}


async def test_a_cancelled_call_leaves_the_batch_and_the_next_one_works(lm: dspy.LM) -> None:
    loaded = await asyncio.to_thread(engine, lm)
    calls = [asyncio.create_task(dspy.Predict(Write).acall(field=f"pond {i}", config={"max_tokens": 1800}))
             for i in range(3)]  # fmt: skip
    while len(loaded.calls) < 3:
        await asyncio.wait(calls, timeout=0.01)
    for call in calls:
        call.cancel()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert (await dspy.Predict(NameTool).acall(field="libraries")).kind in ("read", "write")
    assert not loaded.calls
    assert not loaded.native.has_unfinished_requests()


async def test_a_timeout_ends_the_call(lm: dspy.LM) -> None:
    with model(f"vllm/{MODEL}", timeout=0.05, **SETTINGS), pytest.raises(ProviderError, match="no answer within"):
        await dspy.Predict(Write).acall(field="a pond", config={"max_tokens": 1800})
    assert not engine(lm).calls


async def test_a_prompt_beyond_the_context_is_refused_before_it_is_read(lm: dspy.LM) -> None:
    with usage_meter() as meter, pytest.raises(ContextTooSmall, match="2048"):
        await dspy.Predict(NameTool).acall(field="word " * 4000)
    assert meter.usage.calls == 0


async def test_an_answer_that_fills_the_context_says_so(lm: dspy.LM) -> None:
    with pytest.raises(ContextTooSmall, match="context of 2048"):
        await dspy.Predict(Write).acall(field="word " * 1950, config={"max_tokens": 1500, "temperature": 1.5})


async def test_a_repeated_beginning_is_taken_from_the_prefix_cache(lm: dspy.LM) -> None:
    predict = dspy.Predict(NameTool)
    field = "libraries " * 60
    await predict.acall(field=field)
    with usage_meter() as meter:
        await predict.acall(field=field + "and museums")
    assert meter.usage.cached_tokens > meter.usage.prompt_tokens / 2


async def test_several_answers_to_one_question_come_with_seeds_of_their_own(lm: dspy.LM) -> None:
    answers = await dspy.Predict(NameTool).acall(field="libraries", config={"n": 3, "temperature": 1.5})
    assert len({str(name) for name in answers.completions.name}) > 1


def test_what_the_engine_does_not_take_is_refused_before_it_is_sent(lm: dspy.LM) -> None:
    with pytest.raises(ConfigError, match="best_of cannot be sent"):
        dspy.Predict(NameTool)(field="libraries", config={"best_of": 2})


def test_a_saved_model_is_the_same_engine_again(lm: dspy.LM) -> None:
    loaded = dspy.LM.load_state(lm.dump_state(), allow_custom_lm_class=True)
    assert engine(loaded) is engine(lm)


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with model(f"vllm/{tmp_path}", **SETTINGS), pytest.raises(DataError, match="vLLM cannot load it"):
        dspy.Predict(NameTool)(field="a")


async def test_an_engine_that_breaks_ends_its_calls_and_says_so_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with model(f"vllm/{MODEL}", **SETTINGS, max_num_seqs=2) as lm:
        loaded = await asyncio.to_thread(engine, lm)

        def breaks() -> None:
            raise RuntimeError("out of memory")

        monkeypatch.setattr(loaded.native, "step", breaks)
        calls = [dspy.Predict(NameTool).acall(field=f"pond {i}") for i in range(5)]
        for result in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(result, ProviderError)
        with pytest.raises(ProviderError, match="vLLM failed: out of memory"):
            await dspy.Predict(NameTool).acall(field="libraries")


def test_a_process_that_used_the_model_ends_cleanly_and_says_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", WRITES_ON], capture_output=True, text=True, timeout=180, check=False)
    assert (done.returncode, done.stdout) == (0, "loaded\n"), done.stderr


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_process_leaves_none_behind(how: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITES_ON, "on"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True,
        # A shell that runs the tests in the background ignores interrupts, and its children with it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stdout is not None
    with process:
        try:
            assert process.stdout.readline() == b"loaded\n"
            process.send_signal(how)
            assert process.wait(60) == -how
        finally:
            process.kill()
    assert not [other.pid for other in psutil.process_iter() if _session(other.pid) == process.pid]


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1
