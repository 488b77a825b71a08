"""Each method finds the better program that is there to be found, within its caps, and pays no answer twice."""

import dataclasses
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import dspy
import orjson
import pytest

from synthtools.backends.registry import build_lm
from synthtools.backends.scripted_server import Fault, serve
from synthtools.errors import ConfigError, DataError, ProviderError
from synthtools.optimizers.compile.asking import ProposalAdapter
from synthtools.optimizers.compile.caps import Caps, Limits
from synthtools.optimizers.compile.compiling import carry_out
from synthtools.optimizers.compile.front import points
from synthtools.optimizers.compile.methods import METHODS, method_named
from synthtools.optimizers.compile.plan import Plan
from synthtools.optimizers.compile.preflight import Preflight
from synthtools.optimizers.compile.progress import Progress
from synthtools.optimizers.compile.result import CompileResult
from synthtools.optimizers.compile.search import Search
from synthtools.optimizers.compile.speakers import Speakers
from synthtools.optimizers.target import Target
from synthtools.runs.compiles import STAGE, Evaluation
from synthtools.runs.journal import RunLedger
from synthtools.runs.store import Store
from synthtools.types.profile import SMALL, STANDARD, Profile
from synthtools.types.usage import Price, Usage
from tests.optimizers.quiz import SECRET, TARGET, Quiz, WordSorter, cases, quiz, words

SEARCH = Search(candidates=4, rounds=6)
REWRITING = [name for name in METHODS if name != "reanchor"]
"""The methods that change prompts; what changes how a verdict is read is in `test_reanchor.py`."""
TEACHER = "scripted/wise"
LEAST = 8 + 2 * 16
"""Calls for the validation cases, and for the test cases twice."""


@pytest.fixture
def asked() -> Quiz:
    """The student's model; `scripted/wise` is one that knows."""
    quiz("wise", knows="")
    return quiz()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "run", create=True) as opened:
        yield opened


def plan(method: str, seed: int = 3, threads: int = 4, search: Search = SEARCH) -> Plan:
    """The sorter by a method; a teacher where demos of a student that knows nothing would be of one group."""
    teacher = TEACHER if method in ("bootstrap", "mipro") else "scripted/quiz"
    student = build_lm("scripted/quiz", concurrency=threads)
    speakers = Speakers(
        student=student,
        teacher=student if teacher == "scripted/quiz" else build_lm(teacher),
        names={"student": "scripted/quiz", "teacher": teacher},
        settings={"models": ["scripted/quiz", teacher]},
        prices={name: Price(prompt=1.0, completion=2.0) for name in ("scripted/quiz", TEACHER)},
    )
    return Plan(
        TARGET, WordSorter(), method_named(method), cases(), speakers, search=search, seed=seed, threads=threads
    )


def run(store: Store, method: str, limits: Limits | None = None) -> CompileResult:
    return carry_out(plan(method), store, limits or Limits(), Progress())


@dataclass(frozen=True)
class Whole:
    """A compile that nothing disturbed."""

    result: CompileResult
    flight: Preflight
    largest: int
    """Tokens of its largest call."""
    dearest: float
    """US dollars of its dearest call."""


@cache
def whole(method: str) -> Whole:
    quiz("wise", knows="")
    asked = quiz()
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "run", create=True) as store:
        flight = plan(method).preflight()
        assert asked.bodies == []
        result = run(store, method)
        largest, dearest = store.rows(
            "SELECT max(prompt_tokens + completion_tokens), max(prompt_tokens + 2 * completion_tokens) FROM ledger"
        )[0]
    return Whole(result, flight, cast(int, largest), cast(int, dearest) / 1e6)


@pytest.mark.parametrize("method", REWRITING)
def test_each_method_finds_what_makes_the_model_right(method: str) -> None:
    result = whole(method).result
    scores = result.program.scores
    assert (scores.before.mean, scores.after.mean) == (0.5, 1.0)
    assert result.program.recommended and scores.gain.low > 0 and scores.p_value < 0.01
    assert result.ended_by == ""
    state = result.program.predictors["predict"]
    groups = {demo["group"] for demo in state.demos}
    assert SECRET in state.instructions or groups == {"red", "blue"}
    assert [point.on_front for point in result.front if point.candidate == result.front[0].candidate] == [True]
    for number, demo in enumerate(state.demos):
        assert set(demo) == {"word", "reason", "group"}
        cited = next(one for one in result.program.demo_sources if one.position == number)
        assert cited.case.startswith("t-") and cited.source.startswith("t.jsonl:")


