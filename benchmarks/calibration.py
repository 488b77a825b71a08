"""How often the intervals of a calibration hold, on synthetic judges with known error rates.

`python benchmarks/calibration.py [--seeds 1000] [--json FILE]`: by setting, in how many of the seeds the 95 % intervals
of the corpus's rate, of recall, specificity and kappa contain what is true, and how wide the first is. The baseline in
the same run is the judge's own rate with its Wilson interval: how often one is right who does not correct. The exit
code is 1 where a corrected rate, recall or specificity holds in fewer than 93 % of the seeds.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import NamedTuple

from synthtools.optimizers.calibration.calibrate import calibrate
from synthtools.types.calibration import Calibration, Estimate
from synthtools.types.interval import wilson

BAR = 0.93


class Setting(NamedTuple):
    """A judge and a corpus: `rate` is the probability that a case is positive."""

    rate: float
    recall: float
    specificity: float
    labelled: int
    corpus: int

    @property
    def kappa(self) -> float:
        judged = self.rate * self.recall + (1 - self.rate) * (1 - self.specificity)
        observed = self.rate * self.recall + (1 - self.rate) * self.specificity
        chance = judged * self.rate + (1 - judged) * (1 - self.rate)
        return (observed - chance) / (1 - chance)


SETTINGS = (
    *(
        Setting(rate, recall, specificity, 120, 2_000)
        for rate in (0.1, 0.3, 0.5, 0.7, 0.9)
        for recall, specificity in ((0.7, 0.7), (0.7, 0.98), (0.98, 0.7), (0.9, 0.85), (0.98, 0.98))
    ),
    Setting(0.5, 0.8, 0.8, 60, 500),
    Setting(0.1, 0.98, 0.98, 60, 500),
    Setting(0.9, 0.98, 0.7, 60, 20_000),
    Setting(0.9, 0.7, 0.9, 300, 500),
    Setting(0.3, 0.85, 0.9, 300, 20_000),
    Setting(0.1, 0.7, 0.7, 300, 20_000),
)


def drawn(setting: Setting, seed: int) -> Calibration | None:
    """A calibration of one synthetic corpus, half of the labels for each verdict; None where a verdict has no case."""
    draw = Random(f"{setting}/{seed}")
    truth = [draw.random() < setting.rate for _ in range(setting.corpus)]
    verdicts = [draw.random() < (setting.recall if true else 1 - setting.specificity) for true in truth]
    by_verdict = {value: [n for n, verdict in enumerate(verdicts) if verdict == value] for value in (True, False)}
    few = min(map(len, by_verdict.values()))
    half = min(few, setting.labelled // 2)
    if not few:
        return None
    chosen = [
        case
        for cases in by_verdict.values()
        for case in draw.sample(cases, half if len(cases) == few else min(len(cases), setting.labelled - half))
    ]
    return calibrate([truth[case] for case in chosen], [verdicts[case] for case in chosen], verdicts)


def holds(estimate: Estimate | None, truth: float) -> bool:
    return estimate is not None and estimate.low <= truth <= estimate.high


def measured(setting: Setting, seeds: int) -> dict[str, float]:
    """Shares of seeds in which an interval holds, and the mean width of the corrected rate's."""
    held: Counter[str] = Counter()
    width = 0.0
    for seed in range(seeds):
        found = drawn(setting, seed)
        if found is None:
            continue
        judged = wilson(found.corpus.get("yes", 0), setting.corpus)
        held["rate"] += holds(found.true_rate, setting.rate)
        held["uncorrected"] += judged.low <= setting.rate <= judged.high
        held["recall"] += holds(found.recall, setting.recall)
        held["specificity"] += holds(found.specificity, setting.specificity)
        held["kappa"] += holds(found.kappa, setting.kappa)
        width += found.true_rate.high - found.true_rate.low
    names = ("rate", "recall", "specificity", "kappa", "uncorrected")
    return {**{name: held[name] / seeds for name in names}, "width": width / seeds}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=1_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    print("rate recall spec. labels corpus | rate    recall  spec.   kappa   uncorrected  width")
    for setting in SETTINGS:
        found = measured(setting, options.seeds)
        rows.append({**setting._asdict(), "held": found})
        shares = "  ".join(f"{found[name]:.3f} " for name in ("rate", "recall", "specificity", "kappa", "uncorrected"))
        rate, recall, specificity, labelled, corpus = setting
        print(
            f"{rate:4} {recall:6} {specificity:5} {labelled:6} {corpus:6} | {shares}      {found['width']:.3f}",
            flush=True,
        )
    least = {name: min(row["held"][name] for row in rows) for name in ("rate", "recall", "specificity", "kappa")}
    print("least:", ", ".join(f"{name} {share:.3f}" for name, share in least.items()))
    if options.json is not None:
        options.json.write_text(json.dumps({"seeds": options.seeds, "rows": rows, "least": least}, indent=2))
    return int(min(least["rate"], least["recall"], least["specificity"]) < BAR)


if __name__ == "__main__":
    sys.exit(main())
