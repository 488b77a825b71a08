"""What lifting constraints from prose does to calls that are known to be good or bad.

`python benchmarks/lifting.py --tools TOOLS.jsonl.gz --calls CALLS.jsonl.gz [--json FILE]`: rows of the first version's
tools (`id`, `tool`) and of calls of them (`id`, `call`), `.jsonl` or `.jsonl.gz`. The baseline in the same run are the
same tools read without lifting; a call is good where they accept it. By kind of constraint, the table says how many
phrases were lifted, doubtful and left, how many arguments of good calls fall under a lifted one, and how many of them
it accepts. The exit code is 1 where lifting refuses a good call, or accepts what was refused.
"""

import argparse
import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from synthtools.types import Check, Parameter, Tool, ToolCall
from synthtools.types.lifting import ProseConstraint, Verdict, lift, prose_constraints
from synthtools.types.phrase import ConstraintKind
from synthtools.types.v1 import normalise_tool
from synthtools.world.gate import check
from synthtools.world.validators import compile_schema

Row = dict[str, Any]


def rows(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        yield from map(json.loads, lines)


def constraints(tool: Tool) -> dict[str, tuple[ProseConstraint, ...]]:
    """The constraints in prose of a tool read without lifting, by parameter."""
    return {name: prose_constraints(one, one.description) for name, one in tool.parameters.items()}


def accepts(parameter: Parameter, constraint: ProseConstraint, value: object) -> bool:
    return compile_schema(lift(parameter, (constraint,)).json_schema()).is_valid(value)


def measure(tools_path: Path, calls_path: Path) -> Row:
    verdicts: Counter[tuple[ConstraintKind, Verdict]] = Counter()
    covered: Counter[ConstraintKind] = Counter()
    accepted: Counter[ConstraintKind] = Counter()
    tools = list(rows(tools_path))
    before = {row["id"]: normalise_tool(row["tool"], lift=False).tool for row in tools}
    after = {row["id"]: normalise_tool(row["tool"]).tool for row in tools}
    found = {id: constraints(tool) for id, tool in before.items()}
    for by_parameter in found.values():
        verdicts.update((one.kind, one.verdict) for each in by_parameter.values() for one in each)

    decisions: Counter[tuple[bool, bool]] = Counter()
    refused: list[Row] = []
    for row in rows(calls_path):
        tool = before[row["id"]]
        call = ToolCall(name=tool.name, arguments=row["call"])
        was, now = check(tool, call), check(after[row["id"]], call)
        decisions[was.passed, now.passed] += 1
        if not was.passed:
            continue
        if not now.passed:
            refused.append(refusal(row, now))
        for name, value in call.arguments.items():
            for one in found[row["id"]][name]:
                if one.verdict == "lifted":
                    covered[one.kind] += 1
                    accepted[one.kind] += accepts(tool.parameters[name], one, value)
    kinds = {
        kind: {
            **{verdict: verdicts[kind, verdict] for verdict in get_args(Verdict)},
            "covered": covered[kind],
            "accepted": accepted[kind],
        }
        for kind in get_args(ConstraintKind)
    }
    return {
        "tools": len(tools),
        "calls": decisions.total(),
        "accepted_before": decisions[True, True] + decisions[True, False],
        "accepted_after": decisions[True, True] + decisions[False, True],
        "refused_before": decisions[False, True] + decisions[False, False],
        "refused_after": decisions[True, False] + decisions[False, False],
        "newly_accepted": decisions[False, True],
        "newly_refused": refused,
        "kinds": kinds,
    }


def refusal(row: Row, decision: Check) -> Row:
    return {"id": row["id"], "parameter": decision.parameter, "message": decision.error_message}


def table(results: Row) -> Iterator[str]:
    heads = (*get_args(Verdict), "covered", "accepted")
    yield f"{'kind':10}" + "".join(f"{head:>10}" for head in heads) + f"{'precision':>11}"
    kinds: dict[str, dict[str, int]] = results["kinds"]
    total = Counter[str]()
    for kind in kinds.values():
        total.update(kind)
    for name, kind in (*kinds.items(), ("all", total)):
        share = f"{kind['accepted'] / kind['covered']:.3f}" if kind["covered"] else "-"
        yield f"{name:10}" + "".join(f"{kind[head]:10}" for head in heads) + f"{share:>11}"
    yield f"{results['tools']} tools, {results['calls']} calls"
    for when in ("before", "after"):
        yield f"{when} lifting: {results[f'accepted_{when}']} accepted, {results[f'refused_{when}']} refused"
    yield f"calls refused by lifting alone: {len(results['newly_refused'])}"
    yield from (f"  {row['id']}: {row['message']}" for row in results["newly_refused"])


def main() -> int:
    parser = argparse.ArgumentParser(description="What lifting constraints from prose does to known calls.")
    parser.add_argument("--tools", type=Path, required=True, help="rows with id and tool")
    parser.add_argument("--calls", type=Path, required=True, help="rows with id and call")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    results = measure(options.tools, options.calls)
    print("\n".join(table(results)))
    if options.json is not None:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 1 if results["newly_refused"] or results["newly_accepted"] else 0


if __name__ == "__main__":
    sys.exit(main())
