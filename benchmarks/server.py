"""A chat completion server for the benchmarks of clients: one fixed answer, keep-alive, latency on demand, little CPU.

`python benchmarks/server.py [--latency SECONDS] [--answer JSON]` prints its address and serves until its standard input
closes. The latency is log-normal with that mean, drawn by the request's `seed`. A request without a JSON Schema is
refused, so that no client is compared that does less than the others.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

SIGMA = 0.5
"""Spread of the latencies: one in twenty takes twice the mean."""


def latency(mean: float, seed: int) -> float:
    """Seconds of the call with this seed."""
    return mean * random.Random(seed).lognormvariate(-SIGMA * SIGMA / 2, SIGMA)


def response(answer: str) -> bytes:
    body = json.dumps({
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 1,
        "model": "fixed",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 60, "total_tokens": 1060},
    }).encode()  # fmt: skip
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def serve(answer: str, mean: float) -> None:
    fixed = response(answer)

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                body = await reader.readexactly(length)
                if b'"json_schema"' not in body:
                    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                    continue
                if mean:
                    await asyncio.sleep(latency(mean, json.loads(body)["seed"]))
                writer.write(fixed)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


@contextmanager
def running(answer: str, mean: float = 0.0) -> Generator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, __file__, "--answer", answer, "--latency", str(mean)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--answer", default="{}")
    options = parser.parse_args()
    asyncio.run(serve(options.answer, options.latency))