@pytest.mark.parametrize("method", REWRITING)
def test_the_preflight_is_an_upper_bound_of_the_calls(method: str) -> None:
    found = whole(method)
    # A proposal that was cut is asked for again; nothing here is.
    assert found.result.usage.calls <= found.flight.total.calls
    assert tokens_of(found.result.usage) <= tokens_of(found.flight.total)


@pytest.mark.parametrize("method", REWRITING)
def test_a_cap_ends_the_search_and_a_larger_one_goes_on_with_the_same(store: Store, asked: Quiz, method: str) -> None:
    undisturbed = whole(method).result
    for cap in (LEAST + 1, (LEAST + undisturbed.usage.calls) // 2):
        capped = run(store, method, Limits(calls=cap))
        assert capped.usage.calls == paid(store).calls <= cap
        assert (
            f"calls were made (of {cap}; the rest is kept for the test) before the search was over" in capped.ended_by
        )
    assert run(store, method).program == undisturbed.program
    # The test of what was best when a cap was reached is the one thing that is paid on top.
    tested_early = 2 * 16
    assert undisturbed.usage.calls <= paid(store).calls <= undisturbed.usage.calls + tested_early
    repeated = store.rows("SELECT count(*) FROM evaluations GROUP BY candidate, case_id, variation HAVING count(*) > 1")
    assert repeated == []


@pytest.mark.parametrize("method", REWRITING)
def test_caps_of_tokens_and_money_hold_within_one_call(tmp_path: Path, asked: Quiz, method: str) -> None:
    undisturbed = whole(method)
    usage, usd = undisturbed.result.usage, undisturbed.result.usd
    with Store(tmp_path / "tokens", create=True) as store:
        limit = int(tokens_of(usage) * 0.8)
        capped = run(store, method, Limits(tokens=limit))
        assert tokens_of(paid(store)) < limit + undisturbed.largest
        assert "tokens were used" in capped.ended_by
    with Store(tmp_path / "money", create=True) as store:
        capped = run(store, method, Limits(usd=usd * 0.8))
        assert capped.usd < usd * 0.8 + undisturbed.dearest
        assert "were spent" in capped.ended_by


def test_other_seeds_are_other_compiles(asked: Quiz) -> None:
    assert plan("gepa", seed=4).id != plan("gepa").id == whole("gepa").result.id
    assert plan("gepa", search=Search(rounds=5)).id != plan("gepa").id
    assert plan("gepa", threads=1).id == plan("gepa").id


def test_a_program_of_another_profile_is_another_compile(asked: Quiz) -> None:
    def id_of(profile: Profile) -> str:
        module = WordSorter()
        cast(Any, module).profile = profile  # as programs have it
        return Plan(TARGET, module, method_named("gepa"), cases(), plan("gepa").speakers).id

    assert id_of(SMALL) != id_of(STANDARD)


def test_a_cap_that_cannot_pay_the_comparison_is_refused_before_the_first_call(store: Store, asked: Quiz) -> None:
    with pytest.raises(ConfigError, match=rf"--max-calls {LEAST - 1}: .* takes {LEAST} calls already"):
        run(store, "bootstrap", Limits(calls=LEAST - 1))
    with pytest.raises(ConfigError, match="--budget-tokens 50"):
        run(store, "bootstrap", Limits(tokens=50))
    with pytest.raises(ConfigError, match="--budget-usd"):
        run(store, "bootstrap", Limits(usd=1e-6))
    assert asked.bodies == []


def test_every_candidate_and_every_answer_is_in_the_run(store: Store, asked: Quiz) -> None:
    result = run(store, "gepa")
    kept = store.rows(
        "SELECT candidate, parent, state FROM candidates WHERE compile = ? ORDER BY position", (result.id,)
    )
    assert len(kept) == result.candidates
    assert kept[0][1] == "" and all(parent for _, parent, _ in kept[1:])
    scored = store.rows(
        "SELECT part, count(*), sum(calls) FROM evaluations WHERE compile = ? GROUP BY part", (result.id,)
    )
    asked_of = {part: (cases, calls) for part, cases, calls in scored}
    assert asked_of["test"] == (32, 32)
    assert cast(int, asked_of["validation"][0]) == 8 * len(result.front)
    reasons = {str(reason) for (reason,) in store.rows("SELECT DISTINCT reason FROM evaluations")}
    assert "red is right." in reasons
    assert store.rows("SELECT count(*) FROM ledger WHERE stage = ?", (STAGE,))[0][0] == result.usage.calls
    assert store.rows("SELECT count(*) FROM journal")[0][0] == result.usage.calls
    assert store.rows("SELECT DISTINCT role FROM ledger ORDER BY role") == [("ProposeInstruction",), ("SortWord",)]


def test_a_compile_that_has_ended_is_read_from_the_run(store: Store, asked: Quiz) -> None:
    result = run(store, "bootstrap")
    before = len(asked.bodies)
    assert run(store, "bootstrap") == result
    assert len(asked.bodies) == before


def test_another_method_asks_nothing_again_that_was_paid(store: Store, asked: Quiz) -> None:
    run(store, "bootstrap")
    before = [json.dumps(body, sort_keys=True) for body in asked.bodies]
    run(store, "gepa")
    after = [json.dumps(body, sort_keys=True) for body in asked.bodies[len(before) :]]
    assert after
    assert not set(before) & set(after)


def test_a_provider_that_fails_ends_the_compile_and_is_no_bad_answer(store: Store, asked: Quiz) -> None:
    def fails(number: int) -> bool:
        return len(asked.bodies) == number

    for method, number in (("bootstrap", 30), ("gepa", 12), ("mipro", 9)):
        asked.bodies.clear()
        asked.failing = lambda number=number: fails(number)
        with pytest.raises(ProviderError, match="made to fail"):
            run(store, method)
        asked.failing = lambda: False
        assert run(store, method).program.scores.after.mean == 1.0
    scored = store.rows("SELECT count(*) FROM evaluations WHERE reason LIKE '%made to fail%'")
    assert scored == [(0,)]


def test_an_answer_that_cannot_be_had_is_scored_0_with_its_reason(store: Store, asked: Quiz) -> None:
    asked.refusing = True
    result = run(store, "gepa")
    assert result.program.scores.before.mean == 0.0
    reasons = {str(reason) for (reason,) in store.rows("SELECT DISTINCT reason FROM evaluations WHERE score = 0")}
    assert "There was no usable answer (AnswerRefused): The reason is no reason." in reasons


def test_only_the_named_role_changes(asked: Quiz) -> None:
    with pytest.raises(ConfigError, match=r"--only Judge: WordSorter has no such role; it has SortWord, WordSorter"):
        Plan(TARGET, WordSorter(), method_named("gepa"), cases(), plan("gepa").speakers, only=("Judge",))
    named = Plan(TARGET, WordSorter(), method_named("gepa"), cases(), plan("gepa").speakers, only=("SortWord",))
    assert [path for path, _ in named.module.named_predictors()] == ["predict"]


def test_what_is_tested_was_never_trained_on() -> None:
    parts = cases()
    for split, said in (
        (parts._replace(test=words("t", 16)), "'t-0' stands twice"),
        (parts._replace(test=words("v", 30)[20:]), "the field 'v' has validation and test cases"),
    ):
        with pytest.raises(DataError, match=said):
            Plan(TARGET, WordSorter(), method_named("gepa"), split, plan("gepa").speakers)


def test_equal_candidates_are_in_one_order_whichever_was_answered_first() -> None:
    def answered(name: str) -> Evaluation:
        return Evaluation(candidate=name, case="c", part="validation", score=1.0, reason="", usage=Usage(), seconds=0.0)

    found = [[one.candidate for one in points(map(answered, order), 1, {})] for order in ("ab", "ba")]
    assert found[0] == found[1]


def test_dollars_are_told_only_where_the_price_of_every_model_is_known(store: Store, asked: Quiz) -> None:
    made = plan("gepa")
    made.speakers = dataclasses.replace(made.speakers, prices=None)
    assert carry_out(made, store, Limits(), Progress()).usd is None


def test_methods_that_cannot_be_used_say_what_they_need() -> None:
    with pytest.raises(ConfigError, match=r"there is no such method; there are bootstrap, mipro"):
        method_named("magic")


@pytest.mark.parametrize("method", ["bootstrap", "gepa", "mipro"])
def test_a_role_keeps_its_own_model_whatever_the_optimizer_does(store: Store, method: str) -> None:
    class Two(dspy.Module):
        """Two sorters, of which one has a model of its own."""

        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = WordSorter(), WordSorter()
            self.other.set_lm(build_lm("scripted/own"))

        async def aforward(self, word: str) -> str:
            """Sorts a word twice."""
            await self.one.acall(word=word)
            return await self.other.acall(word=word)

    asked, own = quiz(), quiz("own", knows="")
    target = Target(name="two", build=lambda profile: Two(), inputs=TARGET.inputs, metric=TARGET.metric)
    small = Search(candidates=2, rounds=2)
    made = Plan(target, Two(), method_named(method), cases(4, 4, 4), plan("gepa").speakers, search=small, threads=2)
    result = carry_out(made, store, Limits(), Progress())
    assert set(result.program.predictors) == {"one.predict", "other.predict"}
    (scored,) = store.rows("SELECT count(*) FROM evaluations WHERE compile = ?", (made.id,))
    for played in (asked, own):
        sorted_ = sum(b"SortWord" in orjson.dumps(body["response_format"]) for body in played.bodies)
        assert 8 <= sorted_ <= cast(int, scored[0])  # at most once for each scored answer
    with pytest.raises(ConfigError, match="--method simba: it samples from one model"):
        Plan(target, Two(), method_named("simba"), cases(), plan("gepa").speakers)


def test_a_proposed_instruction_may_be_long(store: Store, asked: Quiz) -> None:
    asked.padding = " Mind the word." * 100
    result = run(store, "gepa")
    assert 1_500 < len(result.program.predictors["predict"].instructions) <= 2_000


def test_equal_questions_of_an_optimizer_get_different_answers(store: Store) -> None:
    adapter = ProposalAdapter(500, Caps(Limits(), RunLedger(store), {}, {}))
    ask = dspy.Predict("question -> answer, advice: dict[str, str]")
    with dspy.context(lm=build_lm("scripted/schema"), adapter=adapter):
        answers = [ask(question="how?") for _ in range(3)]
    assert len({answer.answer for answer in answers}) == 3
    assert all(isinstance(answer.advice, dict) for answer in answers)


def test_a_question_of_an_optimizer_that_does_not_fit_is_asked_with_fewer_examples(store: Store) -> None:
    adapter = ProposalAdapter(500, Caps(Limits(), RunLedger(store), {}, {}))
    ask = dspy.Predict("examples: list[str], task -> answer")
    asked: list[int] = []

    def too_long(number: int) -> Fault | None:
        asked.append(number)
        if number < 2:
            return Fault(status=400, message="maximum context length is 64 tokens", code="context_length_exceeded")
        return None

    with serve(faults=too_long) as server, dspy.context(adapter=adapter):
        lm = build_lm("direct/small", api_base=server.url)
        with dspy.context(lm=lm):
            assert ask(examples=[f"example {number}" for number in range(8)], task="sort").answer
        prompts = [str(cast(Any, body["messages"])[-1]["content"]) for body in server.requests]
    assert [prompt.count("example ") for prompt in prompts] == [8, 4, 2]
    assert all("sort" in prompt for prompt in prompts)


def paid(store: Store) -> Usage:
    """What the ledger says of all compiles of a run."""
    calls, prompt, completion = store.rows(
        "SELECT count(*), sum(prompt_tokens), sum(completion_tokens) FROM ledger WHERE stage = ?", (STAGE,)
    )[0]
    return Usage(calls=cast(int, calls), prompt_tokens=cast(int, prompt), completion_tokens=cast(int, completion))


def tokens_of(usage: Usage) -> int:
    return usage.prompt_tokens + usage.completion_tokens
