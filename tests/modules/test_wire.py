"""What every role puts on the wire: a bounded schema under its signature's name, and the settings as configured."""

import inspect
from collections.abc import Iterator
from typing import Any

import dspy
import pytest

from synthtools import signatures
from synthtools.backends import model
from synthtools.modules.role import Role
from synthtools.modules.simulator import LLMSimulator
from synthtools.programs.pipeline import Pipeline
from synthtools.programs.task_generation import TaskGeneration
from synthtools.types import SMALL
from synthtools.world.transitions import MemoryTransitions
from tests.library import made, playing, sequence, served


def unbounded(node: Any, place: str = "answer") -> Iterator[str]:
    """Every place in a schema where an answer could go on for ever."""
    if "enum" in node or "const" in node:
        return
    for union in ("anyOf", "oneOf"):
        for branch in node.get(union, ()):
            yield from unbounded(branch, place)
    match node.get("type"):
        case "string" if "maxLength" not in node and "format" not in node:
            yield place
        case "array":
            if "maxItems" not in node:
                yield place
            yield from unbounded(node["items"], f"{place}[]")
        case "object":
            if node.get("additionalProperties", True) is True:
                yield place
            for name, child in node.get("properties", {}).items():
                yield from unbounded(child, f"{place}.{name}")
        case _:
            pass


def test_every_call_of_a_pipeline_has_a_bounded_schema_under_its_signatures_name() -> None:
    _, script = made()
    assert set(script.bodies) >= {
        *("GenerateSubfields", "GenerateScenarios", "DesignCollection", "PopulateCollection", "DesignTool"),
        *("WriteBehaviour", "WriteTestCalls", "PlanSequences", "FirstTurn", "NextTurn", "SolveTurn", "MergeTurns"),
        "NextStep",
    }
    for name, bodies in script.bodies.items():
        for body in bodies:
            shape: Any = body["response_format"]
            assert shape["type"] == "json_schema"
            schema = shape["json_schema"]["schema"]
            assert schema["title"] == name
            assert list(unbounded(schema)) == []


def test_what_is_configured_is_what_is_sent_and_every_retry_has_its_own_seed() -> None:
    _, script = made()
    for name, bodies in script.bodies.items():
        assert {body["temperature"] for body in bodies} == {0.3}, name
        assert {body["top_p"] for body in bodies} == {0.9}, name
        seeds = [body["seed"] for body in bodies]
        assert all(isinstance(seed, int) and seed >= 7 for seed in seeds), name
        questions = [(str(body["messages"]), body["seed"]) for body in bodies]
        assert len(questions) == len(set(questions)), f"{name} asked the same thing twice with one seed"


def test_the_simulators_questions_are_bounded_too_and_never_tell_what_is_expected() -> None:
    script = playing("served")
    program = TaskGeneration(SMALL)
    program.transitions = MemoryTransitions()
    with model("scripted/served"):
        program(env=served(), sequence=sequence("AddLoan", "ShowLoan"))
    for name in ("CheckRules", "SimulateResponse"):
        assert script.asked(name) > 0
        for number, body in enumerate(script.bodies[name]):
            shape: Any = body["response_format"]
            assert list(unbounded(shape["json_schema"]["schema"])) == []
            assert "expect" not in script.prompt(name, number)


def signature_classes() -> list[type[dspy.Signature]]:
    import importlib
    import pkgutil

    found: list[type[dspy.Signature]] = []
    for info in pkgutil.iter_modules(signatures.__path__, "synthtools.signatures."):
        module = importlib.import_module(info.name)
        found += [
            member
            for _, member in inspect.getmembers(module, inspect.isclass)
            if issubclass(member, dspy.Signature) and member.__module__ == info.name
        ]
    return found


def roles_of(module: dspy.Module) -> dict[str, Role]:
    return {name: sub for name, sub in module.named_sub_modules() if isinstance(sub, Role)}


@pytest.mark.parametrize("signature", signature_classes(), ids=lambda signature: signature.__name__)
def test_a_signature_says_what_a_good_answer_is_and_bounds_what_it_can(signature: type[dspy.Signature]) -> None:
    assert len((signature.__doc__ or "").splitlines()) < 40
    assert "json" not in (signature.__doc__ or "").lower()
    for name, field in signature.output_fields.items():
        if field.annotation is str:
            assert any(getattr(mark, "max_length", None) for mark in field.metadata), f"{name} has no bound"


def test_optimizers_reach_the_predictor_of_every_role_in_every_program() -> None:
    pipeline = Pipeline(SMALL)
    roles = roles_of(pipeline)
    reached = dict(pipeline.named_predictors())
    assert {id(role.predict) for role in roles.values()} == {id(predictor) for predictor in reached.values()}
    asked = {role.signature for role in roles.values()} | {role.signature for role in roles_of(LLMSimulator()).values()}
    unused = {signature.__name__ for signature in signature_classes()} - {signature.__name__ for signature in asked}
    assert not unused
