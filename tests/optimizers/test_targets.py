"""Targets: one for every role, whose cases are its arguments, and which runs as it is drawn, built and scored."""

import importlib
import inspect
import pkgutil
import re

import dspy
import pytest

import synthtools.modules
from synthtools.backends import model
from synthtools.errors import AnswerRefused, DataError, Dropped
from synthtools.modules.role import Role
from synthtools.optimizers.case import Case
from synthtools.optimizers.targets import TARGETS
from synthtools.optimizers.trainsets import balanced
from synthtools.types import SMALL
from tests.optimizers.library_run import drawn


def _roles() -> list[type[Role]]:
    for module in pkgutil.iter_modules(synthtools.modules.__path__):
        importlib.import_module(f"synthtools.modules.{module.name}")
    found, open_ = [], [Role]
    while open_:
        for kind in open_.pop().__subclasses__():
            open_.append(kind)
            if kind.__module__.startswith("synthtools.modules") and hasattr(kind, "signature"):
                found.append(kind)
    return found


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


@pytest.mark.parametrize("role", _roles())
def test_every_role_has_a_target_that_holds_it(role: type[Role]) -> None:
    target = TARGETS[_kebab(role.__name__)]
    parts = [part for _, part in target.build(SMALL).named_sub_modules()]
    assert any(type(part) is role for part in parts)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_is_built_anew_and_takes_its_inputs(name: str) -> None:
    target = TARGETS[name]
    assert target.name == name
    module = target.build(SMALL)
    assert isinstance(module, dspy.Module)
    assert list(module.named_predictors())
    assert module is not target.build(SMALL)
    parameters = inspect.signature(module.aforward).parameters
    assert set(target.inputs.model_fields) <= set(parameters)
    required = {key for key, one in parameters.items() if one.default is inspect.Parameter.empty}
    assert required <= set(target.inputs.model_fields)


@pytest.mark.parametrize("name", TARGETS)
def test_a_drawn_case_runs_and_is_scored(name: str) -> None:
    """On the scripted library, whose answers are of the right form, if not always of much sense."""
    target = TARGETS[name]
    for case in balanced(drawn(name), 3, seed=0):
        with model("scripted/library"):
            try:
                answer = target.build(SMALL)(**target.arguments(case))
            except (AnswerRefused, Dropped):
                continue  # The engine scores such a case 0, with the error as its reason.
        score = target.metric(target.inputs.from_json(case.inputs), case.expected, answer)
        assert 0 <= score.value <= 1
        assert score.reason


def test_wrong_inputs_are_told_with_the_source_and_the_field() -> None:
    case = Case(id="c1", field="f", inputs={"field": "Bakeries"}, source="mine.jsonl:3")
    with pytest.raises(DataError, match=r"^mine\.jsonl:3: count: Field required"):
        TARGETS["subfield-generator"].arguments(case)
