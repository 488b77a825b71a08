"""Labelled cases for the judge of simulated responses, made by code from real calls and their answers.

`python benchmarks/judge_cases.py --tools TOOLS.jsonl.gz --calls CALLS.jsonl.gz --out CASES.jsonl [--seed N]`: rows of
the first version's tools (`id`, `field`, `subfield`, `tool`) and of calls of them (`id`, `call`, `return`). Of a call
there are two cases: its answer as it stands, which is correct, and the same answer spoiled in one known way (wrong
type, missing key, wrong echo of an argument, wrong arithmetic, wrong status), whichever was used least. The smallest
tools come first, so that a small model on a few cores can be measured on them; a few with arithmetic come before them,
because few have any.

One field is kept for the test; the other is split by subfield, so that nothing a compiler sees is from the tested one.
The cases are for `synthtools optimize response-judge --cases CASES.jsonl`.
"""

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from synthtools.optimizers.case import Case
from synthtools.optimizers.draws.corruptions import corrupted
from synthtools.optimizers.targets.validator import ResponseJudgeInputs
from synthtools.optimizers.trainsets import write_cases
from synthtools.types import Response, TestCall, Tool, ToolCall
from synthtools.types.v1 import normalise_tool
from synthtools.world.gate import check

Row = dict[str, Any]

WITH_ARITHMETIC = 5
"""Calls of a part whose answer holds a number that follows from others."""


def rows(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        yield from map(json.loads, lines)


def right_answer(tool: Tool, row: Row, rule: bool) -> tuple[TestCall, Response]:
    """A test call with its right answer: the recorded one, or the first documented refusal where `rule`."""
    call = ToolCall(name=tool.name, arguments=row["call"])
    if rule and tool.errors:
        error = tool.errors[0]
        test = TestCall(mode="rule", call=call, should_succeed=False, expectation=f"Must be refused: {error.message}")
        return test, Response(status_code=error.status_code, error_message=error.message)
    test = TestCall(mode="happy", call=call, should_succeed=True, expectation="Nothing forbids the call.")
    return test, Response(status_code=200, data=row["return"])


def pair(tool: Tool, row: Row, field: str, number: int, seen: Counter[str], seed: int) -> tuple[Case, ...]:
    """The right answer of a call and one spoiled in the way that was used least; none where it cannot be spoiled."""
    test, right = right_answer(tool, row, rule=number % 4 == 3)
    spoiled = corrupted(tool, test.call, right, seed, success=row["return"])
    if not spoiled:
        return ()
    chosen = min(spoiled, key=lambda corruption: seen[corruption.label])
    seen[chosen.label] += 1
    kinds = (("correct", "correct", right), (chosen.label, chosen.verdict, chosen.response))
    return tuple(
        Case(
            id=f"{row['id']}/{label.replace(' ', '-')}",
            field=field,
            inputs=ResponseJudgeInputs(tool=tool, test=test, response=response).to_json(),
            expected=verdict,
            label=label,
            source=row["id"],
        )
        for label, verdict, response in kinds
    )


def size(tool: Tool, row: Row) -> int:
    """Characters that a judge reads."""
    return len(json.dumps([tool.to_wire(), row["call"], row["return"]]))


def has_arithmetic(tool: Tool, row: Row) -> bool:
    _, right = right_answer(tool, row, rule=False)
    call = ToolCall(name=tool.name, arguments=row["call"])
    return any(one.label == "wrong arithmetic" for one in corrupted(tool, call, right, 0))


def make(tools_path: Path, calls_path: Path, tested: str, pairs: dict[str, int], seed: int) -> list[Case]:
    """Cases of the smallest tools: `pairs["tested"]` calls of the tested field, `pairs["seen"]` of the others."""
    known = {row["id"]: row for row in rows(tools_path)}
    usable: dict[str, list[tuple[Tool, Row]]] = {"tested": [], "seen": []}
    for row in rows(calls_path):
        tool = normalise_tool(known[row["id"]]["tool"]).tool
        if check(tool, ToolCall(name=tool.name, arguments=row["call"])).passed:
            usable["tested" if known[row["id"]]["field"] == tested else "seen"].append((tool, row))
    seen: Counter[str] = Counter()
    cases: list[Case] = []
    for part, listed in usable.items():
        smallest = sorted(listed, key=lambda each: (size(*each), each[1]["id"]))
        counted = [each for each in smallest if has_arithmetic(*each)][:WITH_ARITHMETIC]
        others = [each for each in smallest if each not in counted]
        for number, (tool, row) in enumerate([*counted, *others][: pairs[part]]):
            field, subfield = known[row["id"]]["field"], known[row["id"]]["subfield"]
            cases += pair(tool, row, field if part == "tested" else f"{field}: {subfield}", number, seen, seed)
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--calls", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tested", default="customer_support", help="the field that is kept for the test")
    parser.add_argument("--test-pairs", type=int, default=36)
    parser.add_argument("--train-pairs", type=int, default=30, help="calls for training and validation together")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    pairs = {"tested": options.test_pairs, "seen": options.train_pairs}
    cases = make(options.tools, options.calls, options.tested, pairs, options.seed)
    write_cases(options.out, cases)
    for field, number in sorted(Counter(case.field for case in cases).items()):
        print(f"{number:4} {field}")
    for label, number in Counter(case.label for case in cases).most_common():
        print(f"{number:4} {label}")


if __name__ == "__main__":
    main()
