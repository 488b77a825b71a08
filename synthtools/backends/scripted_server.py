"""The scripted stand-in as an OpenAI-compatible server on loopback, with latency and faults on demand."""

import argparse
import asyncio
import importlib
import random
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TypeAlias, cast

import orjson
from aiohttp import web

from synthtools.backends.faults import BAD_DAY, Fault, Faults
from synthtools.backends.scripted import STAND_IN, Script, script_named
from synthtools.errors import ConfigError, ProviderError
from synthtools.types.record import JsonObject

__all__ = ["Fault", "FaultAt", "ScriptedServer", "main", "serve"]


FaultAt: TypeAlias = Callable[[int], Fault | None]
"""Given the number of the request, from 0: the fault it meets; None: it is answered."""


class ScriptedServer:
    """A running server; `requests` holds the bodies it was sent, in order of arrival."""

    def __init__(
        self, script: Script, latency: Callable[[], float], faults: FaultAt | Faults | None, context: int
    ) -> None:
        self.requests: list[JsonObject] = []
        self.arrivals: list[float] = []
        """When each of them came, in seconds of the monotonic clock."""
        self.url = ""
        """Base address, for `api_base`."""
        self.in_flight = 0
        self.most_in_flight = 0
        self.arrived = threading.Event()
        """Set by the first request."""
        self.idle = threading.Event()
        """Set while no request is in flight."""
        self.idle.set()
        self.die: Callable[[], None] = lambda: None
        """Stops listening and breaks every connection off, from any thread; nothing answers any more."""
        self._script = script
        self._latency = latency
        self._faults = faults
        self._context = context

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=1 << 26)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        return app

    async def _models(self, request: web.Request) -> web.Response:
        model = {
            "id": "scripted",
            "object": "model",
            "created": 0,
            "owned_by": STAND_IN,
            "max_model_len": self._context,
        }
        return web.json_response({"object": "list", "data": [model]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = cast(JsonObject, orjson.loads(await request.read()))
        number = len(self.requests)
        self.requests.append(body)
        self.arrivals.append(time.monotonic())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.idle.clear()
        self.arrived.set()
        try:
            delay = self._latency()
            if delay:
                await asyncio.sleep(delay)
            return await self._answer(request, body, self._fault(number, body))
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self.idle.set()

    def _fault(self, number: int, body: JsonObject) -> Fault | None:
        if isinstance(self._faults, Faults):
            return self._faults.meet(body)
        return None if self._faults is None else self._faults(number)

    async def _answer(self, request: web.Request, body: JsonObject, fault: Fault | None) -> web.StreamResponse:
        if fault is not None and fault.reset:
            return _broken_off(request)
        if fault is not None and fault.hangs:
            await asyncio.Event().wait()  # the handler is cancelled when the client goes away
        if fault is not None and fault.body is not None:
            return web.Response(text=fault.body, content_type="application/json")
        if fault is not None and fault.half:
            response = web.StreamResponse(headers={"Content-Length": "400"})
            await response.prepare(request)
            await response.write(orjson.dumps(self._script.completion(body))[:200])
            return _broken_off(request)
        if fault is not None and fault.text is None and not fault.cut:
            return _error(fault)
        try:
            script = self._script if fault is None or fault.text is None else _saying(fault.text)
            completion = script.completion({**body, "max_tokens": 1} if fault is not None and fault.cut else body)
        except (ProviderError, ConfigError) as error:
            return _error(Fault(status=400, message=str(error), kind="invalid_request_error"))
        return web.Response(body=orjson.dumps(completion), content_type="application/json")


@contextmanager
def serve(
    script: Script | None = None,
    port: int = 0,
    *,
    latency: float | Callable[[], float] = 0.0,
    faults: FaultAt | Faults | None = None,
    context: int = 1 << 20,
) -> Generator[ScriptedServer]:
    """Serves a script on loopback, from a thread with a loop of its own, for as long as the block lasts.

    Args:
        script: What answers; None: fitting data for any schema.
        port: 0: any free one; `server.url` says which.
        latency: Seconds before each answer, or a function that draws them.
        faults: Decides by request which fail, by its number or by what it asks.
        context: What it says a prompt and its answer may have in tokens; nothing is cut at it.
    """
    constant = latency if isinstance(latency, (int, float)) else None
    server = ScriptedServer(
        script or script_named("schema"), latency if callable(latency) else _always(constant), faults, context
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="synthtools-scripted", daemon=True)
    thread.start()
    runner = web.AppRunner(server.app(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)

    def die() -> None:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop)

    try:
        bound = asyncio.run_coroutine_threadsafe(_start(runner, port), loop).result()
        server.url = f"http://127.0.0.1:{bound}/v1"
        server.die = die
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m synthtools.backends.scripted --port N [NAME]`: serves until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m synthtools.backends.scripted", description=STAND_IN)
    parser.add_argument("name", nargs="?", default="schema", help="a script: schema, or module:attribute")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--latency", type=float, default=0.0, help="mean seconds before an answer, log-normal")
    parser.add_argument("--faults", action="store_true", help="one request in four goes wrong, each time the same")
    parser.add_argument("--faults-seed", type=int, default=0, help="servers with different ones fail differently")
    options = parser.parse_args(arguments)
    drawn = random.Random(0)
    latency = _always(0.0) if not options.latency else lambda: options.latency * drawn.lognormvariate(-0.125, 0.5)
    stopped = threading.Event()
    # Set here, since a shell starts its background jobs with interrupts ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: stopped.set())
    faults = Faults(BAD_DAY, options.faults_seed) if options.faults else None
    with serve(_loaded(options.name), options.port, latency=latency, faults=faults) as server:
        print(f"{STAND_IN}: --model openai/scripted --api-base {server.url}", flush=True)
        stopped.wait()
    met = [] if faults is None else [f"{count} {name}" for name, count in faults.met.most_common()]
    print(f"stopped after {', '.join([f'{len(server.requests)} requests', *met])}")


async def _start(runner: web.AppRunner, port: int) -> int:
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=2048).start()
    return int(runner.addresses[0][1])


def _loaded(name: str) -> Script:
    module, separator, attribute = name.partition(":")
    if not separator:
        return script_named(name)
    script = getattr(importlib.import_module(module), attribute, None)
    if not isinstance(script, Script):
        raise ConfigError(f"{name} is not a Script")
    return script


def _always(seconds: float | None) -> Callable[[], float]:
    return lambda: seconds or 0.0


def _broken_off(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _saying(text: str) -> Script:
    return Script(otherwise=lambda inputs, schema, seed: text)


def _error(fault: Fault) -> web.Response:
    after = fault.retry_after
    headers = {} if after is None else {"Retry-After": after if isinstance(after, str) else f"{after:g}"}
    error = {"error": {"message": fault.message, "type": fault.kind, "code": fault.code or fault.status}}
    return web.json_response(error, status=fault.status, headers=headers)
