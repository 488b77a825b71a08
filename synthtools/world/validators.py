"""Compiled JSON Schema validators: patterns come from models, so their length and their backtracking are bounded."""

from collections.abc import Iterator
from functools import lru_cache

import jsonschema_rs
import orjson

from synthtools.errors import DataError
from synthtools.types.dates import is_date_time, is_day
from synthtools.types.parameter import MAX_PATTERN_LENGTH, PATTERN_OPTIONS
from synthtools.types.record import Json, JsonObject


def compile_schema(schema: JsonObject) -> jsonschema_rs.Draft202012Validator:
    """The validator of a schema; equal schemas share one.

    Raises:
        DataError: The schema is malformed, or a pattern in it is too long or no regular expression.
    """
    return _compile(orjson.dumps(schema))


@lru_cache(maxsize=4096)
def _compile(schema_bytes: bytes) -> jsonschema_rs.Draft202012Validator:
    schema: JsonObject = orjson.loads(schema_bytes)
    for pattern in _patterns(schema):
        if len(pattern) > MAX_PATTERN_LENGTH:
            raise DataError(f"a pattern of {len(pattern)} characters; at most {MAX_PATTERN_LENGTH} are compiled")
    try:
        return jsonschema_rs.Draft202012Validator(
            schema,
            formats={"date-time": is_date_time, "date": is_day},
            validate_formats=True,
            pattern_options=PATTERN_OPTIONS,
        )
    except (jsonschema_rs.ValidationError, ValueError) as error:
        raise DataError(f"not a usable JSON Schema: {str(error).splitlines()[0]}") from error


def _patterns(schema: Json) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "pattern" and isinstance(value, str):
                yield value
            else:
                yield from _patterns(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _patterns(item)


def first_problem(schema: JsonObject, value: Json) -> str | None:
    """Why a value does not fit a schema, as `path: message`, or None where it does."""
    return problem_of(compile_schema(schema), value)


def problem_of(validator: jsonschema_rs.Draft202012Validator, value: Json) -> str | None:
    """`first_problem`, by the validator of the schema."""
    if validator.is_valid(value):
        return None
    error = next(iter(validator.iter_errors(value)))
    where = "/".join(str(step) for step in error.instance_path)
    message = error.message if len(error.message) <= 200 else error.message[:200] + "..."
    return f"{where}: {message}" if where else message
