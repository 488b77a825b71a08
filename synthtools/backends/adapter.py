"""The adapter between signatures and models: exact schemas out, checked values in.

`SynthAdapter` differs from DSPy's JSON adapter in three ways that the rest rests on: every request carries a closed and
bounded JSON Schema, which for outputs marked `SchemaFrom` is bound from an input of the same call; what depends on the
signature alone is computed once; and an answer is used as it came or refused, never repaired.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import Any, cast
from weakref import WeakKeyDictionary

import dspy
import orjson
from dspy.lm15 import Config, Message, Request, Response
from dspy.utils.exceptions import LMError
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic.fields import FieldInfo

from synthtools.backends.decisions import option_probabilities
from synthtools.backends.engine import unwatched
from synthtools.backends.prompt import field_notes, parse_prompt, schema_note, shown_value, system_message, user_message
from synthtools.backends.schemas import Bounds, WireSchema, closed_schema, wire_schema
from synthtools.backends.scope import current_role
from synthtools.errors import ConfigError, DataError, ParseError, ProviderError, SynthToolsError, TruncatedAnswer
from synthtools.types.canonical import sha256_hex
from synthtools.types.record import Json, JsonObject
from synthtools.types.schema_from import Hidden, SchemaFrom

__all__ = ["Bounds", "Hidden", "SchemaFrom", "SynthAdapter", "parse_prompt", "resolve_path"]

_FENCE = re.compile(r"\A```(?:json)?\s*\n(.*?)\n?\s*```\Z", re.DOTALL)
_CONFIG_KEYS = frozenset({"temperature", "top_p", "top_k", "seed", "max_tokens", "stop", "frequency_penalty",
                          "presence_penalty", "logprobs"})  # fmt: skip
PROBABILITIES = "probabilities"
"""Beside the outputs of a call that asked for `logprobs`: the probability of each option, by field and label."""
_FORGOTTEN = "StringSignature"
"""What DSPy calls a signature whose instructions were rewritten or loaded."""
_BOUND_SCHEMAS = 512
"""Bound schemas kept per signature."""


def resolve_path(path: str, inputs: Mapping[str, object]) -> JsonObject:
    """The JSON Schema that a `SchemaFrom` names.

    Raises: ConfigError if an input or attribute is missing, or what is there is no JSON object.
    """
    name, *rest = path.split(".")
    if name not in inputs:
        raise ConfigError(f"SchemaFrom({path!r}): the call has no input {name!r}")
    value: object = inputs[name]
    for part in rest:
        if isinstance(value, Mapping):
            value = cast("Mapping[str, object]", value).get(part)
        else:
            value = getattr(value, part, None)
        if callable(value):
            value = value()
    if not isinstance(value, dict):
        raise ConfigError(f"SchemaFrom({path!r}) gives {type(value).__name__}, not a JSON Schema")
    return cast(JsonObject, value)


class SynthAdapter(dspy.Adapter):
    """Formats signatures for models and reads their answers; holds only caches and is safe to share."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        super().__init__()
        self.bounds = bounds or Bounds()
        self._plans: WeakKeyDictionary[type[dspy.Signature], _Plan] = WeakKeyDictionary()
        self._lock = Lock()

    def __call__(
        self,
        lm: dspy.BaseLM,
        lm_kwargs: dict[str, Any],
        signature: type[dspy.Signature],
        demos: list[dict[str, Any]],
        inputs: dict[str, Any],
    ) -> list[dict[str, Any]]:
        """One request and its checked answer (`n` of each where `n` is configured, each with its own seed).

        With `logprobs` (alternatives of a token), an answer has the `probabilities` of what it decided beside it.

        Raises: ParseError, TruncatedAnswer, and whatever typed error the backend raises.
        """
        requests, schema = self._requests(lm, lm_kwargs, signature, demos, inputs)
        answers: list[dict[str, Any]] = []
        for request in requests:
            with _our_errors():
                response = cast(Response, lm(request))
            answers.append(self._read(request, response, signature, schema))
        return answers

    async def acall(
        self,
        lm: dspy.BaseLM,
        lm_kwargs: dict[str, Any],
        signature: type[dspy.Signature],
        demos: list[dict[str, Any]],
        inputs: dict[str, Any],
    ) -> list[dict[str, Any]]:
        """As `__call__`, on the running event loop."""
        requests, schema = self._requests(lm, lm_kwargs, signature, demos, inputs)

        async def ask(request: Request) -> dict[str, Any]:
            if (calls := unwatched(lm)) is not None:
                response = await calls.acomplete(request)
            else:
                with _our_errors():
                    response = cast(Response, await cast(Any, lm).acall(request))
            return self._read(request, response, signature, schema)

        if len(requests) == 1:
            return [await ask(requests[0])]
        return list(await asyncio.gather(*(ask(request) for request in requests)))

    def format(
        self, signature: type[dspy.Signature], demos: list[dict[str, Any]], inputs: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """The messages of a call: system, a user and assistant pair per complete demo, and the inputs."""
        messages = [{"role": "system", "content": self._plan(signature).system}]
        for asked, answered in _demo_texts(signature, demos):
            messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
        return [*messages, {"role": "user", "content": user_message(signature.input_fields, inputs)}]

    def parse(self, signature: type[dspy.Signature], completion: str) -> dict[str, Any]:
        """The output fields of an answer whose schema the signature alone decides.

        Raises: ParseError with one line that can be told to the model.
        """
        return self._plan(signature).read(completion, self._plan(signature).schema)

    def read(self, signature: type[dspy.Signature], completion: str, inputs: Mapping[str, object]) -> dict[str, Any]:
        """The output fields of an answer to a call with these inputs, which bind its schema.

        Raises: ParseError with one line that can be told to the model.
        """
        plan = self._plan(signature)
        return plan.read(completion, plan.schema_for(inputs))

    def schema(self, signature: type[dspy.Signature], inputs: Mapping[str, object]) -> JsonObject:
        """The JSON Schema that a call with these inputs puts on the wire."""
        return self._plan(signature).schema_for(inputs).schema

    def _plan(self, signature: type[dspy.Signature]) -> "_Plan":
        with self._lock:
            plan = self._plans.get(signature)
            if plan is None:
                plan = self._plans[signature] = _Plan(signature, self.bounds)
            return plan

    def _requests(
        self,
        lm: dspy.BaseLM,
        lm_kwargs: Mapping[str, Any],
        signature: type[dspy.Signature],
        demos: Sequence[Mapping[str, Any]],
        inputs: Mapping[str, Any],
    ) -> tuple[list[Request], WireSchema]:
        plan = self._plan(signature)
        schema = plan.schema_for(inputs)
        system, user = plan.system, user_message(signature.input_fields, inputs)
        try:
            user.encode()
        except UnicodeEncodeError as error:
            raise DataError(f"{plan.title}: an input has half a character (a lone surrogate): {error}") from error
        settings = {**lm.kwargs, **lm_kwargs}
        count = int(settings.pop("n", None) or 1)
        if settings.get("logprobs") is not None and PROBABILITIES in signature.output_fields:
            raise ConfigError(f"{plan.title}: its output {PROBABILITIES} would hide those of its decisions (logprobs)")
        structured = getattr(getattr(lm, "engine", None), "supports_response_schema", True)
        if not structured:
            user = f"{user}\n\n{schema_note(schema.schema)}"
        turns: list[Message] = []
        for asked, answered in _demo_texts(signature, demos):
            turns += [Message.user(asked), Message.assistant(answered)]
        request = Request(
            model=cast(str, lm.model),  # pyright: ignore[reportUnknownMemberType]
            system=system,
            messages=(*turns, Message.user(user or "Answer.")),
            config=_config(settings, schema if structured else None, plan.title),
        )
        if count == 1:
            return [request], schema
        first = request.config.seed or 0
        seeded = [replace(request, config=replace(request.config, seed=first + i)) for i in range(count)]
        return seeded, schema

    def _read(
        self, request: Request, response: Response, signature: type[dspy.Signature], schema: WireSchema
    ) -> dict[str, Any]:
        if response.finish_reason == "length":
            raise TruncatedAnswer("the answer was cut by the token limit; write less")
        text = response.message.text or ""
        answer = self._plan(signature).read(text, schema)
        if request.config.logprobs is None:
            return answer
        if not response.logprobs:
            raise ProviderError(f"{request.model}: the answer came without the probabilities of its tokens (logprobs)")
        return {**answer, PROBABILITIES: option_probabilities(response.logprobs, text, schema.schema)}


class _Plan:
    """What a signature decides alone: system message, schema, and the type its answers are read as."""

    def __init__(self, signature: type[dspy.Signature], bounds: Bounds) -> None:
        outputs: dict[str, FieldInfo] = dict(signature.output_fields)
        self.title = _title(signature)
        self.system = system_message(signature.instructions, signature.input_fields, outputs)
        self.order = tuple(outputs)
        self.marks = {name: mark for name, info in outputs.items() for mark in info.metadata
                      if isinstance(mark, SchemaFrom)}  # fmt: skip
        self._bounds = bounds
        self._bound: OrderedDict[str, WireSchema] = OrderedDict()
        self._lock = Lock()
        typed = {name: info for name, info in outputs.items() if name not in self.marks}
        self._type = _answer_type(self.title, typed) if typed else None
        closed: JsonObject = {"type": "object", "properties": {}}
        if self._type is not None:
            raw = cast(JsonObject, self._type.model_json_schema(mode="validation"))
            closed = closed_schema(raw, bounds, where=self.title, bound_at_call=False)
        self._static = cast(JsonObject, closed["properties"])
        self._unbound = None if self.marks else wire_schema(self._whole({}), title=self.title)

    @property
    def schema(self) -> WireSchema:
        """The schema, where no output is bound at call time."""
        if self._unbound is None:
            raise ConfigError(f"{self.title}: the schema of {', '.join(self.marks)} is known at call time only")
        return self._unbound

    def schema_for(self, inputs: Mapping[str, object]) -> WireSchema:
        """The schema of a call with these inputs; kept by the content of what is bound."""
        if self._unbound is not None:
            return self._unbound
        found = {name: resolve_path(mark.path, inputs) for name, mark in self.marks.items()}
        key = sha256_hex(orjson.dumps(list(found.values())))
        with self._lock:
            known = self._bound.get(key)
            if known is not None:
                self._bound.move_to_end(key)
                return known
        try:
            bound: dict[str, Json] = {
                name: closed_schema(schema, self._bounds, where=f"{self.title}.{name}", bound_at_call=True)
                for name, schema in found.items()
            }
            made = wire_schema(self._whole(bound), title=self.title)
        except ConfigError as error:
            raise ParseError(f"the schema for this call cannot be sent: {error}") from error
        with self._lock:
            self._bound[key] = made
            if len(self._bound) > _BOUND_SCHEMAS:
                self._bound.popitem(last=False)
        return made

    def read(self, text: str, schema: WireSchema) -> dict[str, Any]:
        """The typed output fields of an answer. Raises: ParseError."""
        stripped = text.strip()
        if fenced := _FENCE.match(stripped):
            stripped = fenced.group(1)
        if not stripped:
            raise ParseError("the answer is empty")
        try:
            value: object = orjson.loads(stripped)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"the answer is not JSON: {error}") from error
        if (problem := schema.validate(value)) is not None:
            raise ParseError(problem)
        answer = cast("dict[str, Any]", value)
        if self._type is None:
            return {name: answer[name] for name in self.order}
        try:
            typed = self._type.model_validate({name: answer[name] for name in self._static})
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "answer"
            raise ParseError(f"{place}: {first['msg']}") from error
        return {name: answer[name] if name in self.marks else getattr(typed, name) for name in self.order}

    def _whole(self, bound: Mapping[str, Json]) -> JsonObject:
        properties: JsonObject = {name: bound[name] if name in bound else self._static.get(name) for name in self.order}
        return {
            "type": "object",
            "properties": properties,
            "required": cast(Json, list(self.order)),
            "additionalProperties": False,
        }


