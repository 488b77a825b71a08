"""One pooled HTTP session an event loop, closed when its loop ends, when its client is gone, or at exit.

A model is used from several event loops, and a connection belongs to one. Nobody tells a library that a loop ends, but
a loop that ends well closes the async generators that were begun on it: each session lives in one. The same holds for a
generator that nobody refers to any more, so that a client which is dropped takes its connections with it, once they
were idle for a few seconds (asyncio's handles of an open connection refer to the context it was opened in, and DSPy
keeps the model there).
"""

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import AsyncGenerator
from functools import lru_cache

import aiohttp

_IDLE_SECONDS = 4.0
"""Uvicorn, and so vLLM, closes a connection that was idle for 5: a request sent just then would be lost."""
_CONNECT_SECONDS = 10.0
_CLOSING_SECONDS = 1.0
"""Most that a loop of another thread is waited for at exit."""
_WIND_UP_SECONDS = 0.1
"""Then its tasks are cancelled: what closes something is done by then, and a library's worker never is."""


class _Pool:
    """A session on one loop, and the generator that it lives in."""

    __slots__ = ("life", "session")

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.life = _life(session)


_Pools = dict[asyncio.AbstractEventLoop, _Pool]


class Sessions:
    """The sessions of one client, by event loop."""

    def __init__(self, timeout: float) -> None:
        """Opens nothing yet. `timeout`: seconds for one request, its answer included."""
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=_CONNECT_SECONDS)
        self._pools: _Pools = {}
        self._lock = threading.Lock()
        weakref.finalize(self, _close_at_exit, self._pools)
        weakref.finalize(self, _let_go, self._pools).atexit = False  # called first, so that the other finds nothing

    async def session(self) -> aiohttp.ClientSession:
        """The session of the running loop; it has no limit of connections, follows nothing and keeps no cookies."""
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is not None and not pool.session.closed:
            return pool.session
        pool = _Pool(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                auto_decompress=False,
            )
        )
        with self._lock:
            _release_closed(self._pools)
            self._pools[loop] = pool
        await anext(pool.life)
        return pool.session


@lru_cache(maxsize=1)
def background_loop(process: int) -> asyncio.AbstractEventLoop:
    """The loop, in a thread of its own, on which calls without `await` are made; a forked process has its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=_run, args=(loop,), name=f"synthtools-calls-{process}", daemon=True)
    thread.start()
    atexit.register(_end, loop, thread, process)
    return loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Serves a loop until it is stopped; then ends tasks that a library began there and never ended, and sessions."""
    loop.run_forever()
    loop.run_until_complete(_wind_up())
    loop.run_until_complete(loop.shutdown_asyncgens())  # the sessions
    loop.close()


async def _wind_up() -> None:
    await asyncio.sleep(0)  # what was dropped a moment ago is closed by tasks that only now begin
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if not left:
        return
    _, left = await asyncio.wait(left, timeout=_WIND_UP_SECONDS)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread, process: int) -> None:
    if process == os.getpid():  # a forked process inherits the loop without its thread
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_CLOSING_SECONDS)


async def _life(session: aiohttp.ClientSession) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await session.close()
        await asyncio.sleep(0)  # closed transports let go of their sockets in the loop's next round


def _release_closed(pools: _Pools) -> None:
    """Forgets the sessions of loops that were closed without their generators; theirs is nothing left to wait for."""
    for loop in [loop for loop in pools if loop.is_closed()]:
        session = pools.pop(loop).session
        connector = session.connector
        session.detach()
        if connector is not None:
            next(connector.close().__await__(), None)  # runs through at once: a closed loop has nothing to wait for


def _let_go(pools: _Pools) -> None:
    """The client is gone: each loop closes its session itself, as the generator is collected."""
    _release_closed(pools)
    pools.clear()


def _close_at_exit(pools: _Pools) -> None:
    _release_closed(pools)
    for loop, pool in list(pools.items()):  # a loop that ends meanwhile takes its own session out
        if loop.is_running():
            closing = asyncio.run_coroutine_threadsafe(_close(pool), loop)
            try:
                closing.result(_CLOSING_SECONDS)
            except TimeoutError:
                closing.cancel()
        else:
            loop.run_until_complete(_close(pool))
    pools.clear()


async def _close(pool: _Pool) -> None:
    await pool.life.aclose()
