"""Client CPU of one structured call, side by side: our transports, plain DSPy, LiteLLM alone, and the floor.

`python benchmarks/overhead.py [--calls N] [--repeats N] [--peers NAME,...] [--json FILE]`. Bars: `direct/` at most
1.0 ms and a fifth of plain DSPy on LiteLLM; `hosted_vllm/` at most 0.7 of it. All ask the same question with the same
schema (a judge of rollouts, a prompt of 4 kB, each prompt another) of one server in a process of its own, which answers
300 bytes at once. Each client runs in a process of its own: imports and 100 calls of warm-up apart, its whole CPU is
counted, threads included. The least of the repeats is shown, since whatever else runs on the machine only adds to it.

`--peers pydantic-ai,curator,data-designer` measures other libraries on the same prompts, schema and server: each in an
environment of its own, made on request under `--environments` with the versions of `benchmarks/peers/NAME.txt`. Curator
and DataDesigner work on data sets, so that their CPU a call has the writing of their results in it.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from peers import environments
from server import running

BARS = {"direct_ms": 1.0, "direct_share": 0.2, "litellm_share": 0.7}
"""Milliseconds; shares of plain DSPy on LiteLLM, at the same calls in flight."""

BASELINE = "dspy engine=litellm"
WARM_UP = 100
ANSWER = {
    "missing_calls": ["RenewLoan(loan_id='LOAN-7')"],
    "extra_calls": ["NotifyMember(member_id='MEM-3', text='ready')"],
    "reason": "The loan was looked up twice and never renewed, although the person had asked for two more weeks on it.",
    "goal_reached": False,
}
STEPS = 16
"""Calls in the rollout that is judged; they make up most of the prompt."""

Ask = Callable[[int], Awaitable[object]]


def inputs(number: int) -> dict[str, Any]:
    """What is judged, as the signature takes it."""
    return {
        "request": f"Renew loan LOAN-7 of member MEM-{number} by two weeks and tell me when the book is due back.",
        "expected_calls": ["ShowLoan(loan_id='LOAN-7')", "RenewLoan(loan_id='LOAN-7', days=14)"],
        "actual_calls": [exchange(step) for step in range(STEPS)],
        "final_answer": "The loan is due back in two weeks.",
    }


def arguments(step: int) -> dict[str, Any]:
    return {"loan_id": f"LOAN-{step}", "with_history": True}


def answer_of(step: int) -> dict[str, Any]:
    title = "A Field Guide to the Mosses of the Northern Coast, with Notes on Their Uses in the Household"
    return {"loan_id": f"LOAN-{step}", "book_title": title, "due": "2026-03-14", "renewed": 0, "status": "on loan"}


def exchange(step: int) -> dict[str, Any]:
    return {"call": f"ShowLoan({arguments(step)})", "answer": answer_of(step)}


def schema() -> dict[str, Any]:
    from synthtools.backends.registry import adapter
    from synthtools.signatures.judges import JudgeTrajectory

    return adapter().schema(JudgeTrajectory, {})


def ours(name: str, url: str) -> Ask:
    """A role module of the library, as programs call it, on a model of the library."""
    import dspy

    from synthtools.backends import build_lm
    from synthtools.backends.registry import adapter

    dspy.configure(lm=build_lm(name, api_base=url, max_tokens=500), adapter=adapter(), trace=None, disable_history=True)
    return judging()


def judging() -> Ask:
    """A role module on the model that is set where it is called."""
    from synthtools.modules.judges import TrajectoryJudge
    from synthtools.types import Response, ToolCall, Trajectory
    from synthtools.types.trajectory import Step

    judge = TrajectoryJudge()
    steps = tuple(
        Step(
            calls=(ToolCall(name="ShowLoan", arguments=arguments(step)),),
            responses=(Response(status_code=200, data=answer_of(step)),),
        )
        for step in range(STEPS)
    )
    expected = [
        ToolCall(name="ShowLoan", arguments={"loan_id": "LOAN-7"}),
        ToolCall(name="RenewLoan", arguments={"loan_id": "LOAN-7", "days": 14}),
    ]
    trajectory = Trajectory(task_id="t", steps=steps, answer=inputs(0)["final_answer"], stop_reason="answered")

    async def ask(number: int) -> object:
        verdict = await judge.acall(request=inputs(number)["request"], expected=expected, trajectory=trajectory)
        assert verdict.missing_calls
        return verdict

    return ask


def plain_dspy(engine: str, name: str, url: str) -> Ask:
    """The same signature by DSPy itself; it sends a schema only to a model that it knows to take one."""
    import dspy

    from synthtools.backends.litellm import load_litellm
    from synthtools.signatures.judges import JudgeTrajectory

    known = {"supports_response_schema": True, "litellm_provider": "hosted_vllm", "mode": "chat"}
    load_litellm().register_model({"hosted_vllm/fixed": known})
    lm = dspy.LM(
        name, engine=engine, api_base=url, api_key="none", cache=False, num_retries=0, temperature=0.2,
        top_p=0.95, seed=0, max_tokens=500,
    )  # fmt: skip
    dspy.configure(lm=lm, adapter=dspy.JSONAdapter(), trace=None, disable_history=True)
    predict = dspy.Predict(JudgeTrajectory)

    async def ask(number: int) -> object:
        verdict = await predict.acall(**inputs(number))
        assert verdict.missing_calls
        return verdict

    return ask


def messages(number: int) -> list[dict[str, Any]]:
    from synthtools.backends.registry import adapter
    from synthtools.signatures.judges import JudgeTrajectory

    return adapter().format(JudgeTrajectory, [], inputs(number))


def response_format() -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "JudgeTrajectory", "schema": schema(), "strict": True}}


def litellm_alone(url: str) -> Ask:
    """The model library by itself: messages in, text out, parsed."""
    import orjson

    from synthtools.backends.litellm import load_litellm

    litellm, shape = load_litellm(), response_format()

    async def ask(number: int) -> object:
        answer = await litellm.acompletion(
            model="hosted_vllm/fixed", api_base=url, api_key="none", messages=messages(number), response_format=shape,
            temperature=0.2, top_p=0.95, seed=0, max_tokens=500, num_retries=0,
        )  # fmt: skip
        return orjson.loads(answer.choices[0].message.content)

    return ask


def floor(url: str) -> Ask:
    """The least that any client does: format, send, receive, parse, validate."""
    import orjson
    from pydantic import BaseModel

    from synthtools.backends.sessions import Sessions

    class Verdict(BaseModel):
        missing_calls: list[str]
        extra_calls: list[str]
        reason: str
        goal_reached: bool

    shape, sessions = response_format(), Sessions(timeout=60)

    async def ask(number: int) -> object:
        session = await sessions.session()
        body = {
            "model": "fixed",
            "messages": messages(number),
            "response_format": shape,
            "seed": number,
            "max_tokens": 500,
        }
        async with session.post(f"{url}/chat/completions", data=orjson.dumps(body)) as answer:
            completion = orjson.loads(await answer.read())
        return Verdict.model_validate_json(completion["choices"][0]["message"]["content"])

    return ask


CLIENTS: dict[str, Callable[[str], Ask]] = {
    "floor: aiohttp + orjson + pydantic": floor,
    "direct/": lambda url: ours("direct/fixed", url),
    "hosted_vllm/": lambda url: ours("hosted_vllm/fixed", url),
    "litellm alone": litellm_alone,
    "dspy engine=auto": lambda url: plain_dspy("auto", "openai/gpt-4o-mini", url),
    BASELINE: lambda url: plain_dspy("litellm", "hosted_vllm/fixed", url),
}


async def spent(ask: Ask, calls: int, in_flight: int) -> tuple[float, float]:
    """CPU and wall seconds of so many calls."""

    async def some(numbers: list[int]) -> None:
        while numbers:
            await ask(numbers.pop())

    async def all_of(count: int) -> None:
        numbers = list(range(count))
        await asyncio.gather(*(some(numbers) for _ in range(in_flight)))

    await all_of(max(WARM_UP, in_flight))
    cpu, wall = time.process_time(), time.perf_counter()
    await all_of(calls)
    return time.process_time() - cpu, time.perf_counter() - wall


def measured(client: str, url: str, calls: int, in_flight: int) -> dict[str, float]:
    """Milliseconds a call of a client, in a process of its own."""
    command = [sys.executable, __file__, "--client", client, "--url", url, "--calls", str(calls)]
    done = subprocess.run([*command, "--in-flight", str(in_flight)], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def question(url: str, calls: int, in_flight: int) -> dict[str, Any]:
    """What a peer is asked."""
    warm_up = max(WARM_UP, in_flight)
    asked = [messages(number) for number in range(warm_up + calls)]
    prompts = [user["content"] for _, user in asked]
    system = asked[0][0]["content"]
    return {"url": url, "in_flight": in_flight, "warm_up": warm_up, "system": system, "prompts": prompts}


def installed(peers: list[str], folder: Path) -> dict[str, Path]:
    """The Python of each peer that can be installed; a line for each that cannot."""
    pythons: dict[str, Path] = {}
    for peer in peers:
        try:
            pythons[peer] = environments.made(folder, peer)
        except environments.CannotBeInstalled as reason:
            print(f"{peer}: skipped, it cannot be installed here: {reason}")
    return pythons


def all_measured(options: argparse.Namespace, peers: dict[str, Path]) -> dict[int, dict[str, dict[str, float]]]:
    """By calls in flight and client: the least of the repeats, printed as it comes."""
    results: dict[int, dict[str, dict[str, float]]] = {}
    with running(json.dumps(ANSWER)) as url:
        for in_flight in options.in_flight:
            runs: dict[str, list[dict[str, float]]] = {client: [] for client in (*CLIENTS, *peers)}
            asked = question(url, options.calls, in_flight) if peers else {}
            for _ in range(options.repeats):
                for client in CLIENTS:
                    runs[client].append(measured(client, url, options.calls, in_flight))
                for peer, python in peers.items():
                    runs[peer].append(environments.measured(python, peer, asked))
            results[in_flight] = {
                client: {key: min(run[key] for run in found) for key in ("cpu_ms", "wall_ms")}
                for client, found in runs.items()
            }
            print(f"\n{in_flight} in flight{'CPU ms':>32} {'wall ms':>8} {'of baseline':>12}")
            for client, found in results[in_flight].items():
                share = found["cpu_ms"] / results[in_flight][BASELINE]["cpu_ms"]
                print(f"{client:36} {found['cpu_ms']:9.2f} {found['wall_ms']:8.2f} {share:12.2f}", flush=True)
    return results


def peer_names(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    if unknown := [name for name in names if name not in environments.PEERS]:
        raise argparse.ArgumentTypeError(
            f"{', '.join(unknown)}: no such peer; there are {', '.join(environments.PEERS)}"
        )
    return names


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--in-flight", type=int, nargs="*", default=[64, 256])
    parser.add_argument("--peers", type=peer_names, default=[], metavar="NAME,...")
    parser.add_argument("--environments", type=Path, default=Path(".bench"), help="folder of the peers' environments")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--client")
    parser.add_argument("--url")
    options = parser.parse_args()
    if options.client:
        cpu, wall = asyncio.run(spent(CLIENTS[options.client](options.url), options.calls, options.in_flight[0]))
        print(json.dumps({"cpu_ms": cpu * 1000 / options.calls, "wall_ms": wall * 1000 / options.calls}))
        return 0

    results = all_measured(options, installed(options.peers, options.environments.resolve()))
    held = all(
        found["direct/"]["cpu_ms"] <= BARS["direct_ms"]
        and found["direct/"]["cpu_ms"] <= BARS["direct_share"] * found[BASELINE]["cpu_ms"]
        and found["hosted_vllm/"]["cpu_ms"] <= BARS["litellm_share"] * found[BASELINE]["cpu_ms"]
        for found in results.values()
    )
    print(f"bars {BARS}: {'held' if held else 'NOT held'}")
    if options.json:
        options.json.write_text(json.dumps({"bars": BARS, "held": held, "results": results}, indent=1))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
