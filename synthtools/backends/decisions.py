"""How sure a model was of what it decided: the probabilities of an answer's options, read from its tokens.

A decision is a key of the answer's object with a few options: true and false, or the texts and numbers of an enum.
Where it is written, each token had alternatives; those that begin another option count for that one, and those that
begin none do not count. A decoder that is bound by a schema reports what the model wanted before it was bound, so this
is the model's choice among the options, as if it had been asked for nothing else.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import orjson

from synthtools.errors import ParseError, ProviderError
from synthtools.types.record import Json, JsonObject

ALTERNATIVES = 20
"""Alternatives of each token that are asked for: the most that servers give."""

_LEAST = -9999.0
"""What OpenAI's API writes for a logarithm of nothing."""

_Options = dict[str, dict[str, str]]
"""By field: its options as JSON writes them, by their labels."""


class Alternative(Protocol):
    """A token that was possible."""

    @property
    def token(self) -> str:
        """Its text."""
        ...

    @property
    def logprob(self) -> float:
        """Natural logarithm of its probability."""
        ...


class Token(Alternative, Protocol):
    """A token of an answer."""

    @property
    def top(self) -> Sequence[Alternative]:
        """The likeliest tokens in its place; may lack itself."""
        ...


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a value stands: from a character of the tokens' text to before another."""

    start: int
    end: int


def option_probabilities(
    tokens: Sequence[Token], answer: str, schema: Mapping[str, Json]
) -> dict[str, dict[str, float]]:
    """The probability of each option of each decision of an answer: field -> label -> share; shares add up to 1.

    An option that none of the alternatives begins has 0. Where alternatives begin several options that the answer did
    not go on to, these share them evenly.

    Args:
        tokens: Of the answer, with their alternatives.
        answer: Its text.
        schema: Of the object that was asked for.

    Raises:
        ParseError: The tokens do not spell the answer.
        ProviderError: The tokens have no alternatives.
    """
    texts = [token.token for token in tokens]
    options = _options(schema)
    spans = _spans(texts, answer, options)
    found: dict[str, dict[str, float]] = {}
    for field, labels in options.items():
        if field not in spans:
            raise ParseError(f"the tokens of the answer do not spell its {field}")
        shares = _shares(tokens, texts, spans[field], labels)
        found[field] = {label: min(1.0, share) for label, share in shares.items()}  # sums are inexact
    return found


def kept_logprobs(entries: Json, answer: str, schema: Mapping[str, Json] | None) -> list[Json]:
    """The tokens of an answer as they are journalled: alternatives only where a decision is written.

    Args:
        entries: As a server sent them, `token`, `logprob` and `top_logprobs` each.
        answer: The text.
        schema: Of the object that was asked for; None: none was, and every alternative is kept.
    """
    tokens = [kept for entry in (entries if isinstance(entries, list) else ()) if (kept := _token(entry)) is not None]
    texts = [str(token["token"]) for token in tokens]
    options = _options(schema or {})
    spans = _spans(texts, answer, options)
    written = [spans[field] for field in options if field in spans]
    at = 0
    for token, text in zip(tokens, texts, strict=True):
        if schema is not None and not any(at < span.end and at + len(text) > span.start for span in written):
            token.pop("top_logprobs")
        at += len(text)
    return cast("list[Json]", tokens)


def values_in(text: str, start: int = 0) -> Iterator[tuple[str, int, int]]:
    """The keys of the first object in a text, each with where its value begins and ends, as far as it is JSON."""
    decoder = json.JSONDecoder(strict=False)
    at = text.find("{", start)
    try:
        while at >= 0 and text[at] in "{,":
            key, at = decoder.raw_decode(text, _skipped(text, at + 1))
            at = _skipped(text, at)
            if text[at] != ":":
                return
            begin = _skipped(text, at + 1)
            _, end = decoder.raw_decode(text, begin)
            yield str(key), begin, end
            at = _skipped(text, end)
    except (json.JSONDecodeError, IndexError):
        return  # an answer that was cut, or is none


def _skipped(text: str, at: int) -> int:
    """The first character from there on that is no space."""
    while text[at : at + 1].isspace():
        at += 1
    return at


