"""The reference's tool rows, normalised: nothing is refused, every change is reported.

The rows are by a language model: names that are no identifiers, types by other languages' names, defaults that are the
string "None" or of another type, constraints as prose. Prose is lifted into typed constraints where it is sure
(`synthtools.types.lifting`), and stays in the description in any case.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from synthtools.errors import DataError
from synthtools.types.lifting import Verdict, accepts, lift, prose_constraints
from synthtools.types.names import identifier, pascal_case, unused
from synthtools.types.parameter import Parameter, ParameterType, pattern_problem
from synthtools.types.phrase import ConstraintKind
from synthtools.types.record import Json, Record
from synthtools.types.tool import DocumentedError, StatusCode, Tool

_ALIASES: dict[str, ParameterType] = {
    "str": "string", "text": "string", "char": "string", "uuid": "string", "enum": "string",
    "int": "integer", "long": "integer", "int32": "integer", "int64": "integer",
    "float": "number", "double": "number", "decimal": "number", "numeric": "number", "real": "number",
    "bool": "boolean",
    "list": "array", "tuple": "array", "set": "array",
    "dict": "object", "map": "object", "json": "object", "struct": "object",
}  # fmt: skip
_TYPES = frozenset({"string", "integer", "number", "boolean", "array", "object"})
_DATES = {"datetime": "date-time", "date-time": "date-time", "timestamp": "date-time", "date": "date"}
_LIST_OF = re.compile(r"(?:array|list)\s*(?:of\s+|[\[<(]\s*)(\w+?)s?\s*[\]>)]?", re.IGNORECASE)
_KNOWN_KEYS = frozenset(
    {"type", "required", "description", "default", "minItems", "maxItems", "format", "minimum", "maximum", "items"}
    | {"enum", "minLength", "maxLength", "pattern", "properties"}
)
_STATUS: tuple[tuple[re.Pattern[str], StatusCode], ...] = (
    (re.compile(r"\bnot found\b|\bno such\b|\bdoes not exist\b", re.IGNORECASE), 404),
    (re.compile(r"\brate limit|\btoo many requests\b|\bquota exceeded\b", re.IGNORECASE), 429),
    (re.compile(r"\bauthentication\b|\bunauthenticated\b|\bunauthorized\b", re.IGNORECASE), 401),
    (re.compile(r"\baccess denied\b|\bpermission|\bforbidden\b", re.IGNORECASE), 403),
    (re.compile(r"\balready exists?\b|\bconflict\b|\bduplicate\b", re.IGNORECASE), 409),
)
VERDICTS: Mapping[Verdict, str] = {
    "lifted": "constraint lifted",
    "doubtful": "constraint doubtful",
    "left": "constraint left",
}
"""The kinds of change that report constraints in prose."""


class Normalisation(Record):
    """One change made to an old row while reading it."""

    tool: str
    """Name of the tool, as it was."""
    part: str
    """Where: `tool_name`, `parameters.limit`, `output_details.total`..."""
    kind: str
    """What, in a phrase of a closed set: `renamed`, `type alias`, `type guessed`, `default absent`, `default coerced`,
    `default dropped`, `format moved`, `format dropped`, `array without items`, `key dropped`, `constraint dropped`,
    `entry dropped`; and, of constraints in prose, `constraint lifted`, `constraint doubtful`, `constraint left`: the
    last two change nothing."""
    detail: str = ""
    constraint: ConstraintKind | None = None
    """The kind of a constraint in prose; None: the change is about something else."""


class NormalisedTool(NamedTuple):
    """A tool and what was changed to make it one."""

    tool: Tool
    changes: tuple[Normalisation, ...]
    renamed: dict[str, str]
    """Parameters' new names by the old ones, where they differ."""


def normalise_tool(row: Mapping[str, Json], *, lift: bool = True) -> NormalisedTool:
    """The tool of an old row.

    Args:
        row: `tool_name`, `tool_description`, `parameters`, `error_messages`, `usage`, `output_details`.
        lift: Look for constraints in the parameters' prose; False: typed constraints are those of the row alone.

    Raises:
        DataError: The row has no tool name.
    """
    name = row.get("tool_name")
    if not isinstance(name, str) or not name.strip():
        raise DataError("tool_name: expected the tool's name as a string")
    return _Normaliser(name, lift=lift).tool(row)


