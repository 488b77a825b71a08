"""`router/NAME`: deployments of a LiteLLM configuration, chosen by LiteLLM's own router; keys by reference only."""

import asyncio
import logging
import socket
from pathlib import Path

import dspy
import pytest

from synthtools.backends import model, scope
from synthtools.backends.registry import build_lm
from synthtools.backends.scripted_server import Fault, serve
from synthtools.errors import ConfigError, ModelUnreachable, ProviderError
from tests.backends.shared import ECHO, NameTool
from tests.backends.test_fallback import Entries
from tests.cli.shared import error_of, invoke

DEPLOYMENT = """
  - model_name: {name}
    litellm_params:
      model: {model}
      api_base: {base}
      api_key: {key}
"""


def configured(folder: Path, *bases: str, key: str = "os.environ/ROUTED_SECRET_KEY", more: str = "") -> str:
    """A configuration in which `qwen` is on each of some servers."""
    path = folder / "litellm.yaml"
    models = "".join(DEPLOYMENT.format(name="qwen", model="openai/scripted", base=base, key=key) for base in bases)
    path.write_text(f"model_list:{models}{more}")
    return str(path)


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ROUTED_SECRET_KEY", "sk-hush-hush-hush")
    return "sk-hush-hush-hush"


def asked(field: str) -> str:
    return str(dspy.Predict(NameTool)(field=field).name)


def test_calls_reach_the_deployments_of_the_name_from_any_event_loop(tmp_path: Path) -> None:
    with serve(ECHO) as one, serve(ECHO) as other, serve(ECHO) as foreign:
        more = DEPLOYMENT.format(
            name="llama", model="openai/llama", base=foreign.url, key="os.environ/ROUTED_SECRET_KEY"
        )
        config = configured(tmp_path, one.url, other.url, more=more)
        with model("router/qwen", config=config, seed=3, temperature=0.4):
            for number in range(12):
                assert asked(f"f{number}") == f"f{number} 3"
            for number in range(2):  # each on a loop of its own
                asyncio.run(dspy.Predict(NameTool).acall(field=f"loop {number}"))
        bodies = one.requests + other.requests
        assert (len(bodies), len(foreign.requests)) == (14, 0)
        assert one.requests and other.requests
        assert {(body["model"], body["temperature"]) for body in bodies} == {("scripted", 0.4)}
        assert all("json_schema" in str(body["response_format"]) for body in bodies)


def test_the_ledger_names_the_server_that_the_router_chose(tmp_path: Path) -> None:
    ledger = Entries()
    with serve(ECHO) as one, serve(ECHO) as other:
        named = other.url.replace("//", "//me:hush@")
        with model("router/qwen", config=configured(tmp_path, one.url, named)), scope(ledger=ledger):
            for number in range(12):
                asked(f"f{number}")
        replicas = [entry.replica for entry in ledger.of]
        assert replicas.count(one.url) == len(one.requests)
        assert replicas.count(other.url) == len(other.requests)


def test_what_one_deployment_fails_another_answers(tmp_path: Path) -> None:
    rests_at_once = "router_settings:\n  allowed_fails: 0\n  cooldown_time: 60\n"
    with serve(ECHO, faults=lambda number: Fault(status=503)) as broken, serve(ECHO) as whole:
        with model("router/qwen", config=configured(tmp_path, broken.url, whole.url, more=rests_at_once)):
            for number in range(8):
                assert asked(f"f{number}") == f"f{number} 0"
        assert (len(broken.requests) <= 1, len(whole.requests)) == (True, 8)


def test_errors_are_typed_and_tell_no_key(tmp_path: Path, secret: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    refusal = Fault(status=401, message=f"bad key {secret}")
    with (
        serve(ECHO, faults=lambda number: refusal) as server,
        model("router/qwen", config=configured(tmp_path, server.url)),
        pytest.raises(ProviderError) as refused,
    ):
        asked("libraries")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        with model("router/qwen", config=configured(tmp_path, dead), retries=0), pytest.raises(ModelUnreachable):
            asked("libraries")
    assert secret not in str(refused.value)
    assert secret not in caplog.text
    assert secret not in str(build_lm("router/qwen", config=configured(tmp_path, dead)).dump_state())


def test_a_wrong_configuration_is_one_clear_error(tmp_path: Path, secret: str) -> None:
    base = "http://127.0.0.1:9/v1"
    for name, text, said in (
        ("router/qwen", "model_list: [", "line 1: no YAML"),
        ("router/qwen", "model: qwen", "it has no model_list"),
        ("router/qwen", DEPLOYMENT, "it has no model_list"),
    ):
        (tmp_path / "wrong.yaml").write_text(text)
        with pytest.raises(ConfigError, match=said):
            build_lm(name, config=str(tmp_path / "wrong.yaml"))
    with pytest.raises(ConfigError, match="no such LiteLLM configuration"):
        build_lm("router/qwen", config=str(tmp_path / "absent.yaml"))
    with pytest.raises(ConfigError, match="has no model_name gemma; it has qwen"):
        build_lm("router/gemma", config=configured(tmp_path, base))
    with pytest.raises(ConfigError, match="--litellm-config FILE"):
        build_lm("router/qwen")
    with pytest.raises(ConfigError, match="not in --api-base"):
        build_lm("router/qwen", config=configured(tmp_path, base), api_base=base)
    with pytest.raises(ConfigError, match="the environment has no NOT_SET") as unset:
        build_lm("router/qwen", config=configured(tmp_path, base, key="os.environ/NOT_SET"))
    with pytest.raises(ConfigError, match=r"api_key holds a secret: write os\.environ/VARIABLE") as written:
        build_lm("router/qwen", config=configured(tmp_path, base, key=secret))
    assert secret not in str(unset.value) + str(written.value)
    wrong = "router_settings:\n  routing_stratgy: least-busy\n"
    lm = build_lm("router/qwen", config=configured(tmp_path, base, more=wrong))
    with dspy.context(lm=lm), pytest.raises(Exception, match="router refuses its settings"):
        lm("hello")


def test_the_option_of_the_command_line(tmp_path: Path) -> None:
    with serve(ECHO) as server:
        config = configured(tmp_path, server.url)
        result = invoke("models", "check", "--model", "router/qwen", "--litellm-config", config)
        assert result.exit_code == 0, result.stderr
        assert len(server.requests) == 6
        result = invoke("models", "check", "--model", "openai/qwen", "--litellm-config", config)
        assert (result.exit_code, "is for --model router/NAME" in error_of(result)) == (2, True)
        result = invoke("models", "check", "--model", "router/gemma", "--litellm-config", config)
        assert (result.exit_code, "has no model_name gemma" in error_of(result)) == (2, True)
