"""The generator: subfields, scenarios, collections, records, tools, code and sequences."""

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, cast

import dspy
from pydantic import TypeAdapter

from synthtools.errors import AnswerRefused, ParseError
from synthtools.modules import drafts
from synthtools.modules.demos import BEHAVIOURS
from synthtools.modules.role import Role
from synthtools.modules.simulator import records_view
from synthtools.signatures import generator as ask
from synthtools.types.environment import Collection, EnvSpec, RecordKind, Scenario
from synthtools.types.names import slug
from synthtools.types.profile import STANDARD, Profile
from synthtools.types.record import Json, JsonObject, State
from synthtools.types.tool import Parameter, Tool
from synthtools.world import duplicates
from synthtools.world.design import (
    CHANGING,
    READING,
    Action,
    Rule,
    ToolDesign,
    by_name,
    id_parameter,
    starts_by_itself,
    tool_of,
)
from synthtools.world.duplicates import NearDuplicates


def scenario_text(scenario: Scenario) -> str:
    """A scenario as prompts show it."""
    return f"{scenario.field}, {scenario.subfield}: {scenario.title}. {scenario.description}".strip()


def collection_text(collection: Collection) -> str:
    """A collection as prompts show it: `bookings: booking_id (like BOO-1), day (date), status (open|done)`."""
    fields = [f"{id_parameter(collection)} (like {collection.id_prefix}-1)"]
    for name, field in collection.fields.items():
        if field.references:
            kind = f"id in {field.references}"
        elif field.enum:
            kind = "|".join(str(option) for option in field.enum)
        else:
            kind = field.format or field.type
        fields.append(f"{name} ({kind})")
    return f"{collection.name}: {', '.join(fields)}"


class SubfieldGenerator(Role):
    """Field -> distinct subfields."""

    signature = ask.GenerateSubfields

    async def aforward(self, *, field: str, count: int) -> tuple[str, ...]:
        """Names `count` distinct subfields of a field. One more is asked for: models like to name the field itself."""

        def build(answer: dspy.Prediction) -> tuple[str, ...]:
            named = {name.lower(): name.strip() for name in reversed(cast(list[str], answer.subfields))}
            names = [name for key, name in reversed(named.items()) if slug(key) != slug(field)]
            if len(names) < count:
                raise AnswerRefused(f"Name {count} different subfields, none of which is {field} itself.")
            return tuple(names[:count])

        item = drafts.text(40, pattern="^[A-Z][a-z-]{2,14}( [a-z&-]{2,14}){1,3}$")
        return await self.ask(build, field=field, answer_schema=drafts.exactly(count + 1, item))


class ScenarioGenerator(Role):
    """Field and subfield -> distinct scenarios."""

    signature = ask.GenerateScenarios

    async def aforward(
        self,
        *,
        field: str,
        subfield: str,
        count: int,
        kinds: int = 2,
        earlier: Sequence[Scenario] = (),
        duplicate_threshold: float = STANDARD.duplicate_threshold,
    ) -> tuple[Scenario, ...]:
        """Describes `count` distinct scenarios of a subfield, with `kinds` kinds of records each.

        Where the last try still repeats a scenario of `earlier` or of the same answer, the try with the fewest such
        scenarios counts, and these say what they repeat.
        """
        best: tuple[Scenario, ...] | None = None

        def build(answer: dspy.Prediction) -> tuple[Scenario, ...]:
            nonlocal best
            rows = cast(list[JsonObject], answer.scenarios)
            given = [Scenario.model_validate({"field": field, "subfield": subfield, **row}) for row in rows]
            distinct([scenario.title for scenario in given], "titles")
            for scenario in given:
                distinct([noun for kind in scenario.kinds for noun in (kind.singular, kind.plural)], "nouns")
            scenarios = duplicates.told_apart(given, earlier, duplicate_threshold)
            repeated = [scenario for scenario in scenarios if scenario.repeats]
            if repeated and (best is None or len(repeated) < sum(bool(scenario.repeats) for scenario in best)):
                best = scenarios
            if repeated:
                first = repeated[0]
                raise AnswerRefused(
                    f"The scenario {first.title} is too much like {first.repeats}. Describe other work, with other "
                    "kinds of records."
                )
            return scenarios

        schema = drafts.exactly(count, drafts.scenario_schema(kinds))
        try:
            return await self.ask(build, field=field, subfield=subfield, answer_schema=schema)
        except (AnswerRefused, ParseError):
            if best is None:
                raise
            return best


