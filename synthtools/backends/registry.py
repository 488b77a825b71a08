"""From a model string to a `dspy.LM`, and into a DSPy context with the adapter.

`prefix/rest` selects a backend by its prefix: ours (`direct/`, `router/`, `vllm/`, `embedded/`, `scripted/`), a
registered one, or any provider of LiteLLM (`hosted_vllm/`, `openai/`, ...). One falls back to another only where the
user names it.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, TypeAlias

from synthtools.backends.spec import ModelSpec
from synthtools.errors import ConfigError
from synthtools.types.record import Json, JsonObject
from synthtools.types.secret import secrets_in

if TYPE_CHECKING:
    import dspy

    from synthtools.backends.adapter import SynthAdapter
    from synthtools.backends.engine import Calls
    from synthtools.backends.fallback import Fallback
    from synthtools.backends.replicas import Replicas, ServersState
    from synthtools.backends.wire import Transport

Factory: TypeAlias = "Callable[[ModelSpec], Transport]"
"""Makes the transport of a model string; raises ConfigError for settings it does not have."""

ENTRY_POINTS = "synthtools.backends"
"""Group under which installed packages register backends: the entry point's name is the prefix."""

_QUIET: dict[str, Any] = {"trace": None, "disable_history": True}
"""DSPy's history and trace grow with every call; an optimizer turns on what it needs."""

_SAMPLING = frozenset({"top_k", "stop", "frequency_penalty", "presence_penalty"})
"""Settings sent with every request, whatever the backend."""


def _embedded(spec: ModelSpec) -> "Transport":
    from synthtools.backends.embedded import EmbeddedTransport

    return EmbeddedTransport(spec)


def _scripted(spec: ModelSpec) -> "Transport":
    from synthtools.backends.scripted import ScriptedTransport

    return ScriptedTransport(spec)


def _direct(spec: ModelSpec) -> "Transport":
    from synthtools.backends.direct import DirectClient
    from synthtools.backends.routed import Routed

    return Routed(DirectClient(spec), spec)


def _vllm(spec: ModelSpec) -> "Transport":
    from synthtools.backends.vllm import VllmTransport

    return VllmTransport(spec)


def _litellm(spec: ModelSpec) -> "Transport":
    from synthtools.backends.litellm import LiteLLMClient
    from synthtools.backends.routed import Routed

    return Routed(LiteLLMClient(spec), spec)


def _router(spec: ModelSpec) -> "Transport":
    from synthtools.backends.routed import Routed
    from synthtools.backends.router import RouterClient

    return Routed(RouterClient(spec), spec)


_factories: dict[str, Factory] = {
    "embedded": _embedded,
    "scripted": _scripted,
    "direct": _direct,
    "vllm": _vllm,
    "router": _router,
    "hosted_vllm": _litellm,
    "openai": _litellm,
}


def register_backend(prefix: str, factory: Factory) -> None:
    """Makes `prefix/...` a model string. Raises: ConfigError if the prefix is taken by another factory."""
    if _factories.setdefault(prefix, factory) is not factory:
        raise ConfigError(f"the model prefix {prefix}/ is taken")


def build_lm(
    name: str,
    *,
    api_base: str | Sequence[str] | None = None,
    temperature: float | None = 0.2,
    top_p: float | None = 0.95,
    seed: int | None = 0,
    max_tokens: int | None = None,
    timeout: float | None = None,
    retries: int | None = None,
    concurrency: int | None = None,
    affinity: bool = True,
    fallback: "dspy.LM | None" = None,
    **settings: Json,
) -> "dspy.LM":
    """A `dspy.LM` on one of our engines: DSPy's cache and retries are off, every setting goes on the wire.

    Args:
        name: `prefix/rest`.
        api_base: Address of the server, or several that share the calls.
        temperature: Sampling temperature; None: not sent.
        top_p: Nucleus sampling; None: not sent.
        seed: Seed of the first try; a call's own `config={"seed": n}` goes before it.
        max_tokens: Most tokens of an answer; None: the backend's own limit.
        timeout: Seconds for one try of a call; None: the backend's own.
        retries: Most retries of a try that was refused, broken off or slow; None: the backend's own.
        concurrency: Most calls in flight at once; None: the backend's own.
        affinity: Whether calls whose prompts begin alike prefer one of several servers, whose prefix cache holds that
            beginning; if not, the least busy server takes each call.
        fallback: A model of this function, without a fallback of its own. A call that this one cannot take (its server
            fails or refuses, the prompt does not fit its context) is made there as it is, sampling included; the ledger
            shows who answered.
        **settings: `top_k`, `stop`, penalties, and what the backend itself takes.

    Raises: ConfigError for an unknown prefix or setting.
    """
    import dspy
    from dspy.utils.exceptions import LMConfigurationError

    from synthtools.backends.engine import AsyncEngine, SyncEngine

    sampling = {key: value for key, value in settings.items() if key in _SAMPLING}
    spec = ModelSpec(
        name=name,
        api_bases=(api_base,) if isinstance(api_base, str) else tuple(api_base or ()),
        timeout=timeout,
        retries=retries,
        concurrency=concurrency,
        affinity=affinity,
        settings={key: value for key, value in settings.items() if key not in _SAMPLING},
    )
    calls = _calls(spec, None if fallback is None else _calls_of(fallback))
    known: dict[str, Any] = {"top_p": top_p, "seed": seed, **sampling}
    try:
        return dspy.LM(
            name,
            engine=SyncEngine(calls),
            async_engine=AsyncEngine(calls),
            cache=False,
            num_retries=0,
            temperature=temperature,
            max_tokens=max_tokens,
            **{key: value for key, value in known.items() if value is not None},
        )
    except (LMConfigurationError, ValueError) as error:
        raise ConfigError(f"{name}: {error}") from error


