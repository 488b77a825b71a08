"""How probable each option was, from the tokens that an answer was written with, however they are cut."""

import math
import random
from typing import Any

import orjson
import pytest
from dspy.lm15 import Response, response_from_openai_chat
from hypothesis import given
from hypothesis import strategies as st

from synthtools.backends.decisions import kept_logprobs, option_probabilities
from synthtools.errors import ParseError, ProviderError

WRONG = "should_error_got_success"
OPTIONS = ("correct", WRONG, "should_success_got_error", "inappropriate_response")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "maxLength": 200},
        "verdict": {"enum": list(OPTIONS)},
        "sure": {"type": "boolean"},
        "stars": {"enum": [1, 12, 2]},
        "kind": {"enum": ["only"]},
    },
}

Cut = tuple[str, dict[str, float]]
"""A token and the probabilities in its place, its own included."""


def wire(*cuts: Cut) -> list[dict[str, Any]]:
    """Tokens as a server sends them."""
    return [
        {
            "token": token,
            "logprob": math.log(top.get(token) or 1e-30),
            "bytes": list(token.encode()),
            "top_logprobs": [{"token": one, "logprob": math.log(share)} for one, share in top.items()],
        }
        for token, top in cuts
    ]


def sure(text: str) -> Cut:
    return text, {text: 1.0}


def tokens_of(entries: Any) -> Any:
    completion = {
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop",
                     "logprobs": {"content": entries}}],
    }  # fmt: skip
    response: Response = response_from_openai_chat(completion, model="m")
    return response.logprobs


def found(*cuts: Cut, answer: str | None = None, **only: Any) -> dict[str, dict[str, float]]:
    text = "".join(token for token, _ in cuts) if answer is None else answer
    properties = {name: SCHEMA["properties"][name] for name in orjson.loads(text) if name in SCHEMA["properties"]}
    return option_probabilities(tokens_of(wire(*cuts)), text, {**SCHEMA, "properties": {**properties, **only}})


def test_options_are_told_apart_where_their_tokens_part() -> None:
    # As Qwen's tokenizer cuts it; the model is not bound by the schema, so that what is no option has a share too.
    shares = found(
        sure('{"reason":"it says \\"sure\\":true, see'),
        ('","', {'","': 0.6, ".": 0.4}),
        sure("verdict"),
        ('":"', {'":"': 0.8, '":': 0.2}),
        ("should", {"should": 0.5, "correct": 0.3, "in": 0.1, "not": 0.1}),
        ("_error", {"_error": 0.6, "_success": 0.2, "x": 0.2}),
        sure("_got_success"),
        ('","', {'","': 0.5, '"}': 0.5}),
        sure('sure":'),
        ("true", {"true": 0.6, "false": 0.2, "True": 0.1, " false": 0.1}),
        sure("}"),
    )
    assert shares["sure"] == pytest.approx({"true": 2 / 3, "false": 1 / 3})
    should = 0.5 / 0.9
    assert shares["verdict"] == pytest.approx(
        {
            "correct": 0.3 / 0.9,
            WRONG: should * 0.75,
            "should_success_got_error": should * 0.25,
            "inappropriate_response": 0.1 / 0.9,
        }
    )


def test_only_the_options_of_the_call_count() -> None:
    verdict = {"enum": ["correct", WRONG]}
    shares = found(
        sure('{"verdict":"'), ("correct", {"correct": 0.3, "in": 0.4, "should": 0.1}), sure('"}'), verdict=verdict
    )
    assert shares["verdict"] == pytest.approx({"correct": 0.75, WRONG: 0.25})


def test_what_the_answer_did_not_go_on_to_is_shared_evenly() -> None:
    shares = found(sure('{"verdict":"'), ("correct", {"correct": 0.5, "should": 0.5}), sure('"}'))
    assert shares["verdict"]["should_success_got_error"] == shares["verdict"][WRONG] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("before", "own", "after"), [('{"sure":', "true", "}"), ('{"sure":', " true", "}"), ('{"sure', '":true', "}"),
                                 ('{"sure"', ": true}", ""), ('{"sure": ', "true}\n", "")]
)  # fmt: skip
def test_a_value_may_share_its_token_with_what_is_around_it(before: str, own: str, after: str) -> None:
    other = own.replace("true", "false")
    cuts = [sure(before), (own, {own: 0.3, other: 0.1, "null": 0.6})]
    assert found(*cuts, *([sure(after)] if after else []))["sure"] == pytest.approx({"true": 0.75, "false": 0.25})


