"""Settings of a command: where they come from, in which order they count, and which of them change results.

Later sources go before earlier ones: defaults, the run's own `config.toml`, the file of `--config`, the environment
(`SYNTHTOOLS_MODEL` and so on), options of the command line, `--set a.b=c`. The profile is settled first, from all of
them; its counts are the defaults of the section `profile`. API keys are no settings: they come from the environment
alone and are written nowhere.
"""

import difflib
import os
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import orjson
from pydantic import BaseModel, Field, ValidationError, field_validator

from synthtools.errors import ConfigError
from synthtools.types.profile import PROFILES, Profile
from synthtools.types.record import JsonObject, Record

CONFIG_NAME = "config.toml"
DEFAULT_MODEL = "embedded/qwen2.5-coder-1.5b"
"""Runs in this process, without an account or a server."""

_SERVER_CONCURRENCY = 32


class ModelSettings(Record):
    """How the language model is reached and sampled."""

    name: str = DEFAULT_MODEL
    """`prefix/rest`, for example `hosted_vllm/qwen`."""
    api_base: tuple[str, ...] = ()
    """Addresses of the server's replicas; empty: the provider's own."""
    fallback: str | None = None
    """Model that an item is given to where the first one's provider fails."""
    temperature: float = Field(default=0.2, ge=0.0, le=2.0)
    top_p: float = Field(default=0.95, gt=0.0, le=1.0)
    seed: int = Field(default=0, ge=0)
    """Seed of first tries; later tries count on from it."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Most tokens of one answer; None: the backend's own limit."""
    timeout: float | None = Field(default=None, gt=0.0)
    """Seconds for one try of one call; None: the backend's own."""
    usd_per_million_prompt: float | None = Field(default=None, ge=0.0)
    """Price of a million prompt tokens, for `--budget-usd`; None: LiteLLM's price list."""
    usd_per_million_completion: float | None = Field(default=None, ge=0.0)
    """Price of a million generated tokens."""
    options: JsonObject = {}
    """Settings of the backend itself, for example `n_ctx` of `embedded/`; no keys, which the environment holds."""

    @field_validator("options")
    @classmethod
    def _no_secrets(cls, options: JsonObject) -> JsonObject:
        for name in options:
            if any(word in name.lower() for word in ("key", "secret", "password", "token_")):
                raise ValueError(f"{name} looks like a secret: secrets come from the environment alone")
        return options


class JudgeSettings(Record):
    """The model that judges, where it is another one."""

    name: str | None = None
    """None: the same model as for everything else."""
    api_base: tuple[str, ...] = ()
    """Addresses of its server; empty: those of the model."""


class RunSettings(Record):
    """What is made, and within which bounds."""

    fields: tuple[str, ...] = ()
    """Names of the fields."""
    concurrency: int | None = Field(default=None, ge=1)
    """Calls in flight; None: 1 for a model in this process, else 32."""
    budget_usd: float | None = Field(default=None, gt=0.0)
    """Most US dollars that the run may cost, over all its commands."""
    budget_tokens: int | None = Field(default=None, ge=1)
    """Most prompt and generated tokens that the run may use, over all its commands."""
    provider_failures: int = Field(default=10, ge=1)
    """Failures of the provider in a row that end a command."""


class Settings(Record):
    """All settings of a run, as written to its `config.toml`."""

    model: ModelSettings = ModelSettings()
    judge: JudgeSettings = JudgeSettings()
    profile: Profile = PROFILES["standard"]
    run: RunSettings = RunSettings()

    @property
    def concurrency(self) -> int:
        """Calls in flight at most."""
        if self.run.concurrency is not None:
            return self.run.concurrency
        return 1 if self.model.name.startswith("embedded/") else _SERVER_CONCURRENCY

    def deciding(self, shape: Sequence[str], *, judged: bool) -> JsonObject:
        """The settings that change the results of a stage, by their path.

        Args:
            shape: Settings of the profile that the stage depends on.
            judged: Whether the judge's model takes part.
        """
        kept = ("name", "fallback", "temperature", "top_p", "seed", "max_tokens", "options")
        model = self.model.model_dump(mode="json")
        settings: JsonObject = {f"model.{key}": model[key] for key in kept}
        if judged:
            settings["judge.name"] = self.judge.name
        profile = self.profile.model_dump(mode="json")
        settings.update({f"profile.{key}": profile[key] for key in shape})
        return settings


Layer = dict[str, Any]
"""Settings by section, as nested dictionaries."""

VARIABLES: dict[str, str] = {
    "SYNTHTOOLS_MODEL": "model.name",
    "SYNTHTOOLS_API_BASE": "model.api_base",
    "SYNTHTOOLS_JUDGE_MODEL": "judge.name",
    "SYNTHTOOLS_JUDGE_API_BASE": "judge.api_base",
    "SYNTHTOOLS_FALLBACK_MODEL": "model.fallback",
    "SYNTHTOOLS_TEMPERATURE": "model.temperature",
    "SYNTHTOOLS_TOP_P": "model.top_p",
    "SYNTHTOOLS_SEED": "model.seed",
    "SYNTHTOOLS_MAX_TOKENS": "model.max_tokens",
    "SYNTHTOOLS_TIMEOUT": "model.timeout",
    "SYNTHTOOLS_PROFILE": "profile.name",
    "SYNTHTOOLS_CONCURRENCY": "run.concurrency",
    "SYNTHTOOLS_BUDGET_USD": "run.budget_usd",
    "SYNTHTOOLS_BUDGET_TOKENS": "run.budget_tokens",
}
"""Environment variables by the setting they give; lists are separated by commas."""

