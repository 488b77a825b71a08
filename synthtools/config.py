"""Settings of a command: where they come from, in which order they count, and which of them change results.

Later sources go before earlier ones: defaults, the run's own `config.toml`, the file of `--config`, the environment
(`SYNTHTOOLS_MODEL` and so on), options of the command line, `--set a.b=c`. The profile is settled first, from all of
them; its counts are the defaults of the section `profile`. API keys are no settings: they come from the environment
alone and are written nowhere.
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import orjson
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from synthtools.errors import ConfigError
from synthtools.files import replacing
from synthtools.types.profile import PROFILES, Profile
from synthtools.types.record import JsonObject, Record
from synthtools.types.secret import secrets_in
from synthtools.types.usage import Price

CONFIG_NAME = "config.toml"
DEFAULT_MODEL = "embedded/qwen2.5-coder-1.5b"
"""Runs in this process, without an account or a server."""

_SERVER_CONCURRENCY = 32
_WITHOUT_ADDRESS = ("embedded/", "scripted/", "vllm/", "router/")
"""Models that are in this process, or know their addresses themselves."""


def _without_secrets(options: JsonObject) -> JsonObject:
    for place in secrets_in(options):
        raise ValueError(f"{place} looks like a secret: secrets come from the environment alone")
    return options


class ModelSettings(Record):
    """How the language model is reached and sampled."""

    name: str = DEFAULT_MODEL
    """`prefix/rest`, for example `hosted_vllm/qwen`."""
    api_base: tuple[str, ...] = ()
    """Addresses of the server's replicas; empty: the provider's own."""
    fallback: str | None = None
    """Model that takes a call where the first one's server fails or its context is too small."""
    fallback_api_base: tuple[str, ...] = ()
    """Addresses of its server; empty: those of the model."""
    temperature: float = Field(default=0.2, ge=0.0, le=2.0)
    top_p: float = Field(default=0.95, gt=0.0, le=1.0)
    seed: int = Field(default=0, ge=0)
    """Seed of first tries; later tries count on from it."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Most tokens of one answer; None: the backend's own limit."""
    timeout: float | None = Field(default=None, gt=0.0)
    """Seconds for one try of one call; None: the backend's own."""
    affinity: bool = True
    """Whether calls whose prompts begin alike prefer one of several servers, for its prefix cache; if not, the least
    busy server takes each call."""
    options: Annotated[JsonObject, AfterValidator(_without_secrets)] = {}
    """Settings of the backend itself, for example `n_ctx` of `embedded/`; no keys, which the environment holds."""


class RoleModel(Record):
    """What one role asks of its model; what is not given here is as in `[model]`."""

    name: str | None = None
    """`prefix/rest`; None: the model of everything else."""
    api_base: tuple[str, ...] = ()
    """Addresses of its server; empty: those of the model."""
    temperature: float | None = Field(default=None, ge=0.0, le=2.0)
    top_p: float | None = Field(default=None, gt=0.0, le=1.0)
    seed: int | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, ge=1)
    timeout: float | None = Field(default=None, gt=0.0)
    options: Annotated[JsonObject | None, AfterValidator(lambda options: options and _without_secrets(options))] = None
    """Settings of its backend; None: those of the model, where that has the same backend."""


class RoleModels(Record):
    """The models of the roles, where they are not as in `[model]`."""

    generator: RoleModel = RoleModel()
    simulator: RoleModel = RoleModel()
    validator: RoleModel = RoleModel()
    evolver: RoleModel = RoleModel()
    solver: RoleModel = RoleModel()
    judges: RoleModel = RoleModel()
    """`--judge-model` is the name of this one. It judges simulated responses too, if the validator has none."""
    summarizer: RoleModel = RoleModel()


class RunSettings(Record):
    """What is made, and within which bounds."""

    fields: tuple[str, ...] = ()
    """Names of the fields."""
    concurrency: int | None = Field(default=None, ge=1)
    """Calls in flight to each model; None: 1 for a model in this process, else 32."""
    budget_usd: float | None = Field(default=None, gt=0.0)
    """Most US dollars that the run may cost, over all its commands."""
    budget_tokens: int | None = Field(default=None, ge=1)
    """Most prompt and generated tokens that the run may use, over all its commands."""
    item_seconds: float | None = Field(default=None, gt=0.0)
    """Seconds after which one item is given up and fails, to be gone on with by `--retry-failed`; None: never."""
    provider_failures: int = Field(default=10, ge=1)
    """Failures of the provider in a row that end a command."""
    executor: Literal["local", "ray"] = "local"
    """Where programs run: in this process, or on the workers of a Ray cluster."""
    ray_address: str | None = None
    """Address of the cluster, as Ray has it; None: that of `RAY_ADDRESS`, else one is made on this machine."""
    ray_workers: int | None = Field(default=None, ge=1)
    """Worker processes, which share the calls in flight; None: one for each CPU of the cluster."""


