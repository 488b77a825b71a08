"""What the judged calls of an audit say of a tool: its scores, its reliability, and why it is dropped."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from synthtools.types.audit import AuditedCall, AuditReason, ModeScore, Relation, TestMode, ToolAudit
from synthtools.types.profile import Profile

_SEVERITY = ("should_error_got_success", "inappropriate_response", "should_success_got_error")
"""Wrong verdicts, the worst one first."""


def scored(
    tool: str,
    calls: Sequence[AuditedCall],
    *,
    profile: Profile,
    missing: Sequence[str] = (),
    unjudged: Sequence[str] = (),
    answered_by_code: bool = False,
) -> ToolAudit:
    """The audit of a tool, in its compact form.

    Args:
        tool: The tool's name.
        calls: Every judged call.
        profile: The threshold, and whether it applies to the Wilson bound.
        missing: Modes whose calls could not be written, and why: the tool is dropped.
        unjudged: Calls without a judgement, and why; they count neither way.
        answered_by_code: Whether certified code answers the tool.
    """
    wrong = [call for call in calls if not _is_right(call)]
    own = _score(call for call in calls if call.test.mode != "schema")
    reliability = reliability_of(own, wilson_bound=profile.wilson_bound)
    reason: AuditReason | Literal[""] = ""
    worst = ""
    if missing:
        reason, worst = "test calls could not be written", "; ".join(missing)
    elif schema := [call for call in wrong if call.test.mode == "schema"]:
        reason, worst = "schema call answered wrongly", _as_text(_worst(schema))
    elif reliability < profile.reliability_threshold:
        reason = "unreliable" if own.judged else "nothing was judged"
        worst = (
            f"{own.correct} of {own.judged} answered rightly; {_as_text(_worst(wrong)) if wrong else 'too few to tell'}"
        )
    scores: dict[TestMode, ModeScore] = {
        mode: _score(call for call in calls if call.test.mode == mode)
        for mode in Counter[TestMode](call.test.mode for call in calls)
    }
    relations: dict[Relation, ModeScore] = {
        relation: _score(call for call in calls if call.test.relation == relation)
        for relation in Counter[Relation](call.test.relation for call in calls if call.test.relation)
    }
    return ToolAudit(
        tool=tool,
        calls=tuple(call for call in calls if call.test.mode in ("rule", "happy") or not _is_right(call)),
        scores=scores,
        relations=relations,
        reliability=reliability,
        answered_by_code=answered_by_code,
        kept=not reason,
        reason=reason,
        detail="; ".join(text for text in (worst, *unjudged) if text),
    )


def reliability_of(score: ModeScore, *, wilson_bound: bool) -> float:
    """Correct / judged, or the lower end of its 95 % Wilson interval; 0 where nothing was judged."""
    if score.judged == 0:
        return 0.0
    return score.interval.low if wilson_bound else score.correct / score.judged


def _score(calls: Iterable[AuditedCall]) -> ModeScore:
    right = Counter(_is_right(call) for call in calls)
    return ModeScore(correct=right[True], judged=right.total())


def _is_right(call: AuditedCall) -> bool:
    return call.verdict.verdict == "correct"


def _worst(wrong: Sequence[AuditedCall]) -> AuditedCall:
    return min(wrong, key=lambda call: _SEVERITY.index(call.verdict.verdict))


def _as_text(audited: AuditedCall) -> str:
    """A case as text: the call, what came, what was expected."""
    test, response = audited.test, audited.response
    came = str(response.data) if response.ok else response.error_message or ""
    if test.mode == "metamorphic":
        came = audited.verdict.reason
    expected = test.expectation or ("success" if test.should_succeed else "a refusal")
    return f"{str(test.call)[:160]} -> {response.status_code} {came[:160]}; expected: {expected[:160]}"