class CollectionGenerator(Role):
    """Scenario, kind of records and earlier collections -> one more collection."""

    signature = ask.DesignCollection

    async def aforward(
        self, *, scenario: Scenario, kind: RecordKind, earlier: Sequence[Collection], fields: int
    ) -> Collection:
        """Designs the collection of a kind of records, with at most `fields` fields, references included."""

        def build(answer: dspy.Prediction) -> Collection:
            return collection_of(cast(dict[str, Any], answer.collection), kind, earlier)

        return await self.ask(
            build,
            scenario=scenario_text(scenario),
            collections=[collection_text(collection) for collection in earlier],
            kind=kind.plural.replace("_", " "),
            answer_schema=drafts.collection_schema(earlier, fields),
        )


def collection_of(draft: dict[str, Any], kind: RecordKind, earlier: Sequence[Collection]) -> Collection:
    """The typed collection of a draft. Raises: AnswerRefused, saying what to change.

    A field that tells of another collection's record becomes a link to it, where others are left: what is said twice
    gets out of step. For the same reason the record's own id, which every record has, is left out.
    """
    nouns = {kind.singular, kind.plural, *(noun for other in earlier for noun in (other.name, other.record))}
    fields: dict[str, Parameter] = {}
    drafted = TypeAdapter(tuple[ask.FieldDraft, ...]).validate_python(draft["fields"])
    drafted = tuple(field for field in drafted if field.name != f"{kind.singular}_id") or drafted
    owners = {field.name: owner for field in drafted if (owner := _owner(field.name, kind, earlier))}
    if len(owners) == len(drafted):
        owners = {}  # Nothing of its own would be left.
    for target in dict.fromkeys([*cast(list[str], draft.get("belongs_to", [])), *owners.values()]):
        other = by_name(earlier)[target]
        noun = other.record.replace("_", " ")
        fields[id_parameter(other)] = Parameter(type="string", references=target, description=f"Id of its {noun}")
    for field in drafted:
        if field.name in owners:
            continue
        if field.name in nouns or {"id", "ids"} & set(field.name.split("_")):
            raise AnswerRefused(f"Leave out the field {field.name}: ids and links are there already.")
        if field.name in fields:
            raise AnswerRefused(f"The field {field.name} stands twice.")
        fields[field.name] = _field_of(field)
    stages = cast(list[str], draft.get("stages", []))
    if stages:
        distinct(stages, "stages")
        if "status" in fields:
            raise AnswerRefused("Leave out the field status: it is made of the stages.")
        fields["status"] = Parameter(type="string", enum=tuple(stages))
    prefixes = {other.id_prefix for other in earlier}
    prefix = next(p for p in _prefixes(kind.singular) if p not in prefixes)
    return Collection(name=kind.plural, record=kind.singular, id_prefix=prefix, fields=fields)


def _owner(field: str, kind: RecordKind, earlier: Sequence[Collection]) -> str | None:
    """The earlier collection whose records a field's name speaks of: `customer_name` of an order, say."""
    if field.startswith(f"{kind.singular}_"):
        return None
    return next((other.name for other in earlier if field.startswith(f"{other.record}_")), None)


def _prefixes(record: str) -> list[str]:
    letters = record.replace("_", "").upper()
    return [letters[:3], letters[:4], letters, *(f"{letters[:3]}{number}" for number in range(2, 100))]