class Settings(Record):
    """All settings of a run, as written to its `config.toml`."""

    model: ModelSettings = ModelSettings()
    models: RoleModels = RoleModels()
    profile: Profile = PROFILES["standard"]
    run: RunSettings = RunSettings()
    prices: dict[str, Price] = {}
    """US dollars for a million tokens, by model string; a model that is not here costs what LiteLLM's list says."""

    @property
    def concurrency(self) -> int:
        """Calls in flight at most."""
        return self.concurrency_of(self.model.name)

    def concurrency_of(self, name: str) -> int:
        """Calls in flight at most at one model."""
        if self.run.concurrency is not None:
            return self.run.concurrency
        return 1 if name.startswith("embedded/") else _SERVER_CONCURRENCY

    @property
    def model_names(self) -> tuple[str, ...]:
        """Every model that may be called, once."""
        own = (self.role(role).name for role in RoleModels.model_fields)
        names = (self.model.name, *own, self.model.fallback)
        return tuple(dict.fromkeys(name for name in names if name is not None))

    def role(self, role: str) -> RoleModel:
        """What a role's model was given of its own. `role`: a name of `synthtools.signatures.families`."""
        return cast(RoleModel, getattr(self.models, role))

    def model_of(self, role: str) -> ModelSettings:
        """The model of a role: its own settings over those of `[model]`."""
        own = self.role(role)
        given = {key: getattr(own, key) for key in RoleModel.model_fields if getattr(own, key) not in (None, ())}
        return self.named(own.name or self.model.name).model_copy(update=given)

    @property
    def fallback_model(self) -> ModelSettings | None:
        """The model that takes a call where another one's server fails or its context is too small."""
        if self.model.fallback is None:
            return None
        named = self.named(self.model.fallback)
        bases = self.model.fallback_api_base
        return named.model_copy(update={"api_base": bases}) if bases else named

    def named(self, name: str) -> ModelSettings:
        """The settings of `[model]` for a model of that name, as far as they are not its own alone."""
        if name == self.model.name:
            return self.model
        bases = () if name.startswith(_WITHOUT_ADDRESS) else self.model.api_base
        is_same_backend = name.partition("/")[0] == self.model.name.partition("/")[0]
        options = self.model.options if is_same_backend else {}
        return self.model.model_copy(update={"name": name, "api_base": bases, "options": options})

    def deciding(self, shape: Sequence[str], roles: Sequence[str]) -> JsonObject:
        """The settings that change the results of a stage, by their path; of a role, null where it has none of its own.

        Args:
            shape: Settings of the profile that the stage depends on.
            roles: The roles that take part.
        """
        kept = ("name", "temperature", "top_p", "seed", "max_tokens", "options")
        model = self.model.model_dump(mode="json")
        settings: JsonObject = {f"model.{key}": model[key] for key in (*kept, "fallback")}
        for role in roles:
            own = self.model_of(role).model_dump(mode="json")
            settings.update({f"models.{role}.{key}": None if own[key] == model[key] else own[key] for key in kept})
        profile = self.profile.model_dump(mode="json")
        settings.update({f"profile.{key}": profile[key] for key in shape})
        return settings


Layer = dict[str, Any]
"""Settings by section, as nested dictionaries."""

