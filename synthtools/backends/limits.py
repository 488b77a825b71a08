"""How many calls in flight a server takes well, learned from its answers.

A refusal halves the limit, and every round of answers raises it again. Slowness is no refusal: answers differ in
length, machines are busy with other things, and a server that batches is slower and still gets more done. So where
clearly more got done at a lower load (at half the load, say, in less than half the time an answer), the limit is
lowered on trial only: unless as much gets done under it, it is taken back, and the next trial comes later.
"""

import math
from dataclasses import dataclass, field

_FEWEST_ANSWERS = 32
"""Answers at a load before its speed is judged."""
_MEMORY = 0.1
"""Weight of the newest answer in a smoothed time."""
_STEPS = 4
"""Loads are told apart by so many steps between a load and its double."""
_CLEARLY_MORE = 1.25
"""Times what gets done now, at a lower load, that makes a trial worth it."""
_REFUSED_KEEPS = 0.5
_TRIAL_KEEPS = 0.75
_AS_MUCH = 0.9
"""Share of the calls a second before a trial that confirms it."""
_SETTLED = 3.0
"""Mean times of an answer until those that come are no longer the quick ones alone."""
_FIRST_PATIENCE = 4
"""Rounds of answers between trials; doubled after each that is taken back."""
_REGROWTH = 1.0 / 32
"""What an answer adds to a limit that slowness lowered; after a refusal, it is one a round."""
_TOKENS_OF_NOTHING = 20.0
"""Added to an answer's length: reading a prompt takes its time however short the answer."""


@dataclass(slots=True)
class _Speed:
    """Smoothed seconds of an answer, and a token of it, at about one load."""

    answers: int = 0
    seconds: float = 0.0
    a_token: float = 0.0

    @property
    def known(self) -> bool:
        return self.answers >= _FEWEST_ANSWERS

    def add(self, seconds: float, tokens: int) -> None:
        self.answers += 1
        weight = max(_MEMORY, 1.0 / self.answers)
        self.seconds += weight * (seconds - self.seconds)
        self.a_token += weight * (seconds / (tokens + _TOKENS_OF_NOTHING) - self.a_token)


@dataclass(slots=True)
class _Trial:
    """A lower limit that has to prove itself."""

    before: float
    """The limit to go back to."""
    done: float
    """What got done under it, in tokens a second and up to a constant."""
    since: float
    """When answers begin to count."""
    speed: _Speed = field(default_factory=_Speed)


class AdaptiveLimit:
    """A limit of calls in flight between 1 and a ceiling; not locked, its owner is.

    It starts at the ceiling, which is what the user asked for.
    """

    def __init__(self, ceiling: int) -> None:
        self.ceiling = ceiling
        self._value = float(ceiling)
        self._fell = -math.inf
        self._speeds: dict[int, _Speed] = {}
        self._trial: _Trial | None = None
        self._patience = _FIRST_PATIENCE
        self._calm = 0
        """Answers since the last trial."""
        self._slowed = False
        """Whether it was slowness, not a refusal, that lowered it last: then it rises faster."""

    @property
    def value(self) -> int:
        """Calls that may be in flight now."""
        return int(self._value)

    def refused(self, started: float, now: float) -> None:
        """The server refused a call or did not answer in time; times are of the monotonic clock.

        Calls that were on their way when the limit fell tell nothing about the lower one.
        """
        if started >= self._fell:
            self._value = max(1.0, self._value * _REFUSED_KEEPS)
            self._fell = now
            self._trial, self._slowed = None, False

    def answered(self, load: int, tokens: int, started: float, now: float) -> None:
        """A call was answered.

        Args:
            load: Most calls in flight that it saw.
            tokens: Length of the answer; 0 where it is not known.
            started: When the call began.
            now: When it was over.
        """
        step = round(_STEPS * math.log2(load))
        here = self._speeds.setdefault(step, _Speed())
        here.add(now - started, tokens)
        if self._trial is not None:
            self._tried(self._trial, tokens, started, now)
            return
        self._calm += 1
        if self._calm >= self._patience * self._value > self._patience and self._lower_did_more(step, here):
            since = now + _SETTLED * here.seconds
            self._trial = _Trial(self._value, self._value / here.a_token, since)
            self._value = max(1.0, self._value * _TRIAL_KEEPS)
        elif self._value < self.ceiling:
            self._value = min(float(self.ceiling), self._value + (_REGROWTH if self._slowed else 1.0 / self._value))

    def _lower_did_more(self, step: int, here: _Speed) -> bool:
        """Whether clearly more got done at some lower load, as far as is known."""
        if not here.known:
            return False
        return any(
            speed.known and here.a_token > _CLEARLY_MORE * speed.a_token * 2.0 ** ((step - lower) / _STEPS)
            for lower, speed in self._speeds.items()
            if lower < step
        )

    def _tried(self, trial: _Trial, tokens: int, started: float, now: float) -> None:
        if now < trial.since:
            return
        trial.speed.add(now - started, tokens)
        if not trial.speed.known:
            return
        self._trial, self._calm = None, 0
        if self._value / trial.speed.a_token >= _AS_MUCH * trial.done:
            self._patience, self._slowed = _FIRST_PATIENCE, True
        else:
            self._value = trial.before
            self._patience *= 2
