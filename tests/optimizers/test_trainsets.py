"""Sets of cases: files, splits and hashes; and the labels of drawn cases, checked otherwise than they were made."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtools.errors import ConfigError, DataError
from synthtools.optimizers.case import Case
from synthtools.optimizers.draws import records
from synthtools.optimizers.targets import TARGETS
from synthtools.optimizers.trainsets import balanced, data_hash, read_cases, split, write_cases
from synthtools.runs.item import Item
from synthtools.types import Check, EnvSpec, Response, Task, ToolCall
from synthtools.world.verify import verify
from synthtools.world.world import World
from tests.optimizers.library_run import drawn, library_run
from tests.optimizers.right_answers import asked


def _case(number: int, field: str, label: str = "") -> Case:
    return Case(id=f"case-{number:03d}", field=field, inputs={"n": number}, label=label)


CASES = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["", "x", "y"])), max_size=60).map(
    lambda rows: [_case(number, field, label) for number, (field, label) in enumerate(rows)]
)


@given(
    CASES, st.integers(0, 99), st.sampled_from([(0.5, 0.25, 0.25), (0.8, 0.1, 0.1), (0.5, 0.0, 0.5), (1.0, 0.0, 0.0)])
)
def test_a_split_shares_no_field_and_loses_no_case(
    cases: list[Case], seed: int, shares: tuple[float, float, float]
) -> None:
    fields = {case.field for case in cases}
    wanted = sum(share > 0 for share in shares)
    if len(fields) < wanted:
        with pytest.raises(DataError, match="add cases of other fields"):
            split(cases, seed, shares)
        return
    parts = split(cases, seed, shares)
    assert sorted(case.id for part in parts for case in part) == [case.id for case in cases]
    seen = [{case.field for case in part} for part in parts]
    assert sum(map(len, seen)) == len(fields)
    assert [bool(part) for part in parts] == [share > 0 for share in shares]
    assert split(random.Random(1).sample(cases, len(cases)), seed, shares) == parts


def test_the_parts_of_a_split_have_about_their_shares() -> None:
    cases = [_case(number, f"field {number % 20}") for number in range(400)]
    parts = split(cases, 3)
    assert [len(part) for part in parts] == [200, 100, 100]
    assert split(cases, 4) != parts


def test_too_few_fields_are_refused_with_what_would_help() -> None:
    with pytest.raises(DataError) as refused:
        split([_case(1, "bakeries"), _case(2, "clinics")], 0)
    assert str(refused.value) == (
        "the cases are of 2 fields (bakeries, clinics), and a split by field into training, validation, test needs 3: "
        "add cases of other fields, or draw them from a run with more fields (`--field`)"
    )
    with pytest.raises(ConfigError, match="add up to 1"):
        split([], 0, (0.5, 0.5, 0.5))


@given(CASES, st.integers(0, 60), st.integers(0, 99))
def test_balanced_cases_have_every_label_as_often_as_there_are_cases_of_it(
    cases: list[Case], size: int, seed: int
) -> None:
    chosen = balanced(cases, size, seed)
    assert len(chosen) == min(size, len(cases)) == len({case.id for case in chosen})
    assert chosen == balanced(cases[::-1], size, seed)
    assert chosen[: size // 2] == balanced(cases, size // 2, seed)
    _is_even(chosen, cases, "label")
    for label in {case.label for case in chosen}:
        _is_even(
            [case for case in chosen if case.label == label], [case for case in cases if case.label == label], "field"
        )


def _is_even(chosen: Sequence[Case], of: Sequence[Case], key: str) -> None:
    """No value is chosen twice more often than one of which there are cases left."""
    counts = Counter(getattr(case, key) for case in chosen)
    there = Counter(getattr(case, key) for case in of)
    open_ = [value for value in there if counts[value] < there[value]]
    most = max(counts.values(), default=0)
    assert all(counts[value] >= most - 1 for value in open_)


@given(CASES)
def test_the_hash_is_that_of_the_set(cases: list[Case]) -> None:
    assert data_hash(cases) == data_hash(cases[::-1])
    if cases:
        other = cases[0].model_copy(update={"expected": "other"})
        assert data_hash([other, *cases[1:]]) != data_hash(cases) != data_hash(cases[1:])


def test_files_come_back_as_they_were_and_rows_without_a_source_are_given_their_line(tmp_path: Path) -> None:
    cases = (
        _case(1, "a", "x").model_copy(update={"expected": {"é": [1, 2.5, None]}, "source": "env-generation/e1"}),
        _case(2, "b"),
    )
    file = tmp_path / "new" / "cases.jsonl"
    write_cases(file, cases)
    assert read_cases(file) == (cases[0], cases[1].model_copy(update={"source": "cases.jsonl:2"}))
    assert [path.name for path in file.parent.iterdir()] == ["cases.jsonl"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("nonsense", ":2: not JSON"),
        ("[1]", ":2: expected a case as a JSON object"),
        ('{"id": "b", "field": "f"}', ":2: inputs: Field required"),
        ('{"id": "b", "field": "", "inputs": {}}', ":2: field: expected a text"),
        ('{"id": 5, "field": "f", "inputs": {}}', ":2: id: Input should be a valid string"),
        ('{"id": "b", "field": "f", "inputs": {}, "lable": "x"}', ":2: lable: Extra inputs are not permitted"),
        ('{"id": "a", "field": "f", "inputs": {}}', ":2: id: 'a' stands in line 1 already"),
    ],
)
def test_a_bad_row_is_told_with_its_line_and_field(tmp_path: Path, row: str, told: str) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text('{"id": "a", "field": "f", "inputs": {}}\n' + row + "\n")
    with pytest.raises(DataError) as refused:
        read_cases(file)
    assert str(refused.value).startswith(f"{file}{told}")
    assert "\n" not in str(refused.value)


def test_a_file_that_is_missing_or_empty_and_ids_that_repeat_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_cases(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(DataError, match="there are no cases"):
        read_cases(tmp_path / "empty.jsonl")
    with pytest.raises(DataError, match="stands twice"):
        write_cases(tmp_path / "twice.jsonl", [_case(1, "a"), _case(1, "b")])
    assert not (tmp_path / "twice.jsonl").exists()


def test_a_byte_order_mark_is_no_part_of_the_first_case(tmp_path: Path) -> None:
    write_cases(tmp_path / "cases.jsonl", [_case(1, "a")])
    (tmp_path / "marked.jsonl").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "cases.jsonl").read_bytes())
    assert [case.id for case in read_cases(tmp_path / "marked.jsonl")] == [_case(1, "a").id]


def _env() -> EnvSpec:
    with library_run() as run:
        return next(run.environments())


def _answer(call: ToolCall) -> Response:
    """What the environment's world answers: gate, code and commit, as a rollout meets them."""
    return World(_env()).call(call)


