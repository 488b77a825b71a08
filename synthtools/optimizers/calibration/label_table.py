"""Labels in a CSV table: written with an empty column, read back filled in."""

import csv
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import orjson

from synthtools.errors import DataError, UsageError
from synthtools.optimizers.calibration.judged import JudgedCase, Shown

CASE, VERDICT, REASON, CHOICES, LABEL = "case", "verdict", "reason", "choices", "label"
RIGHT, WRONG = "right", "wrong"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Beginnings of a cell that spreadsheets take for a formula; texts come from models."""
_MOST = 8_000
"""Characters of a text; spreadsheets take no more than four times as many in a cell."""


def write_table(path: Path, cases: Iterable[tuple[JudgedCase, Shown]], labels: Mapping[str, str]) -> int:
    """Writes cases with a column to fill in; known labels are filled in already. Returns how many.

    Raises: UsageError where the file exists (it may hold somebody's labels), or cannot be written.
    """
    rows: list[dict[str, str]] = []
    for case, shown in cases:
        rows.append(
            {
                CASE: _safe(case.given.key),
                **{title: _safe(_text(value)) for title, value in shown.items()},
                VERDICT: case.given.verdict,
                REASON: _safe(case.reason),
                CHOICES: ", ".join(case.choices),
                LABEL: labels.get(case.given.key, ""),
            }
        )
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]) if rows else [CASE, LABEL])
            table.writeheader()
            table.writerows(rows)
    except FileExistsError:
        raise UsageError(f"{path} exists and may hold labels: name another file") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return len(rows)


def read_table(path: Path, find: Callable[[str], JudgedCase | None]) -> dict[str, str]:
    """The labels of a filled-in table, by the case's key; rows without one are left out.

    A label is the right verdict, or `right`, or (where there is but one other verdict) `wrong`.

    Args:
        path: The file.
        find: The case of a key; None where there is none.

    Raises: DataError naming file, line and column.
    """
    labels: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, strict=True)
            for column in (CASE, LABEL):
                if column not in (table.fieldnames or ()):
                    raise DataError(f"{path}, line 1: there is no column {column}; columns are separated by commas")
            for row in table:
                where = f"{path}, line {table.line_num}"
                key, label = ((row[column] or "").strip() for column in (CASE, LABEL))
                key = key[1:] if key.startswith("'") and _safe(key[1:]) == key else key
                if not label:
                    continue
                case = find(key)
                if case is None:
                    raise DataError(f"{where}, column {CASE}: {key!r} is no case of this judge in this run")
                right = _label(case, label, f"{where}, column {LABEL}")
                if labels.setdefault(key, right) != right:
                    raise DataError(f"{where}, column {LABEL}: {key} is labelled {labels[key]} further up")
    except csv.Error as error:
        raise DataError(f"{path}: no CSV: {error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8: save it as CSV in UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    return labels


def _label(case: JudgedCase, label: str, where: str) -> str:
    others = [choice for choice in case.choices if choice != case.given.verdict]
    word = label.casefold()
    if word == RIGHT:
        return case.given.verdict
    if word == WRONG and len(others) == 1:
        return others[0]
    if word in case.choices:
        return word
    if word == WRONG:
        raise DataError(f"{where}: which verdict is right instead of {case.given.verdict}? {' or '.join(others)}")
    raise DataError(f"{where}: {label[:60]!r}: write {RIGHT}, or one of {', '.join(case.choices)}")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(_text(part) for part in cast("list[Any]", value))
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= _MOST else f"{text[: _MOST - 1]}…"


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