@pytest.mark.parametrize(
    ("cuts", "shares"),
    [
        # Digit by digit: what comes after the 1 decides that it is no 10, whichever the answer is.
        ((("1", {"1": 0.8, "2": 0.2}), ("}", {"}": 0.75, "0": 0.25})), {"1": 0.6, "10": 0.2, "2": 0.2}),
        ((("1", {"1": 0.8, "2": 0.2}), ("0", {"}": 0.75, "0": 0.25}), sure("}")), {"1": 0.6, "10": 0.2, "2": 0.2}),
        ((("1", {"1": 0.8, "2": 0.2}), ("\n", {"\n": 0.6, "0": 0.4}), sure("}")), {"1": 0.48, "10": 0.32, "2": 0.2}),
        # In one token too, and both ways at once.
        ((("10", {"1": 0.6, "10": 0.3, "2": 0.1}), sure("}")), {"1": 0.3, "10": 0.6, "2": 0.1}),
        ((("1", {"1": 0.6, "10": 0.3, "2": 0.1}), ("}", {"}": 0.5, "0": 0.5})), {"1": 0.3, "10": 0.6, "2": 0.1}),
        ((("1}", {"1}": 0.6, "10": 0.3, "2": 0.1}),), {"1": 0.6, "10": 0.3, "2": 0.1}),
    ],
)
def test_a_number_is_not_the_longer_one_that_begins_alike(cuts: tuple[Cut, ...], shares: dict[str, float]) -> None:
    assert found(sure('{"stars":'), *cuts, stars={"enum": [1, 10, 2]})["stars"] == pytest.approx(shares)


def test_a_point_goes_on_with_a_number() -> None:
    cuts = (sure("1"), ("}", {"}": 0.7, ".": 0.3}))
    assert found(sure('{"stars":'), *cuts, stars={"enum": [1, 1.5]})["stars"] == pytest.approx({"1": 0.7, "1.5": 0.3})


def test_what_comes_after_a_number_is_kept_where_it_decides() -> None:
    cuts = [
        sure('{"stars":'),
        ("1", {"1": 0.8, "2": 0.2}),
        (",", {",": 0.75, "0": 0.25}),
        sure('"sure":'),
        sure("true"),
    ]
    for stars, decide in (([1, 10, 2], ["1", ",", "true"]), ([1, 2], ["1", "true"])):
        schema: dict[str, Any] = {"properties": {"stars": {"enum": stars}, "sure": {"type": "boolean"}}}
        answer = '{"stars":1,"sure":true}'
        kept: list[Any] = kept_logprobs(wire(*cuts, sure("}")), answer, schema)
        assert [token["token"] for token in kept if "top_logprobs" in token] == decide
        assert option_probabilities(tokens_of(kept), answer, schema)["stars"]["1"] == pytest.approx(
            0.6 if 10 in stars else 0.8
        )


def test_a_beginning_of_all_options_decides_nothing_and_what_stands_beside_it_counts() -> None:
    # The answer goes through 1, which begins every option; 12 at once is a choice as well, 1 and a space is not.
    shares = found(
        sure('{"stars":'),
        ("1", {"1": 0.6, "12": 0.2, "x": 0.2}),
        ("0", {"0": 0.9, "5": 0.1}),
        sure("}"),
        stars={"enum": [10, 12, 15]},
    )
    assert shares["stars"] == pytest.approx({"10": 0.675, "12": 0.25, "15": 0.075})


def test_tokens_that_begin_the_same_options_are_one_choice() -> None:
    shares = found(
        sure('{"verdict":"'),
        ("should", {"should": 0.4, "should_": 0.2, "correct": 0.4}),
        ("_error", {"_error": 0.75, "_success": 0.25}),
        sure('_got_success"}'),
    )
    assert shares["verdict"][WRONG] == pytest.approx(0.45)
    assert shares["verdict"]["should_success_got_error"] == pytest.approx(0.15)


def forced(token: str, logprob: float, top: dict[str, float], *before: Cut) -> list[dict[str, Any]]:
    """Tokens of an answer, one of which is none of its own alternatives."""
    (entry,) = wire((token, top))
    return [*wire(*before), {**entry, "logprob": logprob}]


@pytest.mark.parametrize("logprob", [-9999.0, -12.0])
@pytest.mark.parametrize("said", ["true", "false"])
def test_where_no_option_is_among_the_alternatives_nothing_tells_them_apart(said: str, logprob: float) -> None:
    tokens = [*forced(said, logprob, {"yes": 0.9, "no": 0.1}, sure('{"sure":')), *wire(sure("}"))]
    shares = option_probabilities(
        tokens_of(tokens), f'{{"sure":{said}}}', {"properties": {"sure": SCHEMA["properties"]["sure"]}}
    )
    assert shares == {"sure": {"true": 0.5, "false": 0.5}}


