"""Hard caps of a compile: calls, tokens and money, over all the processes that worked on it."""

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from synthtools.backends.ledger import Amend, LedgerSink, usage_meter
from synthtools.optimizers.compile.stopping import CompileStopped, Reason
from synthtools.runs.budget import cost
from synthtools.types.usage import LedgerEntry, Price, Usage


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a compile may use; None: no limit."""

    calls: int | None = None
    tokens: int | None = None
    usd: float | None = None

    def __bool__(self) -> bool:
        return any(limit is not None for limit in (self.calls, self.tokens, self.usd))

    def less(self, reserve: Usage, usd: float) -> "Limits":
        """What is left when so much is put aside."""
        tokens = reserve.prompt_tokens + reserve.completion_tokens
        return Limits(
            calls=None if self.calls is None else self.calls - reserve.calls,
            tokens=None if self.tokens is None else self.tokens - tokens,
            usd=None if self.usd is None else self.usd - usd,
        )


class Caps:
    """Counts what a compile pays, and stops it at its limits.

    Calls never exceed their limit. What a call costs is known when it ends: near the other limits, cases are therefore
    asked one after another, so that no more than one goes beyond. It is the ledger of the compile's calls, too.
    """

    def __init__(self, limits: Limits, ledger: LedgerSink, spent: Mapping[str, Usage], prices: Mapping[str, Price]):
        self._limits = limits
        self._ledger = ledger
        self._prices = prices
        self._by_model = dict(spent)
        self._begun = sum(usage.calls for usage in spent.values())
        self._aside, self._aside_usd, self._is_sparing = Usage(), 0.0, False
        self._running = 0
        self._largest = 0
        """Tokens of the largest case so far."""
        self._stopped: CompileStopped | None = None
        self._free = threading.Condition()

    @property
    def usage(self) -> Usage:
        """What the compile's calls have cost, over all its processes."""
        return sum(self._by_model.values(), Usage())

    @property
    def usd(self) -> float:
        """US dollars of it; models whose price is not known apart."""
        return cost(self._by_model, self._prices)

    @property
    def is_priced(self) -> bool:
        """Whether the price of every model that was called is known."""
        return self._by_model.keys() <= self._prices.keys()

    @property
    def stopped(self) -> CompileStopped | None:
        """What ended the compile, where something did."""
        return self._stopped

    @contextmanager
    def sparing(self) -> Generator[None]:
        """A block that leaves what is put aside; a cap that is reached in it holds until it ends."""
        self._is_sparing = True
        try:
            yield
        finally:
            with self._free:
                self._is_sparing = False
                if self._stopped is not None and self._stopped.is_cap:
                    self._stopped = None

    def put_aside(self, usage: Usage, usd: float) -> None:
        """What is kept for later, in place of what was put aside before."""
        with self._free:
            self._aside, self._aside_usd = usage, usd

    def stop(self, reason: Reason, text: str, error: BaseException | None = None) -> CompileStopped:
        """Lets no further call through. Returns what to raise: the first stop, where there was one before."""
        with self._free:
            if self._stopped is None:
                self._stopped = CompileStopped(reason, text, error)
            self._free.notify_all()
            return self._stopped

    def before_call(self) -> None:
        """Just before each paid call. Raises: CompileStopped."""
        with self._free:
            self._check()
            self._begun += 1

    def write(self, entry: LedgerEntry) -> Amend | None:
        """Books a call."""
        call = Usage(
            calls=1,
            prompt_tokens=entry.prompt_tokens,
            cached_tokens=entry.cached_tokens,
            completion_tokens=entry.completion_tokens,
        )
        with self._free:
            self._by_model[entry.model] = self._by_model.get(entry.model, Usage()) + call
            self._free.notify_all()
        return self._ledger.write(entry)

    @contextmanager
    def case(self) -> Generator[None]:
        """A case is asked in this block, once there is room for it. Raises: CompileStopped."""
        with self._free:
            while self._stopped is None and self._running and not self._has_room():
                self._free.wait()
            if self._stopped is not None:
                raise self._stopped
            self._running += 1
        with usage_meter() as meter:
            try:
                yield
            finally:
                used = meter.usage
                with self._free:
                    self._running -= 1
                    self._largest = max(self._largest, used.prompt_tokens + used.completion_tokens)
                    self._free.notify_all()

    def _has_room(self) -> bool:
        """Whether another case fits beside those that run, if all are as large as the largest so far."""
        tokens = self._tokens()
        more = (self._running + 1) * self._largest
        limits = self._now()
        if limits.tokens is not None and (not self._largest or tokens + more > limits.tokens):
            return False
        if limits.usd is None:
            return True
        return bool(self._largest) and self.usd * (1 + more / max(tokens, 1)) <= limits.usd

    def _now(self) -> Limits:
        return self._limits.less(self._aside, self._aside_usd) if self._is_sparing else self._limits

    def _tokens(self) -> int:
        usage = self.usage
        return usage.prompt_tokens + usage.completion_tokens

    def _check(self) -> None:
        if self._stopped is None:
            limits, whole, tokens, usd = self._now(), self._limits, self._tokens(), self.usd
            if limits.calls is not None and self._begun >= limits.calls:
                kept = _kept(self._begun, whole.calls, f"{whole.calls:,}")
                self._stopped = CompileStopped("calls", f"{self._begun:,} calls were made{kept}")
            elif limits.tokens is not None and tokens >= limits.tokens:
                kept = _kept(tokens, whole.tokens, f"{whole.tokens:,}")
                self._stopped = CompileStopped("tokens", f"{tokens:,} tokens were used{kept}")
            elif limits.usd is not None and usd >= limits.usd:
                kept = _kept(usd, whole.usd, f"${whole.usd}")
                self._stopped = CompileStopped("usd", f"${usd:.4f} were spent{kept}")
        if self._stopped is not None:
            self._free.notify_all()
            raise self._stopped


def _kept(used: float, limit: float | None, shown: str) -> str:
    """Why it is over although the limit is not reached; empty where it is."""
    return f" (of {shown}; the rest is kept for the test)" if limit is not None and used < limit else ""
