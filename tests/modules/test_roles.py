"""What every role module does: sync and async alike, bounded repair with the error told, a new seed each time."""

import asyncio
import threading
from typing import Annotated, Any

import dspy
import pytest

from synthtools.backends import model
from synthtools.errors import AnswerRefused, ParseError, ProviderError, TruncatedAnswer
from synthtools.modules import drafts
from synthtools.modules.evolver import FirstTurnWriter, NextTurnWriter
from synthtools.modules.generator import distinct
from synthtools.modules.judges import SolutionJudge, TrajectoryJudge, TurnJudge
from synthtools.modules.role import PARSE_RETRIES, Role
from synthtools.modules.solver import AgentSolver
from synthtools.types import Response, Step, ToolCall
from synthtools.types.schema_from import Hidden, SchemaFrom
from synthtools.world.candidates import Candidate
from tests.library import always, environment, playing


class NamePair(dspy.Signature):
    """Name two areas of a field."""

    field: str = dspy.InputField()
    feedback: str = dspy.InputField(default="")
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    names: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField()


class Namer(Role):
    """A role as small as one can be."""

    signature = NamePair

    async def aforward(self, *, field: str) -> tuple[str, ...]:
        def build(answer: dspy.Prediction) -> tuple[str, ...]:
            distinct(answer.names, "names")
            return tuple(answer.names)

        return await self.ask(build, field=field, answer_schema=drafts.exactly(2, drafts.text(40)))


GOOD = {"names": ["Lending desk", "Reading rooms"]}
TWICE = {"names": ["Lending desk", "Lending desk"]}


def seeds(script: Any, role: str) -> list[int]:
    return [body["seed"] for body in script.bodies[role]]


@pytest.mark.parametrize(("writer", "past"), [(FirstTurnWriter, {}), (NextTurnWriter, {"conversation": ["a loan"]})])
async def test_a_writer_of_turns_is_called_as_every_role(writer: Any, past: dict[str, Any]) -> None:
    turn = {"action": 0, "request": "Lend me a book."}
    script = playing("turns", {"FirstTurn": always(turn), "NextTurn": always(turn)})
    tool = environment().env.tools[0]
    done = Candidate(call=ToolCall(name=tool.name, arguments={}), response=Response(status_code=200), changed=True)
    asked = {
        "scenario": "A library.",
        "tool": tool,
        "candidates": [done],
        "problems": lambda request, chosen: [],
        **past,
    }
    with model("scripted/turns"):
        for answer in (writer()(**asked), await writer().acall(**asked)):
            assert (answer.request, answer.chosen) == ("Lend me a book.", done)
    assert script.asked(writer.signature.__name__) == 2


def test_a_role_is_called_from_plain_code_from_a_running_loop_and_awaited() -> None:
    playing("good", {"NamePair": always(GOOD)})
    role = Namer()

    async def inside() -> list[tuple[str, ...]]:
        here = threading.get_ident()
        blocking = role(field="Libraries")
        awaited = await role.acall(field="Libraries")
        assert threading.get_ident() == here
        return [blocking, awaited]

    with model("scripted/good"):
        assert [role(field="Libraries"), *asyncio.run(inside())] == [("Lending desk", "Reading rooms")] * 3


def test_a_refused_answer_is_asked_again_with_the_reason_and_another_seed() -> None:
    script = playing("repaired", {"NamePair": always(TWICE, GOOD)})
    with model("scripted/repaired", seed=40):
        assert Namer()(field="Libraries") == ("Lending desk", "Reading rooms")
    assert seeds(script, "NamePair") == [40, 41]
    assert "feedback" not in script.prompt("NamePair", 0)
    assert "The names must differ: Lending desk stands twice." in script.prompt("NamePair", 1)


@pytest.mark.parametrize("attempts", [1, 2, 4])
def test_answers_that_are_never_good_end_in_a_refusal_after_the_attempts(attempts: int) -> None:
    script = playing("refused", {"NamePair": always(TWICE)})
    with model("scripted/refused"), pytest.raises(AnswerRefused, match="Lending desk stands twice"):
        Namer(attempts=attempts)(field="Libraries")
    assert seeds(script, "NamePair") == list(range(attempts))


@pytest.mark.parametrize("answer", ["no JSON", {"names": ["Lending desk"]}, {"other": 1}, {"names": [1, 2]}])
def test_answers_that_do_not_fit_the_schema_end_in_a_parse_error(answer: Any) -> None:
    script = playing("malformed", {"NamePair": always(answer)})
    with model("scripted/malformed"), pytest.raises(ParseError):
        Namer()(field="Libraries")
    assert seeds(script, "NamePair") == list(range(1 + PARSE_RETRIES))
    assert "feedback" in script.prompt("NamePair")


