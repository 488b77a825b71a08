"""`router/NAME`: LiteLLM's own router chooses among the deployments that a LiteLLM configuration file gives NAME.

The file is the one of LiteLLM's proxy; its `model_list` and `router_settings` are read. Keys stand in it as
`os.environ/VARIABLE` only, as LiteLLM resolves them: the file's path is kept with a run, and so may the file be.
Tries after a failure are this library's, unless `router_settings` says `num_retries`.
"""

import asyncio
import importlib
import os
from pathlib import Path
from typing import Any, cast

from synthtools.backends.litellm import LiteLLMClient, completion_of, load_litellm, with_tools
from synthtools.backends.retries import Transient
from synthtools.backends.sessions import background_loop
from synthtools.backends.spec import ModelSpec
from synthtools.errors import ConfigError, ProviderError
from synthtools.types.record import JsonObject
from synthtools.types.secret import is_secret, texts

_REFERENCE = "os.environ/"


class RouterClient(LiteLLMClient):
    """Asks whichever deployment LiteLLM's router chooses, once."""

    def __init__(self, spec: ModelSpec) -> None:
        spec.only(("config",))
        if spec.api_bases:
            raise ConfigError(f"{spec.name}: the addresses stand in the LiteLLM configuration, not in --api-base")
        path = spec.settings.get("config")
        if not isinstance(path, str):
            raise ConfigError(f"{spec.name}: give the LiteLLM configuration, --litellm-config FILE")
        self._path = Path(path)
        self._config = _read(self._path)
        names = sorted({str(model.get("model_name")) for model in _models(self._config)})
        if spec.path not in names:
            raise ConfigError(f"{path} has no model_name {spec.path}; it has {', '.join(names) or 'none'}")
        _check_secrets(self._path, self._config)
        own = [model for model in _models(self._config) if model.get("model_name") == spec.path]
        super().__init__(spec, [str(cast(JsonObject, model["litellm_params"]).get("model")) for model in own])
        self._router: Any = None

    def attempt(self, body: JsonObject, base: str) -> JsonObject:
        """The completion of a body, blocking the thread; the router's own blocking call loses a failure's cause."""
        call = asyncio.run_coroutine_threadsafe(self.aattempt(body, base), background_loop(os.getpid()))
        try:
            return call.result()
        except BaseException:
            call.cancel()
            raise

    async def aattempt(self, body: JsonObject, base: str) -> JsonObject:
        """The completion of a body, on the running event loop."""
        router = self._router if self._router is not None else await asyncio.to_thread(self._made)
        arguments = self._arguments(body, base)
        try:
            return completion_of(await router.acompletion(**arguments))
        except Exception as error:
            raise self._typed(error, base) from error

    def _arguments(self, body: JsonObject, base: str) -> dict[str, Any]:
        return {
            **with_tools(body, self._spec),
            "model": self._spec.path,
            "timeout": self._timeout,
            "max_retries": 0,
            "caching": False,
        }

    def _typed(self, error: Exception, base: str) -> Exception:
        if type(error).__name__.startswith("RouterRateLimitError"):  # every deployment rests
            after = getattr(error, "cooldown_time", None)
            said = ProviderError(f"{self.model}: every deployment of {self._path.name} rests after failures")
            return Transient(said, "limited", float(after) if isinstance(after, (int, float)) else None)
        return super()._typed(error, base)

    def _made(self) -> Any:
        """The router, made at the first call. Raises: ConfigError for settings it does not have."""
        if self._router is None:
            settings = cast("dict[str, Any]", self._config.get("router_settings") or {})
            try:
                self._router = load_litellm().Router(
                    model_list=_models(self._config), **{"num_retries": 0, "set_verbose": False, **settings}
                )
            except (TypeError, ValueError) as error:
                raise ConfigError(
                    f"{self._path}: LiteLLM's router refuses its settings: {type(error).__name__}"
                ) from None
        return self._router


def _read(path: Path) -> JsonObject:
    yaml: Any = importlib.import_module("yaml")
    try:
        config: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no such LiteLLM configuration: {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the LiteLLM configuration {path} cannot be read: {type(error).__name__}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(f"{path}{where}: no YAML") from None  # its own message would repeat the line
    if not isinstance(config, dict) or not _models(cast(JsonObject, config)):
        raise ConfigError(f"{path} is no LiteLLM configuration: it has no model_list of model_name and litellm_params")
    return cast(JsonObject, config)


def _models(config: JsonObject) -> list[JsonObject]:
    models = config.get("model_list")
    if not isinstance(models, list):
        return []
    return [model for model in models if isinstance(model, dict) and isinstance(model.get("litellm_params"), dict)]


def _check_secrets(path: Path, config: JsonObject) -> None:
    """Raises ConfigError for a key that stands in the file, and for a variable that is not set."""
    read = [*texts(config["model_list"], "model_list"), *texts(config.get("router_settings"), "router_settings")]
    for name, value in read:
        if value.startswith(_REFERENCE):
            variable = value.removeprefix(_REFERENCE)
            if variable not in os.environ:
                raise ConfigError(f"{path}: {name} is {value}, and the environment has no {variable}")
        elif is_secret(name):
            raise ConfigError(f"{path}: {name} holds a secret: write {_REFERENCE}VARIABLE there")
