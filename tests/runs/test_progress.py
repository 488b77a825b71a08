"""What a person sees of the servers while a run works."""

from pathlib import Path

import pytest
from rich.console import Console

from synthtools.backends.replicas import ReplicaState, ServersState
from synthtools.backends.scripted_server import serve
from synthtools.config import Settings
from synthtools.runs import progress
from synthtools.runs.models import Models
from synthtools.runs.progress import progress_view, servers_line
from synthtools.runs.stages import STAGES
from synthtools.runs.store import Store

WORKING = ReplicaState(address="http://gpu-1:8000/v1", in_flight=12, limit=20, ceiling=64, failures=0)
RESTING = ReplicaState(address="http://gpu-2:8000/v1", in_flight=1, limit=30, ceiling=64, failures=3, resting=4.2)
BOTH = ServersState(replicas=(WORKING, RESTING), most=64)
TAKEN = "direct/big took over calls: 3 too long for it"


def test_servers_are_told_by_their_calls_their_limit_and_their_rests() -> None:
    assert servers_line(()) == ""
    assert servers_line((ServersState(replicas=(WORKING,)),)) == "12/20 calls in flight"
    assert servers_line((BOTH,)) == "13/20 calls in flight, http://gpu-2:8000/v1 rests (4 s)"


def test_calls_that_servers_would_take_beyond_the_users_bound_are_not_told() -> None:
    with serve() as one, serve() as other:
        model = {"name": "direct/a", "api_base": [one.url, other.url]}
        models = Models(Settings.model_validate({"model": model, "run": {"concurrency": 32}}), {})
        assert [replica.limit for state in models.servers() for replica in state.replicas] == [24, 24]
        assert servers_line(models.servers()) == "0/32 calls in flight"


@pytest.mark.parametrize("terminal", [True, False])
def test_both_views_show_them(tmp_path: Path, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    console = Console(record=True, force_terminal=terminal, width=120, file=(tmp_path / "out").open("w"))
    with (
        Store(tmp_path / "run", create=True) as store,
        progress_view(console, store, tuple(STAGES.values()), lambda: (BOTH,), lambda: TAKEN) as view,
    ):
        view.tick()
    assert f"13/20 calls in flight, http://gpu-2:8000/v1 rests (4 s); {TAKEN}" in console.export_text()


def test_the_servers_of_every_model_are_told_once() -> None:
    with serve() as one, serve() as other:
        model = {"name": "direct/a", "api_base": [one.url, other.url]}
        solver = {"temperature": 0.9}
        judges = {"name": "direct/j", "api_base": [other.url]}
        models = Models(Settings.model_validate({"model": model, "models": {"solver": solver, "judges": judges}}), {})
        addresses = [[replica.address for replica in state.replicas] for state in models.servers()]
        assert addresses == [[one.url, other.url], [other.url]]
    assert Models(Settings.model_validate({"model": {"name": "scripted/schema"}}), {}).servers() == ()
