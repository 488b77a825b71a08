"""Which items are told as slow: those that take several times as long as others of their stage."""

from pathlib import Path

import pytest
from rich.console import Console

from synthtools.runs import progress
from synthtools.runs.in_flight import InFlight
from synthtools.runs.item import Item, Outcome
from synthtools.runs.progress import progress_view
from synthtools.runs.stages import STAGES
from synthtools.runs.store import Store


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def in_flight(clock: Clock) -> InFlight:
    """Audits take two seconds; five are over."""
    known = InFlight(clock)
    for number in range(5):
        known.finished(Outcome(Item("env-audit", f"done_{number}"), "done", seconds=2.0))
    return known


def test_nothing_is_slow_until_it_takes_five_times_the_median_and_ten_seconds(
    in_flight: InFlight, clock: Clock
) -> None:
    in_flight.started(Item("env-audit", "bikes_spec_001"))
    clock.now = 10.0
    assert in_flight.slow() == ""
    clock.now = 10.1
    assert in_flight.slow() == "slow: bikes_spec_001 (10 s in env-audit, usually 2)"
    in_flight.finished(Outcome(Item("env-audit", "bikes_spec_001"), "failed", seconds=10.1))
    assert (in_flight.slow(), in_flight.oldest()) == ("", "")


def test_a_stage_of_which_little_is_known_has_no_slow_items(in_flight: InFlight, clock: Clock) -> None:
    in_flight.started(Item("task-audit", "bikes_spec_001_seq00"))
    clock.now = 1000.0
    assert in_flight.slow() == ""
    assert in_flight.oldest() == "task-audit bikes_spec_001_seq00"


def test_the_oldest_are_named_and_the_others_counted(in_flight: InFlight, clock: Clock) -> None:
    for number in range(5):
        clock.now = float(number)
        in_flight.started(Item("env-audit", f"spec_{number}"))
    clock.now = 100.0
    told = in_flight.slow()
    assert told.startswith("slow: spec_0 (100 s in env-audit, usually 2), spec_1 (99 s")
    assert told.endswith("spec_2 (98 s in env-audit, usually 2) and 2 more")
    in_flight.clear()
    assert in_flight.slow() == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_both_views_tell_of_them(
    tmp_path: Path, terminal: bool, in_flight: InFlight, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    monkeypatch.setattr(progress, "InFlight", lambda: in_flight)
    console = Console(record=True, force_terminal=terminal, width=120, file=(tmp_path / "out").open("w"))
    with (
        Store(tmp_path / "run", create=True) as store,
        progress_view(console, store, tuple(STAGES.values())) as view,
    ):
        view.started(Item("env-audit", "bikes_spec_001"))
        clock.now = 60.0
        view.tick()
    assert "slow: bikes_spec_001 (60 s in env-audit, usually 2)" in console.export_text()
