"""Behaviours: a tool as code. It runs only in the sandbox, every call as in a fresh session."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple, NoReturn, cast

import orjson

from synthtools.errors import BehaviourRefused, SandboxError, StateError
from synthtools.types import Collection, Tool
from synthtools.types.canonical import check_json
from synthtools.types.environment import DEFAULT_NOW
from synthtools.types.record import Json, JsonObject, State
from synthtools.world import dialect, sandbox
from synthtools.world.ids import id_series
from synthtools.world.patch import Patch, diff
from synthtools.world.state import records_of, slice_of

if TYPE_CHECKING:
    from synthtools.world.agreement import Runs
    from synthtools.world.certification import Certification
    from synthtools.world.example import Example

_SETUP = """
import json as _st_json
def new_id(collection):
    if collection not in _st_ids:
        raise ValueError("new_id: this tool does not write " + repr(collection))
    stem, number, width = _st_ids[collection]
    _st_ids[collection][1] = number + 1
    digits = str(number)
    while len(digits) < width:
        digits = "0" + digits
    return stem + digits
"""

_ANSWER = """
def _st_answer(_st_call):
    global {globals}
    {renewal}
    _st_ids = _st_call["ids"]
    _st_state = _st_call["state"]
    _st_error = guard(_st_call["args"], _st_state, _st_call["now"])
    _st_out = {{"error": _st_error, "state": _st_state}}
    {rest}
    return _st_json.dumps(_st_out)
"""

_ALONE = '_st_out["args"] = _st_call["args"]'

_APPLY = """if _st_error is None:
        _st_out["response"] = apply(_st_call["args"], _st_state, _st_call["now"])"""

_CALL = """
"[" + ",".join([_st_answer(_st_call) for _st_call in _st_json.loads(_st_calls)]) + "]"
"""


class Outcome(NamedTuple):
    """What a behaviour made of one call; the state that went in is unchanged."""

    status_code: int
    """200, or the code of the guard's error."""
    message: str | None
    """The guard's message, where it refused the call."""
    data: Json
    """What `apply` answered; None where it did not run."""
    state: State
    """The tool's collections after the call, also where the guard refused it."""
    patch: Patch
    """How the state would change; not empty even where the guard refused the call, if the guard changed something."""
    arguments: JsonObject | None = None
    """The arguments as the guard left them, if it ran alone; else None."""


class Call(NamedTuple):
    """A call of a behaviour's tool."""

    arguments: JsonObject
    """With defaults filled."""
    state: State