def _task(case: Case) -> Task:
    with library_run() as run:
        return run.record("task-audit", case.source.removeprefix("task-audit/"))


def test_rule_cases_are_what_the_world_says_and_have_every_documented_error() -> None:
    errors: dict[str, set[Any]] = {}
    for case in drawn("rule-checker"):
        inputs, expected = asked("rule-checker", case), Check.from_json(case.expected)
        came = _answer(inputs.call)
        assert (came.ok, came.status_code) == (expected.passed, expected.status_code)
        errors.setdefault(inputs.tool.name, set()).add(expected.error_message)
    with_errors = [tool for tool in _env().tools if tool.errors]
    assert {name: len(found) for name, found in errors.items()} == {
        tool.name: 1 + len(tool.errors) for tool in with_errors
    }


def test_simulation_cases_are_what_the_world_answers() -> None:
    for case in drawn("response-simulator"):
        inputs = asked("response-simulator", case)
        world = World(_env())
        assert world.call(inputs.call).data == case.expected["data"]
        assert {name: world.state[name] for name in case.expected["after"]} == case.expected["after"]
        changed = world.state != _env().initial_state
        assert (case.label == "reads") is not changed


def test_response_cases_are_correct_exactly_where_the_world_answers_so() -> None:
    labels = Counter(case.label for case in drawn("response-judge"))
    assert {"correct", "wrong type", "missing key", "wrong echo", "error for success", "success for error"} <= set(
        labels
    )
    for case in drawn("response-judge"):
        inputs = asked("response-judge", case)
        came = _answer(inputs.test.call)
        same = (came.ok, came.data) == (inputs.response.ok, inputs.response.data)
        same = same and (came.ok or str(came.error_message).startswith(str(inputs.response.error_message)))
        assert (case.expected == "correct") == same, case.id
        if came.ok != inputs.response.ok:
            assert case.expected == ("should_success_got_error" if came.ok else "should_error_got_success")
        if case.label == "correct":
            assert inputs.test.should_succeed == came.ok


def test_code_to_be_repaired_fails_on_the_call_that_its_writer_is_told_of() -> None:
    repairs = [case for case in drawn("behaviour-generator") if case.label == "repair"]
    assert len(repairs) == len([tool for tool in _env().tools if tool.errors])
    for case in repairs:
        inputs = asked("behaviour-generator", case)
        env, args = _env(), json.loads(inputs.feedback.removeprefix("args = ").partition("}")[0] + "}")
        world = World(env.tools, env.initial_state, code={inputs.tool.name: inputs.last_source})
        came = world.call(ToolCall(name=inputs.tool.name, arguments=args))
        assert came.status_code != _answer(ToolCall(name=inputs.tool.name, arguments=args)).status_code


