"""Text from models on a terminal: what is shown can neither move the cursor nor reorder the line."""

import unicodedata

from rich.text import Text

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode categories of control, format (bidirectional overrides among them) and unassigned characters."""


def plain(text: str, most: int | None = None) -> str:
    """A text without control characters, new lines and tabs apart, cut to `most` characters."""
    kept = "".join(
        letter if letter in "\n\t" or unicodedata.category(letter) not in _HIDDEN else "\N{REPLACEMENT CHARACTER}"
        for letter in (text if most is None else text[: most + 1])
    )
    return kept if most is None or len(kept) <= most else kept[: most - 1] + "…"


def shown(text: str, style: str = "", most: int | None = None) -> Text:
    """A text for rich that is never read as markup."""
    return Text(plain(text, most), style=style)


def one_line(text: str, most: int | None = None) -> str:
    """A text on one line."""
    return plain(" ".join(text.split()), most)


def short_number(number: float) -> str:
    """A count for a narrow column: `9,500`, `12k`, `4.6M`."""
    if number >= 1e6:
        return f"{number / 1e6:,.1f}M"
    return f"{number / 1e3:,.0f}k" if number >= 1e4 else f"{number:,.0f}"
