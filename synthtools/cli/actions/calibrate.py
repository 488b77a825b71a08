"""What `calibrate` does: a sample of a judge's verdicts, people's labels of them, and what those say of the judge."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from synthtools.cli.actions.calibrate_labels import label_cases
from synthtools.cli.output import notes, out, print_json, say
from synthtools.errors import UsageError
from synthtools.optimizers.calibration.calibrate import calibrate
from synthtools.optimizers.calibration.judged import Given, Judge, JudgedCase, case_of, find_judge, verdicts_given
from synthtools.optimizers.calibration.label_table import read_table, write_table
from synthtools.optimizers.calibration.labels import Labels
from synthtools.optimizers.calibration.sample import DEFAULT_SIZE, draw_sample
from synthtools.reports.calibration import calibration_view
from synthtools.runs.judges import read_calibration, standing, version_in_force
from synthtools.runs.run import Run, open_run
from synthtools.types.calibration import Calibration
from synthtools.types.record import JsonObject


class Wanted(NamedTuple):
    """The options of the command."""

    size: int | None
    seed: int | None
    csv: Path | None
    labels: Path | None
    report: bool
    as_json: bool


def calibrate_judge(name: str, folder: Path, wanted: Wanted) -> None:
    """Gathers labels in the way that is wanted, and prints what they show."""
    judge = find_judge(name)
    if sum((wanted.csv is not None, wanted.labels is not None, wanted.report)) > 1:
        raise UsageError("--csv, --labels and --report are three ways: give one of them, or none to label here")
    if (wanted.size, wanted.seed) != (None, None) and (wanted.labels is not None or wanted.report):
        raise UsageError("--size and --seed choose what is to be labelled: --labels and --report ask for no labels")
    if wanted.csv is not None and wanted.as_json:
        raise UsageError("--json prints a calibration: --csv makes none, and --labels does")
    with open_run(folder) as run:
        given = list(verdicts_given(run, judge))
        labels = Labels(folder, judge.name)
        if not wanted.report:
            if not given:
                raise UsageError(
                    f"the run {folder} has no verdict of the {judge.name} as it is now: it is asked in {judge.stage}, "
                    "where code cannot decide"
                )
            if wanted.csv is not None:
                _write(run, judge, given, labels, wanted)
                return
            _gather(run, judge, given, labels, wanted)
        _report(run, judge, given, labels, wanted)


def _write(run: Run, judge: Judge, given: Sequence[Given], labels: Labels, wanted: Wanted) -> None:
    assert wanted.csv is not None
    with labels:
        sample = _sample(judge, given, labels, wanted)
    cases = (case_of(run, judge, one) for one in sample)
    number = write_table(wanted.csv, ((case, case.show(run)) for case in cases), labels.file.labels)
    say(f"wrote {number} cases to {wanted.csv}: fill in the column label, then give it to --labels")


def _gather(run: Run, judge: Judge, given: Sequence[Given], labels: Labels, wanted: Wanted) -> None:
    with labels:
        if wanted.labels is not None:
            by_key = {one.key: one for one in given}

            def find(key: str) -> JudgedCase | None:
                return case_of(run, judge, by_key[key]) if key in by_key else None

            read = read_table(wanted.labels, find)
            labels.keep(read)
            say(f"read {len(read)} labels from {wanted.labels}")
            return
        sample = _sample(judge, given, labels, wanted)
        todo = (case_of(run, judge, one) for one in sample if one.key not in labels.file.labels)
        done = sum(one.key in labels.file.labels for one in sample)
        console = notes if wanted.as_json else out
        for case, label in label_cases(console, judge.asks, todo, run, done, len(sample)):
            labels.keep({case.given.key: label})


def _sample(judge: Judge, given: Sequence[Given], labels: Labels, wanted: Wanted) -> list[Given]:
    size = wanted.size or labels.file.size or DEFAULT_SIZE
    seed = labels.file.seed if wanted.seed is None else wanted.seed
    labels.choose(size, seed)
    return draw_sample(given, size, judge.positive, seed)


def _report(run: Run, judge: Judge, given: Sequence[Given], labels: Labels, wanted: Wanted) -> None:
    """Calibrates anew with all labels of verdicts that the run has now; else shows what was found before."""
    missing = _missing(given, labels)
    if not missing:
        found = _calibration(run, judge, given, labels)
        if found != read_calibration(run.path, judge.name):
            with labels:
                labels.keep_calibration(found)
    stands = standing(run.store, judge.name)
    if stands.calibration is None and wanted.report:
        raise UsageError(
            f"the {judge.name} is not calibrated: {missing}; `synthtools calibrate {judge.name}` asks for labels"
        )
    if wanted.as_json:
        report: JsonObject = {"run": str(run.path), "standing": stands.word, "changed": stands.changed}
        report["calibration"] = None if stands.calibration is None else stands.calibration.to_json()
        print_json(report)
    elif stands.calibration is not None:
        out.print(calibration_view(stands))
    if missing:
        again = "" if stands.calibration is None else " anew"
        kept = f"{len(labels.file.labels):,} labels are kept"
        say(f"{kept}; not calibrated{again} yet: {missing}; the same command goes on")


def _missing(given: Sequence[Given], labels: Labels) -> str:
    """What has to be labelled before there is a calibration; empty where nothing has."""
    if not given:
        return "the run has no verdict of it as it is now"
    without = Counter(one.verdict for one in given)
    for one in given:
        if one.key in labels.file.labels:
            without.pop(one.verdict, None)
    listed = ", ".join(f"{verdict} ({number} in the run)" for verdict, number in sorted(without.items()))
    return f"no label yet of a verdict {listed}" if listed else ""


def _calibration(run: Run, judge: Judge, given: Sequence[Given], labels: Labels) -> Calibration:
    known = labels.file.labels
    labelled = [one for one in given if one.key in known]
    return calibrate(
        [known[one.key] for one in labelled],
        [one.verdict for one in labelled],
        [one.verdict for one in given],
        positive=judge.positive,
        judge=judge.name,
        judged_by=version_in_force(run.store, judge.name),
    )
