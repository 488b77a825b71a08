"""Environments' code has threads of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from synthtools.backends import model
from synthtools.modules.generator import BehaviourGenerator
from synthtools.world.threads import THREADS, in_thread
from tests.library import always, playing
from tests.programs.test_tool_behaviour import ENV, RIGHT, WITHDRAW


@contextmanager
def released(event: threading.Event) -> Iterator[None]:
    try:
        yield
    finally:
        event.set()


def test_a_model_is_asked_while_all_of_them_are_busy() -> None:
    done = threading.Event()

    async def run() -> str:
        busy = [asyncio.create_task(in_thread(done.wait)) for _ in range(2 * THREADS)]
        await asyncio.sleep(0)
        with released(done):
            source: str = await asyncio.wait_for(BehaviourGenerator().acall(tool=WITHDRAW, env=ENV), 30)
            assert not any(task.done() for task in busy)
        assert all(await asyncio.gather(*busy))
        return source

    playing("busy", {"WriteBehaviour": always(RIGHT)})
    with model("scripted/busy"):
        assert "def apply" in asyncio.run(run())
