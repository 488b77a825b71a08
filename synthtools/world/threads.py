"""The threads in which environments' code runs.

DSPy prepares and prices every call of a model in the event loop's own threads. Certifying a behaviour takes seconds:
in the same threads it would keep calls from leaving for servers that are free.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import ParamSpec, TypeVar

from synthtools.world import sandbox

THREADS = sandbox.PROCESSES + 2
"""One for each process of the sandbox, and two that meanwhile do what needs none."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


async def in_thread(function: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """What a function returns, called in one of these threads: `asyncio.to_thread` beside DSPy's calls."""
    call = partial(contextvars.copy_context().run, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads(), call)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, thread_name_prefix="code")
