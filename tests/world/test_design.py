"""Designed tools: the typed tool that a design means, and the exact outcome of every call."""

import random
from typing import Any

import pytest

from synthtools.errors import DataError
from synthtools.types import Response, Tool, ToolCall
from synthtools.types.canonical import same_json
from synthtools.world.candidates import find_candidates, realistic_arguments
from synthtools.world.design import Rule, ToolDesign, outcome, tool_of
from synthtools.world.design_examples import UNKNOWN, worked_examples
from synthtools.world.gate import check
from synthtools.world.probes import schema_probes
from synthtools.world.simulator import Simulation
from synthtools.world.state import apply_changes
from synthtools.world.world import World
from tests.world.lending import COLLECTIONS, ENV, SPARES, STATE

CLOSED = Rule(title="Shelf is closed", collection="books", field="shelf", value="closed")
RETURNED = Rule(title="Loan is returned", collection="loans", field="status", value="returned")


def design(name: str, action: Any, **more: Any) -> ToolDesign:
    return ToolDesign(name=name, description=f"{name}.", action=action, collection="loans", **more)


LEND = design("LendBook", "create", parameters=("book_id", "reader", "day"), rule=CLOSED)
MOVE = design("ChangeLoan", "update", parameters=("reader", "day"), rule=RETURNED)
RETURN = design("ReturnBook", "mark", sets=("status", "returned"), rule=RETURNED)
CANCEL = design("CancelLoan", "delete", rule=RETURNED)
SHOW = design("ShowLoan", "get")
FIND = design("FindLoans", "find", parameters=("reader", "status"))
ALL = (LEND, MOVE, RETURN, CANCEL, SHOW, FIND)


def status(made: ToolDesign, **arguments: Any) -> int:
    return outcome(made, COLLECTIONS, STATE, arguments).status_code


def test_errors_come_in_the_documented_order_and_change_nothing() -> None:
    good = {"reader": "Mei Tanaka", "day": "2026-05-05"}
    assert status(LEND, book_id="BOO-9", **good) == 404
    assert status(LEND, book_id="BOO-2", **good) == 409
    assert status(LEND, book_id="BOO-1", **good) == 200
    assert status(RETURN, loan_id="LOA-9") == 404
    assert status(RETURN, loan_id="LOA-2") == 409
    assert status(SHOW, loan_id="LOA-2") == 200
    refused = outcome(RETURN, COLLECTIONS, STATE, {"loan_id": "LOA-2"})
    assert (refused.change, refused.data) == (None, {})
    assert [error.status_code for error in tool_of(LEND, COLLECTIONS).errors] == [404, 409]


def test_each_action_has_its_exact_effect() -> None:
    lent = outcome(LEND, COLLECTIONS, STATE, {"book_id": "BOO-1", "reader": "Mei Tanaka", "day": "2026-05-05"})
    assert lent.data["loan_id"] == "LOA-3"
    assert lent.change is not None
    after = apply_changes(STATE, [lent.change], COLLECTIONS)
    assert after["loans"]["LOA-3"]["status"] == "lent"  # type: ignore[index,call-overload]

    moved = outcome(MOVE, COLLECTIONS, STATE, {"loan_id": "LOA-1", "day": "2026-06-06"})
    assert moved.data == {"loan_id": "LOA-1", "reader": "Ann Lee", "day": "2026-06-06"}
    assert moved.change is not None
    assert moved.change.fields == {"day": "2026-06-06"}

    marked = outcome(RETURN, COLLECTIONS, STATE, {"loan_id": "LOA-1"})
    assert marked.data == {"loan_id": "LOA-1", "status": "returned"}
    cancelled = outcome(CANCEL, COLLECTIONS, STATE, {"loan_id": "LOA-1"})
    assert cancelled.change is not None
    assert "LOA-1" not in apply_changes(STATE, [cancelled.change], COLLECTIONS)["loans"]  # type: ignore[operator]

    found = outcome(FIND, COLLECTIONS, STATE, {"reader": "Ann Lee", "status": "lent"})
    assert (found.data["count"], found.change) == (1, None)
    assert outcome(FIND, COLLECTIONS, STATE, {"reader": "Ann Lee", "status": "returned"}).data["count"] == 0