def test_tools_that_a_model_answers_give_no_cases_but_those_of_their_guard() -> None:
    whole = _env()
    name, code = next((name, code) for name, code in whole.code.items() if whole.tool(name).errors)
    guarded = code.model_copy(update={"certified": False, "guard_certified": True})
    env = whole.model_copy(update={"code": {name: guarded}})
    items = [Item("env-generation", env.id, field="bicycle_rental")]
    store = SimpleNamespace(each=lambda stage, status="done": items if stage == "env-generation" else [])
    run: Any = SimpleNamespace(store=store, record=lambda stage, id: env)
    found = {target: list(TARGETS[target].cases(run)) for target in ("rule-checker", "test-call-writer")}
    assert {case.inputs["tool"]["name"] for cases in found.values() for case in cases} == {name}
    for target in ("response-simulator", "response-judge", "behaviour-generator", "disagreement-judge"):
        assert list(TARGETS[target].cases(run)) == []


def test_turn_cases_are_right_wrong_and_said_nowhere() -> None:
    counts = Counter(case.label for case in drawn("turn-judge"))
    assert set(counts) == {"right", "another call", "said nowhere"}
    assert len(set(counts.values())) == 1
    for case in drawn("turn-judge"):
        inputs = asked("turn-judge", case)
        assert (inputs.expected[0] == inputs.actual[0]) == case.expected["correct"]
        said = " ".join([*inputs.conversation, inputs.request])
        for name, source in case.expected.get("sources", {}).items():
            assert (str(inputs.actual[0].arguments[name]) in said) == (source == "request")


def test_solution_cases_differ_in_form_or_in_what_they_say() -> None:
    assert {case.label for case in drawn("solution-judge")} == {"in another form", "cut", "another text"}
    for case in drawn("solution-judge"):
        inputs = asked("solution-judge", case)
        expected, actual = ([str(call).lower() for call in calls] for calls in (inputs.expected, inputs.actual))
        assert inputs.expected != inputs.actual
        assert case.expected == (expected == actual)
        assert len(inputs.differences) == 1


def test_the_right_side_of_a_disagreement_is_the_worlds() -> None:
    assert {case.expected for case in drawn("disagreement-judge")} == {"first", "second"}
    for case in drawn("disagreement-judge"):
        inputs = asked("disagreement-judge", case)
        came = _answer(ToolCall(name=inputs.tool.name, arguments=inputs.case.arguments))
        sides = {"first": inputs.case.first, "second": inputs.case.second}
        right = sides.pop(case.expected)
        (wrong,) = sides.values()
        assert (right.status, right.data) == (came.status_code, came.data)
        assert (wrong.status, wrong.data, wrong.after) != (right.status, right.data, right.after)


def test_rollout_cases_reach_the_goal_exactly_where_verification_says_so() -> None:
    labels = {case.label for case in drawn("trajectory-judge")}
    assert {"right", "a call is missing", "an altered call", "a call too many", "a poor answer"} <= labels
    for case in drawn("trajectory-judge"):
        inputs = asked("trajectory-judge", case)
        assert verify(_task(case), inputs.trajectory).passed == case.expected["goal_reached"], case.id
        calls = [str(call) for call in inputs.trajectory.calls]
        gold = [str(call) for call in inputs.expected]
        assert sorted(case.expected.get("missing", [])) == sorted(set(gold) - set(calls))
        assert set(case.expected.get("extra", [])) <= set(calls)


def test_of_a_field_only_so_many_records_are_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    with library_run() as run:
        everything = list(run.store.each("task-generation"))
        assert records.chosen(run, "task-generation") == everything and len(everything) > 2
        monkeypatch.setattr(records, "MOST_ITEMS", 2)
        few = records.chosen(run, "task-generation")
        assert len(few) == 2 and few == [item for item in everything if item in few]
        assert {case.source.partition("/")[2] for case in TARGETS["turn-solver"].cases(run)} <= {one.id for one in few}


def test_every_case_has_an_id_of_its_own_and_its_source_in_the_run() -> None:
    with library_run() as run:
        for name in TARGETS:
            ids = [case.id for case in drawn(name)]
            assert len(set(ids)) == len(ids) > 0, name
            for case in drawn(name):
                stage, _, id = case.source.partition("/")
                item = run.store.item(stage, id)
                assert item is not None and item.field == case.field == "bicycle_rental"