def _answer_type(title: str, fields: Mapping[str, FieldInfo]) -> type[BaseModel]:
    definitions: dict[str, Any] = {name: (info.rebuild_annotation(), ...) for name, info in fields.items()}
    return create_model(title, __config__=ConfigDict(extra="forbid", protected_namespaces=()), **definitions)


def _title(signature: type[dspy.Signature]) -> str:
    """The signature's name.

    DSPy forgets it when instructions are rewritten or loaded: then it is the name stamped on a field
    (`json_schema_extra["signature"]`), else the role that is asking.
    """
    for info in signature.model_fields.values():
        if stamped := field_notes(info).get("signature"):
            return str(stamped)
    name = signature.__name__ if signature.__name__ != _FORGOTTEN else current_role() or _FORGOTTEN
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64]


def _config(settings: Mapping[str, Any], schema: WireSchema | None, title: str) -> Config:
    known: dict[str, Any] = {key: value for key, value in settings.items() if key in _CONFIG_KEYS and value is not None}
    extra = {
        key: value
        for key, value in settings.items()
        if key not in _CONFIG_KEYS and key not in ("rollout_id", "cache") and value is not None
    }
    shape: JsonObject | None = None
    if schema is not None:
        shape = {"type": "json_schema", "name": title, "schema": schema.schema, "strict": schema.strict}
    return Config(**known, response_format=shape, extensions=extra or None)


def _demo_texts(signature: type[dspy.Signature], demos: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Complete demos as prompt and answer; one that lacks an output would teach a wrong shape and is left out."""
    outputs = signature.output_fields
    texts: list[tuple[str, str]] = []
    for demo in demos:
        if all(name in demo for name in outputs):
            answer = {name: demo[name] for name in outputs}
            texts.append((user_message(signature.input_fields, demo), shown_value(answer) or "{}"))
    return texts


@contextmanager
def _our_errors() -> Any:
    """DSPy wraps what an engine raises; callers of ours are promised our own types."""
    try:
        yield
    except LMError as error:
        if isinstance(error.__cause__, SynthToolsError):
            raise error.__cause__ from None
        raise
