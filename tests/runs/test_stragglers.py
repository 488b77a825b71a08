"""Items that take much longer than others of their stage are told, while they work and afterwards."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from synthtools.runs.item import Item, Outcome, content_hash
from synthtools.runs.reader import StoreReader
from synthtools.runs.store import Store
from synthtools.runs.stragglers import Begun, Timed, read_times
from tests.cli.shared import invoke

STAGE = "env-audit"
PAYLOAD = b"{}"


def ended(id: str, seconds: float, status: str = "done") -> Outcome:
    if status == "failed":
        return Outcome(Item(STAGE, id), "failed", reason="budget", seconds=seconds)
    return Outcome(Item(STAGE, id), "done", PAYLOAD, content_hash(PAYLOAD), seconds=seconds)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Twenty items took two seconds, three took longer, and one was given up."""
    opened = Store(tmp_path / "run", create=True)
    opened.put_all(ended(f"usual_{number:02d}", 2.0) for number in range(20))
    opened.put_all([ended("long", 40.0), ended("longer", 60.0), ended("within", 9.9), ended("hung", 100.0, "failed")])
    return opened


def test_the_slowest_items_are_told_with_their_times_of_the_median(store: Store) -> None:
    times = read_times(store, STAGE)
    store.close()
    assert times is not None
    assert (times.median, times.p95, times.slow) == (2.0, 40.0, 3)
    assert times.slowest == (
        Timed("hung", "failed", 100.0, 50.0),
        Timed("longer", "done", 60.0, 30.0),
        Timed("long", "done", 40.0, 20.0),
    )
    assert read_times(store_of_four(store.folder.parent / "few"), STAGE) is None


def store_of_four(folder: Path) -> StoreReader:
    with Store(folder, create=True) as few:
        few.put_all(ended(f"usual_{number}", 2.0) for number in range(4))
    return StoreReader(folder)


def test_what_is_begun_is_seen_by_others_until_it_ends(store: Store) -> None:
    begun = Begun(store, clock=lambda: 1000.0)
    reader = StoreReader(store.folder)
    with begun:
        for id in ("slow", "other"):
            begun.started(Item(STAGE, id))
        store.put(ended("other", 1.0))
        times = read_times(reader, STAGE, clock=lambda: 1030.0)
        assert times is not None
        assert times.in_flight == (Timed("slow", "todo", 30.0, 15.0),)
        assert (times.stragglers[0].id, times.slow) == ("slow", 4)
        earlier = read_times(reader, STAGE, clock=lambda: 0.0)
        assert earlier is not None and earlier.in_flight[0].seconds == 0.0, "the clock was set back"
    store.set_meta("all", "written")
    assert reader.begun(STAGE) == []
    reader.close()
    store.close()


def test_the_status_says_it_in_a_line_a_stage(store: Store) -> None:
    Begun(store, clock=lambda: 0.0).started(Item(STAGE, "slow"))
    store.close()
    told = " ".join(invoke("status", "--run", store.folder).stdout.split())
    assert "slow in env-audit (usually 2 s, 95% within 40): slow (" in told
    assert "x, not ended), hung (100 s, 50x, failed), longer (60 s, 30x), long (40 s, 20x)" in told
    times = orjson.loads(invoke("status", "--run", store.folder, "--json").stdout)["times"]
    assert [*times] == [STAGE]
    assert times[STAGE]["slowest"][0] == {"id": "hung", "status": "failed", "seconds": 100.0, "times": 50.0}
    assert [item["id"] for item in times[STAGE]["in_flight"]] == ["slow"]


def test_what_a_killed_process_left_is_not_in_flight(store: Store) -> None:
    Begun(store).started(Item(STAGE, "left"))
    store.close()
    reader = StoreReader(store.folder)
    assert [id for id, _ in reader.begun(STAGE)] == ["left"]
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    (store.folder / "run.lock").write_text(str(ended.pid))
    assert reader.begun(STAGE) == []
    with Store(store.folder) as again, Begun(again):
        assert reader.begun(STAGE) == []
    reader.close()
