"""Targets of the generator: what environments are made of, looked at by code."""

import re
from collections import Counter
from itertools import combinations

from synthtools.modules.generator import (
    BehaviourGenerator,
    CollectionGenerator,
    RecordGenerator,
    ScenarioGenerator,
    SequenceGenerator,
    SubfieldGenerator,
    ToolGenerator,
)
from synthtools.optimizers.draws import environments as draws
from synthtools.optimizers.inputs import (
    BehaviourInputs,
    CollectionInputs,
    RecordInputs,
    ScenarioInputs,
    SequenceInputs,
    SubfieldInputs,
    ToolInputs,
)
from synthtools.optimizers.metrics import Found, Part, all_there, composite, share, told
from synthtools.optimizers.target import Target
from synthtools.programs.task_sequences import is_usable
from synthtools.types.audit import AuditedEnv
from synthtools.types.environment import Collection, EnvSpec, Scenario
from synthtools.types.profile import STANDARD
from synthtools.types.record import Json, JsonObject, State
from synthtools.world.behaviour import Behaviour
from synthtools.world.design import Action, ToolDesign, by_name, outcome, record_noun, tool_of
from synthtools.world.draw import draw_arguments
from synthtools.world.duplicates import NearDuplicates, similarity, told_apart, tool_text
from synthtools.world.validators import first_problem

_ALIKE = 0.5
"""Least similarity of two names that are told from each other with difficulty."""
_DRAWS = 100
"""Argument sets drawn to certify a behaviour, or to see whether a design has calls that work."""

Records = tuple[dict[str, JsonObject], tuple[JsonObject, ...]]
"""The records of a collection by id, and the spare ones."""


def _distinct_names(asked: SubfieldInputs, expected: Json, answer: tuple[str, ...]) -> Found:
    alike = [
        (one, other)
        for one, other in combinations(answer, 2)
        if similarity(one, other) >= _ALIKE or _is_within(one, other) or _is_within(other, one)
    ]
    problems = [f"{one} and {other} say nearly the same: name areas that do not overlap" for one, other in alike]
    return told(problems, len(answer))


def _other_than_field(asked: SubfieldInputs, expected: Json, answer: tuple[str, ...]) -> Found:
    same = [name for name in answer if _is_within(name, asked.field)]
    return told([f"{name} is the field itself: name an area of activity within it" for name in same], len(answer))


def _breadth(asked: SubfieldInputs, expected: Json, answer: tuple[str, ...]) -> Found:
    """How many of the words are used once: names built on one word cover one corner of the field."""
    words = Counter(word for name in answer for word in set(_words(name)))
    repeated = [word for word, times in words.items() if times > 2]
    used = sum(words.values())
    reason = (
        f"Too many of the names are about {', '.join(repeated)}: cover other work of the field." if repeated else ""
    )
    return Found(share(used - sum(words[word] for word in repeated), used), reason)


SUBFIELD_GENERATOR = Target(
    name="subfield-generator",
    build=lambda profile: SubfieldGenerator(),
    inputs=SubfieldInputs,
    metric=composite(
        [
            Part("enough", 0.1, lambda asked, _, answer: all_there(len(answer), asked.count, "names"), gate=True),
            Part("distinct", 0.45, _distinct_names),
            Part("within the field", 0.25, _other_than_field),
            Part("breadth", 0.2, _breadth),
        ]
    ),
    cases=draws.subfields,
)


def _new(asked: ScenarioInputs, expected: Json, answer: tuple[Scenario, ...]) -> Found:
    """Whether each is unlike those before it, by the code that keeps near-duplicates out of a run."""
    found = told_apart(
        [one.model_copy(update={"repeats": ""}) for one in answer], asked.earlier, asked.duplicate_threshold
    )
    repeated = [f"{one.title} is too much like {one.repeats}: describe other work" for one in found if one.repeats]
    return told(repeated, len(answer))


def _other_records(asked: ScenarioInputs, expected: Json, answer: tuple[Scenario, ...]) -> Found:
    kinds = Counter(kind.plural for scenario in answer for kind in scenario.kinds)
    repeated = [
        f"{name} are kept in {times} of the scenarios: choose other records"
        for name, times in kinds.items()
        if times > 1
    ]
    return told(repeated, len(kinds))


def _tells_of_records(asked: ScenarioInputs, expected: Json, answer: tuple[Scenario, ...]) -> Found:
    """Whether a description speaks of what is kept: it is what tools and requests are made of later."""
    missing: list[str] = []
    for scenario in answer:
        said = " ".join(_words(f"{scenario.title} {scenario.description}"))
        for kind in scenario.kinds:
            if not any(word[:5] in said for word in _words(kind.singular)):
                missing.append(f"the description of {scenario.title} does not say what is done with {kind.plural}")
    return told(missing, sum(len(scenario.kinds) for scenario in answer))


