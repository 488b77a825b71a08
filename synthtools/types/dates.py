"""What is a date: one definition for values that are checked and for defaults that are read."""

import re
from datetime import date, datetime

from synthtools.types.record import Json

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME = re.compile(r"[0-9W-]+(?:T[0-9:.,]+(?:Z|[+-][0-9:]+)?)?", re.ASCII)


def is_day(text: Json) -> bool:
    """Whether a text is a calendar day, `YYYY-MM-DD`."""
    if not isinstance(text, str) or not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_date_time(text: Json) -> bool:
    """Whether a text is an ISO 8601 date or date-time, with or without a zone."""
    if not isinstance(text, str) or not _DATE_TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
