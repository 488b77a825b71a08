"""The audit of tools: what code decides, what the judge sees, what it costs, and which tools are left out."""

from collections import Counter
from typing import Any

import pytest
from rich.console import Console

from synthtools.backends import model
from synthtools.backends.library.roles import ROLES
from synthtools.programs.audit_score import reliability_of, scored
from synthtools.programs.env_audit import EnvAudit
from synthtools.reports.views import audit_view
from synthtools.types import (
    SMALL,
    STANDARD,
    AuditedCall,
    AuditedEnv,
    ModeScore,
    Profile,
    Response,
    SimulationVerdict,
    TestCall,
    TestMode,
    ToolAudit,
    ToolCall,
)
from synthtools.world.transitions import MemoryTransitions
from tests.library import Recorded, environment, playing, served


def audited(name: str, roles: dict[str, Any] | None = None, **parts: Any) -> tuple[AuditedEnv, Recorded]:
    """The library's audit with some roles played otherwise; `env` and `profile` replace the usual ones."""
    script = playing(name, roles)
    program = EnvAudit(parts.get("profile", SMALL))
    program.transitions = parts.get("transitions")
    with model(f"scripted/{name}"):
        return program(env=parts.get("env", environment().env)), script


def of(result: AuditedEnv, tool: str) -> ToolAudit:
    return next(audit for audit in result.audits if audit.tool == tool)


