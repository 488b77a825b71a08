"""How far the interval and the verdict on a gain can be trusted where the cases of a field are alike.

`python benchmarks/significance.py [--seeds 200] [--json FILE]`: simulated tests of so many fields, and cases a field.
How far a program gains differs by field (`spread`: the most that it is above or below the mean gain), and the two
programs agree in most cases. For each setting: in how many of the seeds the 95 % interval of the gain holds the mean
gain over all fields, how often a gain or loss is called significant where there is none on average, and how often a
gain of 0.1 is; once with whole fields drawn (the rule from 10 fields on), once with every case taken as independent.
The exit code is 1 where, from 10 fields on, drawing whole fields holds in fewer than 90 % of the seeds or calls more
than 7 % of the nulls significant.
"""

import argparse
import json
import sys
from pathlib import Path
from random import Random
from typing import NamedTuple

from synthtools.optimizers.compile.significance import bootstrap_interval, sign_flip_p_value
from synthtools.optimizers.compile.units import FEWEST

HOLDS, FALSE = 0.9, 0.07
GAIN = 0.1


class Setting(NamedTuple):
    """A test: `spread` is the most that a field's gain is above or below the mean one."""

    fields: int
    cases: int
    spread: float


SETTINGS = tuple(
    Setting(fields, cases, spread)
    for fields, cases in ((3, 12), (6, 12), (10, 12), (20, 6), (40, 6))
    for spread in (0.0, 0.3)
)


def drawn(setting: Setting, gain: float, seed: int) -> tuple[list[float], list[int]]:
    """How much better each case comes out, and its field. Fields differ in size by up to a half."""
    draw = Random(f"{setting}/{gain}/{seed}")
    differences: list[float] = []
    groups: list[int] = []
    for field in range(setting.fields):
        share = draw.uniform(0.4, 0.6)
        better = share + gain + draw.uniform(-setting.spread, setting.spread)
        for _ in range(draw.randint(setting.cases // 2, setting.cases * 3 // 2)):
            one = draw.random()
            other = one if draw.random() < 0.6 else draw.random()
            differences.append(float(other < better) - float(one < share))
            groups.append(field)
    return differences, groups


def measured(setting: Setting, seeds: int) -> dict[str, float]:
    """Shares of seeds by field and by case: the interval holds, a null is called significant, a gain is."""
    found = dict.fromkeys(
        (f"{what} by {unit}" for what in ("holds", "false", "found") for unit in ("field", "case")), 0
    )
    for seed in range(seeds):
        for gain in (0.0, GAIN):
            differences, groups = drawn(setting, gain, seed)
            for unit, drawn_by in (("field", groups), ("case", None)):
                said = bootstrap_interval(differences, seed, drawn_by)
                beyond_chance = sign_flip_p_value(differences, seed, drawn_by) <= 0.05
                if gain:
                    found[f"holds by {unit}"] += said.low <= gain <= said.high
                    found[f"found by {unit}"] += beyond_chance and said.low > 0
                else:
                    found[f"false by {unit}"] += beyond_chance and not said.low <= 0 <= said.high
    return {name: number / seeds for name, number in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    kept = True
    print(
        "fields cases spread | holds: field  case | null called a gain or loss: field  case | gain found: field  case"
    )
    for setting in SETTINGS:
        found = measured(setting, options.seeds)
        rows.append({**setting._asdict(), **found})
        holds, false, right = (
            f"{found[f'{what} by field']:.3f}  {found[f'{what} by case']:.3f}" for what in ("holds", "false", "found")
        )
        print(
            f"{setting.fields:6} {setting.cases:5} {setting.spread:6} |   {holds} |   {false} |   {right}", flush=True
        )
        if setting.fields >= FEWEST:
            kept &= found["holds by field"] >= HOLDS and found["false by field"] <= FALSE
    if options.json is not None:
        options.json.write_text(json.dumps({"seeds": options.seeds, "rows": rows}, indent=2))
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
