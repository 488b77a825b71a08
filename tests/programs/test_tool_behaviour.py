"""Code for a tool of one's own: two behaviours written apart must agree, and the judge sees only where they do not."""

from collections.abc import Sequence
from typing import Any

from synthtools.backends import model
from synthtools.programs.tool_behaviour import ToolBehaviour, WrittenBehaviour
from synthtools.types import SMALL, Collection, DocumentedError, EnvSpec, Parameter, Scenario, Tool
from synthtools.types.record import State
from synthtools.world.behaviour import Behaviour
from synthtools.world.design import ToolDesign, tool_of
from synthtools.world.designed_behaviour import DesignedBehaviour
from synthtools.world.example import Example
from tests.library import Recorded, always, playing

PROFILE = SMALL.model_copy(update={"second_behaviour": True})

ACCOUNTS = Collection(
    name="accounts",
    record="account",
    id_prefix="ACC",
    fields={
        "owner": Parameter(type="string", min_length=1, max_length=40),
        "cents": Parameter(type="integer", minimum=0, maximum=100_000),
    },
)
WITHDRAW = Tool(
    name="Withdraw",
    description="Pays out money from an account; the whole balance may be taken.",
    parameters={
        "account_id": Parameter(type="string", references="accounts"),
        "cents": Parameter(type="integer", minimum=1, maximum=100_000),
    },
    output={"account_id": Parameter(type="string"), "cents": Parameter(type="integer")},
    errors=(
        DocumentedError(title="Unknown account", advice="check the id", status_code=404),
        DocumentedError(title="Not enough money", advice="take less", status_code=409),
    ),
    reads=("accounts",),
    writes=("accounts",),
)
STATE: State = {"accounts": {"ACC-1": {"owner": "Ada", "cents": 500}, "ACC-2": {"owner": "Bo", "cents": 70}}}
ENV = EnvSpec(
    id="bank_spec_001",
    scenario=Scenario(field="Banks", subfield="Counters", title="Corner bank"),
    collections=(ACCOUNTS,),
    initial_state=STATE,
)

APPLY = """def apply(args, state, now):
    account = state['accounts'][args['account_id']]
    account['cents'] = account['cents'] - args['cents']
    return {'account_id': args['account_id'], 'cents': account['cents']}
"""


def guarding(comparison: str) -> dict[str, Any]:
    guard = f"""def guard(args, state, now):
    if args['account_id'] not in state['accounts']:
        return {{'status_code': 404, 'message': 'Unknown account'}}
    if args['cents'] {comparison} state['accounts'][args['account_id']]['cents']:
        return {{'status_code': 409, 'message': 'Not enough money'}}
    return None
"""
    return {"guard": guard, "apply": APPLY}


RIGHT, OFF_BY_ONE = guarding(">"), guarding(">=")


def write(name: str, answers: Sequence[dict[str, Any]], judge: Any = None, **given: Any) -> tuple[Any, Recorded]:
    roles = {"WriteBehaviour": always(*answers)}
    if judge is not None:
        roles["JudgeDisagreement"] = judge
    script = playing(name, roles)
    with model(f"scripted/{name}"):
        return ToolBehaviour(PROFILE)(tool=WITHDRAW, env=ENV, **given), script