def changed(role: str, tool: str, change: Any) -> dict[str, Any]:
    """A role whose answers about one tool are changed."""

    def play(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> Any:
        answer: Any = ROLES[role](inputs, schema, seed)
        return change(answer, inputs) if inputs["tool"]["tool_name"] == tool else answer

    return {role: play}


def test_where_code_answers_as_the_author_expected_only_test_calls_are_asked_for() -> None:
    result, script = audited("audited")
    tools = environment().env.tools
    assert {role: len(bodies) for role, bodies in script.bodies.items()} == {
        "WriteTestCalls": len(tools) + sum(bool(tool.errors) for tool in tools)
    }
    for audit in result.audits:
        assert audit.kept and audit.answered_by_code and audit.reliability == 1.0
        assert set(audit.scores) >= {"schema", "happy", "metamorphic"}
        assert audit.scores["schema"].judged > 5
        assert audit.relations["repeatable"].judged == audit.scores["happy"].judged
        assert {call.test.mode for call in audit.calls} <= {"rule", "happy"}, "what code makes is counted, not kept"
    assert any("read_after_write" in audit.relations for audit in result.audits)


def test_a_disagreement_goes_to_the_judge_and_an_unreliable_tool_is_left_out() -> None:
    unknown = {"loan_id": "ZZZ-99", "book_id": "ZZZ-99", "reader": "Ann Lee", "due_day": "2026-01-01"}

    def careless(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> Any:
        wanted = schema["properties"]["calls"]
        names = wanted["items"]["properties"]["arguments"]["properties"]
        call = {"expectation": "It should succeed.", "arguments": {name: unknown[name] for name in names}}
        return {"calls": [call] * wanted["minItems"]}

    profile = SMALL.model_copy(update={"reliability_threshold": 0.9, "rule_calls": 0})
    result, script = audited("careless", {"WriteTestCalls": careless}, profile=profile)
    assert script.asked("JudgeResponse") > 0
    show = of(result, "ShowLoan")
    assert (show.kept, show.reason) == (False, "unreliable")
    assert [call.verdict.verdict for call in show.calls] == ["should_success_got_error"], "equal calls count once"
    assert show.scores["happy"] == ModeScore(correct=0, judged=1)
    assert "ShowLoan(loan_id='ZZZ-99') -> 404" in show.detail and "It should succeed." in show.detail
    assert "ShowLoan" not in result.reliable


def test_a_simulator_that_answers_from_nowhere_is_found_without_a_judge() -> None:
    def invented(answer: Any, inputs: dict[str, Any]) -> Any:
        data = {name: "Nobody" if name == "reader" else value for name, value in answer["data"].items()}
        return {**answer, "data": data}

    approving = {"JudgeResponse": lambda inputs, schema, seed: {"reason": "It looks right.", "verdict": "correct"}}
    roles = {**approving, **changed("SimulateResponse", "ShowLoan", invented)}
    result, _ = audited("from-nowhere", roles, env=served().env)
    broken = {audit.tool: audit.relations.get("read_after_write") for audit in result.audits}
    show = of(result, "ShowLoan")
    assert show.relations["read_after_write"].correct == 0
    assert all(score is None or score.correct == score.judged for tool, score in broken.items() if tool != "ShowLoan")
    found = [call for call in show.calls if call.test.relation == "read_after_write"]
    assert found and all("reader is 'Nobody'; in the state it is" in call.verdict.reason for call in found)


def test_what_the_author_of_a_call_expects_is_never_told_to_the_simulator() -> None:
    def marked(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> Any:
        answer: Any = ROLES["WriteTestCalls"](inputs, schema, seed)
        return {"calls": [{**call, "expectation": "It should succeed. XYZZY"} for call in answer["calls"]]}

    _, script = audited("marked", {"WriteTestCalls": marked}, env=served().env)
    simulated = [*script.bodies["CheckRules"], *script.bodies["SimulateResponse"]]
    assert len(simulated) > 10
    for body in simulated:
        assert "XYZZY" not in str(body)
        assert "expectation" not in str(body)
    assert all("XYZZY" in str(body) for body in script.bodies["JudgeResponse"]), "the judge is told"


def test_a_model_is_not_paid_for_what_the_world_looks_up() -> None:
    alone, script = audited("alone", env=served().env)
    looked_up, cheaper = audited("looked-up", env=served().env, transitions=MemoryTransitions())
    assert any("idempotent_read" in audit.relations for audit in alone.audits)
    for audit in looked_up.audits:
        assert not {"idempotent_read", "repeatable"} & set(audit.relations)
        assert audit.scores["happy"].judged >= 1
    assert cheaper.asked("SimulateResponse") < script.asked("SimulateResponse")


def test_changes_outside_what_a_tool_writes_count_against_it() -> None:
    env = environment().env
    head = "def apply(args, state, now):\n"
    meddling = head + '    for book in state["books"].values():\n        book["title"] = "Gone"\n'
    source = env.code["AddLoan"].source.replace(head, meddling)
    code = {**env.code, "AddLoan": env.code["AddLoan"].model_copy(update={"source": source})}
    result, _ = audited("meddling", env=env.model_copy(update={"code": code}))
    add = of(result, "AddLoan")
    assert add.scores["happy"].correct == 0
    assert {call.verdict.reason for call in add.calls if call.test.mode == "happy"} == {
        "AddLoan: AddLoan may not change books"
    }


def guard_only(tool: str) -> Any:
    """The library with one tool whose guard alone is certified."""
    env = environment().env
    code = {**env.code, tool: env.code[tool].model_copy(update={"certified": False})}
    return env.model_copy(update={"code": code})


def test_what_a_certified_guard_decides_is_not_judged() -> None:
    def refusing(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> Any:
        errors = schema["properties"]["decision"]["properties"]["error"]["enum"]
        return {"decision": {"reason": "It looks odd.", "error": errors[-1]}}

    result, script = audited("guarded", {"CheckRules": refusing}, env=guard_only("ShowLoan"))
    show = of(result, "ShowLoan")
    assert not show.answered_by_code
    assert script.asked("JudgeResponse") == 0
    written = [call for call in show.calls if call.test.mode in ("happy", "rule")]
    verdicts = {call.test.mode: (call.verdict.verdict, call.response.answered_by) for call in written}
    assert verdicts == {"happy": ("should_success_got_error", "model"), "rule": ("correct", "code")}


def test_the_judge_sees_what_a_guard_leaves_open() -> None:
    result, script = audited("half-open", env=guard_only("ShowLoan"))
    assert script.asked("JudgeResponse") == of(result, "ShowLoan").scores["happy"].judged > 0


def test_coded_tools_are_related_on_found_calls_where_no_happy_calls_are_asked_for() -> None:
    profile = SMALL.model_copy(update={"happy_calls": 0, "rule_calls": 0})
    result, script = audited("found", profile=profile)
    assert script.bodies == {}
    assert all(audit.kept and audit.relations["repeatable"].judged == 1 for audit in result.audits)


def test_an_audit_shows_the_score_of_each_mode_with_its_interval() -> None:
    console = Console(width=300)
    with console.capture() as shown:
        console.print(audit_view(environment()))
    score = environment().audits[0].scores["happy"]
    low, high = score.interval.low, score.interval.high
    assert f"happy {score.correct}/{score.judged} [{low:.2f}, {high:.2f}]" in " ".join(shown.get().split())


def call(mode: TestMode, *, right: bool, number: int = 0, came: Response | None = None) -> AuditedCall:
    return AuditedCall(
        test=TestCall(
            mode=mode,
            call=ToolCall(name="Book", arguments={"number": number}),
            should_succeed=mode == "happy",
            expectation="400 Missing required parameter: day." if mode == "schema" else "",
            relation="repeat" if mode == "metamorphic" else None,
        ),
        response=came or Response(status_code=200, data={"booked": number}),
        verdict=SimulationVerdict(verdict="correct" if right else "should_error_got_success"),
    )


def test_schema_calls_do_not_make_a_tool_reliable() -> None:
    calls = [*(call("schema", right=True, number=n) for n in range(40)), *(call("rule", right=False) for _ in range(3))]
    audit = scored("Book", calls, profile=STANDARD)
    assert (audit.reliability, audit.kept, audit.reason) == (0.0, False, "unreliable")
    assert audit.scores == {"schema": ModeScore(correct=40, judged=40), "rule": ModeScore(correct=0, judged=3)}
    assert Counter(one.test.mode for one in audit.calls) == {"rule": 3}


def test_one_schema_call_answered_wrongly_drops_a_tool_with_the_case() -> None:
    calls = [*(call("happy", right=True, number=n) for n in range(9)), call("schema", right=False, number=77)]
    audit = scored("Book", calls, profile=STANDARD)
    assert (audit.kept, audit.reason) == (False, "schema call answered wrongly")
    assert "Book(number=77) -> 200 {'booked': 77}; expected: 400 Missing required parameter: day." in audit.detail
    assert audit.reliability > 0.33
    assert Counter(one.test.mode for one in audit.calls) == {"happy": 9, "schema": 1}


@pytest.mark.parametrize(
    ("right", "wrong", "profile", "kept"),
    [(6, 0, STANDARD, True), (2, 1, STANDARD, False), (2, 1, SMALL, True), (1, 0, STANDARD, False)],
)
def test_the_threshold_applies_to_the_lower_bound_or_the_plain_share(
    right: int, wrong: int, profile: Profile, kept: bool
) -> None:
    calls = [
        *(call("metamorphic", right=True) for _ in range(right)),
        *(call("rule", right=False) for _ in range(wrong)),
    ]
    audit = scored("Book", calls, profile=profile)
    assert (audit.kept, audit.reason) == (kept, "" if kept else "unreliable")
    assert bool(audit.detail) == (not kept)


def test_the_worst_case_is_the_one_that_a_drop_tells() -> None:
    mild = call("happy", right=False).model_copy(
        update={"verdict": SimulationVerdict(verdict="should_success_got_error")}
    )
    audit = scored("Book", [mild, call("rule", right=False, number=5)], profile=STANDARD)
    assert "Book(number=5)" in audit.detail and "Book(number=0)" not in audit.detail


def test_a_tool_of_which_nothing_was_judged_is_dropped_saying_so() -> None:
    audit = scored("Book", [call("schema", right=True)], profile=STANDARD, unjudged=("Book() was not judged",))
    assert (audit.kept, audit.reason) == (False, "nothing was judged")
    assert "Book() was not judged" in audit.detail
    missing = scored("Book", [], profile=STANDARD, missing=("no rule calls: too long",))
    assert (missing.kept, missing.reason, missing.detail) == (
        False,
        "test calls could not be written",
        "no rule calls: too long",
    )


@pytest.mark.parametrize(
    ("correct", "judged", "plain", "bound"), [(0, 0, 0.0, 0.0), (5, 5, 1.0, 0.566), (1, 2, 0.5, 0.095)]
)
def test_reliability_is_the_share_of_right_answers_or_its_lower_bound(
    correct: int, judged: int, plain: float, bound: float
) -> None:
    score = ModeScore(correct=correct, judged=judged)
    assert reliability_of(score, wilson_bound=False) == plain
    assert reliability_of(score, wilson_bound=True) == pytest.approx(bound, abs=0.001)
