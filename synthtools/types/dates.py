"""What is a date, and how dates are written: one definition for values that are checked, read and drawn."""

import re
from datetime import date, datetime
from typing import TypeGuard

from synthtools.types.record import Json

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME = re.compile(r"[0-9W-]+(?:T[0-9:.,]+(?:Z|[+-][0-9:]+)?)?", re.ASCII)


def is_day(text: Json) -> TypeGuard[str]:
    """Whether a text is a calendar day, `YYYY-MM-DD`."""
    if not isinstance(text, str) or not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_date_time(text: Json) -> TypeGuard[str]:
    """Whether a text is an ISO 8601 date or date-time, with or without a zone."""
    if not isinstance(text, str) or not _DATE_TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def iso_text(moment: datetime, *, day_only: bool) -> str:
    """A moment in ISO 8601, with `Z` for UTC; or its calendar day alone."""
    return moment.date().isoformat() if day_only else moment.isoformat().replace("+00:00", "Z")
