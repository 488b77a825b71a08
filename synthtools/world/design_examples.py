"""Worked examples of a designed tool: calls with the exact outcome that code derives from the design."""

import random

from synthtools.types.environment import EnvSpec
from synthtools.types.record import Json, JsonObject, State
from synthtools.types.tool import Tool
from synthtools.world.candidates import realistic_arguments
from synthtools.world.design import Rule, ToolDesign, by_name, id_parameter, outcome, takes_record
from synthtools.world.example import Example
from synthtools.world.state import apply_changes, records_of

UNKNOWN = "ZZZ-99"
"""An id that no record has."""


def worked_examples(design: ToolDesign, tool: Tool, env: EnvSpec, count: int = 10) -> tuple[Example, ...]:
    """Examples of a tool: calls that succeed, calls of unknown records, and calls that the tool's rule refuses."""
    draw = random.Random(f"{env.id}/{design.name}")
    examples: list[Example] = []
    references = [name for name, parameter in tool.parameters.items() if parameter.references]
    for number in range(count):
        arguments = realistic_arguments(tool, env.initial_state, env.collections, env.spare_records, draw)
        if arguments is None:
            continue
        state = env.initial_state
        if design.rule:
            state = _with_rule(design, design.rule, env, arguments, holds=number % 3 == 1)
        unknown = [name for name in references if name in arguments]
        if number % 3 == 2 and unknown and design.action != "find":
            arguments = {**arguments, draw.choice(unknown): UNKNOWN}
        examples.append(_example(design, env, state, arguments))
    return tuple(examples)


def _example(design: ToolDesign, env: EnvSpec, state: State, arguments: JsonObject) -> Example:
    right = outcome(design, env.collections, state, arguments)
    after = apply_changes(state, [right.change], env.collections) if right.change else state
    response = right.data if right.status_code == 200 else None
    return Example(args=arguments, before=state, status=right.status_code, response=response, after=after)


def _with_rule(design: ToolDesign, rule: Rule, env: EnvSpec, arguments: JsonObject, *, holds: bool) -> State:
    """The initial state, with the record that the rule looks at set so that the rule applies, or does not."""
    collection = by_name(env.collections)[design.collection]
    if takes_record(design.action) and rule.collection == collection.name:
        target = arguments.get(id_parameter(collection))
    else:
        links = [name for name, field in collection.fields.items() if field.references == rule.collection]
        target = next((arguments[name] for name in links if name in arguments), None)
    records = records_of(env.initial_state, rule.collection)
    if not isinstance(target, str) or not isinstance(record := records.get(target), dict):
        return env.initial_state
    options = by_name(env.collections)[rule.collection].fields[rule.field].enum or ()
    other: Json = next((option for option in options if option != rule.value), rule.value)
    changed: JsonObject = {**record, rule.field: rule.value if holds else other}
    return {**env.initial_state, rule.collection: {**records, target: changed}}
