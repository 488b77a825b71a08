"""`models check` says what a server can do, and warns of the traps that cost a run."""

import socket
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from synthtools.backends.scripted_server import Fault, serve
from synthtools.types.record import Json, JsonObject
from tests.cli.shared import error_of, invoke

CALLS = 5
TOOL = CALLS + 3
"""Requests for a schema come first, then one for probabilities, then the same prompt twice, then a tool."""
FITS = '{"kettle_7": "amber", "count": 4}'


def said(message: JsonObject, cached: int | None = 64) -> Fault:
    """A completion of a server that is not scripted, with its report of cached tokens."""
    usage: JsonObject = {"prompt_tokens": 400, "completion_tokens": 12}
    if cached is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
    choices: list[Json] = [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}]
    return Fault(body=orjson.dumps({"model": "scripted", "choices": choices, "usage": usage}).decode())


def calling(arguments: str = '{"pond": "Mirror"}') -> JsonObject:
    return {
        "content": None,
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "CountBirds", "arguments": arguments}},
        ],
    }


def healthy(number: int) -> Fault:
    return said({"content": FITS} if number < TOOL else calling())


def checked(faults: Callable[[int], Fault | None] | None, context: int = 32768) -> tuple[int, Any]:
    with serve(faults=faults, context=context) as server:
        result = invoke("models", "check", "--model", "direct/scripted", "--api-base", server.url, "--json")
        return result.exit_code, orjson.loads(result.stdout)


def test_a_healthy_server_is_told_without_warnings() -> None:
    code, report = checked(healthy)
    assert (code, report["warnings"]) == (0, [])
    assert (report["structured"], report["kept_schema"], report["calls"]) == (True, CALLS, CALLS)
    assert (report["native_tools"], report["context"], report["cached_reported"]) == ("yes", 32768, True)
    assert report["logprobs"] == "no", "it left them out"
    assert report["seconds"] > 0
    assert report["tokens_per_second"] > 0
    assert report["usage"]["cached_tokens"] == 64 * CALLS


def in_words(number: int) -> Fault:
    return said({"content": "A heron has two wings."})


def without_bounds(number: int) -> Fault:
    return said({"content": '{"kettle_7": "heron", "count": 2}'})


def without_cache(number: int) -> Fault:
    return said({"content": FITS} if number < TOOL else calling(), cached=0)


def without_details(number: int) -> Fault:
    return said({"content": FITS} if number < TOOL else calling(), cached=None)


def reasoning_only(number: int) -> Fault:
    return said({"content": None, "reasoning_content": "Herons come to mind."})


def call_as_text(number: int) -> Fault:
    return said({"content": FITS if number < TOOL else '<tool_call>{"name": "CountBirds"}</tool_call>'})


def call_with_broken_arguments(number: int) -> Fault:
    return said({"content": FITS} if number < TOOL else calling('{"pond": '))


def no_parser(number: int) -> Fault:
    refusal = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
    return said({"content": FITS}) if number < TOOL else Fault(status=400, message=refusal)


@pytest.mark.parametrize(
    ("faults", "warning", "tools", "code"),
    [
        (in_words, "answers ignore the JSON Schema", "no", 1),
        (without_bounds, "not its enum and bounds", "no", 1),
        (without_cache, "prefix caching is off", "yes", 0),
        (without_details, "cached prompt tokens are not reported", "yes", 0),
        (reasoning_only, "the answer is in the reasoning channel and its content is empty", "no", 1),
        (call_as_text, "no parser for this model's tool calls", "no", 0),
        (call_with_broken_arguments, "its arguments are no JSON", "no", 0),
        (no_parser, "--enable-auto-tool-choice", "no", 0),
    ],
)
def test_a_trap_is_warned_of(faults: Callable[[int], Fault], warning: str, tools: str, code: int) -> None:
    ended, report = checked(faults)
    assert (ended, report["native_tools"]) == (code, tools)
    assert warning in " ".join(report["warnings"])


def test_a_small_context_and_a_name_that_is_not_served_are_warned_of() -> None:
    _, report = checked(healthy, context=2048)
    assert "a context of 2,048 tokens is small" in report["warnings"][0]
    with serve(faults=healthy) as server:
        result = invoke("models", "check", "--model", "direct/other", "--api-base", server.url)
    assert "the server does not list other; it serves scripted" in " ".join(result.stdout.split())
    assert "context        not told" in result.stdout


