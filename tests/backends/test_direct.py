"""The lean client: its connections, what it holds back, and what it makes of answers that are none."""

import asyncio
import gc
import itertools
import logging
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import dspy
import pytest
from aiohttp import web

from synthtools.backends import build_lm, direct, model, scope, sessions
from synthtools.backends.failures import retry_after
from synthtools.backends.scripted_server import Fault, ScriptedServer, serve
from synthtools.errors import ConfigError, ContextTooSmall, ModelUnreachable, ProviderError
from tests.backends.shared import ECHO, NameTool, Packed

pytestmark = pytest.mark.filterwarnings("error::ResourceWarning")


@pytest.fixture
def soon_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle connections are closed at once, not after seconds."""
    monkeypatch.setattr(sessions, "_IDLE_SECONDS", 0.02)


def sockets_to(server: ScriptedServer) -> int:
    """Connections that this process, which is also the server's, holds open with it; both ends count."""
    port = f":{int(server.url.rsplit(':', 1)[1].split('/')[0]):04X}"
    inodes = {
        fields[9]
        for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]
        if port in (fields := line.split())[1][-5:] + fields[2][-5:] and fields[3] == "01"
    }
    held: set[str] = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            held.add(os.readlink(descriptor))
        except FileNotFoundError:
            continue
    return sum(f"socket:[{inode}]" in held for inode in inodes)


async def ask(field: str = "libraries", **config: Any) -> str:
    return (await dspy.Predict(NameTool).acall(field=field, config=config)).name


async def until_closed(server: ScriptedServer) -> None:
    for _ in range(2000):
        gc.collect()
        if not sockets_to(server):
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"{sockets_to(server)} sockets are left")


def test_no_model_library_is_imported(server: ScriptedServer):
    code = (
        "import sys, asyncio, dspy; from synthtools.backends import build_lm\n"
        f"lm = build_lm('direct/qwen', api_base={server.url!r})\n"
        "print(lm('hello')); print(asyncio.run(lm.acall('hello')))\n"
        "print([name for name in ('litellm', 'openai', 'httpx') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.splitlines()[-1] in ("[]", "['httpx']")
    assert "Unclosed" not in out.stderr
    assert "unclosed" not in out.stderr
    assert len(server.requests) == 2


def test_a_loop_that_ends_takes_its_connections_with_it(server: ScriptedServer, caplog: pytest.LogCaptureFixture):
    async def some() -> None:
        await asyncio.gather(*(ask(f"{number}") for number in range(5)))
        assert sockets_to(server) == 10

    with model("direct/qwen", api_base=server.url):
        for _ in range(3):
            asyncio.run(some())
            asyncio.run(until_closed(server))
    assert not caplog.records


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # asyncio's own, of loops left so
def test_a_loop_that_is_closed_without_a_word_leaves_nothing_either(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
):
    with model("direct/qwen", api_base=server.url):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(ask())
        loop.close()
        del loop
        asyncio.run(ask())
        asyncio.run(until_closed(server))
    assert not caplog.records


async def test_a_model_that_is_dropped_takes_its_connections_with_it(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture, soon_idle: None
):
    with model("direct/qwen", api_base=server.url):
        await ask()
        assert sockets_to(server) == 2
    await until_closed(server)
    assert not caplog.records


def test_calls_without_await_share_one_loop_and_its_connections(server: ScriptedServer):
    before = threading.active_count()
    with model("direct/qwen", api_base=server.url):
        for number in range(4):
            assert dspy.Predict(NameTool)(field=f"{number}").name == f"{number} 0"
        assert sockets_to(server) == 2
    assert threading.active_count() <= before + 1


async def test_connections_are_used_again(server: ScriptedServer):
    with model("direct/qwen", api_base=server.url):
        for _ in range(5):
            await ask()
        assert sockets_to(server) == 2


async def test_failing_and_hanging_calls_leave_no_socket_and_no_task(caplog: pytest.LogCaptureFixture, soon_idle: None):
    faults = [Fault(reset=True), Fault(half=True), Fault(body="<html>"), Fault(status=500), Fault(status=401)]
    hanging_calls = itertools.count(1)
    all_hang = threading.Event()

    def hang() -> float:
        if next(hanging_calls) == 100:
            all_hang.set()
        return 30.0

    with (
        serve(ECHO, faults=lambda number: faults[number % len(faults)]) as failing,
        serve(ECHO, latency=hang) as hanging,
    ):
        with model("direct/qwen", api_base=failing.url, retries=0):
            results = await asyncio.gather(*(ask(f"{number}") for number in range(100)), return_exceptions=True)
        assert all(isinstance(result, ProviderError) for result in results)
        with model("direct/qwen", api_base=hanging.url):
            calls = [asyncio.create_task(ask(f"{number}")) for number in range(100)]
            await asyncio.to_thread(all_hang.wait)
            for call in calls:
                call.cancel()
            results = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)
        del calls, results, call
        await until_closed(failing)
        await until_closed(hanging)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not caplog.records


def seen(headers: dict[str, str], status: int = 200) -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        headers.update(request.headers)
        if status != 200:
            return web.Response(status=status, headers={"Location": "http://127.0.0.1:1/elsewhere"})
        return web.json_response(ECHO.completion(await request.json()))

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    return app


