import codecs
import gc
import gzip
import json
import os
import subprocess
from pathlib import Path

import orjson
import pytest

from synthtools.errors import DataError, RunError, StateError
from synthtools.exports.task_content import read_tasks, write_corpus
from synthtools.types import (
    AnswerValue,
    Certificate,
    CertificateCheck,
    Collection,
    DocumentedError,
    KillCount,
    Parameter,
    Response,
    Task,
    TaskWorld,
    Tool,
    ToolCall,
    ToolCode,
    Transition,
    VerifyPolicy,
)
from tests.sample_data import sample

KEYS = ["id", "field", "summary", "tools", "gt_tool_calls", "initial_state", "final_state"]

BOOK = Tool(
    name="BookVisit",
    description="Books a visit.",
    parameters={"pet_id": Parameter(type="string"), "fee": Parameter(type="number", required=False, default=1.5)},
    output={"visit_id": Parameter(type="string")},
    errors=(DocumentedError(title="Pet not found", advice="look it up", status_code=404),),
    usage="Give the pet.",
    reads=("pets",),
    writes=("visits",),
)
WORLD = TaskWorld(
    env_id="vets_spec_001",
    tools=(BOOK,),
    code={"BookVisit": ToolCode(source="def apply(args, state, now): ...", certified=True)},
    collections=(Collection(name="pets", id_prefix="PET", fields={"name": Parameter(type="string")}),),
)
TASK = Task(
    id="vets_spec_001_seq01",
    field="Veterinary clinics",
    summary="Book a visit for Rex, please.",
    tools=(BOOK,),
    gt_tool_calls=(ToolCall(name="BookVisit", arguments={"pet_id": "PET-1", "fee": 2.0}),),
    initial_state={"pets": {"PET-1": {"name": "Rex"}}, "visits": {}},
    final_state={"pets": {"PET-1": {"name": "Rex"}}, "visits": {"VIS-1": {"pet_id": "PET-1", "fee": 2.0}}},
    world=WORLD,
    certificate=Certificate(
        grade="certified",
        checks=(CertificateCheck(name="gold_passes", passed=True),),
        expected_answer=(AnswerValue(value="VIS-1", call=0, pointer="/visit_id"),),
        variants=3,
        killed=3,
        equivalent=1,
        kills={"dropped": KillCount(tried=3, killed=3), "duplicated": KillCount(equivalent=1)},
        made_with={"certifier": "1", "world": WORLD.hash},
    ),
    policy=VerifyPolicy(at_most={"BookVisit": 1}),
    gold=(
        Transition(
            tool="BookVisit",
            tool_version=BOOK.version,
            arguments={"pet_id": "PET-1"},
            reads_hash="0" * 64,
            now="2026-01-15T09:00:00Z",
            response=Response(status_code=200, data={"visit_id": "VIS-1"}),
            patch=({"op": "add", "path": "/visits/VIS-1", "value": {"fee": 2.0}},),
        ),
    ),
    provenance={"model": "scripted"},
)


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    return path


def test_a_corpus_reads_back_whole(tmp_path: Path):
    other = TASK.model_copy(update={"id": "vets_spec_001_seq02", "certificate": None, "gold": (), "provenance": {}})
    files = write_corpus([TASK, other], tmp_path / "corpus")
    assert (files.tasks, files.distinct_worlds) == (2, 1)
    assert list(read_tasks(files.content)) == [TASK, other]


def test_rows_have_the_seven_keys_in_order_and_native_json(tmp_path: Path):
    files = write_corpus([TASK], tmp_path)
    row = json.loads(files.content.read_text())
    assert list(row) == KEYS
    assert row["initial_state"] == {"pets": {"PET-1": {"name": "Rex"}}, "visits": {}}
    assert row["gt_tool_calls"] == ["BookVisit(pet_id='PET-1', fee=2.0)"]
    assert "source" not in files.content.read_text()
    world = json.loads(files.worlds.read_text())
    certificate = json.loads(files.certificates.read_text())
    assert certificate["world"] == world["hash"] == WORLD.hash


