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

    An option that none of the alternatives begins has 0. But where the answer's own token alone begins one, and is the
    least likely of all (a decoder was bound to it), those left out may be as likely, and all that were possible share
    evenly. Where alternatives begin several options that the answer did not go on to, these share them evenly.

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
    whole = "".join(texts)
    written = [
        (spans[field].start, _reach(whole, spans[field], own)) for field, own in options.items() if field in spans
    ]
    at = 0
    for token, text in zip(tokens, texts, strict=True):
        if schema is not None and not any(at < reach and at + len(text) > start for start, reach in written):
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


def _reach(text: str, span: _Span, options: Mapping[str, str]) -> int:
    """Before which character the tokens begin that decide: what comes after a 1 decides that it is no 10."""
    value = text[span.start : span.end]
    return span.end + any(option.startswith(value) and option != value for option in options.values())


def _shares(tokens: Sequence[Token], texts: Sequence[str], span: _Span, options: Mapping[str, str]) -> dict[str, float]:
    shares = dict.fromkeys(options, 0.0)
    live: set[str] = set(options)
    weight, at = 1.0, 0
    text = "".join(texts)
    reach = _reach(text, span, options)
    for token, own in zip(tokens, texts, strict=True):
        begin, at = at, at + len(own)
        if at <= span.start:
            continue
        if begin >= reach:
            break
        lead, done = text[begin : max(begin, span.start)], text[span.start : max(begin, span.start)]
        if not token.top:
            raise ProviderError("the model's server gives no alternatives to its tokens (top_logprobs)")
        masses = {one.token: math.exp(min(one.logprob, 0.0)) for one in token.top}
        masses.setdefault(own, math.exp(min(token.logprob, 0.0)))
        begun = {one: _begun(one, lead, done, live, options) for one in masses}
        going = begun[own]
        if not going:
            continue
        parts = [(labels, masses[one]) for one, labels in begun.items() if labels and labels not in (live, going)]
        on = math.fsum(masses[one] for one, labels in begun.items() if labels == going)
        if not parts and going != live and _is_least(own, masses):
            parts, on = [({label}, 1.0) for label in live - going], float(len(going))
        whole = on + math.fsum(mass for _, mass in parts)
        for labels, mass in parts:
            for label in labels:
                shares[label] += weight * (mass / whole if whole else 0.0) / len(labels)
        weight *= on / whole if whole else 1.0
        live = going
        if len(live) == 1:
            shares[live.pop()] += weight
            return shares
    written = [label for label in live if options[label] == text[span.start : span.end]]
    if not written:
        raise ParseError("the tokens of the answer do not spell one of the options")
    shares[written[0]] += weight  # a number that others begin with, and the answer's last character
    return shares


def _is_least(own: str, masses: Mapping[str, float]) -> bool:
    """Whether a token is the least likely of several, so that those left out may be as likely as it."""
    others = [mass for one, mass in masses.items() if one != own]
    return bool(others) and masses[own] < min(others)


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
    return text.startswith(option) and not (text[len(option)].isalnum() or text[len(option)] == ".")


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