SCENARIO_GENERATOR = Target(
    name="scenario-generator",
    build=lambda profile: ScenarioGenerator(),
    inputs=ScenarioInputs,
    metric=composite(
        [
            Part("enough", 0.1, lambda asked, _, answer: all_there(len(answer), asked.count, "scenarios"), gate=True),
            Part("new", 0.45, _new),
            Part("other records", 0.25, _other_records),
            Part("tells", 0.2, _tells_of_records),
        ]
    ),
    cases=draws.scenarios,
)


def _has_fields(asked: CollectionInputs, expected: Json, answer: Collection) -> Found:
    own = [name for name, field in answer.fields.items() if field.references is None]
    reason = f"{answer.name} have {len(own)} fields of their own: add what people look up and change."
    return Found(min(1.0, len(own) / 3), reason if len(own) < 3 else "")


def _many_kinds(asked: CollectionInputs, expected: Json, answer: Collection) -> Found:
    kinds = {
        "choice" if field.enum else field.format or field.type
        for field in answer.fields.values()
        if not field.references
    }
    reason = f"All fields of {answer.name} are of the kind {', '.join(sorted(kinds))}: add dates, numbers or choices."
    return Found(min(1.0, len(kinds) / 2), reason if len(kinds) < 2 else "")


def _has_states(asked: CollectionInputs, expected: Json, answer: Collection) -> Found:
    if any(field.enum or field.type == "boolean" for field in answer.fields.values()):
        return Found(1.0)
    return Found(0.0, f"{answer.name} have no choice and no flag: there is nothing to mark them as, or to refuse by.")


def _plain_names(asked: CollectionInputs, expected: Json, answer: Collection) -> Found:
    vague = [f"{name} says nothing about what it holds" for name in answer.fields if _VAGUE.fullmatch(name)]
    noun = f"{record_noun(answer)}_"
    doubled = [
        f"{name} says {noun[:-1]} again: {name.removeprefix(noun)} is enough"
        for name, field in answer.fields.items()
        if name.startswith(noun) and not field.references
    ]
    return told([*vague, *doubled], len(answer.fields))


_VAGUE = re.compile(r"(?:data|info|information|value|field|details?|misc|other|text|item|thing|attribute)(?:_?\d+)?")

COLLECTION_GENERATOR = Target(
    name="collection-generator",
    build=lambda profile: CollectionGenerator(),
    inputs=CollectionInputs,
    metric=composite(
        [
            Part("fields", 0.3, _has_fields),
            Part("kinds of fields", 0.25, _many_kinds),
            Part("states", 0.25, _has_states),
            Part("names", 0.2, _plain_names),
        ]
    ),
    cases=draws.collections,
)


def _fits(asked: RecordInputs, expected: Json, answer: Records) -> Found:
    rows = [*answer[0].items(), *(("a spare record", row) for row in answer[1])]
    found = [(id, first_problem(asked.collection.record_schema(), row)) for id, row in rows]
    return told([f"{id} does not fit its collection: {problem}" for id, problem in found if problem], len(rows))


def _differ(asked: RecordInputs, expected: Json, answer: Records) -> Found:
    """Whether the texts, numbers and days that the model wrote differ from record to record."""
    rows = [*answer[0].values(), *answer[1]]
    problems: list[str] = []
    for name, field in asked.collection.fields.items():
        if field.references or field.enum or field.type == "boolean":
            continue
        values = Counter(str(row.get(name)).strip().lower() for row in rows)
        if len(values) <= len(rows) / 2:
            most, times = values.most_common(1)[0]
            problems.append(f"{name} is {most!r} in {times} of {len(rows)} records: make the records differ")
    return told(problems)


def _real(asked: RecordInputs, expected: Json, answer: Records) -> Found:
    """Whether texts read like values that someone entered, not like placeholders."""
    rows = [*answer[0].values(), *answer[1]]
    texts = [(name, value) for row in rows for name, value in row.items() if isinstance(value, str)]
    empty = [
        f"{name} is {value!r}: write what someone would enter" for name, value in texts if _PLACEHOLDER.search(value)
    ]
    return told(list(dict.fromkeys(empty)), len(texts))


_PLACEHOLDER = re.compile(
    r"\blorem ipsum\b|\bj(?:ohn|ane) doe\b|^\W*$"
    r"|^(?:foo|bar|baz|placeholder|sample|example|dummy|test|string|text|name|title|value|tbd|n/?a|none|unknown)"
    r"(?: ?[#_-]?\d{1,3})?$"
    r"|^[a-z]+ ?[#_]?\d{1,2}$",
    re.IGNORECASE,
)
"""A text that stands for one: `Title`, `Customer 1`. Words such as `test` and `bar` are fine within others."""