def test_a_tool_that_tasks_share_is_written_like_any_other(tmp_path: Path):
    alone = Tool.from_wire(BOOK.to_wire())
    tasks = [TASK, TASK.model_copy(update={"id": "b"}), TASK.model_copy(update={"id": "c", "tools": (alone,)})]
    files = write_corpus(tasks, tmp_path)
    assert files.content.read_bytes().splitlines() == [orjson.dumps(task.row()) for task in tasks]


def test_a_tool_that_json_cannot_carry_is_refused(tmp_path: Path):
    odd = BOOK.model_copy(update={"parameters": {"fee": Parameter(type="number", minimum=float("-inf"))}})
    with pytest.raises(StateError):
        write_corpus([TASK.model_copy(update={"tools": (odd,)})], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_the_files_beside_it_a_task_has_no_world(tmp_path: Path):
    files = write_corpus([TASK], tmp_path)
    files.worlds.unlink()
    (task,) = read_tasks(files.content)
    assert (task.world, task.certificate) == (None, TASK.certificate)
    files.certificates.unlink()
    (task,) = read_tasks(files.content)
    assert (task.world, task.certificate, task.gt_tool_calls) == (None, None, TASK.gt_tool_calls)


def test_a_world_that_was_changed_is_refused(tmp_path: Path):
    files = write_corpus([TASK], tmp_path)
    files.worlds.write_text(files.worlds.read_text().replace("vets_spec_001", "vets_spec_002"))
    with pytest.raises(DataError, match=r"task_worlds.jsonl line 1: hash"):
        list(read_tasks(files.content))


def test_the_last_of_equal_ids_wins(tmp_path: Path):
    rows = [TASK.row(), {**TASK.row(), "id": "b"}, {**TASK.row(), "summary": "Later words."}]
    path = write(tmp_path / "tasks.jsonl", rows[0], "\n", rows[1], rows[2])
    assert [(task.id, task.summary) for task in read_tasks(path)] == [
        ("b", TASK.summary),
        (TASK.id, "Later words."),
    ]


def test_gzipped_files_are_read(tmp_path: Path):
    files = write_corpus([TASK], tmp_path)
    for path in (files.content, files.worlds, files.certificates):
        Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert list(read_tasks(f"{files.content}.gz")) == [TASK]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"summary": 3}, "summary: expected a text, found 3"),
        ({"tools": "[{"}, "tools: a string that is no JSON"),
        ({"tools": {}}, "tools: expected a list"),
        ({"tools": [{"tool_name": "T", "reads": [], "parameters": {"a": {"type": "float"}}}]}, r"tools\[0\]: "),
        ({"tools": [BOOK.to_wire(), BOOK.to_wire()]}, "a second tool of the name 'BookVisit'"),
        ({"gt_tool_calls": ["BookVisit("]}, r"gt_tool_calls\[0\]: not a tool call: .* position 10"),
        ({"gt_tool_calls": None}, "gt_tool_calls: expected a list"),
        ({"initial_state": [1]}, "initial_state: expected an object or null"),
        ({"id": "../escape"}, "safe as a file name"),
        ({"id": 7}, "id: expected a text"),
    ],
)
def test_a_malformed_row_is_named_with_its_line_and_field(tmp_path: Path, change: dict[str, object], message: str):
    path = write(tmp_path / "tasks.jsonl", TASK.row(), {**TASK.row(), "id": "b", **change})
    with pytest.raises(DataError, match=rf"tasks\.jsonl line 2: .*{message}") as caught:
        list(read_tasks(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("line", ["{", "[]\n", "3\n", '{"id": NaN}\n', "\x00\n"])
def test_a_line_that_is_no_object_is_named_at_once(tmp_path: Path, line: str):
    path = write(tmp_path / "tasks.jsonl", TASK.row(), line)
    with pytest.raises(DataError, match="line 2: "):
        read_tasks(path)


def test_files_that_cannot_be_read_are_named(tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        read_tasks(tmp_path / "none.jsonl")
    packed = gzip.compress(b'{"id": "a"}\n' * 1000)
    (tmp_path / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match="cannot be read"):
        read_tasks(tmp_path / "cut.jsonl.gz")


def test_a_corpus_that_fails_half_way_leaves_the_old_one(tmp_path: Path):
    write_corpus([TASK], tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    broken = TASK.model_copy(update={"id": "b", "final_state": {"x": float("nan")}})
    with pytest.raises(StateError, match="nan is no JSON number"):
        write_corpus([TASK, broken], tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_byte_order_mark_at_the_start_is_no_part_of_the_first_row(tmp_path: Path):
    write_corpus([TASK, TASK.model_copy(update={"id": "other"})], tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(codecs.BOM_UTF8 + path.read_bytes())
    assert [task.id for task in read_tasks(tmp_path / "task_content.jsonl")] == [TASK.id, "other"]
    (tmp_path / "task_content.jsonl").write_bytes(codecs.BOM_UTF8 + b"{}\nnot JSON")
    with pytest.raises(DataError, match="line 1: id"):
        read_tasks(tmp_path / "task_content.jsonl")


@pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("spoilt", [None, "task_content", "task_certificates"])
def test_no_file_stays_open_after_reading(tmp_path: Path, spoilt: str | None):
    write_corpus([TASK], tmp_path)
    if spoilt is None:
        assert len(list(read_tasks(tmp_path / "task_content.jsonl"))) == 1
    else:
        (tmp_path / f"{spoilt}.jsonl").write_text("{}")
        with pytest.raises(DataError, match=spoilt):
            list(read_tasks(tmp_path / "task_content.jsonl"))
    gc.collect()


def test_what_a_killed_process_had_written_is_removed_by_the_next_and_what_others_write_is_not(tmp_path: Path):
    over = subprocess.Popen(["true"])
    over.wait()
    ours, killed = (tmp_path / f".task_content.jsonl.{pid}.x1.part" for pid in (os.getpid(), over.pid))
    for part in (ours, killed):
        part.write_text("{}")
    write_corpus([TASK], tmp_path)
    assert (ours.exists(), killed.exists()) == (True, False)


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write"):
        write_corpus([TASK], tmp_path / "file" / "corpus")


def test_old_tools_are_normalised_and_calls_follow_the_new_names(tmp_path: Path):
    row = {
        **TASK.row(),
        "tools": json.dumps([{"tool_name": "Book visit", "parameters": {"pet id": {"type": "str", "required": True}}}]),
        "gt_tool_calls": ["[Book visit(**{'pet id': 'P'})]", {"name": "Book visit", "arguments": {"pet id": "Q"}}],
        "source": "elsewhere",
    }
    (task,) = read_tasks(write(tmp_path / "tasks.jsonl", row))
    assert [str(call) for call in task.gt_tool_calls] == ["BookVisit(pet_id='P')", "BookVisit(pet_id='Q')"]
    assert task.provenance == {"row": {"source": "elsewhere"}}


def test_the_second_version_reads_as_three_tasks():
    first, choir, old = read_tasks(sample("v2_tasks_sample.jsonl"))
    assert choir.summary == "Which altos will be missing on 9 May 2026 (2026-05-09)?"
    assert choir.gt_tool_calls == (ToolCall(name="ListAbsences", arguments={"voice": "alto", "day": "2026-05-09"}),)
    assert (choir.initial_state, choir.tools[0].parameters["limit"].default) == (None, None)
    assert (first.tools, first.initial_state, first.gt_tool_calls) == (old.tools, old.initial_state, old.gt_tool_calls)
    note, litres = (first.tools[0].parameters[name] for name in ("note", "litres"))
    assert (note.default, note.required, litres.type) == (None, False, "number")