class Behaviour:
    """A tool's source: `guard(args, state, now)` decides the documented errors, `apply(args, state, now)` the rest.

    `guard` returns None or `{"status_code": ..., "message": ...}`; `apply` changes `state` in place and returns the
    response. `new_id(collection)` gives the id of a record to create. A source without `apply` decides errors only.
    """

    def __init__(self, source: str) -> None:
        self.source = source

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """Why the source may not run, one line each, for the model that wrote it; empty: it may."""
        return _problems(self.source)

    @cached_property
    def has_apply(self) -> bool:
        """Whether the source defines `apply`; without it, it only decides errors."""
        self._check_source()
        return _has_apply(self.source)

    @cached_property
    def runs_together(self) -> bool:
        """Whether nothing that one call leaves behind can reach the next, so that calls may share a session."""
        self._check_source()
        return _program(self.source, guard_only=False).leaves_nothing

    def run(
        self,
        tool: Tool,
        arguments: Mapping[str, Json],
        state: State,
        *,
        now: str,
        collections: Sequence[Collection] = (),
        limits: sandbox.Limits = sandbox.DEFAULT_LIMITS,
        guard_only: bool = False,
    ) -> Outcome:
        """Runs one call on the slice of the state that the tool declares.

        Raises:
            BehaviourRefused: The source may not run.
            SandboxError: It crashed, ran out of its limits, or answered what is no JSON or no error record.
        """
        call = Call(dict(arguments), state)
        return self.run_each([call], tool, now=now, collections=collections, limits=limits, guard_only=guard_only)[0]

    def run_each(
        self,
        calls: Sequence[Call],
        tool: Tool,
        *,
        now: str,
        collections: Sequence[Collection] = (),
        limits: sandbox.Limits = sandbox.DEFAULT_LIMITS,
        guard_only: bool = False,
    ) -> list[Outcome]:
        """Runs calls as `run` does, each as if it were the only one, but within the limits of one.

        Many small calls take a fifth of the time together, where `runs_together`.
        Raises: As `run`, for whichever of them.
        """
        self._check_source()
        program = _program(self.source, guard_only)
        if len(calls) > 1 and not self.runs_together:
            alone = (self.run_each([c], tool, now=now, collections=collections, limits=limits) for c in calls)
            return [outcome for (outcome,) in alone]
        schemas = {collection.name: collection for collection in collections}
        parts = [slice_of(call.state, (*tool.reads, *tool.writes)) for call in calls]
        payload = [
            {
                "args": call.arguments,
                "state": part,
                "now": now,
                "ids": {name: list(id_series(name, records_of(part, name), schemas.get(name))) for name in tool.writes},
            }
            for call, part in zip(calls, parts, strict=True)
        ]
        text = sandbox.feed(program, {"_st_calls": orjson.dumps(payload).decode()}, limits)
        try:
            answers = cast("list[JsonObject]", json.loads(text, parse_constant=_refuse_constant))
        except ValueError as error:
            raise SandboxError(f"the answer is no JSON: {error}") from None
        return [_outcome(answer, call.state, part) for answer, call, part in zip(answers, calls, parts, strict=True)]

    def certify(
        self,
        tool: Tool,
        state: State,
        examples: "Sequence[Example | Mapping[str, Json]]" = (),
        *,
        collections: Sequence[Collection] = (),
        now: str = DEFAULT_NOW,
        draws: int = 300,
        seed: int = 0,
        second: "Runs | str | None" = None,
    ) -> "Certification":
        """Certifies guard and apply by examples and by properties on drawn calls; see `certification`.

        An example is an object of `args`, `before`, `status` (200), `response` and `after`. A second behaviour, as an
        object or a source, must give the same outcome on every drawn call.
        Raises: DataError, if an example is malformed.
        """
        from synthtools.world.certification import certify_behaviour

        return certify_behaviour(
            self,
            tool,
            state,
            examples,
            collections=collections,
            now=now,
            draws=draws,
            seed=seed,
            second=second,
        )

    def _check_source(self) -> None:
        if self.problems:
            raise BehaviourRefused("; ".join(self.problems[:5]))


@lru_cache(maxsize=1024)
def _problems(source: str) -> tuple[str, ...]:
    """Every world makes behaviours anew of the same few sources; looking at one takes as long as five calls of it."""
    return tuple(dialect.problems(source))


@lru_cache(maxsize=1024)
def _has_apply(source: str) -> bool:
    return dialect.defines(source, "apply")


@lru_cache(maxsize=1024)
def _program(source: str, guard_only: bool) -> sandbox.Program:
    renewal = dialect.renewal(source)
    answer = _ANSWER.format(
        globals=", ".join(("_st_ids", *(renewal or ()))),
        renewal="\n    ".join(f"{name} = {value}" for name, value in (renewal or {}).items()),
        rest=_ALONE if guard_only else _APPLY if _has_apply(source) else "",
    )
    return sandbox.Program(source + _SETUP + answer, _CALL, leaves_nothing=renewal is not None)


def _outcome(answer: JsonObject, before: State, part: State) -> Outcome:
    state = cast("State", answer["state"])
    # A declared collection that the state lacks went in as an empty one.
    touched = {name: value for name, value in state.items() if name in before or name not in part or value != {}}
    patch = diff({name: before[name] for name in part if name in before}, touched)
    try:
        check_json([answer.get("response"), answer["error"], *(operation.get("value") for operation in patch)])
    except StateError as error:
        raise SandboxError(f"the answer is beyond what JSON carries: {error}") from None
    error = answer["error"]
    if error is None:
        return Outcome(200, None, answer.get("response"), state, patch, cast("JsonObject | None", answer.get("args")))
    if isinstance(error, dict):
        status, message = error.get("status_code"), error.get("message")
        if type(status) is int and isinstance(message, str):
            return Outcome(status, message, None, state, patch)
    raise SandboxError(
        f"guard must return None or {{'status_code': int, 'message': str}}, not {json.dumps(error)[:120]}"
    )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
