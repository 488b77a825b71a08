"""A metric that asks a model: counted, capped and kept like all else, and no part of the answer that it scores."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import synthtools as st
from synthtools.backends.registry import build_lm
from synthtools.errors import ConfigError
from synthtools.optimizers.compile.caps import Limits
from synthtools.optimizers.compile.compiling import carry_out
from synthtools.optimizers.compile.methods import method_named
from synthtools.optimizers.compile.plan import Plan
from synthtools.optimizers.compile.progress import Progress
from synthtools.optimizers.compile.search import Search
from synthtools.optimizers.compile.speakers import Speakers
from synthtools.optimizers.metrics import Found, Part, ask_judge, composite
from synthtools.optimizers.target import Target
from synthtools.runs.compiles import STAGE
from synthtools.runs.store import Store
from synthtools.types.record import Json
from synthtools.types.usage import Price
from tests.optimizers.quiz import Quiz, Word, WordSorter, cases, quiz

LEAST = 2 * (8 + 2 * 16)
"""Calls for the validation cases once and the test cases twice, each with its judgement."""


def _group(asked: Word, expected: Json, answer: str) -> Found:
    return Found(1.0) if answer == expected else Found(0.0, f"{asked.word} is {expected}: its letters count.")


def _liked(asked: Word, expected: Json, answer: str) -> Found:
    return Found(float(ask_judge(WordSorter(), word=asked.word) == answer), "Another sorter disagrees.")


TARGET = Target(
    name="judged-sorter",
    build=lambda profile: WordSorter(),
    inputs=Word,
    metric=composite([Part("group", 0.5, _group, gate=True), Part("liked", 0.5, _liked, cost="model")]),
)


@pytest.fixture
def critic() -> Quiz:
    """The judge, which is always right."""
    quiz()
    quiz("wise", knows="")
    return quiz("critic", knows="")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "run", create=True) as opened:
        yield opened


def plan(method: str = "gepa", *, judged: bool = True, threads: int = 4) -> Plan:
    names = {"student": "scripted/quiz", "teacher": "scripted/wise"}
    names |= {"judge": "scripted/critic"} if judged else {}
    speakers = Speakers(
        student=build_lm("scripted/quiz"),
        teacher=build_lm("scripted/wise"),
        names=names,
        settings={"models": [*names.values()]},
        prices={name: Price(prompt=1.0, completion=2.0) for name in names.values()},
        judge=build_lm("scripted/critic") if judged else None,
    )
    search = Search(candidates=4, rounds=6)
    return Plan(TARGET, WordSorter(), method_named(method), cases(), speakers, search=search, seed=3, threads=threads)


def judgements(store: Store) -> int:
    (found,) = store.rows("SELECT count(*) FROM ledger WHERE stage = ? AND model = 'scripted/critic'", (STAGE,))
    return int(str(found[0]))


def test_a_judge_is_asked_of_what_code_lets_pass_and_each_question_once(store: Store, critic: Quiz) -> None:
    made = plan(threads=1)  # of two candidates with one answer at the same time, both are asked about
    result = carry_out(made, store, Limits(), Progress())
    right = store.rows("""SELECT DISTINCT case_id FROM evaluations WHERE parts LIKE '%"group":1.0%'""")
    assert len(critic.bodies) == len(right) == judgements(store) > 8
    assert store.rows("""SELECT 1 FROM evaluations WHERE parts LIKE '%"group":0.0%"liked"%'""") == []
    assert result.program.models["judge"] == "scripted/critic"
    assert result.program.scores.parts["liked"] == (1.0, 1.0)
    assert result.usage.calls <= made.preflight().total.calls
    assert made.preflight().total.calls == pytest.approx(2 * plan(judged=False).preflight().total.calls, rel=0.1)


def test_what_a_judge_costs_is_no_cost_of_the_answer(store: Store, critic: Quiz) -> None:
    alone = carry_out(plan(judged=False), store, Limits(), Progress())
    assert critic.bodies == [] and "liked" not in alone.program.scores.parts
    judged = carry_out(plan(), store, Limits(), Progress())
    assert judged.program.scores.tokens_before == alone.program.scores.tokens_before
    assert {point.calls for point in judged.front} == {1.0}


def test_no_demo_is_a_judgement(store: Store, critic: Quiz) -> None:
    result = carry_out(plan("bootstrap"), store, Limits(), Progress())
    shown: list[Any] = [demo for one in result.program.predictors.values() for demo in one.demos]
    assert 0 < len(shown) <= 3 and len(result.program.demo_sources) == len(shown)


def test_judgements_count_in_every_cap(store: Store, critic: Quiz) -> None:
    with pytest.raises(ConfigError, match=f"takes {LEAST} calls already"):
        carry_out(plan(), store, Limits(calls=LEAST - 1), Progress())
    result = carry_out(plan(), store, Limits(calls=LEAST), Progress())
    assert result.ended_by and result.usage.calls <= LEAST and judgements(store) > 0
    assert result.program.scores.cases == 16


def test_the_model_that_is_set_judges_unless_another_one_does(critic: Quiz) -> None:
    search = st.Search(candidates=2, rounds=1)
    judge = build_lm("scripted/critic")
    with st.model("scripted/quiz"):
        given = st.optimize(TARGET, cases=cases(), method="copro", judge=judge, search=search)
        own = st.optimize(TARGET, cases=cases(), method="copro", search=search)
    assert (given.program.models["judge"], own.program.models["judge"]) == ("scripted/critic", "scripted/quiz")
    assert given.result.id != own.result.id
    limits = st.Limits(usd=1.0)
    with st.model("scripted/quiz"), pytest.raises(ConfigError, match=r"needs `prices` of scripted/critic$"):
        prices = {"scripted/quiz": Price(prompt=1.0, completion=1.0)}
        st.optimize(TARGET, cases=cases(), judge=judge, limits=limits, prices=prices)