def test_a_cut_answer_is_never_used_and_told_to_be_brief() -> None:
    script = playing("cut", {"NamePair": always("{" + " " * 4000 + "}")})
    with model("scripted/cut", max_tokens=50), pytest.raises(TruncatedAnswer):
        Namer()(field="Libraries")
    assert "Be brief" in script.prompt("NamePair")


def test_a_model_that_is_not_there_is_asked_once_and_nothing_is_repaired() -> None:
    from synthtools.backends.scripted import Script, register_script

    register_script("none", Script({}, otherwise=None))
    with model("scripted/none"), pytest.raises(ProviderError):
        Namer()(field="Libraries")


def test_a_saved_role_is_loaded_into_another_with_its_instructions_and_demos(tmp_path: Any) -> None:
    role = Namer()
    role.predict.signature = role.predict.signature.with_instructions("Name areas in which people lend things.")
    role.predict.demos = [dspy.Example(field="Zoos", names=["Feeding rounds", "Night watch"])]
    role.save(str(tmp_path / "role.json"))
    other = Namer()
    other.load(str(tmp_path / "role.json"))
    script = playing("loaded", {"NamePair": always(GOOD)})
    with model("scripted/loaded"):
        other(field="Libraries")
    body: Any = script.bodies["NamePair"][0]
    assert "people lend things" in body["messages"][0]["content"]
    assert "Feeding rounds" in str(body["messages"])
    assert body["response_format"]["json_schema"]["name"] == "NamePair"


CALL = ToolCall(name="ShowLoan", arguments={"loan_id": "LOA-1"})
DONE = Response(status_code=200, data={"loan_id": "LOA-1"})


def test_an_agent_that_would_only_repeat_itself_is_told_and_then_refused() -> None:
    step = {"open_parts": "all", "step": {"calls": [{"tool": CALL.name, "arguments": CALL.arguments}]}}
    script = playing("repeating", {"NextStep": always(step)})
    with model("scripted/repeating"), pytest.raises(AnswerRefused, match="is done already"):
        AgentSolver()(tools=environment().env.tools, request="Show me.", steps=[Step(calls=(CALL,), responses=(DONE,))])
    assert "is done already" in script.prompt("NextStep")


def test_an_agent_that_answers_with_something_open_is_reminded_once() -> None:
    early = {"open_parts": "the due day", "step": {"answer": "The due day is not known."}}
    call = {"open_parts": "the due day", "step": {"calls": [{"tool": CALL.name, "arguments": CALL.arguments}]}}
    script = playing("early", {"NextStep": always(early, call)})
    with model("scripted/early"):
        step = AgentSolver()(tools=environment().env.tools, request="When is it due?", steps=[])
    assert step.calls == (CALL,)
    assert "this is open: the due day" in script.prompt("NextStep")
    script = playing("giving-up", {"NextStep": always(early)})
    with model("scripted/giving-up"):
        step = AgentSolver()(tools=environment().env.tools, request="When is it due?", steps=[])
    assert (step.answer, script.asked("NextStep")) == ("The due day is not known.", 2)


def test_a_judge_may_not_quote_what_nobody_said() -> None:
    def cited(quote: str) -> dict[str, Any]:
        return {
            "citations": [{"parameter": "loan_id", "quote": quote, "source": "request"}],
            "reason": "It is there.",
            "correct": True,
        }

    script = playing("quoting", {"JudgeTurn": always(cited("the oldest of all"), cited("the first loan"))})
    with model("scripted/quoting"):
        verdict = TurnJudge()(
            conversation=[],
            request="Show me the first loan, please.",
            expected=(CALL, DONE),
            actual=(CALL, DONE),
            in_question=["loan_id"],
        )
    assert (verdict.grounded, verdict.citations[0].quote, script.asked("JudgeTurn")) == (True, "the first loan", 2)
    assert "stands nowhere in the conversation" in script.prompt("JudgeTurn")


def test_a_judge_may_not_find_a_goal_reached_while_calls_are_missing() -> None:
    from synthtools.types import Trajectory

    reading = {"missing_calls": ["ShowLoan"], "extra_calls": [], "reason": "Done.", "goal_reached": True}
    playing("lenient", {"JudgeTrajectory": always(reading)})
    rollout = Trajectory(task_id="t", stop_reason="answered", answer="Done.")
    with model("scripted/lenient"), pytest.raises(AnswerRefused, match="while calls are missing"):
        TrajectoryJudge()(request="Show me.", expected=[CALL], trajectory=rollout)


def test_an_equivalent_solution_is_judged_by_its_differences() -> None:
    playing("library-as-is")
    with model("scripted/library-as-is"):
        judge = SolutionJudge()
        same = judge(request="Show me.", expected=[CALL], actual=[CALL], differences=[])
        other = judge(request="Show me.", expected=[CALL], actual=[], differences=["loans LOA-1: status"])
    assert (same.equivalent, other.equivalent) == (True, False)
    assert other.differences == ("loans LOA-1: status",)