def judge_by_the_books(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> Any:
    """Recomputes whether there is enough money, as the description demands."""
    arguments = inputs["arguments"]
    enough = arguments["cents"] <= inputs["records"]["accounts"][arguments["account_id"]]["cents"]
    right = "first" if (inputs["first"]["status"] == 200) == enough else "second"
    return {"reason": "The whole balance may be taken.", "right": right}


def test_two_behaviours_that_agree_are_certified_without_a_judge() -> None:
    written, script = write("agree", [RIGHT])
    assert written.code is not None and written.code.certified
    assert written.code.agrees_with == "second behaviour"
    assert (script.asked("WriteBehaviour"), script.asked("JudgeDisagreement")) == (2, 0)


def test_the_second_writer_never_sees_the_first_ones_code() -> None:
    _, script = write("apart", [RIGHT])
    assert script.prompt("WriteBehaviour", 0) == script.prompt("WriteBehaviour", 1)
    seeds = [body["seed"] for body in script.bodies["WriteBehaviour"]]
    assert len(set(seeds)) == 2


def test_a_disagreement_is_judged_and_becomes_a_worked_example_for_the_one_that_was_wrong() -> None:
    for name, drafts in (("first-wrong", [OFF_BY_ONE, RIGHT, RIGHT]), ("second-wrong", [RIGHT, OFF_BY_ONE, RIGHT])):
        written, script = write(name, drafts, judge_by_the_books)
        assert written.code is not None and written.code.certified, written.failure
        assert ">=" not in written.code.source
        assert script.asked("JudgeDisagreement") >= 1
        told = script.prompt("WriteBehaviour", -1)
        assert "expected status 200" in told.partition("[[ ## feedback ## ]]")[2]


def test_where_the_description_does_not_decide_only_errors_are_left_to_code() -> None:
    undecided = always({"reason": "Both may be meant.", "right": "neither"})
    written, _ = write("undecided", [RIGHT, OFF_BY_ONE], undecided)
    assert written.code is not None and not written.code.certified and written.code.guard_certified
    assert "does not decide" in written.failure


def test_behaviours_that_never_agree_are_not_certified() -> None:
    written, script = write("stubborn", [RIGHT, OFF_BY_ONE, OFF_BY_ONE], judge_by_the_books)
    assert written.code is None or not written.code.certified
    assert written.failure
    assert script.asked("WriteBehaviour") <= 2 + 2 * PROFILE.behaviour_rounds


def test_an_oracle_stands_for_the_second_behaviour_and_costs_no_call() -> None:
    right = Behaviour(f"{RIGHT['guard']}\n\n{RIGHT['apply']}")
    written, script = write("oracle", [OFF_BY_ONE, RIGHT], oracle=right)
    assert written.code is not None and written.code.certified and written.code.agrees_with == "design"
    assert (script.asked("WriteBehaviour"), script.asked("JudgeDisagreement")) == (2, 0)
    assert "[[ ## feedback ## ]]" in script.prompt("WriteBehaviour", 1)


def test_worked_examples_are_met() -> None:
    example = Example(args={"account_id": "ACC-2", "cents": 70}, before=STATE, status=200)
    written, script = write("example", [OFF_BY_ONE, RIGHT], examples=[example])
    assert isinstance(written, WrittenBehaviour) and written.code is not None and written.code.certified
    assert script.asked("WriteBehaviour") == 3


def test_what_a_design_demands_is_what_right_code_does() -> None:
    design = ToolDesign(
        name="RenameOwner",
        description="Changes the owner of an account.",
        action="update",
        collection="accounts",
        parameters=("owner",),
    )
    tool = tool_of(design, [ACCOUNTS])
    source = """
def guard(args, state, now):
    if args['account_id'] not in state['accounts']:
        return {'status_code': 404, 'message': 'Account not found'}
    return None

def apply(args, state, now):
    state['accounts'][args['account_id']]['owner'] = args['owner']
    return {'account_id': args['account_id'], 'owner': args['owner']}
"""
    certified = Behaviour(source).certify(
        tool, STATE, collections=[ACCOUNTS], draws=40, second=DesignedBehaviour(design)
    )
    assert certified.certified, certified.failures
    careless = source.replace("['owner'] = args['owner']", "['owner'] = args['owner'].title()")
    failures = (
        Behaviour(careless)
        .certify(tool, STATE, collections=[ACCOUNTS], draws=40, second=DesignedBehaviour(design))
        .failures
    )
    assert [failure.property for failure in failures] == ["agreement"]