def _enough(asked: RecordInputs, expected: Json, answer: Records) -> Found:
    return all_there(len(answer[0]) + len(answer[1]), asked.count + asked.spare, "records")


RECORD_GENERATOR = Target(
    name="record-generator",
    build=lambda profile: RecordGenerator(),
    inputs=RecordInputs,
    metric=composite(
        [
            Part("fits", 0.1, _fits, gate=True),
            Part("differ", 0.5, _differ),
            Part("real", 0.3, _real),
            Part("enough", 0.1, _enough),
        ]
    ),
    cases=draws.records,
)


def _works(asked: ToolInputs, expected: State, answer: ToolDesign) -> Found:
    """Whether the tool has a call that succeeds on the records there are, by what its design demands."""
    statuses = _statuses(asked, expected, answer)
    if 200 in statuses:
        return Found(1.0)
    return Found(0.0, f"No call of {answer.name} works on the records there are: {dict(statuses)} by status.")


def _rule_bites(asked: ToolInputs, expected: State, answer: ToolDesign) -> Found | None:
    """Whether the rule refuses some calls and lets others pass; None where there is no rule."""
    if answer.rule is None:
        return None
    statuses = _statuses(asked, expected, answer)
    if statuses[409] and statuses[200]:
        return Found(1.0)
    rule = f"{answer.rule.title} ({answer.rule.field} is {answer.rule.value})"
    return Found(0.3, f"The rule {rule} {'refuses every call' if statuses[409] else 'refuses no call'}.")


def _statuses(asked: ToolInputs, state: State, design: ToolDesign) -> Counter[int]:
    tool = tool_of(design, asked.collections)
    drawn = draw_arguments(tool, state, asked.collections, n=_DRAWS)
    return Counter(outcome(design, asked.collections, state, arguments).status_code for arguments in drawn)


_CHANGING = frozenset(
    {
        *("update", "change", "edit", "adjust", "modify", "correct", "revise", "set"),
        *("mark", "close", "cancel", "complete", "finish", "confirm", "approve", "return"),
    }
)
_READING = frozenset(
    {
        *("get", "show", "view", "look", "read", "check", "fetch", "display"),
        *("find", "search", "list", "filter", "browse", "count"),
    }
)
_VERBS: dict[Action, frozenset[str]] = {
    "create": frozenset(
        {
            *("add", "create", "register", "record", "log", "open", "book", "schedule"),
            *("enter", "new", "place", "order"),
        }
    ),
    "update": _CHANGING,
    "mark": _CHANGING,
    "delete": frozenset({*("delete", "remove", "drop", "erase", "discard", "cancel", "clear")}),
    "get": _READING,
    "find": _READING,
}
"""The verbs that surely are right for an action; one that is right for other actions alone promises something else."""


def _verb(asked: ToolInputs, expected: State, answer: ToolDesign) -> Found:
    """Whether the name's verb promises what the tool does; verbs that code does not know may be right."""
    verb = next(iter(_words(answer.name)), "")
    meant = [action for action, verbs in _VERBS.items() if verb in verbs]
    if not meant or answer.action in meant:
        return Found(1.0)
    return Found(0.0, f"{answer.name} sounds as if it would {meant[0]} records; what it does is {answer.action}.")


def _noun(asked: ToolInputs, expected: State, answer: ToolDesign) -> Found:
    """Whether name and description say what records the tool is about."""
    collection = by_name(asked.collections)[answer.collection]
    stems = {word[:4] for word in (*_words(record_noun(collection)), *_words(collection.name))}
    where = {"name": answer.name, "description": answer.description}
    missing = [part for part, text in where.items() if not stems & {word[:4] for word in _words(text)}]
    return told([f"the {part} of {answer.name} does not say that it is about {collection.name}" for part in missing], 2)


def _unlike(asked: ToolInputs, expected: State, answer: ToolDesign) -> Found | None:
    """Whether it does something else than the earlier tools; None where there are none."""
    if not asked.earlier:
        return None
    known = NearDuplicates(asked.profile.duplicate_threshold)
    for design in asked.earlier:
        known.add(design.name, tool_text(tool_of(design, asked.collections)))
    near = known.find(tool_text(tool_of(answer, asked.collections)))
    return Found(1.0) if near is None else Found(0.0, f"{answer.name} does nearly the same as {near.key}.")