def _options(schema: Mapping[str, Json]) -> _Options:
    properties = schema.get("properties")
    found: _Options = {}
    for field, child in properties.items() if isinstance(properties, dict) else ():
        kind = cast(JsonObject, child)
        values = [True, False] if kind.get("type") == "boolean" else kind.get("enum")
        if isinstance(values, list) and len(values) > 1 and "const" not in kind:
            found[field] = {label_of(value): orjson.dumps(value).decode() for value in values}
    return found


def label_of(value: Json) -> str:
    """What an option is called: a text itself, all else as JSON writes it."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _spans(texts: Sequence[str], answer: str, options: _Options) -> dict[str, _Span]:
    """Where the values stand in the tokens' text, which may hold reasoning before the answer.

    A character may be split over tokens, whose texts then do not spell the answer: it is the last object that has all
    decisions, if they are what the answer says.
    """
    text = "".join(texts)
    start = text.rfind(answer) if answer else 0
    if start >= 0:
        return {key: _Span(begin, end) for key, begin, end in values_in(text, start)}
    said = {key: answer[begin:end] for key, begin, end in values_in(answer)}
    while (start := text.rfind("{", 0, start if start >= 0 else None)) >= 0:
        spans = {key: _Span(begin, end) for key, begin, end in values_in(text, start)}
        if all(key in spans and text[spans[key].start : spans[key].end] == said.get(key) for key in options):
            return spans
    return {}


def _shares(tokens: Sequence[Token], texts: Sequence[str], span: _Span, options: Mapping[str, str]) -> dict[str, float]:
    shares = dict.fromkeys(options, 0.0)
    live: set[str] = set(options)
    weight, at = 1.0, 0
    text = "".join(texts)
    for token, own in zip(tokens, texts, strict=True):
        begin, at = at, at + len(own)
        if at <= span.start:
            continue
        if begin >= span.end:
            break
        lead, done = text[begin : max(begin, span.start)], text[span.start : max(begin, span.start)]
        if not token.top:
            raise ProviderError("the model's server gives no alternatives to its tokens (top_logprobs)")
        masses = {one.token: math.exp(min(one.logprob, 0.0)) for one in token.top}
        masses.setdefault(own, math.exp(min(token.logprob, 0.0)))
        begun = {one: _begun(one, lead, done, live, options) for one in masses}
        telling: dict[str, set[str]] = {one: labels for one, labels in begun.items() if labels and labels != live}
        if own not in telling:
            continue  # every option goes on like this
        whole = math.fsum(masses[one] for one in telling)
        live = telling.pop(own)
        for one, labels in telling.items():
            for label in labels:
                shares[label] += weight * (masses[one] / whole if whole else 0.0) / len(labels)
        weight *= masses[own] / whole if whole else 1.0
        if len(live) == 1:
            shares[live.pop()] += weight
            return shares
    written = [label for label in live if options[label] == text[span.start : span.end]]
    if not written:
        raise ParseError("the tokens of the answer do not spell one of the options")
    shares[written[0]] += weight  # a number that others begin with
    return shares


def _begun(token: str, lead: str, done: str, live: set[str], options: Mapping[str, str]) -> set[str]:
    """The options that a token goes on with.

    Args:
        token: Its text.
        lead: What of the answer's own token stands before the value.
        done: What of the value was written before.
        live: Labels of the options that may still come.
        options: All options as JSON writes them.
    """
    if lead.strip() and not token.startswith(lead):
        return set()
    rest = token[len(lead) :] if lead.strip() else token
    text = done + (rest if done else rest.lstrip())
    return {label for label in live if text and (options[label].startswith(text) or _ends(text, options[label]))}


def _ends(text: str, option: str) -> bool:
    """Whether a text is an option and what comes after it, which is no more of a word or number."""
    return text.startswith(option) and not text[len(option)].isalnum()


def _token(entry: Json) -> JsonObject | None:
    kept = _possible(entry)
    if kept is None:
        return None
    top = cast(JsonObject, entry).get("top_logprobs")
    kept["top_logprobs"] = [one for each in (top if isinstance(top, list) else ()) if (one := _possible(each))]
    return kept


def _possible(entry: Json) -> JsonObject | None:
    """Text and logarithm of a token; None for what has none."""
    token, logprob = (entry.get("token"), entry.get("logprob")) if isinstance(entry, dict) else (None, None)
    if not isinstance(token, str) or not isinstance(logprob, (int, float)) or math.isnan(logprob):
        return None
    return {"token": token, "logprob": max(_LEAST, min(0.0, float(logprob)))}
