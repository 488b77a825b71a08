"""A deterministic stand-in for a language model, for tests, dry runs and load: never a fallback.

`scripted/schema` answers any JSON Schema with fitting data; `scripted/library` plays every role on one small world;
a `Script` plays roles by functions. A native tool that is offered is called with fitting arguments. All are served in
process (`scripted/NAME`) and over HTTP (`scripted_server.serve`, or `python -m synthtools.backends.scripted`).
"""

import asyncio
import hashlib
import importlib
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

import orjson

from synthtools.backends.decisions import values_in
from synthtools.backends.fitting import fitting
from synthtools.backends.prompt import parse_prompt
from synthtools.backends.spec import ModelSpec
from synthtools.errors import ConfigError, ProviderError
from synthtools.types.record import Json, JsonObject

STAND_IN = "scripted stand-in, no language model"
"""What a stand-in says it is wherever it shows."""

_CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Weighed:
    """An answer of a role that says how sure it is."""

    answer: JsonObject
    probabilities: dict[str, dict[str, float]]
    """By key of the answer: the probability of each option, by its label (`true`, `false`, or the text itself)."""


Role: TypeAlias = Callable[[dict[str, Json], JsonObject, int], JsonObject | Weighed | str]
"""Plays a role: (inputs of the prompt, schema of the answer, seed) -> the answer, or its raw text.

Inputs are the labelled sections of the prompt: JSON objects and arrays parsed, all else as text.
"""


def fitting_answer(inputs: dict[str, Json], schema: JsonObject, seed: int) -> JsonObject:
    """Fitting data; the same for the same inputs, schema and seed."""
    digest = hashlib.sha256(orjson.dumps([inputs, schema, seed])).digest()
    return cast(JsonObject, fitting(schema, random.Random(digest)))


class Script:
    """Roles by the names of their signatures, and what answers where none is named."""

    def __init__(self, roles: Mapping[str, Role] | None = None, *, otherwise: Role | None = fitting_answer) -> None:
        """Makes a script.

        Args:
            roles: By signature name, which is the name of the schema on the wire.
            otherwise: Plays every other role; None: such a call is a ProviderError.
        """
        self.roles = dict(roles or {})
        self.otherwise = otherwise

    def completion(self, body: JsonObject) -> JsonObject:
        """The chat completion of a chat body. Raises: ProviderError where no role answers."""
        messages = cast("list[JsonObject]", body.get("messages") or [])
        call = _tool_call(body, messages)
        answer = self._text(body, messages) if call is None else ""
        text = answer if isinstance(answer, str) else orjson.dumps(answer.answer).decode()
        limit = body.get("max_tokens") or body.get("max_completion_tokens")
        cut = isinstance(limit, int) and len(text) > limit * _CHARACTERS_A_TOKEN
        if isinstance(limit, int) and cut:
            text = text[: limit * _CHARACTERS_A_TOKEN]
        asked = sum(len(str(message.get("content") or "")) for message in messages)
        said: JsonObject = {"role": "assistant", "content": text}
        if call is not None:
            said = {"role": "assistant", "content": None, "tool_calls": [call]}
        prompt_tokens, completion_tokens = _tokens(asked), _tokens(len(text if call is None else str(call)))
        probabilities = {} if isinstance(answer, str) else answer.probabilities
        tokens: Json = {"content": _spelt(text, probabilities)} if body.get("logprobs") else None
        return {
            "id": "scripted-" + hashlib.sha256(orjson.dumps(body)).hexdigest()[:16],
            "object": "chat.completion",
            "created": 0,
            "model": STAND_IN,
            "system_fingerprint": STAND_IN,
            "choices": [{
                "index": 0,
                "message": said,
                "finish_reason": "length" if cut else "stop" if call is None else "tool_calls",
                "logprobs": tokens,
            }],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "total_tokens": prompt_tokens + completion_tokens,
                "prompt_tokens_details": {"cached_tokens": 0},
            },
        }  # fmt: skip

    def _text(self, body: JsonObject, messages: list[JsonObject]) -> str | Weighed:
        shape = body.get("response_format")
        named = shape.get("json_schema") if isinstance(shape, dict) else None
        if not isinstance(named, dict) or not isinstance(schema := named.get("schema"), dict):
            return STAND_IN
        name = str(schema.get("title") or named.get("name") or "")
        play = self.roles.get(name, self.otherwise)
        if play is None:
            raise ProviderError(f"the script plays no role {name!r}; it plays {', '.join(sorted(self.roles))}")
        seed = body.get("seed")
        inputs = {key: _parsed(text) for key, text in parse_prompt(messages).items()}
        answer = play(inputs, schema, seed if isinstance(seed, int) else 0)
        return orjson.dumps(answer).decode() if isinstance(answer, dict) else answer