TOOL_GENERATOR = Target(
    name="tool-generator",
    build=lambda profile: ToolGenerator(),
    inputs=ToolInputs,
    metric=composite(
        [
            Part("works", 0.3, _works, gate=True),
            Part("rule", 0.15, _rule_bites),
            Part("verb", 0.25, _verb),
            Part("noun", 0.2, _noun),
            Part("unlike", 0.1, _unlike),
        ]
    ),
    cases=draws.tools,
    expects=State,
)


def _may_run(asked: BehaviourInputs, expected: str, answer: str) -> Found:
    return told(Behaviour(answer).problems)


def _is_certified(asked: BehaviourInputs, expected: str, answer: str) -> Found:
    """Whether it passes certification and agrees with certified code on every drawn call; half for its guard alone."""
    env = asked.env
    found = Behaviour(answer).certify(
        asked.tool, env.initial_state, collections=env.collections, now=env.now, draws=_DRAWS, second=expected
    )
    if found.certified:
        return Found(1.0)
    return Found(0.5 if found.guard_certified else 0.0, told([str(failure) for failure in found.failures]).reason)


BEHAVIOUR_GENERATOR = Target(
    name="behaviour-generator",
    build=lambda profile: BehaviourGenerator(),
    inputs=BehaviourInputs,
    metric=composite([Part("may run", 0.1, _may_run, gate=True), Part("certified", 0.9, _is_certified)]),
    cases=draws.behaviours,
    expects=str,
)

Sequences = tuple[tuple[str, ...], ...]


def _usable(asked: SequenceInputs, expected: State, answer: Sequences) -> Found:
    env = AuditedEnv(
        env=EnvSpec(id="env", scenario=asked.scenario, initial_state=expected, tools=asked.tools), audits=()
    )
    bad = [sequence for sequence in answer if not is_usable(sequence, asked.tools, env)]
    why = "has a tool twice in a row, or one whose records do not exist yet"
    return told([f"{', '.join(sequence)} {why}" for sequence in bad], len(answer))


def _different(asked: SequenceInputs, expected: State, answer: Sequences) -> Found:
    times = Counter([*asked.taken, *answer])
    return told([f"{', '.join(one)} is there already" for one in answer if times[one] > 1], len(answer))


def _flows(asked: SequenceInputs, expected: State, answer: Sequences) -> Found:
    """Whether each tool touches records that an earlier one of its sequence touched: else they make no one task."""
    touched = {tool.name: {*tool.reads, *tool.writes} for tool in asked.tools}
    loose = [
        f"{name} has nothing to do with what comes before it in {', '.join(sequence)}"
        for sequence in answer
        for index, name in enumerate(sequence[1:], start=1)
        if not touched[name] & set[str]().union(*(touched[other] for other in sequence[:index]))
    ]
    return told(loose, sum(len(sequence) - 1 for sequence in answer))


def _changes(asked: SequenceInputs, expected: State, answer: Sequences) -> Found | None:
    """Whether enough sequences change something; None where no tool does."""
    changing = {tool.name for tool in asked.tools if tool.changes_state}
    if not changing:
        return None
    found = share(sum(bool(changing & set(sequence)) for sequence in answer), len(answer))
    wanted = STANDARD.changing_tasks
    reason = f"Only {found:.0%} of the sequences change records; {wanted:.0%} should." if found < wanted else ""
    return Found(min(1.0, found / wanted), reason)


SEQUENCE_GENERATOR = Target(
    name="sequence-generator",
    build=lambda profile: SequenceGenerator(),
    inputs=SequenceInputs,
    metric=composite(
        [
            Part(
                "enough",
                0.1,
                lambda asked, _, answer: all_there(len(answer), len(asked.starts), "sequences"),
                gate=True,
            ),
            Part("usable", 0.35, _usable),
            Part("different", 0.2, _different),
            Part("flows", 0.15, _flows),
            Part("changes", 0.2, _changes),
        ]
    ),
    cases=draws.sequences,
    expects=State,
)

TARGETS = (
    SUBFIELD_GENERATOR,
    SCENARIO_GENERATOR,
    COLLECTION_GENERATOR,
    RECORD_GENERATOR,
    TOOL_GENERATOR,
    BEHAVIOUR_GENERATOR,
    SEQUENCE_GENERATOR,
)


def _words(text: str) -> list[str]:
    """The words of a text, of snake_case and of PascalCase, in lower case."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return re.findall(r"[a-z]+", spaced.lower())


def _is_within(name: str, other: str) -> bool:
    """Whether a name has no word that another one does not have too; `rental` and `rentals` are one word."""
    own, others = ({word[:5] for word in _words(text) if len(word) > 2} for text in (name, other))
    return bool(own) and own <= others