async def asked_of(app: web.Application, **settings: Any) -> str:
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        with model("direct/qwen", api_base=f"http://127.0.0.1:{runner.addresses[0][1]}/v1/", **settings):
            return await ask()
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("keys", "sent"),
    [
        ({}, None),
        ({"OPENAI_API_KEY": "sk-open"}, "Bearer sk-open"),
        ({"OPENAI_API_KEY": "sk-open", "DIRECT_API_KEY": "sk-own"}, "Bearer sk-own"),
    ],
)
async def test_a_key_is_sent_only_where_there_is_one(
    keys: dict[str, str], sent: str | None, monkeypatch: pytest.MonkeyPatch
):
    for name in ("OPENAI_API_KEY", "DIRECT_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    headers: dict[str, str] = {}
    await asked_of(seen(headers))
    assert headers.get("Authorization") == sent


async def test_the_key_is_nowhere_but_on_the_wire(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("DIRECT_API_KEY", "sk-hush-hush")
    caplog.set_level(logging.DEBUG)
    with model("direct/qwen", api_base=server.url) as lm:
        await ask()
        assert "hush" not in f"{lm.dump_state()}{lm!r}{vars(lm)}{caplog.text}"


async def test_no_key_follows_a_redirection():
    headers: dict[str, str] = {}
    with pytest.raises(ProviderError, match=r"sends callers elsewhere \(307\)"):
        await asked_of(seen(headers, status=307))


async def test_further_keys_of_a_request_are_sent_along(server: ScriptedServer):
    extra = {"chat_template_kwargs": {"enable_thinking": False}}
    with model("direct/qwen", api_base=server.url, extra_body=extra):
        await ask()
    assert server.requests[0]["chat_template_kwargs"] == {"enable_thinking": False}
    assert server.requests[0]["model"] == "qwen"


async def test_a_server_without_structured_output_is_told_the_schema_in_the_prompt(server: ScriptedServer):
    with model("direct/qwen", api_base=server.url, structured=False), pytest.raises(Exception, match="not JSON"):
        await ask()
    assert "response_format" not in server.requests[0]
    assert '"maxLength":40' in server.requests[0]["messages"][-1]["content"]  # pyright: ignore


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(body=""), "the answer is empty"),
        (Fault(body="<html>Bad gateway</html>"), "the answer is not JSON: <html>Bad gateway</html>"),
        (Fault(half=True), "the connection broke"),
        (Fault(reset=True), "the connection broke"),
    ],
)
async def test_a_broken_answer_may_pass(fault: Fault, said: str):
    with serve(ECHO, faults=lambda number: fault if number == 0 else None) as server:
        with model("direct/qwen", api_base=server.url, retries=1):
            assert await ask() == "libraries 0"
        assert len(server.requests) == 2
    with serve(ECHO, faults=lambda number: fault) as server, model("direct/qwen", api_base=server.url, retries=0):
        with pytest.raises(ProviderError, match=said) as raised:
            await ask()
        assert type(raised.value) is ProviderError


@pytest.mark.parametrize("body", ["[]", "{}", '{"choices":[]}', '{"choices":null}', '{"error":"no"}', "null", "3"])
async def test_an_answer_without_choices_is_told_at_once(body: str):
    with (
        serve(ECHO, faults=lambda number: Fault(body=body)) as server,
        model("direct/qwen", api_base=server.url),
        pytest.raises(ProviderError, match="without choices"),
    ):
        await ask()
    assert len(server.requests) == 1


ODD_USAGE = (
    *('"none"', "null", "[]", '{"prompt_tokens":"many","completion_tokens":null}'),
    '{"prompt_tokens":1e30,"completion_tokens":-20}',
)


@pytest.mark.parametrize("usage", ODD_USAGE)
@pytest.mark.parametrize("choice", ["null", '{"message":null}', '{"message":{"content":["a"]}}', '{"message":{}}'])
async def test_odd_answers_are_parse_errors_not_crashes(usage: str, choice: str):
    body = f'{{"choices":[{choice}],"usage":{usage}}}'
    with (
        serve(ECHO, faults=lambda number: Fault(body=body)) as server,
        model("direct/qwen", api_base=server.url),
        scope(journal=Packed()),
        pytest.raises(Exception, match=r"the answer is (empty|not JSON)"),
    ):
        await ask()


async def test_an_endless_answer_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(direct, "MAX_ANSWER_BYTES", 1000)

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * 500)

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    with pytest.raises(ProviderError, match="longer than 1000 bytes"):
        await asked_of(app, retries=0)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=400, code="context_length_exceeded"),
        Fault(status=400, kind="exceed_context_size_error"),
        Fault(status=400, message="This model's maximum context length is 4096 tokens.", kind="BadRequestError"),
    ],
)
async def test_a_prompt_that_is_too_long_is_an_error_of_its_own(fault: Fault):
    with (
        serve(ECHO, faults=lambda number: fault) as server,
        model("direct/qwen", api_base=server.url),
        pytest.raises(ContextTooSmall),
    ):
        await ask()
    assert len(server.requests) == 1


async def test_a_server_that_no_certificate_vouches_for_is_not_spoken_to(server: ScriptedServer):
    with (
        model("direct/qwen", api_base=server.url.replace("http:", "https:"), retries=0),
        pytest.raises(ModelUnreachable),
    ):
        await ask()
    assert not server.requests


def test_what_is_no_address_is_told():
    with pytest.raises(ConfigError, match=r"'http://\[::1/v1' is no address"):
        build_lm("direct/qwen", api_base="http://[::1/v1")


def test_a_time_to_wait_is_read_as_seconds_or_as_a_date():
    assert retry_after("2.5") == 2.5
    assert retry_after("-3") == 0.0
    soon = retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True))
    assert soon is not None and 25 < soon <= 30
    assert retry_after(format_datetime(datetime.now(UTC) - timedelta(days=1))) == 0.0
    for nothing in (None, "", "soon", "nan", "Mon, 99 Foo 2026"):
        assert retry_after(nothing) is None
