"""What the transports to servers say alike: addresses that are refused, keys that are not told, times to wait."""

import os
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from synthtools.backends.spec import ModelSpec
from synthtools.errors import ConfigError

_SECRETS = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
"""How environment variables that hold secrets end."""

_LONGEST_LINE = 300


def check_addresses(spec: ModelSpec) -> None:
    """Raises ConfigError for an address that is none, or that holds a secret."""
    for address in spec.api_bases:
        if "@" in address:
            raise ConfigError(f"{spec.name}: no user or password in an address: keys come from the environment")
        if not address.startswith(("http://", "https://")):
            raise ConfigError(f"{spec.name}: {address!r} is no address: write http://HOST:PORT/v1")


def no_address(spec: ModelSpec) -> ConfigError:
    """The error for a model on a server of one's own, without the server."""
    return ConfigError(f"{spec.name}: give the server's address, --api-base http://HOST:PORT/v1")


def told(text: str) -> str:
    """What a server said, as one line of bounded length and without our keys, which servers repeat."""
    line = " ".join(text.split())
    for name, value in os.environ.items():
        if name.endswith(_SECRETS) and len(value) >= 8:
            line = line.replace(value, "***")
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 3] + "..."


def retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds seconds or a date; None where it holds neither."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if seconds == seconds else None
