"""Cases for the generator: what it was asked when a run's environments were made, and code known to be right."""

from collections.abc import Iterator

from synthtools.optimizers.case import Case
from synthtools.optimizers.draws.records import Coded, case, coded_tools, items
from synthtools.optimizers.inputs import (
    BehaviourInputs,
    CollectionInputs,
    RecordInputs,
    ScenarioInputs,
    SequenceInputs,
    SubfieldInputs,
    ToolInputs,
)
from synthtools.runs.item import Item
from synthtools.runs.run import Run
from synthtools.types.audit import AuditedEnv
from synthtools.types.environment import EnvSpec, Scenario
from synthtools.types.profile import STANDARD
from synthtools.types.record import State
from synthtools.world.agreement import Agreement
from synthtools.world.property_failure import Failed

_FEWEST = 3
"""Least number of things that are asked for where distinctness counts."""


def subfields(run: Run) -> Iterator[Case]:
    """The fields of a run. There is no right answer: code looks at distinctness and form."""
    for item, named in items(run, "subfields", tuple[str, ...]):
        count = max(_FEWEST, len(named))
        yield case(
            SubfieldInputs(field=item.parent, count=count), id=item.id, field=item.field, source=f"subfields/{item.id}"
        )


def scenarios(run: Run) -> Iterator[Case]:
    """The subfields of a run, with the scenarios of other subfields as earlier ones."""
    earlier: dict[str, list[Scenario]] = {}
    for item, made in items(run, "scenarios", tuple[Scenario, ...]):
        if not made:
            continue
        known = earlier.setdefault(item.field, [])
        yield case(
            ScenarioInputs(
                field=made[0].field,
                subfield=made[0].subfield,
                count=max(2, len(made)),
                kinds=max(2, len(made[0].kinds)),
                earlier=tuple(known),
            ),
            id=item.id,
            field=item.field,
            label="with earlier" if known else "first",
            source=f"scenarios/{item.id}",
        )
        known.extend(made)


def collections(run: Run) -> Iterator[Case]:
    """The kinds of records of each environment, with the collections that came before."""
    for item, env in _environments(run):
        for position, kind in enumerate(env.scenario.kinds[: len(env.collections)]):
            yield case(
                CollectionInputs(
                    scenario=env.scenario,
                    kind=kind,
                    earlier=env.collections[:position],
                    fields=max(4, len(env.collections[position].fields)),
                ),
                id=f"{env.id}/{kind.plural}",
                field=item.field,
                label="linked" if position else "first",
                source=f"env-generation/{env.id}",
            )


def records(run: Run) -> Iterator[Case]:
    """The collections of each environment, with the records of those before."""
    for item, env in _environments(run):
        state: State = {}
        for collection in env.collections:
            held = env.initial_state.get(collection.name)
            count = len(held) if isinstance(held, dict) else 0
            yield case(
                RecordInputs(
                    scenario=env.scenario, collection=collection, state=dict(state), count=max(_FEWEST, count), spare=2
                ),
                id=f"{env.id}/{collection.name}",
                field=item.field,
                label="linked" if state else "first",
                source=f"env-generation/{env.id}",
            )
            state[collection.name] = held


def tools(run: Run) -> Iterator[Case]:
    """The collections of each environment, to design a first changing and a first reading tool on.

    The state says whether a design has calls that work. A run does not keep the designs of its tools, so that there are
    no cases with earlier ones.
    """
    for item, env in _environments(run):
        for changing in (True, False):
            yield case(
                ToolInputs(scenario=env.scenario, collections=env.collections, changing=changing, profile=STANDARD),
                id=f"{env.id}/{'changing' if changing else 'reading'}",
                field=item.field,
                expected=env.initial_state,
                label="changing" if changing else "reading",
                source=f"env-generation/{env.id}",
            )


def behaviours(run: Run) -> Iterator[Case]:
    """Tools with certified code, which is what other code for them must agree with.

    Each is to be written, and, where a guard without its errors is found out by a call, to be repaired.
    """
    for coded in coded_tools(run):
        if not coded.certified:
            continue
        env = coded.env.model_copy(update={"tools": (), "code": {}, "spare_records": {}, "drops": ()})
        asked = BehaviourInputs(tool=coded.tool, env=env)
        repair = _repair(coded, asked)
        for label, inputs in (("write", asked), ("repair", repair)):
            if inputs is not None:
                yield case(
                    inputs,
                    id=f"{coded.name}/{label}",
                    field=coded.field,
                    expected=coded.behaviour.source,
                    label=label,
                    source=coded.source,
                )


def _repair(coded: Coded, asked: BehaviourInputs) -> BehaviourInputs | None:
    """The question after a try without the errors, told of the first call on which it is found out."""
    unguarded = coded.unguarded
    if unguarded is None:
        return None
    env = coded.env
    agreement = Agreement(unguarded.behaviour, coded.behaviour, coded.tool, collections=env.collections, now=env.now)
    for drawn in coded.drawn():
        found = agreement.compare(drawn.arguments, env.initial_state).disagreement
        if found is not None:
            message = f"a second behaviour does not agree with this one: {found.what}"
            failure = Failed("guard", "agreement", message, drawn.arguments).failure
            return asked.model_copy(update={"last_source": unguarded.behaviour.source, "feedback": str(failure)})
    return None


def sequences(run: Run) -> Iterator[Case]:
    """The reliable tools of each environment; its state says which sequences can be carried out."""
    for item, audited in items(run, "env-audit", AuditedEnv):
        env = audited.env
        reliable = tuple(tool for tool in env.tools if tool.name in audited.reliable)
        if len(reliable) < 2:
            continue
        names = [tool.name for tool in reliable]
        yield case(
            SequenceInputs(
                scenario=env.scenario,
                tools=reliable,
                starts={first: tuple(name for name in names if name != first) for first in names},
                length=min(4, len(names)),
            ),
            id=env.id,
            field=item.field,
            expected=env.initial_state,
            source=f"env-audit/{env.id}",
        )


def _environments(run: Run) -> Iterator[tuple[Item, EnvSpec]]:
    return ((item, env) for item, env in items(run, "env-generation", EnvSpec) if env.collections)
