"""The base of every record: frozen, strict about unknown keys, and readable in a notebook."""

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from synthtools.errors import DataError
from synthtools.types.shortened import shortened

Json = JsonValue
"""Any JSON value."""

JsonObject = dict[str, JsonValue]
"""A JSON object."""

State = dict[str, JsonValue]
"""A world's state: collection name -> record id -> record. Imported states may be any JSON object."""


if TYPE_CHECKING:
    _RecordBase = BaseModel
else:

    class _RecordType(type(BaseModel)):
        """Makes a call of the class (not the validation of nested data, which is pydantic's) speak our errors."""

        def __call__(cls, *values, **fields):
            if values:
                names = tuple(cls.model_fields)
                if len(values) > len(names) or any(name in fields for name in names[: len(values)]):
                    raise TypeError(f"{cls.__name__} takes each of {', '.join(names)} once, in this order or by name")
                fields |= zip(names, values, strict=False)
            try:
                return super().__call__(**fields)
            except ValidationError as error:
                raise DataError(_first_problem(error, cls.__name__)) from error

    class _RecordBase(BaseModel, metaclass=_RecordType):
        pass


class Record(_RecordBase):
    """A frozen pydantic record; equality is by value, unknown keys are refused.

    Raises: DataError, one line with the first wrong field, where a record is made of values that do not fit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, use_attribute_docstrings=True)

    def to_json(self) -> JsonObject:
        """The record as a JSON object, without the keys that hold their default."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    @classmethod
    def from_json(cls, data: Mapping[str, object], where: str = "") -> Self:
        """The record of a JSON object, checked strictly: no coercion, no unknown keys.

        Args:
            data: What `to_json` wrote, or anything of that form.
            where: What is read, for the message.

        Raises: DataError, one line with the path of the first wrong field and what is wrong with it.
        """
        try:
            return cls.model_validate_json(orjson.dumps(data), strict=True)
        except ValidationError as error:
            raise DataError(_first_problem(error, where or cls.__name__)) from error
        except TypeError as error:
            raise DataError(f"{where or cls.__name__}: not JSON: {error}") from error

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, changed and unvalidated as pydantic's; cached properties (versions, hashes) are computed anew."""
        copy = super().model_copy(update=update, deep=deep)
        held = vars(copy)
        for name in held.keys() - type(self).model_fields.keys():
            del held[name]
        return copy

    def _repr_html_(self) -> str:
        """Escaped, indented JSON: records hold text from models, which is never trusted as markup."""
        text = orjson.dumps(self.to_json(), option=orjson.OPT_INDENT_2).decode()
        return f"<b>{html.escape(type(self).__name__)}</b><pre>{html.escape(text)}</pre>"


def _first_problem(error: ValidationError, where: str) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {shortened(path, 100)}: {first['msg'].removeprefix('Value error, ')}{more}"
