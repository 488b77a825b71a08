"""The roles of the scripted library, by the names of their signatures."""

import hashlib
import random
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import cast

import orjson

from synthtools.backends.fitting import fitting
from synthtools.backends.library import catalog, speech
from synthtools.backends.library.reading import Reading, read_text, read_wire
from synthtools.backends.library.tools import answered, apply_source, designs, guard_source, refusal_of
from synthtools.backends.scripted import Role, fitting_answer
from synthtools.types.record import Json, JsonObject

Inputs = dict[str, Json]

_NOBODY = "ZZZ-99"
"""An id that no record has."""
_LONGEST_TASK = 4
"""Most tools in a sequence: longer requests do not fit into one."""


def _subfields(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    names = _rotated(catalog.SUBFIELDS, seed * 5)
    return {"subfields": list(names[: _count(_output(schema, "subfields"))])}


def _scenarios(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    wanted = _output(schema, "scenarios")
    count = _count(cast("dict[str, JsonObject]", cast(JsonObject, wanted["items"])["properties"])["kinds"])
    subfield, asked = str(inputs.get("subfield")), _count(wanted)
    places = _rotated(catalog.PLACES, _draw(inputs.get("subfield"), seed).randrange(100))
    first = asked * catalog.number_of(subfield, seed)
    return {"scenarios": [_scenario(place, catalog.kinds(count, first + n)) for n, place in enumerate(places[:asked])]}


def _scenario(place: str, kinds: list[Json]) -> JsonObject:
    kept = " and ".join(str(_object(kind)["plural"]) for kind in kinds[-2:])
    return {
        "title": f"Scripted {place} library",
        "description": f"Staff of the {place} library keep {kept} and note what comes back, as scripted.",
        "kinds": kinds,
    }


def _collection(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    asked = cast("dict[str, JsonObject]", _output(schema, "collection")["properties"])
    kind = str(inputs["kind"])
    answer: JsonObject = {}
    if "belongs_to" in asked:
        owners = cast("list[Json]", cast(JsonObject, asked["belongs_to"]["items"])["enum"])
        answer["belongs_to"] = owners[-_most(asked["belongs_to"]) :]
    answer["fields"] = catalog.fields_of(kind, _most(asked["fields"]))
    if "stages" in asked:
        answer["stages"] = catalog.stages_of(kind, _most(asked["stages"]))
    return {"collection": answer}


def _records(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    wanted = _output(schema, "records")
    draw = _draw([inputs.get("scenario"), inputs.get("kind")], seed)
    return {"records": catalog.records(cast(JsonObject, wanted["items"]), _count(wanted), draw)}


def _tool(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    wanted = _output(schema, "tool")
    variants = cast("list[JsonObject]", wanted.get("anyOf") or [wanted])
    existing = {line.partition(":")[0] for line in _texts(inputs, "existing_tools")}
    offered = designs(variants, _texts(inputs, "collections"))
    new = [design for design in offered if design["name"] not in existing] or offered
    return {"tool": new[seed // 10 % len(new)]}


def _behaviour(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject | str:
    state = _object(inputs.get("state_example"))
    tool = read_text(str(inputs["tool"]), state)
    if not tool.action:
        return fitting_answer(inputs, schema, seed)
    return {"guard": guard_source(tool), "apply": apply_source(tool, state)}


def _sequences(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    """By first tool: each second one in turn, and tools that were not used where more are asked for."""
    sequences: JsonObject = {}
    for number, (first, asked) in enumerate(_properties(_output(schema, "sequences")).items()):
        parts = _properties(_object(asked))
        seconds = cast("list[str]", _object(parts["second"])["enum"])
        second = seconds[(seed // 10 + number) % len(seconds)]
        sequence: JsonObject = {"second": second}
        if "then" in parts:
            then = _object(parts["then"])
            others = [name for name in cast("list[str]", _object(then["items"])["enum"]) if name not in (first, second)]
            room = min(_most(then), _LONGEST_TASK - 2, (seed // 10 + number) % _LONGEST_TASK, len(others))
            sequence["then"] = list[Json](_rotated(others, number)[:room])
        sequences[first] = sequence
    return {"sequences": sequences}


def _rules(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    tool, records = _known_tool(inputs)
    refusal = refusal_of(tool, _object(inputs.get("arguments")), records) if tool.action else None
    reason = "The records forbid it." if refusal else "Nothing forbids it."
    return {"decision": {"reason": reason, "error": refusal.title if refusal else "none"}}


def _response(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject | str:
    tool, records = _known_tool(inputs)
    asked = _output(schema, "changes")
    if not tool.action:
        data = fitting(_output(schema, "data"), _draw(inputs, seed), "data")
        return {"reasoning": "A fitting answer.", "data": data, "changes": []}
    data, changes = answered(tool, _object(inputs.get("arguments")), records)
    return {
        "reasoning": "As the records say.",
        "data": data,
        "changes": [_completed(change, asked) for change in changes],
    }


def _completed(change: JsonObject, asked: JsonObject) -> JsonObject:
    """The change with every key that its schema asks for: null where a field stays as it is."""
    if "fields" not in change:
        return change
    for variant in _variants(cast(JsonObject, asked["items"])):
        properties = cast("dict[str, JsonObject]", variant.get("properties") or {})
        if "fields" in properties and properties["collection"].get("const") == change["collection"]:
            keys = cast(JsonObject, properties["fields"].get("properties") or {})
            return {**change, "fields": {**dict.fromkeys(keys), **_object(change["fields"])}}
    return change


def _test_calls(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    wanted = _output(schema, "calls")
    arguments = cast("dict[str, JsonObject]", cast(JsonObject, wanted["items"])["properties"])["arguments"]
    tool, records = _known_tool(inputs)
    parameters = cast("dict[str, JsonObject]", _object(_object(inputs.get("tool")).get("parameters")))
    calls: list[Json] = []
    for number in range(_count(wanted)):
        draw = _draw([inputs, number], seed)
        drawn = [_arguments(arguments, parameters, tool, records, draw) for _ in range(20)]
        if inputs.get("mode") == "happy":
            chosen = next((one for one in drawn if refusal_of(tool, one, records) is None), drawn[0])
            calls.append({"expectation": "It should succeed: its records exist.", "arguments": chosen})
            continue
        named = [name for name, row in parameters.items() if row.get("references")]
        chosen = {**drawn[0], **({named[number % len(named)]: _NOBODY} if named else {})}
        calls.append({"expectation": "It should be refused: no such record.", "arguments": chosen})
    return {"calls": calls}


def _arguments(
    schema: JsonObject,
    parameters: Mapping[str, JsonObject],
    tool: Reading,
    records: JsonObject,
    draw: random.Random,
) -> JsonObject:
    found: JsonObject = {}
    for name, value in cast("dict[str, JsonObject]", schema.get("properties") or {}).items():
        target = str(_object(parameters.get(name)).get("references") or "")
        ids = list(_object(records.get(target)))
        rows = [_object(row) for row in _object(records.get(tool.collection)).values()]
        known = [row[name] for row in rows if name in row]
        if ids:
            found[name] = draw.choice(ids)
        elif tool.action == "find" and known:
            found[name] = draw.choice(known)
        else:
            found[name] = fitting(value, draw, name)
    return found


def _judged_response(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    expected = "should succeed" in str(inputs.get("expectation"))
    succeeded = "error" not in _object(inputs.get("outcome"))
    verdict = "correct"
    if expected != succeeded:
        verdict = "should_success_got_error" if expected else "should_error_got_success"
    return {"reason": "Compared with what the test's author expected.", "verdict": verdict}


def _turn(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    """The action that says nothing only the software knows, where there is one."""
    created = speech.created_ids(_texts(inputs, "conversation"))
    values = [speech.said_values(action) for action in _texts(inputs, "actions")]
    plain = [number for number, said in enumerate(values) if not created.keys() & set(said.values())]
    chosen = plain or list(range(len(values)))
    action = chosen[seed // 10 % len(chosen)]
    return {"action": action, "request": speech.request_for(str(inputs["purpose"]), values[action], created)}


def _solved_turn(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    ids = speech.created_ids(_texts(inputs, "conversation"))
    wishes = _wishes(inputs, {key: record for record, key in ids.items()})
    if not wishes:
        return fitting_answer(inputs, schema, seed)
    return {"call": _call(wishes[0])}


def _plan(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    wishes = _wishes(inputs, {})
    if not wishes:
        return fitting_answer(inputs, schema, seed)
    return {"calls": [_call(wish) for wish in wishes[: _most(_output(schema, "calls"))]]}


def _next_step(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    past = cast("list[JsonObject]", inputs.get("calls_so_far") or [])
    created = {
        key: value
        for made in past
        for key, value in _object(made.get("answer")).items()
        if key.endswith("_id") and key not in _object(made.get("arguments")) and isinstance(value, str)
    }
    wishes = _wishes(inputs, created)
    made = [(one.get("tool"), one.get("arguments")) for one in past]
    still = [wish for wish in wishes if (wish.tool, wish.arguments) not in made]
    steps = _variants(_output(schema, "step"))
    calls = next(
        cast("dict[str, JsonObject]", step["properties"]) for step in steps if "calls" in _object(step["properties"])
    )
    if not wishes and not past:  # nobody of the library asks: any call, then an answer
        return {"open_parts": "all of it", "step": {"calls": [_one_call(calls["calls"], _draw(inputs, seed))]}}
    if still:
        known = [wish for wish in still if speech.THE_NEW_ONE not in wish.arguments.values()] or still
        room = _most(calls["calls"])
        return {
            "open_parts": f"{len(still)} of {len(wishes)}",
            "step": {"calls": [_call(wish) for wish in known[:room]]},
        }
    asked = [_fact(one.get("answer"), words) for words in speech.questions(str(inputs["request"])) for one in past]
    told = "; ".join([*filter(None, asked), *(_told(one.get("answer")) for one in past)])
    return {"open_parts": "nothing", "step": {"answer": f"This is done, says the scripted stand-in: {told}"[:390]}}


def _fact(answer: Json, words: str) -> str:
    """What an answer of a tool has under a name, in words; empty: nothing."""
    if isinstance(answer, list):
        return ", ".join(filter(None, (_fact(item, words) for item in answer)))
    facts = [
        f"{words} {_told(value)}" if key.replace("_", " ") == words else _fact(value, words)
        for key, value in _object(answer).items()
    ]
    return ", ".join(filter(None, facts))


def _one_call(schema: JsonObject, draw: random.Random) -> Json:
    return fitting(cast(JsonObject, schema["items"]), draw, "call")


def _told(answer: Json) -> str:
    """An answer of a tool in words: counts before lists."""
    if isinstance(answer, dict):
        parts = sorted(answer.items(), key=lambda pair: isinstance(pair[1], list))
        return ", ".join(f"{key.replace('_', ' ')} {_told(value)}" for key, value in parts)
    if isinstance(answer, list):
        return ", ".join(_told(item) for item in answer)
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    return str(answer)


def _judged_turn(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    """Quotes an argument where its value stands in the request, letter by letter."""
    request = str(inputs["request"])
    expected = str(inputs["expected_call"])
    citations: list[Json] = []
    asked = _output(schema, "citations").get("items")
    for variant in _variants(_object(asked)):
        name = str(_object(_object(variant.get("properties")).get("parameter")).get("const") or "")
        if not name:
            continue
        label = f"the {name.removesuffix('_id').replace('_', ' ')} is "
        said = label in request
        quote = request[request.index(label) :][:60] if said else "not said"
        citations.append({"parameter": name, "quote": quote, "source": "request" if said else "nowhere"})
    same = expected == str(inputs["actual_call"]) or inputs.get("expected_response") == inputs.get("actual_response")
    return {"citations": citations, "reason": "Compared letter by letter.", "correct": same}


def _judged_solution(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    return {"reason": "Equal where nothing differs.", "equivalent": not inputs.get("differences")}


def _judged_trajectory(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    """Counts the successful calls of each tool against the expected ones."""
    actual = [
        str(call.get("tool"))
        for call in cast("list[JsonObject]", inputs.get("actual_calls") or [])
        if "error" not in _object(call.get("answer"))
    ]
    missing: list[Json] = []
    for expected in _texts(inputs, "expected_calls"):
        name = expected.partition("(")[0]
        if name in actual:
            actual.remove(name)
        else:
            missing.append(name[:120])
    reached = not missing and bool(inputs.get("final_answer"))
    extra: list[Json] = [name[:120] for name in islice(actual, 6)]
    return {
        "missing_calls": missing[:6],
        "extra_calls": extra,
        "reason": "Compared by the names of the tools.",
        "goal_reached": reached,
    }


def _merged(inputs: Inputs, schema: JsonObject, seed: int) -> JsonObject:
    return {"request": speech.merged(_texts(inputs, "turns"))}


def _wishes(inputs: Inputs, created: Mapping[str, str]) -> list[speech.Wish]:
    tools = cast("list[JsonObject]", inputs.get("tools") or [])
    return speech.understood(str(inputs["request"]), tools, created)


def _call(wish: speech.Wish) -> JsonObject:
    return {"tool": wish.tool, "arguments": wish.arguments}


def _known_tool(inputs: Inputs) -> tuple[Reading, JsonObject]:
    records = _object(inputs.get("records"))
    return read_wire(_object(inputs.get("tool")), records), records


def _output(schema: JsonObject, name: str) -> JsonObject:
    return _object(_object(schema.get("properties")).get(name))


def _properties(schema: JsonObject) -> JsonObject:
    return _object(schema.get("properties"))


def _variants(schema: JsonObject) -> list[JsonObject]:
    found = schema.get("anyOf") or schema.get("oneOf") or [schema]
    return cast("list[JsonObject]", found)


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _texts(inputs: Inputs, name: str) -> list[str]:
    value = inputs.get(name)
    return [str(item) for item in value] if isinstance(value, list) else []


def _count(schema: JsonObject) -> int:
    return cast(int, schema.get("minItems", 1))


def _most(schema: JsonObject) -> int:
    return cast(int, schema.get("maxItems", 1))


def _rotated(values: Sequence[str], by: int) -> list[str]:
    return [values[(by + number) % len(values)] for number in range(len(values))]


def _draw(key: object, seed: int) -> random.Random:
    return random.Random(hashlib.sha256(orjson.dumps([key, seed])).digest())


ROLES: Mapping[str, Role] = {
    "GenerateSubfields": _subfields,
    "GenerateScenarios": _scenarios,
    "DesignCollection": _collection,
    "PopulateCollection": _records,
    "DesignTool": _tool,
    "WriteBehaviour": _behaviour,
    "PlanSequences": _sequences,
    "CheckRules": _rules,
    "SimulateResponse": _response,
    "WriteTestCalls": _test_calls,
    "JudgeResponse": _judged_response,
    "FirstTurn": _turn,
    "NextTurn": _turn,
    "SolveTurn": _solved_turn,
    "PlanSolution": _plan,
    "NextStep": _next_step,
    "JudgeTurn": _judged_turn,
    "JudgeSolution": _judged_solution,
    "JudgeTrajectory": _judged_trajectory,
    "MergeTurns": _merged,
}
"""Every role of `synthtools.signatures`."""
