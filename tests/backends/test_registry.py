"""Model strings, and what importing and configuring costs."""

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints

import dspy
import pytest

from synthtools.backends import ModelSpec, build_lm, model, register_backend, registry
from synthtools.backends.scripted import ScriptedTransport
from synthtools.errors import ConfigError, SynthToolsError
from tests.backends.shared import NameTool


@pytest.mark.parametrize("name", ["", "qwen", "openai/", "/qwen"])
def test_what_is_no_model_string_is_refused_with_an_example(name: str):
    with pytest.raises(ConfigError, match="prefix/name"):
        build_lm(name)


def test_an_unknown_prefix_says_what_there_is():
    known = "direct/, embedded/, hosted_vllm/, openai/, router/, scripted/"
    with pytest.raises(ConfigError, match=f"no backend nonsense/; there are {known}"):
        build_lm("nonsense/model")


def test_a_provider_that_was_used_is_neither_listed_nor_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    build_lm("anthropic/model")
    with pytest.raises(ConfigError, match="no backend nonsense/; there are direct/, embedded/"):
        build_lm("nonsense/model")
    register_backend("anthropic", _theirs)


def test_a_setting_the_backend_does_not_have_is_refused():
    with pytest.raises(ConfigError, match=r"unknown setting n_ctxx; settings of embedded/: n_ctx, n_threads"):
        build_lm("embedded/qwen2.5-coder-1.5b", n_ctxx=1)
    with pytest.raises(ConfigError, match=r"no script 'nobody'; there are .*\blibrary\b.*\bschema\b"):
        build_lm("scripted/nobody")


@pytest.mark.parametrize(("setting", "value"), [("n_ctx", 0), ("n_ctx", "4k"), ("n_threads", True)])
def test_settings_of_the_embedded_model_are_checked(setting: str, value: object):
    with pytest.raises(ConfigError, match=f"{setting} must be a whole number"):
        build_lm("embedded/qwen2.5-coder-1.5b", **{setting: value})  # pyright: ignore


def test_the_model_is_set_for_the_block_only():
    before = dspy.settings.lm
    with model("scripted/echo", seed=7) as lm:
        assert dspy.settings.lm is lm
        assert dspy.Predict(NameTool)(field="a").name == "a 7"
        with model("scripted/echo", seed=8):
            assert dspy.Predict(NameTool)(field="a").name == "a 8"
        assert dspy.settings.lm is lm
    assert dspy.settings.lm is before


def test_nothing_is_kept_of_calls():
    with model("scripted/echo") as lm:
        predict = dspy.Predict(NameTool)
        predict(field="a")
        assert not lm.history
        assert not predict.history


def test_a_backend_can_be_registered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))

    def mine(spec: ModelSpec) -> ScriptedTransport:
        return ScriptedTransport(spec.model_copy(update={"name": "scripted/echo"}))

    register_backend("mine", mine)
    with model("mine/anything"):
        assert dspy.Predict(NameTool)(field="a").name == "a 0"
    with pytest.raises(ConfigError, match="taken"):
        register_backend("openai", mine)


def test_an_installed_package_can_bring_a_backend(monkeypatch: pytest.MonkeyPatch):
    entry = EntryPoint("theirs", "tests.backends.test_registry:_theirs", registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "entry_points", lambda **asked: EntryPoints([entry]).select(**asked))
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    with model("theirs/anything"):
        assert dspy.Predict(NameTool)(field="a").name == "a 0"


def _theirs(spec: ModelSpec) -> ScriptedTransport:
    return ScriptedTransport(spec.model_copy(update={"name": "scripted/echo"}))


def test_a_model_that_is_not_pulled_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: object):
    monkeypatch.setenv("SYNTHTOOLS_CACHE", str(tmp_path))
    with (
        model("embedded/qwen2.5-coder-1.5b"),
        pytest.raises(SynthToolsError, match=r"models pull qwen2\.5-coder-1\.5b"),
    ):
        dspy.Predict(NameTool)(field="a")


def test_importing_the_package_loads_no_model_library():
    heavy = ["dspy", "litellm", "xllamacpp", "aiohttp", "huggingface_hub"]
    code = "import json, sys, synthtools.backends, synthtools.backends.weights; print(json.dumps(sorted(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert not set(heavy) & set(json.loads(out.stdout))


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("openai/x", {"api_base": "localhost:8000"}, "'localhost:8000' is no address: write http://"),
        ("openai/x", {"api_base": ["http://127.0.0.1:1/v1", "/v1"]}, "'/v1' is no address"),
        ("openai/x", {"api_base": "http://me:hush@127.0.0.1/v1"}, "no user or password in an address: keys come"),
        ("openai/x", {"api_key": "hush"}, "api_key looks like a secret: secrets come from the environment alone"),
        ("openai/x", {"extra_headers": {"Authorization": "hush"}}, "extra_headers.Authorization looks like a secret"),
        ("hosted_vllm/x", {}, "give the server's address, --api-base"),
        ("direct/x", {}, "give the server's address, --api-base"),
        ("direct/x", {"api_base": "localhost:8000"}, "'localhost:8000' is no address: write http://"),
        ("direct/x", {"api_base": "http://127.0.0.1:1/v1", "n_ctx": 1}, "settings of direct/: extra_body, structured"),
        ("direct/x", {"api_base": "http://127.0.0.1:1/v1", "extra_body": 1}, "extra_body is an object"),
    ],
)
def test_a_server_without_an_address_is_refused_before_anything_is_sent_elsewhere(
    name: str, settings: dict[str, object], said: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("HOSTED_VLLM_API_BASE", raising=False)
    with pytest.raises(ConfigError, match=said):
        build_lm(name, **settings)  # pyright: ignore