def _field_of(field: ask.FieldDraft) -> Parameter:
    match field:
        case ask.TextField():
            return Parameter(type="string", min_length=1, max_length=60)
        case ask.NumberField():
            if field.maximum <= field.minimum:
                raise AnswerRefused(f"The maximum of {field.name} must be above its minimum.")
            return Parameter(type="integer", minimum=field.minimum, maximum=field.maximum)
        case ask.DateField():
            return Parameter(type="string", format="date")
        case ask.FlagField():
            return Parameter(type="boolean")
        case ask.ChoiceField():
            distinct(field.options, f"options of {field.name}")
            return Parameter(type="string", enum=field.options)


class RecordGenerator(Role):
    """A collection -> realistic records. Code fills in references, choices and flags, so that all of them occur."""

    signature = ask.PopulateCollection

    async def aforward(
        self, *, scenario: Scenario, collection: Collection, state: State, count: int, spare: int, seed: int
    ) -> tuple[dict[str, JsonObject], tuple[JsonObject, ...]]:
        """Writes `count` records for the state, by id, and up to `spare` ones that stay outside it.

        A record that repeats another one's first text is left out, as long as there are enough; a model that repeats
        itself to the last try is taken at its word, since ids tell records apart too. References point at records of
        `state`, drawn by `seed`.
        """
        draw = Random(f"{seed}/{collection.name}")

        schema = drafts.record_schema(collection)

        first = next((name for name, field in collection.fields.items() if drafts.is_written(field)), None)
        told_apart = first if first is not None and collection.fields[first].type == "string" else None
        refused: list[str] = []

        def build(answer: dspy.Prediction) -> list[JsonObject]:
            given = cast(list[JsonObject], answer.records)
            if first is None:
                return given
            kept: list[JsonObject] = []
            for row in given:
                if row not in kept and not (told_apart and _stands(row[told_apart], told_apart, kept)):
                    kept.append(row)
            if len(kept) < count and len(refused) < self.attempts - 1:
                what = f"values of {told_apart}" if told_apart else "records"
                refused.append(f"Only {len(kept)} {what} differ. Make all {count + spare} different.")
                raise AnswerRefused(refused[-1])
            return kept if len(kept) >= count else given

        rows: list[JsonObject] = await self.ask(
            build,
            scenario=scenario_text(scenario),
            kind=collection.name.replace("_", " "),
            answer_schema=drafts.exactly(count + spare, schema),
        )
        drawn = {
            name: _drawn_values(field, state, len(rows), draw)
            for name, field in collection.fields.items()
            if not drafts.is_written(field)
        }
        records: list[JsonObject] = [
            {name: drawn[name][number] if name in drawn else row[name] for name in collection.fields}
            for number, row in enumerate(rows)
        ]
        kept = {f"{collection.id_prefix}-{number + 1}": record for number, record in enumerate(records[:count])}
        return kept, tuple(records[count:])


def _stands(value: Json, name: str, rows: Sequence[JsonObject]) -> bool:
    return any(str(row[name]).strip().lower() == str(value).strip().lower() for row in rows)


def _drawn_values(field: Parameter, state: State, count: int, draw: Random) -> list[Json]:
    """As many values of a reference, choice or flag, each occurring about equally often."""
    if field.references:
        values = list[Json](sorted(cast(dict[str, Json], state[field.references])))
    else:
        values = list(field.enum or (False, True))
    first = draw.randrange(len(values))
    return [values[(first + number) % len(values)] for number in range(count)]


