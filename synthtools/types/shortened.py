"""Texts and values cut to a number of characters, `...` at the cut: for messages, prompts and reports."""

import orjson
from pydantic import JsonValue


def shortened(text: str, most: int) -> str:
    """A text of at most `most` characters."""
    return text if len(text) <= most else text[: most - 3] + "..."


def shown_json(value: JsonValue, most: int) -> str:
    """A value as compact JSON of at most `most` characters."""
    return shortened(orjson.dumps(value).decode(), most)
