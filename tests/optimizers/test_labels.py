"""Which verdicts are sampled, and how labels are kept, written to a table and read back."""

import csv
import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from synthtools.errors import DataError, RunError, UsageError
from synthtools.optimizers.calibration.judged import Given, JudgedCase, find_judge
from synthtools.optimizers.calibration.label_table import read_table, write_table
from synthtools.optimizers.calibration.labels import Labels
from synthtools.optimizers.calibration.sample import allotted, draw_sample


def given(number: int, verdict: str, field: str = "bikes", mode: str = "happy") -> list[Given]:
    return [Given(f"{field}/{mode}/{verdict}/{n}", "record", verdict, field, mode) for n in range(number)]


@pytest.mark.parametrize(
    ("counts", "size", "shares"),
    [
        ({"correct": 900, "late": 50, "lost": 50}, 120, {"correct": 60, "late": 30, "lost": 30}),
        ({"correct": 900, "late": 3, "lost": 50}, 120, {"correct": 67, "late": 3, "lost": 50}),
        ({"correct": 10, "late": 900}, 120, {"correct": 10, "late": 110}),
        ({"correct": 4, "late": 3}, 120, {"correct": 4, "late": 3}),
        ({"correct": 50}, 20, {"correct": 20}),
        ({"late": 50}, 21, {"late": 21}),
    ],
)
def test_half_of_a_sample_is_positive_and_the_rest_is_spread(
    counts: Mapping[str, int], size: int, shares: Mapping[str, int]
) -> None:
    assert allotted(counts, size, "correct") == shares


def test_a_sample_has_fields_and_modes_in_proportion_and_grows_without_changing() -> None:
    verdicts = [
        *given(600, "correct", "bikes", "happy"),
        *given(200, "correct", "bikes", "rule"),
        *given(200, "correct", "ships", "happy"),
        *given(90, "late", "bikes", "rule"),
    ]
    small, large = draw_sample(verdicts, 40, "correct"), draw_sample(verdicts, 100, "correct")
    assert set(small) < set(large)
    groups = Counter((one.field, one.mode) for one in large if one.verdict == "correct")
    wanted = {("bikes", "happy"): 30, ("bikes", "rule"): 10, ("ships", "happy"): 10}
    assert groups.keys() == wanted.keys()
    assert all(abs(groups[name] - number) <= 1 for name, number in wanted.items())
    assert draw_sample(list(reversed(verdicts)), 100, "correct") == large
    assert draw_sample(verdicts, 100, "correct", seed=1) != large
    order = [one.verdict for one in large]
    assert order != sorted(order), "the order does not give the verdict away"


def test_labels_are_on_disk_at_once_and_only_one_writes(tmp_path: Path) -> None:
    with Labels(tmp_path, "response-judge") as labels:
        labels.choose(30, 7)
        labels.keep({"a": "correct"})
        labels.keep({"b": "late"})
        other = Labels(tmp_path, "response-judge")
        assert (other.file.size, other.file.seed, other.file.labels) == (30, 7, {"a": "correct", "b": "late"})
        with pytest.raises(RunError, match="in use by process"), other:
            pass
    damaged = tmp_path / "calibration" / "response-judge.labels.json"
    damaged.write_text("{")
    with pytest.raises(DataError, match=r"response-judge\.labels\.json is no JSON"):
        Labels(tmp_path, "response-judge")
    damaged.write_text('{"format": 2, "size": 1, "seed": 0}')
    with pytest.raises(DataError, match=r"response-judge\.labels\.json: format"):
        Labels(tmp_path, "response-judge")


CASE = JudgedCase(
    given=Given("env/Tool/0:ab", "env", "correct", "bikes", "happy"),
    choices=("correct", "late", "lost"),
    reason='=HYPERLINK("x")',
    show=lambda run: {},
)
OTHER = JudgedCase(Given("env/Tool/1:cd", "env", "no", "bikes", "rule"), ("yes", "no"), "", lambda run: {})
CASES = {case.given.key: case for case in (CASE, OTHER)}


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(("case,verdict,label", *rows)), encoding="utf-8-sig")
    return path


def test_a_table_comes_back_with_its_labels(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    shown = {"call": "Tool(a=1)", "records": {"x": "y" * 10_000}, "steps": ["one", "two"]}
    assert write_table(path, [(CASE, shown), (OTHER, shown)], {OTHER.given.key: "yes"}) == 2
    text = path.read_text()
    assert "'=HYPERLINK" in text, "no cell is a formula"
    assert read_table(path, CASES.get) == {OTHER.given.key: "yes"}
    path.write_text(text.replace('"correct, late, lost",', '"correct, late, lost", Late '))
    assert read_table(path, CASES.get) == {OTHER.given.key: "yes", CASE.given.key: "late"}
    with pytest.raises(UsageError, match="exists and may hold labels"):
        write_table(path, [], {})


def test_a_key_or_text_that_would_be_a_formula_is_none_and_comes_back(tmp_path: Path) -> None:
    case = dataclasses.replace(CASE, given=CASE.given._replace(key="=cmd|x/rollout:ab"))
    shown = {"one": "\n=1+1", "two": "＝1+1"}
    path = tmp_path / "table.csv"
    write_table(path, [(case, shown)], {case.given.key: "late"})
    with path.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["case"], row["one"], row["two"]) == ("'=cmd|x/rollout:ab", "'\n=1+1", "'＝1+1")
    assert read_table(path, {case.given.key: case}.get) == {case.given.key: "late"}


def test_words_for_labels(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "env/Tool/0:ab,correct,RIGHT", "env/Tool/1:cd,no,wrong", "unknown,no,")
    assert read_table(path, CASES.get) == {"env/Tool/0:ab": "correct", "env/Tool/1:cd": "yes"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["env/Tool/9,no,right"], "t.csv, line 2, column case: 'env/Tool/9' is no case of this judge in this run"),
        (
            ["env/Tool/0:ab,correct,wrong"],
            "line 2, column label: which verdict is right instead of correct? late or lost",
        ),
        (["", "env/Tool/1:cd,no,maybe"], "line 3, column label: 'maybe': write right, or one of yes, no"),
        (
            ["env/Tool/1:cd,no,yes", "env/Tool/1:cd,no,no"],
            "line 3, column label: env/Tool/1:cd is labelled yes further up",
        ),
        (['env/Tool/1:cd,no,"yes"no'], "t.csv: no CSV"),
    ],
)
def test_a_wrong_table_is_told_by_line_and_column(tmp_path: Path, rows: list[str], said: str) -> None:
    with pytest.raises(DataError) as error:
        read_table(table(tmp_path / "t.csv", *rows), CASES.get)
    assert said in str(error.value)


def test_a_table_without_its_columns_or_not_in_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("case,verdict\nenv,no\n")
    with pytest.raises(DataError, match=r"t\.csv, line 1: there is no column label; columns are separated by commas"):
        read_table(path, CASES.get)
    path.write_bytes(b"case,label\n\xff,right\n")
    with pytest.raises(DataError, match="not UTF-8"):
        read_table(path, CASES.get)
    with pytest.raises(UsageError, match="cannot be read"):
        read_table(tmp_path / "none.csv", CASES.get)


def test_judges_whose_verdicts_are_not_kept_say_so() -> None:
    assert find_judge("solution-judge").positive == "equivalent"
    with pytest.raises(UsageError, match="turn-judge cannot be calibrated: of its verdicts a run keeps only"):
        find_judge("turn-judge")
    with pytest.raises(
        UsageError, match="there is no judge judge; the judges that can be calibrated are response-judge"
    ):
        find_judge("judge")
