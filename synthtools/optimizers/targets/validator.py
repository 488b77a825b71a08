"""Targets of the validator."""

from typing import cast

from synthtools.errors import SandboxError
from synthtools.modules.validator import ResponseJudge, TestCallWriter
from synthtools.optimizers.draws.validator import calls_to_write, responses
from synthtools.optimizers.inputs import Code, ResponseJudgeInputs, TestCallInputs
from synthtools.optimizers.metrics import Found, Part, all_there, composite, share, told
from synthtools.optimizers.score import Score
from synthtools.optimizers.target import Target
from synthtools.types.audit import TestCall
from synthtools.types.record import Json, JsonObject
from synthtools.types.verdict import SimulationJudgement, SimulationVerdict
from synthtools.world.behaviour import Behaviour
from synthtools.world.gate import check, fill


def _form(asked: TestCallInputs, expected: JsonObject, answer: tuple[TestCall, ...]) -> Found:
    found = [(test, check(asked.tool, test.call)) for test in answer]
    problems = [
        f"{test.call} is not valid in form: {decision.error_message}" for test, decision in found if not decision.passed
    ]
    return told(problems, len(answer))


def _as_intended(asked: TestCallInputs, expected: JsonObject, answer: tuple[TestCall, ...]) -> Found:
    """Whether the certified guard does with each call what its mode wants."""
    problems: list[str] = []
    for test in answer:
        refusal = _refusal(asked, Code.from_json(expected), test)
        if asked.mode == "happy" and refusal:
            problems.append(f"{test.call} should succeed, and the guard refuses it: {refusal}")
        elif asked.mode == "rule" and not refusal:
            errors = ", ".join(error.title for error in asked.tool.errors)
            problems.append(f"{test.call} should be refused, and breaks none of the documented errors ({errors})")
    return told(problems, len(answer))


def _varied(asked: TestCallInputs, expected: JsonObject, answer: tuple[TestCall, ...]) -> Found:
    """Whether the calls differ and, of those to be refused, whether they break as many errors as they can."""
    different = len({str(test.call) for test in answer})
    if different < len(answer):
        return Found(share(different, len(answer)), f"Only {different} of {len(answer)} calls differ.")
    if asked.mode == "happy":
        return Found(1.0)
    code = Code.from_json(expected)
    broken = {refusal.partition(": ")[0] for test in answer if (refusal := _refusal(asked, code, test))}
    most = min(len(asked.tool.errors), len(answer))
    missed = [error.title for error in asked.tool.errors if error.title not in broken]
    return Found(min(1.0, share(len(broken), most)), f"No call breaks {', '.join(missed)}." if missed else "")


def _refusal(asked: TestCallInputs, code: Code, test: TestCall) -> str:
    """What the guard refuses a call with; empty where it lets it pass."""
    decision = check(asked.tool, test.call)
    if not decision.passed:
        return str(decision.error_message)
    records = asked.records if isinstance(asked.records, dict) else {}
    try:
        outcome = Behaviour(code.source).run(
            asked.tool,
            fill(asked.tool, test.call),
            records,
            now=code.now,
            collections=code.collections,
            guard_only=True,
        )
    except SandboxError as error:
        return f"the code has no answer ({error})"
    return outcome.message or ""


TEST_CALL_WRITER = Target(
    name="test-call-writer",
    build=lambda profile: TestCallWriter(),
    inputs=TestCallInputs,
    metric=composite(
        [
            Part("enough", 0.1, lambda asked, _, answer: all_there(len(answer), asked.count, "calls"), gate=True),
            Part("form", 0.1, _form),
            Part("as intended", 0.5, _as_intended),
            Part("varied", 0.3, _varied),
        ]
    ),
    cases=calls_to_write,
    expects=Code,
)


def score_response_verdict(asked: ResponseJudgeInputs, expected: Json, answer: SimulationVerdict) -> Score:
    """Whether the judge tells right answers from wrong ones; `expected`: the right verdict.

    Naming the wrong kind of mistake is half right: the answer is refused either way.
    """
    right = cast(str, expected)
    if answer.verdict == right:
        return Score(value=1.0, reason=f"{right} is the right verdict.")
    told = f"The verdict was {answer.verdict}, and {right} is right. Its reason was: {answer.reason}"
    agree = (answer.verdict == "correct") == (right == "correct")
    return Score(value=0.5 if agree else 0.0, reason=told)


RESPONSE_JUDGE = Target(
    name="response-judge",
    build=lambda profile: ResponseJudge(),
    inputs=ResponseJudgeInputs,
    metric=score_response_verdict,
    cases=responses,
    expects=SimulationJudgement,
)

TARGETS = (TEST_CALL_WRITER, RESPONSE_JUDGE)
