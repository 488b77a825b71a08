"""The pages name what there is: every signature and module, every layer, every property."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import dspy

import synthtools
from synthtools.modules.role import Role
from synthtools.world import dialect
from synthtools.world.certification import PropertyFailure

DOCS = Path(__file__).parents[2] / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def classes_of(package: str, base: type) -> set[str]:
    folder = importlib.import_module(package)
    modules = [importlib.import_module(f"{package}.{found.name}") for found in pkgutil.iter_modules(folder.__path__)]
    return {
        name
        for module in modules
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, base) and value.__module__ == module.__name__
    }


def test_the_table_of_roles_is_complete() -> None:
    rows = re.findall(r"^\|[^|]*\| `(\w+)` \| `(\w+)` \|", page("roles.md"), re.MULTILINE)
    modules = {name for name in classes_of("synthtools.modules", Role) if not name.startswith("_")} - {"Role"}
    assert {signature for signature, _ in rows} == classes_of("synthtools.signatures", dspy.Signature)
    assert {module for _, module in rows} == modules
    for signature, module in rows:
        assert getattr(synthtools, module).signature.__name__ == signature


def test_the_table_of_layers_is_complete() -> None:
    table = page("architecture.md").partition("## Layers")[2].partition("\n## ")[0]
    layers = {
        name for row in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert layers == {found.name for found in pkgutil.iter_modules(synthtools.__path__)}


def test_the_dialect_and_the_properties_are_those_of_the_code() -> None:
    text = page("behaviours.md")
    assert {name for name in dialect.MODULES if f"`{name}`" in text} == dialect.MODULES
    named = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    documented = str(PropertyFailure.model_fields["property"].description)
    assert named == set(re.findall(r"`(\w+)`", documented))