def _spelt(text: str, probabilities: Mapping[str, Mapping[str, float]]) -> list[Json]:
    """The tokens of an answer as OpenAI's API has them; certain, but for the values whose options have probabilities.

    Such a value is one token, with the quotation mark before it; all else is cut every few characters.
    """
    values = {start: (end, probabilities.get(key, {})) for key, start, end in values_in(text)}
    tokens: list[Json] = []
    at, size = 0, _CHARACTERS_A_TOKEN
    for start in [*sorted(values), len(text)]:
        between = text[at:start]
        tokens += [_possible(between[i : i + size], {}) for i in range(0, len(between), size)]
        at = start
        if start in values:
            end, options = values[start]
            named = text[start] == '"'
            others = {orjson.dumps(label).decode() if named else label: share for label, share in options.items()}
            tokens += [_possible(text[start:end], others)] if others else []
            at = end if others else start
    return tokens


def _possible(token: str, options: Mapping[str, float]) -> JsonObject:
    weighed = {token: 1.0} if not options else dict(options)
    top: list[Json] = [
        {"token": one, "logprob": math.log(share), "bytes": list(one.encode())}
        for one, share in sorted(weighed.items(), key=lambda item: -item[1])
        if share > 0
    ]
    share = weighed.get(token, 0.0)
    return {
        "token": token,
        "logprob": math.log(share) if share else -9999.0,
        "bytes": list(token.encode()),
        "top_logprobs": top,
    }


def _tool_call(body: JsonObject, messages: list[JsonObject]) -> JsonObject | None:
    """A call with fitting arguments, where tools are offered and the last message is no result of one.

    Which tool is drawn with the seed, unless `tool_choice` names one.
    """
    tools, choice = cast("list[JsonObject]", body.get("tools") or []), body.get("tool_choice")
    if not tools or choice == "none" or (messages[-1]["role"] == "tool" and choice in (None, "auto")):
        return None
    functions = [cast(JsonObject, tool["function"]) for tool in tools]
    if isinstance(choice, dict):
        named = cast(JsonObject, choice["function"])["name"]
        functions = [function for function in functions if function["name"] == named]
    seed = body.get("seed")
    draw = random.Random(hashlib.sha256(orjson.dumps([messages, seed])).digest())
    function = draw.choice(functions)
    arguments = fitting(cast(JsonObject, function["parameters"]), draw)
    return {
        "id": f"call_{draw.randrange(1 << 32):08x}",
        "type": "function",
        "function": {"name": function["name"], "arguments": orjson.dumps(arguments).decode()},
    }


_scripts: dict[str, Script] = {"schema": Script()}
_LATER = {"library": ("synthtools.backends.library", "LIBRARY")}
"""Scripts that are imported when they are asked for."""


def register_script(name: str, script: Script) -> None:
    """Makes `scripted/NAME` a model of this process; a later script of the same name replaces the earlier."""
    _scripts[name] = script


def script_named(name: str) -> Script:
    """A registered script. Raises: ConfigError saying which there are."""
    if name in _LATER and name not in _scripts:
        module, attribute = _LATER[name]
        register_script(name, getattr(importlib.import_module(module), attribute))
    if name not in _scripts:
        raise ConfigError(f"no script {name!r}; there are {', '.join(sorted({*_scripts, *_LATER}))}")
    return _scripts[name]


class ScriptedTransport:
    """A script in this process."""

    structured = True
    native_tools = True
    logprobs = True

    def __init__(self, spec: ModelSpec) -> None:
        spec.only(())
        if spec.api_bases:
            raise ConfigError(f"{spec.name} runs in this process; for a server use openai/NAME with its address")
        self.model = spec.name
        self._spec = spec
        self._script = script_named(spec.path)

    def send(self, body: JsonObject) -> JsonObject:
        """The script's completion. Raises: ProviderError where it plays no such role."""
        return {**self._script.completion(body), "replica": "in-process"}

    async def asend(self, body: JsonObject) -> JsonObject:
        """As `send`; a script is quick, so it runs on the loop, after whoever else is ready."""
        await asyncio.sleep(0)
        return self.send(body)

    def state(self) -> JsonObject:
        """Settings of `build_lm`."""
        return self._spec.to_json()


def _parsed(text: str) -> Json:
    if text[:1] not in ("{", "["):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _tokens(characters: int) -> int:
    return -(-characters // _CHARACTERS_A_TOKEN)


if __name__ == "__main__":
    from synthtools.backends.scripted_server import main

    main()
