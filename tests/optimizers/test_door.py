"""`st.optimize` in a notebook: the model of the block, the compiled module, its file."""

from pathlib import Path

import pytest

import synthtools as st
from tests.optimizers.quiz import SECRET, TARGET, WordSorter, cases, quiz

SEARCH = st.Search(candidates=4, rounds=6)


async def test_a_compiled_module_is_better_within_a_running_loop(tmp_path: Path) -> None:
    quiz()
    with st.model("scripted/quiz"):
        found = st.optimize(TARGET, cases=cases(), method="gepa", search=SEARCH, seed=3)
        assert found.program.recommended
        assert await found.module.acall(word="abc") == "blue"
        assert await WordSorter().acall(word="abc") == "red"
        found.save(tmp_path / "sorter.json")
        loaded = WordSorter()
        loaded.load(tmp_path / "sorter.json")
        assert await loaded.acall(word="abc") == "blue"
    assert "0.500" in found._repr_html_() and "recommended" in found._repr_html_()
    assert SECRET in found.module.predict.signature.instructions


def test_a_run_keeps_it(tmp_path: Path) -> None:
    asked = quiz()
    with st.model("scripted/quiz"):
        first = st.optimize(TARGET, cases=cases(), method="copro", search=SEARCH, run=tmp_path / "run")
        calls = len(asked.bodies)
        again = st.optimize(TARGET, cases=cases(), method="copro", search=SEARCH, run=tmp_path / "run")
    assert again.result == first.result and len(asked.bodies) == calls


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    quiz()
    with pytest.raises(st.ConfigError, match="no model is set"):
        st.optimize(TARGET, cases=cases())
    with st.model("scripted/quiz"):
        with pytest.raises(st.ConfigError, match="there is nothing named nonsense"):
            st.optimize("nonsense", cases=cases())
        with pytest.raises(st.ConfigError, match="WordSorter is the module of no known target"):
            st.optimize(WordSorter(), cases=cases())
        with pytest.raises(st.ConfigError, match="a limit in US dollars needs `prices`"):
            st.optimize(TARGET, cases=cases(), limits=st.Limits(usd=1.0))
        with pytest.raises(st.DataError, match="needs 3"):
            st.optimize(TARGET, cases=cases().train)
