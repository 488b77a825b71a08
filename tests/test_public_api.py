import ast
import inspect
from pathlib import Path

import pytest

import synthtools as st

PROMISED = [
    "Tool",
    "Parameter",
    "DocumentedError",
    "ToolCall",
    "Check",
    "Response",
    "World",
    "Behaviour",
    "Certification",
    "certify",
    "verify",
    "replay",
    "check",
    "read_tasks",
    "open_run",
    "model",
    "configure",
    "register_backend",
    "Subfields",
    "Scenarios",
    "EnvGeneration",
    "EnvAudit",
    "TaskSequences",
    "TaskGeneration",
    "TaskAudit",
    "TrajectoryGeneration",
    "Pipeline",
    "SynthToolsError",
]


@pytest.mark.parametrize("name", st.__all__)
def test_every_public_name_is_there_and_documented(name: str):
    value = getattr(st, name)
    assert value is getattr(st, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value)


def test_the_promised_names_are_public():
    assert set(PROMISED) <= set(st.__all__) <= set(dir(st))


def test_type_checkers_see_the_same_names_in_the_same_homes():
    tree = ast.parse(Path(st.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.asname: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert seen == st._HOME_OF


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Wrold'"):
        _ = st.Wrold


def test_every_error_of_ours_has_one_root():
    import synthtools.errors as errors

    ours = {value for value in vars(errors).values() if inspect.isclass(value) and value.__module__ == errors.__name__}
    assert all(issubclass(error, st.SynthToolsError) for error in ours)
    assert {error.__name__ for error in ours} <= set(st.__all__)