@pytest.mark.parametrize("made", ALL, ids=lambda made: made.name)
def test_a_right_tools_answers_fit_its_own_schema_and_stay_within_what_it_writes(made: ToolDesign) -> None:
    import jsonschema_rs

    tool = tool_of(made, COLLECTIONS)
    draw = random.Random(made.name)
    succeeded = 0
    for _ in range(40):
        arguments = realistic_arguments(tool, STATE, COLLECTIONS, SPARES, draw)
        assert arguments is not None
        assert check(tool, ToolCall(name=tool.name, arguments=arguments)).passed
        right = outcome(made, COLLECTIONS, STATE, arguments)
        if right.status_code == 200:
            succeeded += 1
            jsonschema_rs.validate(tool.output_schema(), right.data)
            assert (right.change is not None) == tool.changes_state
            assert right.change is None or right.change.collection in tool.writes
        else:
            assert right.status_code in {error.status_code for error in tool.errors}
    assert succeeded


@pytest.mark.parametrize("made", ALL, ids=lambda made: made.name)
def test_examples_show_a_success_and_every_documented_error(made: ToolDesign) -> None:
    tool = tool_of(made, COLLECTIONS)
    examples = worked_examples(made, tool, ENV)
    assert {example.status for example in examples} == {200, *(error.status_code for error in tool.errors)}
    for example in examples:
        if example.status == 404:
            assert UNKNOWN in example.args.values()
        if example.status != 200:
            assert same_json(example.before, example.after)


def test_a_rule_on_records_that_a_call_cannot_reach_is_a_mistake_that_is_told() -> None:
    lost = ToolDesign(
        name="A", description="a", action="create", collection="books", parameters=("title",), rule=RETURNED
    )
    with pytest.raises(DataError, match="no record of loans is reachable"):
        outcome(lost, COLLECTIONS, STATE, {"title": "Emma"})


class Right:
    """A simulator that answers as the designs say."""

    def respond(self, tool: Tool, call: ToolCall, state: Any, **rest: Any) -> Simulation:
        made = next(one for one in ALL if one.name == tool.name)
        right = outcome(made, COLLECTIONS, {**STATE, **state}, call.arguments)
        changes = (right.change,) if right.change else ()
        message = None if right.status_code == 200 else tool.errors[0].message
        return Simulation(status_code=right.status_code, error_message=message, data=right.data, changes=changes)

    async def arespond(self, tool: Tool, call: ToolCall, state: Any, **rest: Any) -> Simulation:
        return self.respond(tool, call, state, **rest)


def world() -> World:
    return World(ENV.model_copy(update={"tools": tuple(tool_of(made, COLLECTIONS) for made in ALL)}), simulator=Right())


@pytest.mark.parametrize("made", ALL, ids=lambda made: made.name)
async def test_candidates_are_different_calls_that_work_and_leave_the_world_as_it_is(made: ToolDesign) -> None:
    session = world()
    tool = tool_of(made, COLLECTIONS)
    found = await find_candidates(session, tool, COLLECTIONS, SPARES, count=3, seed="a")
    assert found
    assert len({str(candidate.call) for candidate in found}) == len(found) <= 3
    assert all(candidate.response.ok and candidate.changed == tool.changes_state for candidate in found)
    assert (session.state, session.transcript) == (ENV.initial_state, ())
    again = await find_candidates(session, tool, COLLECTIONS, SPARES, count=3, seed="a")
    assert again == found
    avoided = await find_candidates(session, tool, COLLECTIONS, SPARES, count=3, seed="a", avoid=[found[0].call])
    assert found[0].call not in [candidate.call for candidate in avoided]


async def test_a_candidate_brings_the_patch_it_makes() -> None:
    found = await find_candidates(world(), tool_of(RETURN, COLLECTIONS), COLLECTIONS, SPARES, count=1, seed="a")
    assert [candidate.call.arguments for candidate in found] == [{"loan_id": "LOA-1"}]
    assert [operation["path"] for operation in found[0].patch] == ["/loans/LOA-1/status"]


@pytest.mark.parametrize("made", ALL, ids=lambda made: made.name)
def test_every_probe_is_refused_by_the_gate_for_the_parameter_it_breaks(made: ToolDesign) -> None:
    tool = tool_of(made, COLLECTIONS)
    arguments = realistic_arguments(tool, STATE, COLLECTIONS, SPARES, random.Random(1))
    assert arguments is not None
    probes = schema_probes(tool, arguments)
    assert len(probes) >= 2
    for probe in probes:
        found = check(tool, probe.call)
        assert (found.passed, found.status_code, found.parameter) == (False, 400, probe.parameter), probe.message


def test_a_response_of_a_list_that_is_empty_tells_nothing() -> None:
    from synthtools.world.candidates import _tells_something

    assert not _tells_something({"loans": [], "count": 0})
    assert _tells_something(Response(status_code=200, data={"count": 2}).data)