_LISTS = ("model.api_base", "judge.api_base", "run.fields")


def read_file(path: Path) -> Layer:
    """The settings of a TOML file. Raises: ConfigError with the place where it is malformed."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no such settings file: {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the settings file {path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no TOML: {error}") from error


def read_environment(environment: Mapping[str, str]) -> Layer:
    """The settings that environment variables give."""
    layer: Layer = {}
    for variable, path in VARIABLES.items():
        value = environment.get(variable)
        if value:
            put(layer, path, [part.strip() for part in value.split(",")] if path in _LISTS else value)
    return layer


def read_set(assignments: Sequence[str]) -> Layer:
    """The settings of `--set a.b=c`; a value is TOML where it can be, else text. Raises: ConfigError."""
    layer: Layer = {}
    for assignment in assignments:
        path, sign, text = assignment.partition("=")
        if not sign or "." not in path:
            raise ConfigError(f"--set {assignment}: write section.name=value, for example --set profile.tools=4")
        try:
            value: Any = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        put(layer, path.strip(), [value] if path.strip() in _LISTS and not isinstance(value, list) else value)
    return layer


def put(layer: Layer, path: str, value: Any) -> None:
    """Sets a dotted path in nested dictionaries."""
    *sections, name = path.split(".")
    for section in sections:
        layer = layer.setdefault(section, {})
    layer[name] = value


def settle(layers: Sequence[tuple[str, Layer]]) -> Settings:
    """The settings of some layers, each with the name of its source, the most important last.

    Raises: ConfigError in one line, with the source and, for an unknown key, the nearest known one.
    """
    merged: Layer = {}
    for source, layer in layers:
        _check_keys(source, layer, Settings, "")
        _merge(merged, layer)
    model = str(merged.get("model", {}).get("name", DEFAULT_MODEL))
    chosen = str(merged.get("profile", {}).get("name", "small" if model.startswith("embedded/") else "standard"))
    if chosen not in PROFILES:
        raise ConfigError(f"profile.name: there is no profile {chosen!r}{_suggestion(chosen, PROFILES)}")
    merged["profile"] = {**PROFILES[chosen].model_dump(), **merged.get("profile", {})}
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        source = next((name for name, layer in reversed(layers) if _has(layer, path)), "settings")
        # A secret in the wrong place must not be repeated.
        value = (
            "" if path.startswith(("model.options", "model.api_base", "judge.api_base")) else f" = {first['input']!r}"
        )
        raise ConfigError(f"{source}: {path}{value}: {first['msg'].removeprefix('Value error, ')}") from error


def write_settings(settings: Settings, folder: Path) -> None:
    """Writes a run's `config.toml`, whole or not at all."""
    import tomli_w

    text = tomli_w.dumps(_written(settings))
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=folder, prefix="run.config.", delete=False) as file:
        file.write(f"# Settings of this run, as last used. Keys are never written here.\n\n{text}")
    os.chmod(file.name, 0o644)
    os.replace(file.name, folder / CONFIG_NAME)


def _written(settings: Settings) -> Layer:
    layer: Layer = settings.model_dump(mode="json", exclude_none=True)
    for section in ("model", "judge"):
        layer[section]["api_base"] = [_without_password(address) for address in layer[section]["api_base"]]
    usual = PROFILES[settings.profile.name].model_dump(mode="json")
    layer["profile"] = {key: value for key, value in layer["profile"].items() if key == "name" or value != usual[key]}
    return layer


def _without_password(address: str) -> str:
    scheme, sign, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{sign}{host.rpartition('@')[2]}{slash}{path}" if sign else address


def differences(before: JsonObject, now: JsonObject) -> list[str]:
    """What differs between the deciding settings of two commands, a phrase each."""
    return [
        f"{path} was {orjson.dumps(before.get(path)).decode()}, is {orjson.dumps(now.get(path)).decode()}"
        for path in now
        if before.get(path) != now[path]
    ]


def _check_keys(source: str, layer: Layer, kind: type[BaseModel], where: str) -> None:
    for key, value in layer.items():
        path = f"{where}{key}"
        if key not in kind.model_fields:
            raise ConfigError(f"{source}: unknown setting {path}{_suggestion(path, _paths(Settings, ''))}")
        section = kind.model_fields[key].annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            if not isinstance(value, dict):
                raise ConfigError(f"{source}: {path} is a section: write [{path}] with settings under it")
            _check_keys(source, cast(Layer, value), section, f"{path}.")


def _paths(kind: type[BaseModel], where: str) -> list[str]:
    paths: list[str] = []
    for name, field in kind.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            paths += [f"{where}{name}", *_paths(section, f"{where}{name}.")]
        else:
            paths.append(f"{where}{name}")
    return paths


def _suggestion(path: str, known: Sequence[str] | Mapping[str, object]) -> str:
    section, _, name = path.rpartition(".")
    near = [other for other in known if other.rpartition(".")[2] == name][:1]
    if section and not near:
        known = [other for other in known if other.startswith(f"{section}.")] or known
    near = near or difflib.get_close_matches(path, list(known), n=1, cutoff=0.5)
    if near:
        return f": did you mean {near[0]}?"
    return f"; there are {', '.join(known)}" if len(known) < 10 else ""


def _merge(into: Layer, layer: Layer) -> None:
    for key, value in layer.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], cast(Layer, value))
        else:
            into[key] = dict(cast(Layer, value)) if isinstance(value, dict) else value


def _has(layer: Layer, path: str) -> bool:
    found: Any = layer
    for part in path.split("."):
        if not isinstance(found, dict) or part not in found:
            return False
        found = cast(Any, found[part])
    return True
