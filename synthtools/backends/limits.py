"""How many calls in flight a server takes well, learned from its answers.

A refused call takes its place away, and every fourth answer gives one back. So the limit falls as long as more than one
call in six is refused, in proportion to the share that is, as DCTCP's window does (RFC 8257), and rises by a quarter a
round at most. Where a server refuses what exceeds its room, it ends closely above that room, with one call in six
refused; where a server refuses up to so many however few there are, they cost no more than themselves. Halving at a
refusal, as TCP does, keeps few refusals where there is no room, but leaves idle a server that refuses at random: about
four calls in flight where one in ten is refused. To judge a server by the share of calls that it accepts is Google's
client-side throttling ("Handling Overload" in Site Reliability Engineering, with K = 6/5); steps that are as large at
any limit are those of T. Kelly's Scalable TCP (2003).

The share alone does not tell who is refused: a server with a little less room than is asked of it gives each place that
gets free to the next new call, and none to a call that comes back after its wait. So a call that is refused again takes
away two places, then four, as its own waits get longer: room is made until it is answered.

Slowness is no refusal: answers differ in length, machines are busy with other things, and a server that batches is
slower and still gets more done. So where clearly more got done at a lower load (at half the load, say, in less than
half the time an answer), the limit is lowered on trial only: unless as much gets done under it, it is taken back, and
the next trial comes later. Either way the times at higher loads are forgotten: those of a busy minute would else lower
the limit whenever it has risen again. What gets done is counted in answers and in tokens, and both have to say so: the
stages of a run follow each other, short answers alone make a token slower, and long ones an answer.
"""

import math
from dataclasses import dataclass, replace

_FEWEST_ANSWERS = 32
"""Answers at a load before its speed is judged, or as many as are in flight there: the quick ones come first."""
_ROUNDS = 2.0
"""So many times that number are remembered in a smoothed time."""
_STEPS = 4
"""Loads are told apart by so many steps between a load and its double."""
_CLEARLY_MORE = 1.25
"""Times what gets done now, at a lower load, that makes a trial worth it."""
_TRIAL_KEEPS = 0.75
_AS_MUCH = 0.9
"""Share of the calls a second before a trial that confirms it."""
_SETTLED = 3.0
"""Mean times of an answer until those that come are no longer the quick ones alone."""
_FIRST_PATIENCE = 4
"""Rounds of answers between trials; doubled after each that is taken back."""
_GIVEN_BACK = 1.0 / 4
"""Places for an answer, of those that refusals took away."""
_REFUSED_AGAIN = 2.0
"""Times the places that the last refusal of the same call took away."""
_REGROWTH = 1.0 / 32
"""Places for an answer, of those that slowness took away."""
_TOKENS_OF_NOTHING = 20.0
"""Added to an answer's length: reading a prompt takes its time however short the answer."""


@dataclass(slots=True)
class _Speed:
    """Smoothed seconds of an answer, and a token of it, at about one load."""

    load: float
    answers: int = 0
    seconds: float = 0.0
    a_token: float = 0.0

    @property
    def known(self) -> bool:
        return self.answers >= self._fewest

    def add(self, seconds: float, tokens: int) -> None:
        self.answers += 1
        weight = max(1.0 / (_ROUNDS * self._fewest), 1.0 / self.answers)
        self.seconds += weight * (seconds - self.seconds)
        self.a_token += weight * (seconds / (tokens + _TOKENS_OF_NOTHING) - self.a_token)

    @property
    def _fewest(self) -> float:
        return max(_FEWEST_ANSWERS, self.load)

    def exceeds(self, other: "_Speed", times: float) -> bool:
        """Whether an answer and a token both take more than so many times as long as they do there."""
        return self.seconds > times * other.seconds and self.a_token > times * other.a_token


@dataclass(slots=True)
class _Trial:
    """A lower limit that has to prove itself."""

    limit: float
    limit_before: int
    speed_before: _Speed
    since: float
    """When answers begin to count."""
    speed: _Speed


class AdaptiveLimit:
    """A limit of calls in flight between 1 and a ceiling; not locked, its owner is.

    It starts at the ceiling, which is what the user asked for.
    """

    def __init__(self, ceiling: int) -> None:
        self.ceiling = ceiling
        self._room = float(ceiling)
        """What refusals leave of it."""
        self._useful = float(ceiling)
        """What slowness leaves of it."""
        self._speeds: dict[int, _Speed] = {}
        self._trial: _Trial | None = None
        self._patience = _FIRST_PATIENCE
        self._calm = 0
        """Answers since the last trial."""

    @property
    def value(self) -> int:
        """Calls that may be in flight now."""
        return int(min(self._room, self._useful if self._trial is None else self._trial.limit))

    def refused(self, again: int) -> None:
        """The server refused a call or did not answer it in time; it had refused the same call `again` times before."""
        self._room = max(1.0, self._room - _REFUSED_AGAIN ** min(again, 16))

    def answered(self, load: int, tokens: int, started: float, now: float) -> None:
        """A call was answered.

        Args:
            load: Calls in flight when it began; the most that it saw would be more for a call that takes longer.
            tokens: Length of the answer; 0 where it is not known.
            started: When the call began.
            now: When it was over.
        """
        self._room = min(float(self.ceiling), self._room + _GIVEN_BACK)
        step = _step(load)
        here = self._speeds.setdefault(step, _Speed(load))
        here.add(now - started, tokens)
        if self._trial is not None:
            self._tried(self._trial, tokens, started, now)
            return
        self._calm += 1
        if self._calm >= self._patience * self.value > self._patience and self._lower_did_more(step, here):
            since = now + _SETTLED * here.seconds
            limit = max(1.0, self.value * _TRIAL_KEEPS)
            self._trial = _Trial(limit, self.value, replace(here), since, _Speed(limit))
        else:
            self._useful = min(float(self.ceiling), self._useful + _REGROWTH)

    def _lower_did_more(self, step: int, here: _Speed) -> bool:
        """Whether clearly more got done at some lower load, as far as is known."""
        if not here.known:
            return False
        return any(
            speed.known and here.exceeds(speed, _CLEARLY_MORE * 2.0 ** ((step - lower) / _STEPS))
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
        self._speeds = {step: speed for step, speed in self._speeds.items() if step <= _step(trial.limit)}
        if trial.speed_before.exceeds(trial.speed, _AS_MUCH * trial.limit_before / min(self._room, trial.limit)):
            self._patience, self._useful = _FIRST_PATIENCE, trial.limit
        else:
            self._patience *= 2


def _step(load: float) -> int:
    return round(_STEPS * math.log2(load))
