"""What a scripted server does instead of answering, one fault at a time or by chance that is the same in every run."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from synthtools.types.record import JsonObject, Record


class Fault(Record):
    """What the server does instead of answering."""

    status: int = 500
    message: str = "made to fail"
    kind: str = "server_error"
    """The error's `type` on the wire."""
    code: str | None = None
    """The error's `code` on the wire; None: the status."""
    retry_after: float | str | None = None
    """Seconds or a date, in the header of that name."""
    reset: bool = False
    """Breaks the connection without a word; the status is not sent."""
    half: bool = False
    """Breaks the connection in the middle of a good answer."""
    hangs: bool = False
    """Says nothing until the client goes away."""
    body: str | None = None
    """Answers 200 with this as the whole body."""
    text: str | None = None
    """Answers 200 with this text as the model's message."""
    cut: bool = False
    """Answers 200 with the beginning of a good message, as one that met the token limit."""


class Chance(NamedTuple):
    """A fault and how often it is met."""

    share: float
    """Of all requests, in [0, 1]."""
    fault: Fault


BAD_DAY: Mapping[str, Chance] = {
    "limited": Chance(0.10, Fault(status=429, message="too many requests", kind="rate_limit", retry_after=0.2)),
    "failed": Chance(0.05, Fault(status=500)),
    "reset": Chance(0.02, Fault(reset=True)),
    "no JSON": Chance(0.05, Fault(text="Of course! Here is what you asked for.")),
    "cut": Chance(0.03, Fault(cut=True)),
    "hangs": Chance(0.01, Fault(hangs=True)),
}
"""One request in four goes wrong: a server that is much too busy, and a model that is too small."""


class Faults:
    """Faults by chance: the request, and how often it came before, decide which is met.

    A run that asks the same meets the same faults, in whatever order its requests arrive.
    """

    def __init__(self, chances: Mapping[str, Chance], seed: int = 0) -> None:
        """Has met nothing yet.

        Args:
            chances: By name; their shares add up to 1 at most.
            seed: Servers with different ones, in [0, 2**64), do different things to the same request.
        """
        if sum(chance.share for chance in chances.values()) > 1.0 + 1e-9:
            raise ValueError("the shares of all faults add up to 1 at most")
        self.met: Counter[str] = Counter()
        """Requests by the fault that they met."""
        self._chances = dict(chances)
        self._seed = seed.to_bytes(8)
        self._came: Counter[bytes] = Counter()

    def meet(self, body: JsonObject) -> Fault | None:
        """The fault of a request; None: it is answered."""
        key = hashlib.blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
        drawn = hashlib.blake2b(key, salt=self._came[key].to_bytes(8) + self._seed, digest_size=8).digest()
        self._came[key] += 1
        left = int.from_bytes(drawn) / 2**64
        for name, chance in self._chances.items():
            left -= chance.share
            if left < 0:
                self.met[name] += 1
                return chance.fault
        return None