class ToolGenerator(Role):
    """Collections and earlier tools -> one more tool's design."""

    signature = ask.DesignTool

    async def aforward(
        self,
        *,
        scenario: Scenario,
        collections: Sequence[Collection],
        earlier: Sequence[ToolDesign],
        failed: Sequence[ToolDesign] = (),
        changing: bool,
        profile: Profile = STANDARD,
        first_attempt: int = 0,
    ) -> ToolDesign:
        """Designs one more tool that changes the state, or one that reads it.

        Args:
            scenario: The environment's scenario.
            collections: What the tool may be about.
            earlier: Tools that exist; an action on a collection that none of them has is preferred.
            failed: Designs whose code could not be had; not to be tried again.
            changing: Whether the tool changes the state.
            profile: Counts and lengths.
            first_attempt: Number of the first attempt not yet used for this question.
        """
        actions: tuple[Action, ...] = CHANGING if changing else READING
        used: list[tuple[Action, str]] = [(design.action, design.collection) for design in (*earlier, *failed)]
        known = NearDuplicates(profile.duplicate_threshold)
        for design in earlier:
            known.add(design.name, duplicates.tool_text(tool_of(design, collections)))

        def build(answer: dspy.Prediction) -> ToolDesign:
            design = design_of(cast(dict[str, Any], answer.tool), collections, (*earlier, *failed))
            near = known.find(duplicates.tool_text(tool_of(design, collections)))
            if near is not None:
                raise AnswerRefused(f"{near.key} does nearly the same already. Design a tool that does something else.")
            return design

        return await self.ask(
            build,
            scenario=scenario_text(scenario),
            collections=[collection_text(collection) for collection in collections],
            existing_tools=[f"{tool.name}: {tool.description}" for tool in earlier],
            task="a tool that changes records" if changing else "a tool that looks something up",
            first_attempt=first_attempt,
            answer_schema=drafts.tool_schema(collections, actions, profile, used),
        )


def design_of(draft: dict[str, Any], collections: Sequence[Collection], earlier: Sequence[ToolDesign]) -> ToolDesign:
    """The tool design of a draft. Raises: AnswerRefused, saying what to change."""
    collection = by_name(collections)[draft["collection"]]
    action = cast(Action, draft["action"])
    name = cast(str, draft["name"])
    chosen = set(cast(list[str], draft.get("parameters", [])))
    if action == "create":
        chosen |= {field for field, value in collection.fields.items() if not starts_by_itself(value)}
    parameters = tuple(field for field in collection.fields if field in chosen)
    sets = (cast(str, draft["field"]), cast(Json, draft["becomes"])) if action == "mark" else None
    refused = cast(dict[str, Any] | None, draft.get("refused_when"))
    rule = None
    if refused:
        rule = Rule(
            title=refused["title"].strip(),
            collection=refused["collection"],
            field=refused["field"],
            value=refused["is"],
        )
    about = cast(str, draft["description"]).strip()
    for field, value in collection.fields.items():
        words = field.replace("_", " ")
        if field not in parameters and value.references is None and f" by {words}" in _plain(about):
            raise AnswerRefused(f"The tool is not given the {words}: leave it out of the description.")
    for other in earlier:
        if other.name == name:
            raise AnswerRefused(f"There is a tool {name} already. Design a tool that does something else.")
        if (other.action, other.collection, other.parameters, other.sets) == (
            action,
            collection.name,
            parameters,
            sets,
        ):
            raise AnswerRefused(f"{other.name} does the same already. Design a tool that does something else.")
    return ToolDesign(
        name=name,
        description=about,
        action=action,
        collection=collection.name,
        parameters=parameters,
        sets=sets,
        rule=rule,
    )


def _plain(description: str) -> str:
    """Lower case, without articles and possessives: `by its name` is `by name`."""
    return re.sub(r"\b(the|its|their|a|an|his|her|given) ", "", description.lower())


