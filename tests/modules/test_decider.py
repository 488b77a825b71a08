"""A predictor that decides on token probabilities, where it was told to and nowhere else."""

from typing import Any

import dspy
import pytest

from synthtools.backends import model
from synthtools.backends.scripted import Script, Weighed, register_script
from synthtools.errors import ConfigError, ParseError
from synthtools.modules.decider import Decider
from synthtools.modules.validator import ResponseJudge
from synthtools.types import Response, TestCall, Tool, ToolCall
from tests.optimizers.unsure import JudgeFruit, Unsure

FIND = Tool(name="FindPet", description="Finds a pet.", parameters={})
TEST = TestCall(mode="happy", call=ToolCall(name="FindPet", arguments={}), should_succeed=True, expectation="It works.")


@pytest.fixture(autouse=True)
def unsure() -> Unsure:
    made = Unsure()
    register_script("unsure", made)
    return made


def decider(threshold: float | None = None) -> Decider:
    made = Decider(JudgeFruit)
    made.fields = {} if threshold is None else {"ripe": {"threshold": threshold}}
    return made


async def test_a_threshold_decides_called_either_way(unsure: Unsure):
    with model("scripted/unsure"):
        for threshold, ripe in ((None, False), (0.5, False), (0.4, True), (0.3, True)):
            judge = decider(threshold)
            assert judge(fruit="kiwi 0.4").ripe is ripe
            assert (await judge.acall(fruit="kiwi 0.4")).ripe is ripe
    assert [bool(body.get("logprobs")) for body in unsure.bodies] == [False] * 2 + [True] * 6


async def test_what_is_traced_is_what_was_decided_and_no_more():
    trace: list[Any] = []
    with model("scripted/unsure"), dspy.context(trace=trace):
        await decider(0.3).acall(fruit="kiwi 0.4")
    ((_, _, prediction),) = trace
    assert dict(prediction) == {"reason": "its skin", "ripe": True}


@pytest.mark.parametrize(
    ("ok", "weights", "verdict"),
    [
        (True, {}, "correct"),
        (True, {"correct": 0.5}, "should_error_got_success"),
        (False, {"correct": 0.5}, "inappropriate_response"),
    ],
)
async def test_an_option_that_the_call_does_not_leave_is_never_decided_for(ok: bool, weights: Any, verdict: str):
    # The model would say should_error_got_success, whose share of a refused call's options is nothing.
    shares = {"correct": 0.5, "should_error_got_success": 0.35, "inappropriate_response": 0.3}
    weighed = Weighed({"reason": "so", "verdict": "correct"}, {"verdict": shares})
    register_script("judging", Script({"JudgeResponse": lambda inputs, schema, seed: weighed}))
    judge: Any = ResponseJudge()
    judge.predict.fields = {"verdict": {"weights": weights}}
    response = Response(status_code=200, data={}) if ok else Response(status_code=404, error_message="no")
    with model("scripted/judging"):
        assert (await judge.acall(tool=FIND, records=None, test=TEST, response=response)).verdict == verdict


async def test_weights_that_leave_nothing_are_no_answer():
    weighed = Weighed({"reason": "so", "verdict": "correct"}, {"verdict": {"correct": 1.0}})
    register_script("judging", Script({"JudgeResponse": lambda inputs, schema, seed: weighed}))
    judge: Any = ResponseJudge()
    judge.predict.fields = {"verdict": {"weights": {"correct": 0.0}}}
    with model("scripted/judging"), pytest.raises(ParseError, match="leave none"):
        await judge.acall(tool=FIND, records=None, test=TEST, response=Response(status_code=200, data={}))


async def test_another_adapter_and_an_output_in_the_way_are_told():
    said = "read by SynthTools' own adapter"
    with (
        model("scripted/unsure"),
        dspy.context(adapter=dspy.JSONAdapter()),
        pytest.raises(ConfigError, match=said),
    ):
        await decider(0.3).acall(fruit="kiwi 0.4")
    with model("scripted/schema"), pytest.raises(ConfigError, match="its output probabilities would hide"):
        await dspy.Predict("fruit -> probabilities").acall(fruit="kiwi", config={"logprobs": 20})


async def test_settings_that_fit_no_output_are_refused():
    judge = decider()
    judge.fields = {"reason": {"threshold": 0.5}}
    with model("scripted/unsure"), pytest.raises(ConfigError, match="unsupported outputs"):
        await judge.acall(fruit="kiwi 0.4")


async def test_an_output_without_a_setting_of_its_own_is_held_against_dspys():
    judge = decider()
    judge.fields = {"ripe": {}}
    with model("scripted/unsure"):
        assert [(await judge.acall(fruit=f"kiwi {share}")).ripe for share in (0.4, 0.5)] == [False, True]


async def test_criteria_that_no_prompt_would_have_are_refused():
    judge: Any = decider()
    judge.set_criteria("ripe", {"true": "It gives way to the thumb."})
    said = "ripe: criteria would not reach the model: write what is meant into the instructions"
    with model("scripted/unsure"), pytest.raises(ConfigError, match=said):
        await judge.acall(fruit="kiwi 0.4")
