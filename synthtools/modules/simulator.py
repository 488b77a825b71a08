"""The simulator: answers calls of tools that have no certified code."""

from collections.abc import Mapping
from typing import Any, cast

import dspy

from synthtools.errors import AnswerRefused
from synthtools.modules import drafts
from synthtools.modules.role import Blocking, Role, run_blocking
from synthtools.signatures import simulator as ask
from synthtools.types.call import Change, Check, ToolCall
from synthtools.types.environment import Collection
from synthtools.types.record import Json, JsonObject, State
from synthtools.types.tool import DocumentedError, Tool
from synthtools.world.simulator import Simulation


def tool_view(tool: Tool) -> JsonObject:
    """A tool as a simulator or validator sees it: everything but its effects on named collections."""
    wire = tool.to_wire()
    return {key: wire[key] for key in wire if key not in ("reads", "writes", "error_status_codes")}


def records_view(tool: Tool, records: Json) -> Json:
    """Records as prompts about a tool show them: its own collection first, then those that it looks things up in.

    Prompts about tools of one collection then begin alike, whatever else each of them reads.
    """
    if not isinstance(records, dict):
        return records
    return {name: records[name] for name in dict.fromkeys((*tool.writes, *tool.reads, *records)) if name in records}


class RuleChecker(Role):
    """Tool and call -> whether a documented error, written as prose, applies."""

    signature = ask.CheckRules
    max_tokens = 300

    async def aforward(self, *, tool: Tool, call: ToolCall, records: Json = None, feedback: str = "") -> Check:
        """Decides the documented errors of a call that passed the gate. A tool without any passes unasked."""
        if not tool.errors:
            return Check(passed=True)
        titles = [error.title for error in tool.errors]

        def build(answer: dspy.Prediction) -> Check:
            title = cast(dict[str, Any], answer.decision)["error"]
            if title == "none":
                return Check(passed=True)
            error = _documented(tool, cast(str, title))
            return Check(passed=False, status_code=error.status_code, error_message=error.message)

        schema = drafts.closed({"reason": drafts.text(200), "error": drafts.one_of(["none", *titles])})
        return await self.ask(
            build,
            feedback=feedback,
            tool=tool_view(tool),
            records=records_view(tool, records),
            arguments=call.arguments,
            answer_schema=schema,
        )


def _documented(tool: Tool, title: str) -> DocumentedError:
    return next(error for error in tool.errors if error.title == title)


class ResponseSimulator(Role):
    """Tool, call and records -> response and record changes."""

    signature = ask.SimulateResponse
    max_tokens = 1200

    async def aforward(
        self,
        *,
        tool: Tool,
        call: ToolCall,
        records: Json = None,
        collections: tuple[Collection, ...] = (),
        now: str,
        feedback: str = "",
    ) -> Simulation:
        """Answers a valid call; the data has the tool's own output schema, the changes that of its collections."""

        def build(answer: dspy.Prediction) -> Simulation:
            changes = tuple(
                Change(
                    op=row["op"],
                    collection=row["collection"],
                    id=row["id"],
                    fields={name: value for name, value in row.get("fields", {}).items() if value is not None},
                )
                for row in cast(list[dict[str, Any]], answer.changes)
            )
            for change in changes:
                if change.op == "create" and not change.fields:
                    raise AnswerRefused(f"The change that creates {change.id} has no fields.")
            return Simulation(data=answer.data, changes=changes)

        return await self.ask(
            build,
            feedback=feedback,
            tool=tool_view(tool),
            records=records_view(tool, records),
            now=now,
            arguments=call.arguments,
            output_schema=tool.output_schema(),
            answer_schema=_changes_schema(tool, collections, cast(Mapping[str, Json], records or {})),
        )


def _changes_schema(tool: Tool, collections: tuple[Collection, ...], records: Mapping[str, Json]) -> JsonObject:
    """The changes a tool may make: create, update and delete in the collections it writes."""
    schemas = {collection.name: collection for collection in collections}
    variants: list[Json] = []
    for name in tool.writes:
        fields = _fields_schema(schemas.get(name), records.get(name))
        where: JsonObject = {"collection": {"const": name}, "id": drafts.text(40)}
        variants.append(drafts.closed({"op": drafts.one_of(["create", "update"]), **where, "fields": fields}))
        variants.append(drafts.closed({"op": {"const": "delete"}, **where}))
    if not variants:
        return {"type": "array", "items": {"type": "null"}, "maxItems": 0}
    return drafts.between(0, 4, {"anyOf": variants})


def _fields_schema(collection: Collection | None, records: Json) -> JsonObject:
    """The fields of a record, null where a change leaves one alone."""
    if collection is not None:
        return drafts.closed(
            {name: {"anyOf": [{"type": "null"}, field.json_schema()]} for name, field in collection.fields.items()}
        )
    rows = list(records.values()) if isinstance(records, dict) else records if isinstance(records, list) else []
    names = dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row)
    scalar: JsonObject = {
        "anyOf": [{"type": "null"}, {"type": "boolean"}, {"type": "number"}, {"type": "string", "maxLength": 120}]
    }
    return drafts.closed(dict.fromkeys(names, scalar))


class LLMSimulator(Blocking):
    """The simulator that a `World` is given: documented errors first, then the response with its changes."""

    def __init__(self) -> None:
        super().__init__()
        self.check_rules = RuleChecker()
        self.simulate = ResponseSimulator()

    async def aforward(
        self, *, tool: Tool, call: ToolCall, state: State, collections: tuple[Collection, ...], now: str, feedback: str
    ) -> Simulation:
        """Answers a call; see `world.simulator.Simulator`."""
        records = cast(Json, state) or None
        check = await self.check_rules.acall(tool=tool, call=call, records=records)
        if not check.passed:
            return Simulation(status_code=check.status_code, error_message=check.error_message)
        return cast(
            Simulation,
            await self.simulate.acall(
                tool=tool, call=call, records=records, collections=collections, now=now, feedback=feedback
            ),
        )

    async def arespond(
        self, tool: Tool, call: ToolCall, state: State, *, collections: tuple[Collection, ...], now: str, feedback: str
    ) -> Simulation:
        """Answers a call for a world."""
        return await self.aforward(
            tool=tool, call=call, state=state, collections=collections, now=now, feedback=feedback
        )

    def respond(
        self, tool: Tool, call: ToolCall, state: State, *, collections: tuple[Collection, ...], now: str, feedback: str
    ) -> Simulation:
        """Answers a call for a world, blocking."""
        return run_blocking(self.arespond(tool, call, state, collections=collections, now=now, feedback=feedback))