class BehaviourGenerator(Role):
    """A tool and a state -> the tool's behaviour as source for the sandbox."""

    signature = ask.WriteBehaviour
    demos = BEHAVIOURS
    max_tokens = 700

    async def aforward(
        self, *, tool: Tool, env: EnvSpec, last_source: str = "", feedback: str = "", first_attempt: int = 0
    ) -> str:
        """Writes the source of `guard` and `apply`; the last version and its failing case are shown where given."""
        seen = {*tool.reads, *tool.writes}
        example: JsonObject = {
            name: dict(list(cast(JsonObject, records).items())[:1])
            for name, records in env.initial_state.items()
            if name in seen
        }

        def build(answer: dspy.Prediction) -> str:
            for name, function in (("guard", str(answer.guard)), ("apply", str(answer.apply))):
                if not function.startswith(f"def {name}(args, state, now):\n"):
                    raise AnswerRefused(f"{name} must begin with: def {name}(args, state, now):")
            return f"{answer.guard.rstrip()}\n\n\n{answer.apply.rstrip()}\n"

        guard, _, apply = last_source.partition("\n\n\n")
        return await self.ask(
            build,
            state_example=records_view(tool, example),
            tool=behaviour_text(tool),
            last_guard=guard,
            last_apply=apply,
            feedback=feedback,
            first_attempt=first_attempt,
        )


def behaviour_text(tool: Tool) -> str:
    """A tool as the writer of its behaviour needs it."""
    lines = [f"{tool.name}: {tool.description}", "args:"]
    for name, parameter in tool.parameters.items():
        kind = f"id in {parameter.references}" if parameter.references else parameter.type
        lines.append(f"- {name} ({kind}{'' if parameter.required else ', may be None'})")
    lines.append("errors, checked in this order:" if tool.errors else "errors: none")
    lines.extend(f"- {error.status_code} {error.message}" for error in tool.errors)
    lines.append("effect: changes " + ", ".join(tool.writes) if tool.writes else "effect: changes nothing")
    if tool.usage:
        lines.append(tool.usage)
    lines.append("returns a dict: {" + ", ".join(_returned(name, value) for name, value in tool.output.items()) + "}")
    return "\n".join(lines)


def _returned(name: str, value: Parameter) -> str:
    if value.type == "array" and value.items and value.items.properties:
        return f"'{name}': a list of dicts with {', '.join(value.items.properties)}"
    return f"'{name}': ..."


class SequenceGenerator(Role):
    """Reliable tools -> tool sequences, one for each tool that may begin one."""

    signature = ask.PlanSequences

    async def aforward(
        self,
        *,
        scenario: Scenario,
        tools: Sequence[Tool],
        starts: Mapping[str, Sequence[str]],
        length: int,
        taken: Sequence[tuple[str, ...]] = (),
        first_attempt: int = 0,
    ) -> tuple[tuple[str, ...], ...]:
        """Plans one sequence of two to `length` tools for each of `starts`.

        Args:
            scenario: The environment's scenario.
            tools: What sequences are made of.
            starts: By first tool: the tools that may come second.
            length: Most tools in a sequence.
            taken: Sequences that exist already.
            first_attempt: Number of the first attempt not yet used for this question.
        """
        names = [tool.name for tool in tools]

        def build(answer: dspy.Prediction) -> tuple[tuple[str, ...], ...]:
            rows = cast(dict[str, dict[str, Any]], answer.sequences)
            return tuple((first, row["second"], *row.get("then", ())) for first, row in rows.items())

        return await self.ask(
            build,
            scenario=scenario_text(scenario),
            tools=[f"{tool.name}: {tool.description}" for tool in tools],
            taken=[", ".join(sequence) for sequence in taken],
            first_attempt=first_attempt,
            answer_schema=drafts.sequences_schema(names, starts, length),
        )


def distinct(names: Sequence[str], what: str) -> None:
    """Refuses an answer whose names repeat. Raises: AnswerRefused, naming the first repeated one."""
    seen: set[str] = set()
    for name in names:
        if name.strip().lower() in seen:
            raise AnswerRefused(f"The {what} must differ: {name} stands twice.")
        seen.add(name.strip().lower())