@contextmanager
def model(name: str, **settings: Any) -> "Generator[dspy.LM]":
    """Sets LM and adapter for a block: `with st.model("hosted_vllm/qwen", api_base="http://...") as lm:`.

    Takes the settings of `build_lm`. Local to the thread or task and those started from it. DSPy's history and trace
    are off inside.
    """
    import dspy

    lm = build_lm(name, **settings)
    with dspy.context(lm=lm, adapter=adapter(), **_QUIET):  # pyright: ignore[reportUnknownMemberType]
        yield lm


def configure(name: str, **settings: Any) -> "dspy.LM":
    """As `model`, for the rest of the session: notebooks and scripts."""
    import dspy

    lm = build_lm(name, **settings)
    dspy.configure(lm=lm, adapter=adapter(), **_QUIET)  # pyright: ignore[reportUnknownMemberType]
    return lm


@lru_cache(maxsize=1)
def adapter() -> "SynthAdapter":
    """The adapter that all models of ours share, with its caches of prompts and schemas."""
    from synthtools.backends.adapter import SynthAdapter

    return SynthAdapter()


def prepare(lm: "dspy.LM") -> None:
    """Does now what a model on servers would do once at its first call, as importing LiteLLM, which takes seconds."""
    from synthtools.backends.routed import Routed

    transport = getattr(getattr(getattr(lm, "engine", None), "calls", None), "transport", None)
    if isinstance(transport, Routed):
        transport.prepare()


def servers_state(lm: "dspy.LM") -> "ServersState | None":
    """How the servers of a model are doing; None for a model that is not on servers, or not of ours."""
    calls = getattr(getattr(lm, "engine", None), "calls", None)
    replicas: Replicas | None = getattr(getattr(calls, "transport", None), "replicas", None)
    return None if replicas is None else replicas.state()


def fallback_line(lm: "dspy.LM") -> str:
    """What a model's fallback did so far, as one line; empty where there is none or it was not needed."""
    calls = getattr(getattr(lm, "engine", None), "calls", None)
    fallback: Fallback | None = getattr(calls, "fallback", None)
    return "" if fallback is None else fallback.line()


def calls_from_state(state: JsonObject) -> "Calls":
    """The calls of a saved engine. Raises: ConfigError if its backend is not there."""
    own = {key: value for key, value in state.items() if key != "fallback"}
    other = state.get("fallback")
    fallback = calls_from_state(other) if isinstance(other, dict) else None
    return _calls(ModelSpec.from_json(own, "the saved model"), fallback)


def _calls(spec: ModelSpec, fallback: "Calls | None") -> "Calls":
    from synthtools.backends.engine import Calls

    for place in secrets_in(spec.settings):  # they would stand in every saved program
        raise ConfigError(f"{spec.name}: {place} looks like a secret: secrets come from the environment alone")
    transport = _factory(spec)(spec)
    if fallback is not None and fallback.fallback is not None:
        raise ConfigError(f"{fallback.transport.model} has a fallback itself, which would never be asked: give one")
    if fallback is not None and transport.structured and not fallback.transport.structured:
        raise ConfigError(
            f"{fallback.transport.model} takes no JSON Schema, which {spec.name} is sent: it cannot be its fallback"
        )
    return Calls(transport, spec.concurrency, fallback)


def _calls_of(lm: "dspy.LM") -> "Calls":
    from synthtools.backends.engine import Calls

    calls = getattr(getattr(lm, "engine", None), "calls", None)
    if not isinstance(calls, Calls):
        raise ConfigError(f"{lm!r} cannot be a fallback: give a model made by build_lm")
    return calls


def _factory(spec: ModelSpec) -> Factory:
    if not spec.prefix or not spec.path:
        raise ConfigError(f"{spec.name!r} is not a model: write prefix/name, for example {_examples()}")
    if spec.prefix in _factories:
        return _factories[spec.prefix]
    for entry in entry_points(group=ENTRY_POINTS, name=spec.prefix):
        return _factories.setdefault(spec.prefix, entry.load())
    from synthtools.backends.litellm import load_litellm

    if spec.prefix in {str(getattr(provider, "value", provider)) for provider in load_litellm().provider_list}:
        return _litellm
    installed = {entry.name for entry in entry_points(group=ENTRY_POINTS)}
    prefixes = ", ".join(f"{prefix}/" for prefix in sorted({*_factories, *installed}))
    raise ConfigError(f"{spec.name}: no backend {spec.prefix}/; there are {prefixes} and every provider of LiteLLM")


def _examples() -> str:
    return "embedded/qwen2.5-coder-1.5b or hosted_vllm/NAME with --api-base"
