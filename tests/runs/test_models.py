"""A role has a model of its own where the settings give it one: server, sampling, seed, and what it falls back to."""

import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import dspy
import orjson
import pytest

from synthtools.backends import model, scope
from synthtools.backends.library import LIBRARY
from synthtools.backends.registry import build_lm
from synthtools.backends.scripted_server import Fault, ScriptedServer, serve
from synthtools.config import RoleModels, Settings
from synthtools.modules.role import Role
from synthtools.runs.models import Models
from synthtools.runs.stages import STAGES
from synthtools.signatures.families import FAMILIES, family_of
from synthtools.types.record import JsonObject
from tests.backends.shared import NameTool
from tests.cli.shared import error_of, invoke
from tests.library import name_of


@pytest.fixture
def servers() -> Iterator[tuple[ScriptedServer, ScriptedServer]]:
    """Two servers that play the library."""
    with serve(LIBRARY) as one, serve(LIBRARY) as other:
        yield one, other


def made(folder: Path, main: ScriptedServer, *more: str) -> tuple[str, ...]:
    return (
        *("run", "--run", str(folder), "--field", "Bicycle rental", "--profile", "small", "--limit", "1"),
        *("--model", "direct/main", "--api-base", main.url, "--temperature", "0.3", "--seed", "5", *more),
    )


def families(server: ScriptedServer) -> set[str]:
    return {family_of(name_of(body)) for body in server.requests}


def sampling(server: ScriptedServer, *names: str) -> set[tuple[object, ...]]:
    return {tuple(cast(Any, body.get(name)) for name in ("model", *names)) for body in server.requests}


def test_a_role_asks_its_own_server_with_its_own_settings(
    tmp_path: Path, servers: tuple[ScriptedServer, ScriptedServer]
) -> None:
    main, own = servers
    of_solver = ("name=direct/solver", f"api_base={own.url}", "temperature=0.9", "seed=70", "max_tokens=900")
    sets = [part for text in of_solver for part in ("--set", f"models.solver.{text}")]
    result = invoke(*made(tmp_path / "run", main, *sets))
    assert result.exit_code == 0, result.stderr
    assert families(own) == {"solver"}
    assert {"generator", "evolver", "summarizer"} <= families(main) <= set(FAMILIES) - {"solver"}
    assert sampling(own, "temperature") == {("solver", 0.9)}
    assert sampling(main, "temperature") == {("main", 0.3)}
    assert min(cast(int, body["seed"]) for body in own.requests) == 70
    assert min(cast(int, body["seed"]) for body in main.requests) == 5

    written = tomllib.loads((tmp_path / "run" / "config.toml").read_text())["models"]
    assert list(written) == ["solver"]
    again = invoke(*made(tmp_path / "run", main, *sets))
    assert (again.exit_code, "nothing to do" in again.stderr) == (0, True)
    other = invoke(*made(tmp_path / "run", main, *sets, "--set", "models.solver.temperature=0.1"))
    assert (other.exit_code, "models.solver.temperature was 0.9, is 0.1" in error_of(other)) == (2, True)


def test_calls_of_a_role_that_fail_go_to_the_fallback_model(tmp_path: Path) -> None:
    refusal = Fault(status=401, message="no such key")
    with serve(LIBRARY) as main, serve(LIBRARY) as spare, serve(LIBRARY, faults=lambda number: refusal) as broken:
        sets = ("--set", "models.solver.name=direct/solver", "--set", f"models.solver.api_base={broken.url}")
        fallback = ("--fallback-model", "direct/spare", "--set", f"model.fallback_api_base={spare.url}")
        result = invoke(*made(tmp_path / "run", main, *sets, *fallback))
        assert result.exit_code == 0, result.stderr
        assert broken.requests
        assert families(spare) == {"solver"}
        assert "solver" not in families(main)
        assert sampling(spare, "temperature") == {("spare", 0.3)}
    status = invoke("status", "--run", str(tmp_path / "run"), "--json", "--cost")
    costs = orjson.loads(status.stdout)
    calls = Counter[str]()
    for row in costs["calls"]:
        calls[row["model"]] += row["calls"]
    assert calls["direct/spare"] == len(spare.requests)
    assert calls["direct/solver"] == len(broken.requests)
    told = invoke("status", "--run", str(tmp_path / "run"), "--cost").stdout
    assert "direct/spare: its price is not known" in told
    audit = costs["forecast"]["env-audit"]
    assert audit["used"] > 0
    assert audit["error_percent"] == round((audit["tokens"] - audit["used"]) / audit["used"] * 100, 1)
    assert "Forecast, and what came of it so far" in told
    assert f"{audit['error_percent']:+,.0f}%" in told


def used(settings: JsonObject) -> tuple[Models, dict[str, Any]]:
    """The models of settings, and by module of the audit the one it asks."""
    models = Models(Settings.model_validate({"model": {"name": "scripted/library"}, **settings}), {})
    program = cast(dspy.Module, models.program(STAGES["env-audit"]))
    roles = [module for _, module in program.named_sub_modules() if isinstance(module, Role)]
    return models, {type(module).__name__: module.predict.lm for module in roles}


def test_a_judges_model_weighs_simulated_responses_where_the_validator_has_none() -> None:
    judges = {"judges": {"temperature": 0.5}}
    models, asked = used({"models": judges})
    assert asked["ResponseJudge"] is models.roles["judges"]
    assert asked["TestCallWriter"] is None  # the one of the block
    models, asked = used({"models": {**judges, "validator": {"seed": 9}}})
    assert asked["ResponseJudge"] is asked["TestCallWriter"] is models.roles["validator"]


def test_roles_on_one_server_share_its_connections_and_its_limit() -> None:
    models, _ = used(
        {"models": {"solver": {"temperature": 0.9, "max_tokens": 50}, "evolver": {"name": "scripted/schema"}}}
    )
    assert models.roles["solver"].engine.calls is models.main.engine.calls
    assert models.roles["evolver"].engine.calls is not models.main.engine.calls
    assert models.roles["generator"] is models.main
    assert (models.roles["solver"].kwargs["max_tokens"], models.main.kwargs.get("max_tokens")) == (50, None)


def test_the_roles_of_settings_and_stages_are_those_of_the_signatures_and_programs() -> None:
    assert set(RoleModels.model_fields) == set(FAMILIES)
    for stage in STAGES.values():
        program = cast(dspy.Module, stage.load_program(Settings().profile))
        roles = {family_of(type(m).signature.__name__) for _, m in program.named_sub_modules() if isinstance(m, Role)}
        assert roles | ({"judges"} & set(stage.roles)) == set(stage.roles), stage.name


class Namer(Role):
    signature = NameTool

    async def aforward(self, **inputs: Any) -> str:
        return await self.ask(lambda prediction: str(prediction.name), **inputs)


def test_a_repeated_question_has_another_seed_whichever_model_answers() -> None:
    namer = Namer()
    with model("scripted/echo", seed=1), scope(variation=2):
        assert namer(field="libraries") == "libraries 3"
        cast(Any, namer).set_lm(build_lm("scripted/echo", seed=50))
        assert namer(field="libraries") == "libraries 52"
