"""A chat completion server for the benchmarks of clients: keep-alive, latency on demand, little CPU.

`python benchmarks/server.py [--latency SECONDS] [--sigma S] [--answer JSON | --script NAME]` prints its address and
serves until its standard input closes; then it prints what it served. It gives one fixed answer, or those of a script
(`library`). The latency is log-normal with that mean, drawn by the body of the request alone. A request without a JSON
Schema is refused, so that no client is compared that does less than the others.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

SIGMA = 0.5
"""Spread of the latencies: one in twenty takes twice the mean."""


Call = tuple[float, float]
"""When a call came, in seconds of the monotonic clock, and its latency."""


@dataclass
class Served:
    """What a server has done, filled in as it ends."""

    calls: list[Call] = field(default_factory=list)
    cpu_s: float = 0.0


def latency(mean: float, sigma: float, body: bytes) -> float:
    """Seconds of the call with this body."""
    return mean * random.Random(zlib.crc32(body)).lognormvariate(-sigma * sigma / 2, sigma)


def response(answer: str) -> bytes:
    """The HTTP response with one fixed answer."""
    return framed(json.dumps({
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 1,
        "model": "fixed",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 60, "total_tokens": 1060},
    }).encode())  # fmt: skip


def framed(body: bytes) -> bytes:
    """A body as an HTTP response."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def scripted(name: str) -> Callable[[bytes], bytes]:
    """Answers as a script does."""
    import orjson

    from synthtools.backends.scripted import script_named

    script = script_named(name)
    return lambda body: framed(orjson.dumps(script.completion(orjson.loads(body))))


class Connection(asyncio.Protocol):
    """One client's connection: a request after another, each answered in its time."""

    def __init__(self, answered: Callable[[bytes], bytes], mean: float, sigma: float, calls: list[Call]) -> None:
        self._answered = answered
        self._mean = mean
        self._sigma = sigma
        self._calls = calls
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, rest = self._received.partition(b"\r\n\r\n")
        if not blank:
            return
        length = int(head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
        if len(rest) >= length:
            self._received = rest[length:]
            self._answer(rest[:length])

    def _answer(self, body: bytes) -> None:
        if b'"json_schema"' not in body:
            self._write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        elif not self._mean:
            self._write(self._answered(body))
        else:
            loop, seconds = asyncio.get_running_loop(), latency(self._mean, self._sigma, body)
            self._calls.append((loop.time(), seconds))
            due = loop.time() + seconds
            loop.call_at(due, self._write, self._answered(body))

    def _write(self, answer: bytes) -> None:
        assert self._transport is not None
        self._transport.write(answer)


async def serve(answered: Callable[[bytes], bytes], mean: float, sigma: float) -> None:
    """Serves until standard input closes."""
    calls: list[Call] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(answered, mean, sigma, calls), "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()
    print(json.dumps({"calls": calls, "cpu_s": time.process_time()}), flush=True)


@contextmanager
def running(
    answer: str = "{}", mean: float = 0.0, *, sigma: float = SIGMA, script: str = "", served: Served | None = None
) -> Generator[str]:
    """The address of a server in a process of its own; `served` is filled in as it ends."""
    command = [sys.executable, __file__, "--answer", answer, "--latency", str(mean), "--sigma", str(sigma)]
    command += ["--script", script] if script else []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()
        found = json.loads(process.stdout.read())
        if served is not None:
            served.calls = [(came, seconds) for came, seconds in found["calls"]]
            served.cpu_s = found["cpu_s"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0, help="mean, in seconds")
    parser.add_argument("--sigma", type=float, default=SIGMA, help="spread of the latencies; 0: all are the mean")
    parser.add_argument("--answer", default="{}")
    parser.add_argument("--script", default="", help="answers as a script does")
    options = parser.parse_args()
    fixed = response(options.answer)
    asyncio.run(
        serve(scripted(options.script) if options.script else lambda body: fixed, options.latency, options.sigma)
    )