def test_what_was_decided_before_a_token_that_is_no_alternative_stays() -> None:
    before = (sure('{"verdict":"'), ("should", {"should": 0.75, "correct": 0.25}))
    tokens = [*forced("_error", -20.0, {"n": 0.9, "!": 0.1}, *before), *wire(sure('_got_success"}'))]
    answer = f'{{"verdict":"{WRONG}"}}'
    shares = option_probabilities(
        tokens_of(tokens), answer, {"properties": {"verdict": SCHEMA["properties"]["verdict"]}}
    )
    assert shares["verdict"] == pytest.approx(
        {"correct": 0.25, WRONG: 0.375, "should_success_got_error": 0.375, "inappropriate_response": 0.0}
    )


def test_a_token_that_is_no_alternative_has_its_own_probability_where_an_option_is_one() -> None:
    tokens = [*forced("true", math.log(0.01), {"false": 0.39, "yes": 0.6}, sure('{"sure":')), *wire(sure("}"))]
    shares = option_probabilities(
        tokens_of(tokens), '{"sure":true}', {"properties": {"sure": SCHEMA["properties"]["sure"]}}
    )
    assert shares["sure"] == pytest.approx({"true": 0.025, "false": 0.975})


def test_reasoning_before_the_answer_is_passed_over() -> None:
    cuts = [sure('<think>{"sure": false}? no</think>'), sure('{"sure":'), ("true", {"true": 0.9, "false": 0.1})]
    assert found(*cuts, sure("}"), answer='{"sure":true}')["sure"]["true"] == pytest.approx(0.9)


def test_tokens_that_cannot_be_read_are_errors_of_their_own() -> None:
    schema = {"properties": {"sure": {"type": "boolean"}}}
    with pytest.raises(ParseError, match="do not spell its sure"):
        option_probabilities(tokens_of(wire(sure('{"su'))), '{"sure":true}', schema)
    bare = [{"token": text, "logprob": -0.1} for text in ('{"sure":', "true", "}")]
    with pytest.raises(ProviderError, match="no alternatives to its tokens"):
        option_probabilities(tokens_of(bare), '{"sure":true}', schema)


def test_what_is_kept_is_what_decides() -> None:
    cuts = [
        ('{"reason":"', {'{"': 1.0}),
        ("é", {"a": 0.5, "é": 0.5}),
        sure('","sure":'),
        ("true", {"true": 0.5, "false": 0.5}),
    ]
    entries: list[Any] = [*wire(*cuts, sure("}")), {"token": 3}, None, {"token": "x", "logprob": float("nan")}]
    answer = '{"reason":"é","sure":true}'
    schema = {"properties": {"reason": {"type": "string"}, "sure": {"type": "boolean"}}}
    kept: list[Any] = kept_logprobs(entries, answer, schema)
    assert [token["token"] for token in kept] == ['{"reason":"', "é", '","sure":', "true", "}"]
    assert [token["token"] for token in kept if "top_logprobs" in token] == ["true"]
    assert option_probabilities(tokens_of(kept), answer, schema) == option_probabilities(
        tokens_of(entries[:5]), answer, schema
    )
    assert all("top_logprobs" in token for token in kept_logprobs(entries, answer, None))  # type: ignore[operator]
    assert kept_logprobs("nonsense", answer, schema) == []


@given(st.integers(0, 2**32), st.sampled_from(OPTIONS), st.text(max_size=12))
def test_however_an_answer_is_cut_the_shares_add_up_and_the_certain_is_certain(seed: int, verdict: str, reason: str):
    draw = random.Random(seed)
    text = orjson.dumps({"reason": reason, "verdict": verdict, "sure": draw.random() < 0.5}).decode()
    cuts: list[Cut] = []
    while text:
        size = draw.randint(1, 9)
        own, text = text[:size], text[size:]
        others = {
            draw.choice(["c", "in", '"', "true", "false", "should_", ","]): draw.random() + 1e-6 for _ in range(3)
        }
        cuts.append((own, {**others, own: draw.random() + 1e-6}))
    for shares in found(*cuts).values():
        assert math.fsum(shares.values()) == pytest.approx(1.0)
        assert all(0 <= share <= 1 for share in shares.values())
    assert found(*(sure(own) for own, _ in cuts))["verdict"][verdict] == 1.0
