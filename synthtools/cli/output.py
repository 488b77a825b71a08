"""Where commands print: results on stdout, progress and remarks on stderr."""

from typing import Any

import orjson
from rich.console import Console

out = Console()
"""Results."""
notes = Console(stderr=True)
"""Progress and remarks."""


def say(text: str) -> None:
    """A remark for people, on stderr."""
    notes.print(text, markup=False, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """A result as JSON on stdout, for programs."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
