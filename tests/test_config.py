from pathlib import Path

import pytest

from synthtools.config import Settings, differences, read_environment, read_file, read_set, settle, write_settings
from synthtools.errors import ConfigError


def test_later_sources_go_before_earlier_ones_and_the_profile_is_settled_first() -> None:
    settings = settle(
        [
            ("config.toml", {"profile": {"name": "standard", "tools": 7}, "model": {"name": "openai/a", "seed": 3}}),
            ("environment", read_environment({"SYNTHTOOLS_MODEL": "openai/b", "SYNTHTOOLS_PROFILE": "small"})),
            ("--set", read_set(["profile.sequences=2", "model.temperature=0.7"])),
        ]
    )
    assert (settings.model.name, settings.model.seed, settings.model.temperature) == ("openai/b", 3, 0.7)
    assert (settings.profile.name, settings.profile.tools, settings.profile.sequences) == ("small", 7, 2)
    assert settings.profile.records == 3


def test_the_embedded_model_comes_with_the_small_profile_and_one_call_at_a_time() -> None:
    embedded, server = settle([]), settle([("x", {"model": {"name": "hosted_vllm/x"}})])
    assert (embedded.profile.name, embedded.concurrency) == ("small", 1)
    assert (server.profile.name, server.concurrency) == ("standard", 32)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ({"modle": {}}, "here: unknown setting modle: did you mean model?"),
        ({"model": {"temprature": 1}}, "here: unknown setting model.temprature: did you mean model.temperature?"),
        ({"model": {"tools": 1}}, "here: unknown setting model.tools: did you mean profile.tools?"),
        ({"model": 3}, "here: model is a section"),
        ({"model": {"temperature": "hot"}}, "here: model.temperature = 'hot': Input should be a valid number"),
        ({"run": {"concurrency": 0}}, "here: run.concurrency = 0: Input should be greater than or equal to 1"),
        ({"profile": {"name": "smal"}}, "there is no profile 'smal': did you mean small?"),
        ({"model": {"options": {"api_key": "hush"}}}, "here: model.options: api_key looks like a secret"),
        ({"model": {"options": {"headers": {"X-Api-Key": "hush"}}}}, "headers.X-Api-Key looks like a secret"),
        ({"model": {"options": {"hf_token": "hush"}}}, "here: model.options: hf_token looks like a secret"),
        ({"model": {"api_base": "http://me:hush@host/v1"}}, "here: model.api_base: Input should be a valid tuple"),
        ({"model": {"fallback_api_base": "http://me:hush@host/v1"}}, "fallback_api_base: Input should be a valid"),
        ({"profile": {"tools": 0}}, "here: profile.tools = 0: Input should be greater than or equal to 1"),
        ({"profile": {"changing_tasks": 2}}, "here: profile.changing_tasks = 2: Input should be less than"),
        ({"run": {"foo": 1}}, "here: unknown setting run.foo: did you mean run."),
    ],
)
def test_a_wrong_setting_is_one_line_that_helps(layer: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settle([("here", layer)])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hush" not in str(caught.value)


def test_settings_come_back_from_the_runs_file_without_secrets(tmp_path: Path) -> None:
    addresses = {"api_base": ["http://me:hush@host:1/v1"], "fallback_api_base": ["http://me:hush@host:2/v1"]}
    settings = settle(
        [
            ("x", {"model": {"name": "hosted_vllm/q", "options": {"stop_token_ids": [2]}, **addresses}}),
            ("y", {"profile": {"name": "small", "tools": 3}, "run": {"fields": ["Tea shops"], "budget_tokens": 5}}),
        ]
    )
    write_settings(settings, tmp_path)
    text = (tmp_path / "config.toml").read_text()
    assert "hush" not in text
    again = settle([("config.toml", read_file(tmp_path / "config.toml"))])
    plain = {"api_base": ("http://host:1/v1",), "fallback_api_base": ("http://host:2/v1",)}
    assert again == settings.model_copy(update={"model": settings.model.model_copy(update=plain)})
    switched = settle([("config.toml", read_file(tmp_path / "config.toml")), ("x", {"profile": {"name": "standard"}})])
    assert (switched.profile.tools, switched.profile.records) == (3, 8)


def test_a_variable_that_is_no_text_is_refused() -> None:
    with pytest.raises(ConfigError, match="SYNTHTOOLS_MODEL is no UTF-8 text"):
        read_environment({"SYNTHTOOLS_MODEL": "scripted/\udcff"})


def test_a_malformed_file_and_a_malformed_assignment_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[model\nname = 1")
    with pytest.raises(ConfigError, match="is no TOML"):
        read_file(tmp_path / "bad.toml")
    with pytest.raises(ConfigError, match="no such settings file"):
        read_file(tmp_path / "absent.toml")
    for assignment in ("profile.tools", "tools=3"):
        with pytest.raises(ConfigError, match=r"write section\.name=value"):
            read_set([assignment])


def test_only_what_changes_a_stages_results_decides() -> None:
    one = Settings.model_validate({"model": {"name": "openai/a", "api_base": ["http://x"]}, "run": {"concurrency": 4}})
    judges = {"name": "openai/j", "temperature": 0.2, "api_base": ["http://y"]}
    other = Settings.model_validate({"model": {"name": "openai/a", "timeout": 3}, "models": {"judges": judges}})
    assert one.deciding(("tools",), ["solver"]) == other.deciding(("tools",), ["solver"])
    assert differences(one.deciding((), ["judges"]), other.deciding((), ["judges"])) == [
        'models.judges.name was null, is "openai/j"'
    ]


def test_a_role_has_what_it_was_given_and_else_what_the_model_has() -> None:
    model = {"name": "openai/a", "api_base": ["http://x"], "seed": 4, "options": {"top_k": 5}}
    solver = {"temperature": 0.7}
    judges = {"name": "openai/j", "max_tokens": 30}
    validator = {"name": "embedded/small", "options": {"n_ctx": 4096}}
    models = {"solver": solver, "judges": judges, "validator": validator}
    settings = Settings.model_validate({"model": model, "models": models})
    assert settings.model_of("solver") == settings.model.model_copy(update={"temperature": 0.7})
    assert settings.model_of("judges") == settings.model.model_copy(update={"name": "openai/j", "max_tokens": 30})
    assert (settings.model_of("validator").api_base, settings.model_of("validator").options) == ((), {"n_ctx": 4096})
    assert settings.model_of("evolver") == settings.model
    assert settings.model_names == ("openai/a", "embedded/small", "openai/j")
    with pytest.raises(ConfigError, match="looks like a secret"):
        settle([("file", {"models": {"solver": {"options": {"api_key": "hush"}}}})])


def test_the_judges_section_of_an_earlier_run_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[judge]\nname = "openai/j"\napi_base = ["http://u:hush@host:1/v1"]\n')
    settings = settle([("config.toml", read_file(tmp_path / "config.toml"))])
    assert settings.models.judges.name == "openai/j"
    write_settings(settings, tmp_path)
    text = (tmp_path / "config.toml").read_text()
    assert "hush" not in text
    assert "[models.judges]" in text
    assert "[models.solver]" not in text


def test_prices_are_given_by_model_whatever_its_name_and_written_with_the_run(tmp_path: Path) -> None:
    given = ['prices."hosted_vllm/qwen2.5".prompt=0.2', 'prices."hosted_vllm/qwen2.5".completion=0.6']
    settings = settle([("--set", read_set([*given, "prices.mine={prompt=1, cached=0.1, completion=2}"]))])
    assert {model: price.to_json() for model, price in settings.prices.items()} == {
        "hosted_vllm/qwen2.5": {"prompt": 0.2, "completion": 0.6},
        "mine": {"prompt": 1.0, "cached": 0.1, "completion": 2.0},
    }
    write_settings(settings, tmp_path)
    assert settle([("run", read_file(tmp_path / "config.toml"))]) == settings
    with pytest.raises(ConfigError, match="prices"):
        settle([("--set", read_set(['prices."hosted_vllm/qwen2.5".prompt=0.2']))])  # and what do answers cost?
