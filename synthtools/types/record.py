"""The base of every record: frozen, strict about unknown keys, and readable in a notebook."""

import html
from collections.abc import Mapping
from typing import Any, Self

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from synthtools.errors import DataError

Json = JsonValue
"""Any JSON value."""

JsonObject = dict[str, JsonValue]
"""A JSON object."""

State = dict[str, JsonValue]
"""A world's state: collection name -> record id -> record. Imported states may be any JSON object."""


class Record(BaseModel):
    """A frozen pydantic record; equality is by value, unknown keys are refused."""

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
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            path = ".".join(str(part) for part in first["loc"])
            more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
            raise DataError(f"{where or cls.__name__}: {path}: {first['msg']}{more}") from error
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