VARIABLES: dict[str, str] = {
    "SYNTHTOOLS_MODEL": "model.name",
    "SYNTHTOOLS_API_BASE": "model.api_base",
    "SYNTHTOOLS_JUDGE_MODEL": "models.judges.name",
    "SYNTHTOOLS_JUDGE_API_BASE": "models.judges.api_base",
    "SYNTHTOOLS_FALLBACK_MODEL": "model.fallback",
    "SYNTHTOOLS_FALLBACK_API_BASE": "model.fallback_api_base",
    "SYNTHTOOLS_TEMPERATURE": "model.temperature",
    "SYNTHTOOLS_TOP_P": "model.top_p",
    "SYNTHTOOLS_SEED": "model.seed",
    "SYNTHTOOLS_MAX_TOKENS": "model.max_tokens",
    "SYNTHTOOLS_TIMEOUT": "model.timeout",
    "SYNTHTOOLS_PROFILE": "profile.name",
    "SYNTHTOOLS_CONCURRENCY": "run.concurrency",
    "SYNTHTOOLS_BUDGET_USD": "run.budget_usd",
    "SYNTHTOOLS_BUDGET_TOKENS": "run.budget_tokens",
    "SYNTHTOOLS_EXECUTOR": "run.executor",
    "SYNTHTOOLS_RAY_ADDRESS": "run.ray_address",
}
"""Environment variables by the setting they give; lists are separated by commas."""

_LISTS = (
    "model.api_base",
    "model.fallback_api_base",
    "run.fields",
    *(f"models.{role}.api_base" for role in RoleModels.model_fields),
)


def read_file(path: Path) -> Layer:
    """The settings of a TOML file. Raises: ConfigError with the place where it is malformed."""
    try:
        layer = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no such settings file: {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the settings file {path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no TOML: {error}") from error
    if isinstance(layer.get("judge"), dict):  # the judges' section in runs that were made before every role had one
        _merge(layer.setdefault("models", {}).setdefault("judges", {}), layer.pop("judge"))
    return layer


def read_environment(environment: Mapping[str, str]) -> Layer:
    """The settings that environment variables give. Raises: ConfigError for one that is no UTF-8."""
    layer: Layer = {}
    for variable, path in VARIABLES.items():
        value = environment.get(variable, "")
        if value.encode(errors="ignore").decode() != value:
            raise ConfigError(f"{variable} is no UTF-8 text")
        if value:
            put(layer, path, [part.strip() for part in value.split(",")] if path in _LISTS else value)
    return layer


def read_set(assignments: Sequence[str]) -> Layer:
    """The settings of `--set a.b=c`; a value is TOML where it can be, else text. Raises: ConfigError.

    A part of the path that is no plain word is quoted, as in TOML: `prices."hosted_vllm/qwen2.5".prompt=0.2`.
    """
    layer: Layer = {}
    for assignment in assignments:
        path, sign, text = assignment.partition("=")
        if not sign or "." not in path:
            raise ConfigError(f"--set {assignment}: write section.name=value, for example --set profile.tools=4")
        try:
            value: Any = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        path = path.strip()
        _put_at(layer, _parts(path), [value] if path in _LISTS and not isinstance(value, list) else value)
    return layer


def put(layer: Layer, path: str, value: Any) -> None:
    """Sets a dotted path in nested dictionaries."""
    _put_at(layer, path.split("."), value)


def _parts(path: str) -> list[str]:
    """The keys of a dotted path, in which TOML's quotes hold a key together."""
    try:
        found: Any = tomllib.loads(f"{path} = 0")
    except tomllib.TOMLDecodeError:
        return path.split(".")
    parts: list[str] = []
    while isinstance(found, dict) and found:
        ((part, found),) = cast(Layer, found).items()
        parts.append(part)
    return parts


def _put_at(layer: Layer, path: Sequence[str], value: Any) -> None:
    *sections, name = path
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
        is_told = not any(part == "options" or part.endswith("api_base") for part in path.split("."))
        value = f" = {first['input']!r}" if is_told else ""
        raise ConfigError(f"{source}: {path}{value}: {first['msg'].removeprefix('Value error, ')}") from error


def write_settings(settings: Settings, folder: Path) -> None:
    """Writes a run's `config.toml`, whole or not at all."""
    import tomli_w

    text = tomli_w.dumps(_written(settings))
    with replacing(folder / CONFIG_NAME) as (file,):
        file.write(f"# Settings of this run, as last used. Keys are never written here.\n\n{text}".encode())


def _written(settings: Settings) -> Layer:
    layer: Layer = settings.model_dump(mode="json", exclude_none=True)
    models: Layer = {role: own for role, own in layer["models"].items() if settings.role(role) != RoleModel()}
    layer["models"] = models
    for section in (layer["model"], *models.values()):
        for bases in section.keys() & {"api_base", "fallback_api_base"}:
            section[bases] = [_without_password(address) for address in section[bases]]
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