class _Normaliser:
    """The changes collected while one tool is read."""

    def __init__(self, name: str, *, lift: bool) -> None:
        self.name = name
        self.lift = lift
        self.changes: list[Normalisation] = []

    def note(self, part: str, kind: str, detail: str = "", constraint: ConstraintKind | None = None) -> None:
        change = Normalisation(tool=self.name, part=part, kind=kind, detail=detail[:200], constraint=constraint)
        self.changes.append(change)

    def tool(self, row: Mapping[str, Json]) -> NormalisedTool:
        name = pascal_case(self.name)
        if name != self.name:
            self.note("tool_name", "renamed", name)
        parameters, renamed = self.values(row.get("parameters"), "parameters")
        output, _ = self.values(row.get("output_details"), "output_details")
        errors: list[DocumentedError] = []
        messages = row.get("error_messages")
        for index, message in enumerate(messages if isinstance(messages, list) else []):
            if isinstance(message, str) and message.strip():
                errors.append(documented_error(message))
            else:
                self.note(f"error_messages[{index}]", "entry dropped", repr(message))
        tool = Tool(
            name=name,
            description=_text(row.get("tool_description")),
            parameters=parameters,
            output=output,
            errors=tuple(errors),
            usage=_text(row.get("usage")),
        )
        return NormalisedTool(tool, tuple(self.changes), renamed)

    def values(self, rows: Json, key: str) -> tuple[dict[str, Parameter], dict[str, str]]:
        found: dict[str, Parameter] = {}
        renamed: dict[str, str] = {}
        for old, value in rows.items() if isinstance(rows, dict) else ():
            part = f"{key}.{old}"
            if not isinstance(value, dict):
                self.note(part, "entry dropped", repr(value))
                continue
            name = unused(identifier(old), found.keys())
            if name != old:
                self.note(part, "renamed", name)
                renamed[old] = name
            found[name] = self.value(value, part, is_output=key == "output_details")
        return found, renamed

    def value(self, row: Mapping[str, Json], part: str, *, is_output: bool) -> Parameter:
        kind, item_kind, format_ = self.type_of(row, part)
        description = _text(row.get("description"))
        required = row.get("required")
        fields: dict[str, object] = {
            "description": description,
            "required": required if isinstance(required, bool) else (is_output or "default" not in row),
        }
        for unknown in sorted(set(row) - _KNOWN_KEYS):
            self.note(part, "key dropped", unknown)
        items: Parameter | None = None
        if kind == "array":
            item_row = row.get("items")
            if isinstance(item_row, dict) and item_row.get("type"):
                items = self.value(item_row, f"{part}[]", is_output=True)
            elif item_kind:
                items = Parameter(type=item_kind)
            else:
                self.note(part, "array without items")
            if items is not None and format_ in ("date", "date-time") and items.type == "string":
                items = items.model_copy(update={"format": format_})
                self.note(part, "format moved", f"{format_} to the items")
            format_ = None
        properties = row.get("properties")
        if kind == "object" and isinstance(properties, dict):
            fields["properties"] = self.values(properties, part)[0]
        if format_ and (kind != "string" or format_ not in _DATES.values()):
            self.note(part, "format dropped", format_)
            fields["description"] = f"{description} (format: {format_})".strip()
            format_ = None
        parameter = Parameter.model_validate({"type": kind, "items": items, "format": format_, **fields})
        parameter = self.constrained(parameter, row, part)
        parameter = parameter.model_copy(update={"default": self.default(parameter, row, part)})
        return self.lifted(parameter, description, part) if self.lift and not is_output else parameter

    def type_of(self, row: Mapping[str, Json], part: str) -> tuple[ParameterType, ParameterType | None, str | None]:
        """The type, the type of an array's items where its name says it, and the format."""
        said = row.get("type")
        format_ = row.get("format")
        format_ = format_ if isinstance(format_, str) and format_ else None
        format_ = _DATES.get(format_, format_) if format_ else None
        name = said.strip().lower() if isinstance(said, str) else ""
        if name in _TYPES:
            return _typed(name), None, format_
        if name in _ALIASES:
            self.note(part, "type alias", f"{said} -> {_ALIASES[name]}")
            return _ALIASES[name], None, format_
        if name in _DATES:
            self.note(part, "type alias", f"{said} -> string")
            return "string", None, _DATES[name]
        listed = _LIST_OF.fullmatch(name)
        if listed:
            item = listed.group(1)
            self.note(part, "type alias", f"{said} -> array")
            return "array", (_typed(item) if item in _TYPES else _ALIASES.get(item)), format_
        guess = _type_of_value(row.get("default")) or ("array" if "items" in row else "string")
        self.note(part, "type guessed", f"{said!r} -> {guess}")
        return guess, None, format_

    def constrained(self, parameter: Parameter, row: Mapping[str, Json], part: str) -> Parameter:
        """The parameter with the row's typed constraints, those that make no sense left out."""
        fields: dict[str, object] = {}
        for key, field, kinds in (
            ("minimum", "minimum", ("integer", "number")),
            ("maximum", "maximum", ("integer", "number")),
            ("minLength", "min_length", ("string",)),
            ("maxLength", "max_length", ("string",)),
            ("minItems", "min_items", ("array",)),
            ("maxItems", "max_items", ("array",)),
        ):
            bound = row.get(key)
            if bound is None:
                continue
            is_size = not key.endswith("mum")
            if (
                parameter.type in kinds
                and isinstance(bound, int | float)
                and not isinstance(bound, bool)
                and (not is_size or (isinstance(bound, int) and bound >= 0))
            ):
                fields[field] = bound
            else:
                self.note(part, "constraint dropped", f"{key}: {bound!r}")
        enum = row.get("enum")
        if isinstance(enum, list) and any(value is not None for value in enum):
            fields["enum"] = tuple(value for value in enum if value is not None)
        pattern = row.get("pattern")
        if isinstance(pattern, str) and (why := pattern_problem(pattern)):
            self.note(part, "constraint dropped", why)
        elif isinstance(pattern, str):
            fields["pattern"] = pattern
        return parameter.model_copy(update=fields)

    def default(self, parameter: Parameter, row: Mapping[str, Json], part: str) -> Json:
        """The row's default in the parameter's type; None where it means absence or cannot be certain."""
        if "default" not in row or row["default"] is None:
            return None
        value = row["default"]
        if isinstance(value, str) and value.strip() in ("None", "null", "nil", "N/A") and parameter.enum is None:
            self.note(part, "default absent", repr(value))
            return None
        if parameter.required:
            self.note(part, "default dropped", f"{value!r}: the parameter is required")
            return None
        coerced = parameter.normalise(_coerced(value, parameter.type))
        if not accepts(parameter, coerced):
            self.note(part, "default dropped", f"{value!r} for {parameter.type}")
            return None
        if type(coerced) is not type(value) and not (isinstance(value, int) and isinstance(coerced, float)):
            self.note(part, "default coerced", f"{value!r} -> {coerced!r}")
        return coerced

    def lifted(self, parameter: Parameter, description: str, part: str) -> Parameter:
        """The parameter with the constraints that its description surely states."""
        constraints = prose_constraints(parameter, description)
        for found in constraints:
            said = ", ".join(f"{key}: {value}" for key, value in found.fields.items())
            detail = "; ".join(filter(None, (f"{found.phrase!r}", said, found.doubt)))
            self.note(part, VERDICTS[found.verdict], detail, found.kind)
        return lift(parameter, constraints)


def documented_error(message: str) -> DocumentedError:
    """The error of a message `Title: advice`; its status code by the title's words, 400 where they say nothing."""
    title, _, advice = message.partition(": ")
    codes: list[StatusCode] = [code for pattern, code in _STATUS if pattern.search(title)]
    return DocumentedError(title=title.strip(), advice=advice.strip(), status_code=codes[0] if codes else 400)


def _coerced(value: Json, kind: ParameterType) -> Json:
    """A default in another notation as the type it certainly means; unchanged where it is not certain."""
    if kind == "string" and type(value) in (int, float):
        return str(value)
    if kind != "string" and isinstance(value, str):
        text = value.strip()
        try:
            read = orjson.loads(text.lower() if kind == "boolean" else text)
        except orjson.JSONDecodeError:
            return value
        return read if _type_of_value(read) in ((kind, "integer") if kind == "number" else (kind,)) else value
    return value


def _type_of_value(value: Json) -> ParameterType | None:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else None


def _typed(name: str) -> ParameterType:
    for kind in ("string", "integer", "number", "boolean", "array"):
        if name == kind:
            return kind
    return "object"


def _text(value: Json) -> str:
    return value.strip() if isinstance(value, str) else ""
