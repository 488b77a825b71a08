"""Gate decisions a second on one core, on the labelled calls of the sample data and on calls of a small tool.

`python benchmarks/gate.py [--json]`; the sample data is found through SYNTHTOOLS_SAMPLE_DATA (its folder). The baseline
in the same run is a plain `jsonschema_rs` check of the same arguments, without codes, phrases or order.
"""

import gzip
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from synthtools.types import Parameter, Tool, ToolCall
from synthtools.world.gate import check
from synthtools.world.validators import compile_schema

BAR = 50_000
"""Decisions a second that the gate must reach."""

Decision = tuple[Tool, ToolCall]


def labelled_calls() -> list[Decision]:
    """The calls of the sample with their tools; empty where there is no sample data."""
    folder = Path(os.environ.get("SYNTHTOOLS_SAMPLE_DATA") or Path(__file__).parents[1] / ".." / "shared" / "data")
    if not (folder / "v1_calls_sample.jsonl.gz").is_file():
        return []
    with gzip.open(folder / "v1_tools_sample.jsonl.gz", "rt") as lines:
        tools = {row["id"]: Tool.from_v1(row["tool"]) for row in map(json.loads, lines)}
    with gzip.open(folder / "v1_calls_sample.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    return [(tools[row["id"]], ToolCall(name=tools[row["id"]].name, arguments=row["call"])) for row in rows]


def small_calls() -> list[Decision]:
    tool = Tool(
        name="Book",
        description="",
        parameters={
            "room": Parameter(type="string", pattern="^[A-Z]-[0-9]+$"),
            "nights": Parameter(type="integer", minimum=1, maximum=30),
            "date": Parameter(type="string", format="date"),
        },
    )
    good = {"room": "A-1", "nights": 2, "date": "2026-02-01"}
    calls = [good, {**good, "nights": 31}, {**good, "rom": 1}]
    return [(tool, ToolCall(name="Book", arguments=arguments)) for arguments in calls]


def best_rate(decide: Callable[[], None], decisions: int, rounds: int = 5) -> float:
    """Decisions a second in the fastest of some rounds."""
    fastest = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        decide()
        fastest = min(fastest, time.perf_counter() - start)
    return decisions / fastest


def measure(calls: list[Decision]) -> dict[str, float]:
    repeats = max(1, 20_000 // len(calls))
    validators = [(compile_schema(tool.parameters_schema()), call.arguments) for tool, call in calls]

    def gate() -> None:
        for _ in range(repeats):
            for tool, call in calls:
                check(tool, call)

    def baseline() -> None:
        for _ in range(repeats):
            for validator, arguments in validators:
                validator.is_valid(arguments)

    return {
        "gate_per_second": best_rate(gate, repeats * len(calls)),
        "schema_only_per_second": best_rate(baseline, repeats * len(calls)),
    }


def main() -> int:
    results = {"small tool, one of three calls good": measure(small_calls())}
    sample = labelled_calls()
    if sample:
        results[f"{len(sample)} labelled calls of the sample"] = measure(sample)
    if "--json" in sys.argv:
        print(json.dumps({"bar": BAR, "results": results}))
    else:
        print(f"{'calls':45} {'gate/s':>12} {'schema only/s':>14}   bar {BAR}/s")
        for name, rates in results.items():
            print(f"{name:45} {rates['gate_per_second']:12,.0f} {rates['schema_only_per_second']:14,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