def test_a_replica_that_is_silent_is_named_and_a_model_without_one_ends_with_3() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        with serve(faults=healthy) as server:
            bases = ("--api-base", dead, "--api-base", server.url)
            result = invoke("models", "check", "--model", "direct/scripted", *bases)
            assert result.exit_code == 0
            assert f"nothing answers at {dead}" in " ".join(result.stdout.split())
        result = invoke("models", "check", "--model", "direct/scripted", "--api-base", dead)
    assert (result.exit_code, "nothing answers" in error_of(result)) == (3, True)


def test_what_needs_a_server_is_not_tried_in_this_process() -> None:
    result = invoke("models", "check", "--model", "scripted/schema", "--json")
    report = orjson.loads(result.stdout)
    assert (result.exit_code, report["native_tools"], report["context"]) == (0, "not tried", None)


def test_every_model_of_the_settings_is_asked_once_and_none_answers_for_another() -> None:
    def judging(number: int) -> Fault:
        return said({"content": FITS} if number < TOOL else {"content": "no tools here"})

    with (
        serve(faults=healthy) as one,
        serve(faults=judging) as two,
        serve(faults=lambda number: Fault(status=401)) as spare,
    ):
        options = (
            *("--model", "direct/scripted", "--api-base", one.url, "--judge-model", "direct/scripted"),
            *("--set", f"models.judges.api_base={two.url}", "--set", "models.solver.temperature=0.9"),
        )
        result = invoke("models", "check", *options, "--json")
        assert result.exit_code == 0, result.stderr
        report = orjson.loads(result.stdout)
        roles = ["generator", "simulator", "validator", "evolver", "solver", "summarizer"]
        assert (report["used_by"], report["native_tools"]) == (["model", *roles], "yes")
        (judge,) = report["others"]
        assert (judge["used_by"], judge["native_tools"]) == (["judges"], "no")
        assert len(one.requests) == len(two.requests) == TOOL + 1
        fallback = ("--fallback-model", "direct/spare", "--set", f"model.fallback_api_base={spare.url}")
        result = invoke("models", "check", *options, *fallback, "--set", "model.timeout=20")
        assert (result.exit_code, "direct/spare" in error_of(result)) == (3, True)
        assert "used by        judges" in result.stdout
        result = invoke("models", "check", "--model", "direct/spare", "--api-base", spare.url,
                        "--fallback-model", "scripted/schema", "--json")  # fmt: skip
        assert (result.exit_code, "direct/spare" in error_of(result)) == (3, True)
        report = orjson.loads(result.stdout)
        (other,) = report["others"]
        assert (report["model"], "direct/spare" in report["error"]) == ("direct/spare", True)
        assert (other["model"], other["used_by"], other["structured"]) == ("scripted/schema", ["fallback"], True)


def test_a_dry_run_names_every_model_and_its_address_and_asks_nothing() -> None:
    with serve(faults=healthy) as one, serve(faults=healthy) as two:
        options = (
            *("--model", "direct/scripted", "--api-base", one.url, "--judge-model", "direct/judge"),
            *("--set", f"models.judges.api_base={two.url}", "--dry-run"),
        )
        result = invoke("models", "check", *options)
        assert result.exit_code == 0, result.stderr
        said = " ".join(result.stdout.split())
        assert f"direct/scripted at {one.url}" in said
        assert f"direct/judge at {two.url}, used by judges" in said
        main, judge = orjson.loads(invoke("models", "check", *options, "--json").stdout)
        assert (main["model"], main["api_base"]) == ("direct/scripted", [one.url])
        assert (judge["model"], judge["api_base"], judge["used_by"]) == ("direct/judge", [two.url], ["judges"])
        assert not one.requests
        assert not two.requests


def test_options_that_a_check_would_ignore_are_refused() -> None:
    for option in ("--limit", "--seed", "--budget-usd", "--program", "--executor", "--max-tokens"):
        result = invoke("models", "check", "--model", "scripted/schema", option, "1")
        assert result.exit_code == 2
        assert option in result.stderr
