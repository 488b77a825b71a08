"""The base of every record: frozen, strict about unknown keys, and readable in a notebook."""

import html

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue

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

    def _repr_html_(self) -> str:
        """Escaped, indented JSON: records hold text from models, which is never trusted as markup."""
        text = orjson.dumps(self.to_json(), option=orjson.OPT_INDENT_2).decode()
        return f"<b>{html.escape(type(self).__name__)}</b><pre>{html.escape(text)}</pre>"
