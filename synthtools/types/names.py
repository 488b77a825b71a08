"""Names: slugs for ids, ids that are safe as file names, identifiers for tools and parameters."""

import hashlib
import re
import unicodedata
from collections.abc import Collection
from typing import Annotated

from pydantic import AfterValidator

from synthtools.errors import DataError

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PASCAL = re.compile(r"[A-Z][A-Za-z0-9]*")
_WORD = re.compile(r"[^\W_]+")
_RESERVED = re.compile(r"(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")


def slug(text: str) -> str:
    """A text as lower-case ASCII words joined by `_`, at most 60 characters, safe inside an id.

    Without a single ASCII letter or digit it is `x` and 8 hex digits of the hash, so that two such texts differ.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:60].strip("_")
    return words or f"x{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def is_id(text: str) -> bool:
    """Whether a text may be the id of a stored record: safe as a file name on any system."""
    return _ID.fullmatch(text) is not None and not text.endswith(".") and not _RESERVED.fullmatch(text)


def check_id(text: str) -> str:
    """Returns the id if it is safe as a file name. Raises: DataError."""
    if is_id(text):
        return text
    raise DataError(
        f"id {text[:80]!r} is not safe as a file name: use letters, digits, '_', '-' and '.', at most 200 characters, "
        "starting with a letter or digit"
    )


Id = Annotated[str, AfterValidator(check_id)]
"""The id of a stored record; anything unsafe as a file name is refused with a DataError."""


def is_identifier(text: str) -> bool:
    """Whether a text is an ASCII identifier, as exports and OpenAI functions need."""
    return _IDENTIFIER.fullmatch(text) is not None


def is_pascal_case(text: str) -> bool:
    """Whether a text is a PascalCase identifier, as generated tool names are."""
    return _PASCAL.fullmatch(text) is not None


def pascal_case(text: str) -> str:
    """A tool name as a PascalCase identifier: `A/B Testing Controller` -> `ABTestingController`."""
    if is_pascal_case(text):
        return text
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    joined = "".join(word[0].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", plain))
    if not joined:
        joined = slug(text)
    return joined if joined[0].isalpha() and joined[0].isupper() else f"Tool{joined}"


def identifier(text: str) -> str:
    """A parameter name as an identifier; unchanged where it is one already."""
    if is_identifier(text):
        return text
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    joined = re.sub(r"[^A-Za-z0-9_]+", "_", plain).strip("_") or slug(text)
    return f"_{joined}" if joined[0].isdigit() else joined


def words_of(text: str) -> list[str]:
    """The words of a text in lower case: runs of letters and digits, also between underscores."""
    return _WORD.findall(text.casefold())


def unused(name: str, taken: Collection[str]) -> str:
    """The name, or the name with the first free number after it."""
    if name not in taken:
        return name
    number = 2
    while f"{name}{number}" in taken:
        number += 1
    return f"{name}{number}"
