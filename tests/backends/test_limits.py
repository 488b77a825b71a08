"""How many calls in flight a server is given: what refusals, room and slowness make of the limit."""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from synthtools.backends import retries
from synthtools.backends.limits import AdaptiveLimit
from synthtools.backends.retries import Transient, Tries
from synthtools.errors import ProviderError

SLOTS = 64
REFUSED = Transient(ProviderError("too many"), "limited")


@dataclass
class Load:
    """A run of calls, as many at once as the limit lets of 64, on a server without a socket or a clock."""

    limits: list[int] = field(default_factory=list)
    """After each request."""
    requests: list[float] = field(default_factory=list)
    """When each began; a request takes a second on average."""
    answered: int = 0
    refused: int = 0
    lost: int = 0
    """Calls that were refused until their tries were spent."""

    def run(self, is_refused: Callable[[int], bool], calls: int) -> "Load":
        """Makes so many calls. `is_refused`: by the requests that are under way and will be answered."""
        limit, drawn, order = AdaptiveLimit(SLOTS), random.Random(1), itertools.count()
        now, in_flight, taken, left = 0.0, 0, 0, calls - SLOTS
        ready = [(Tries(None), 0) for _ in range(SLOTS)]
        events: list[tuple[float, int, float, int, bool, Tries, int]] = []
        while ready or events:
            while ready and in_flight < limit.value:
                tries, again = ready.pop(0)
                refused = is_refused(taken)
                in_flight, taken = in_flight + 1, taken + (not refused)
                self.requests.append(now)
                ends = now + drawn.lognormvariate(-0.125, 0.5)
                heapq.heappush(events, (ends, next(order), now, in_flight, refused, tries, again))
            now, _, started, load, refused, tries, again = heapq.heappop(events)
            if load:
                in_flight, taken = in_flight - 1, taken - (not refused)
                self.limits.append(limit.value)
            if not load:  # it has waited for its next try
                ready.append((tries, again))
            elif refused:
                self.refused += 1
                limit.refused(again)
                try:
                    wait = tries.wait_after(REFUSED)
                except ProviderError:
                    self.lost += 1
                    ready += [(Tries(None), 0)] if left > 0 else []
                    left -= 1
                else:
                    heapq.heappush(events, (now + wait, next(order), now, 0, False, tries, again + 1))
            else:
                self.answered += 1
                limit.answered(load, 60, started, now)
                ready += [(Tries(None), 0)] if left > 0 else []
                left -= 1
        return self

    @property
    def limit(self) -> float:
        """On average, once it has settled."""
        return sum(self.limits[1000:]) / len(self.limits[1000:])

    @property
    def share(self) -> float:
        """Of refused requests."""
        return self.refused / (self.refused + self.answered)


@pytest.fixture(autouse=True)
def same_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "random", random.Random(1))


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1, 0.12])
def test_calls_that_are_refused_at_any_load_cost_no_more_than_themselves(share: float) -> None:
    drawn = random.Random(2)
    load = Load().run(lambda taken: drawn.random() < share, 4000)
    assert load.limit > 0.9 * SLOTS
    assert load.lost == 0
    assert load.answered == 4000


@pytest.mark.parametrize("room", [2, 8, 24, 48])
def test_the_limit_comes_near_the_room_of_a_server_that_refuses_the_rest(room: int) -> None:
    load = Load().run(lambda taken: taken >= room, 4000)
    assert 0.8 * room < load.limit < 1.2 * room + 1
    assert load.share < 0.25
    assert load.lost == 0


@pytest.mark.parametrize("room", [52, 56, 60, 62])
def test_no_call_starves_where_a_server_has_a_little_less_room_than_is_asked_of_it(room: int) -> None:
    load = Load().run(lambda taken: taken >= room, 4000)
    assert load.lost == 0
    assert load.answered / load.requests[-1] > 0.7 * room


def test_a_server_that_refuses_everything_is_not_stormed() -> None:
    load = Load().run(lambda taken: True, SLOTS)
    assert load.limits[SLOTS] == 1
    first_round = sum(moment < 4.0 for moment in load.requests)
    later = [sum(start <= moment < start + 4.0 for moment in load.requests) for start in range(4, 60, 4)]
    assert first_round < 2 * SLOTS
    assert max(later) <= 8  # one at a time, each of which takes a second or less
    assert load.lost == SLOTS


def test_a_server_that_has_room_again_is_used_again() -> None:
    numbers = itertools.count()
    load = Load().run(lambda taken: 200 <= next(numbers) < 400, 2000)
    assert min(load.limits) < 8
    assert load.limits[-SLOTS] == SLOTS
    assert load.lost == 0


def test_a_refused_call_takes_its_place_away_and_more_of_them_when_it_is_refused_again() -> None:
    limit = AdaptiveLimit(64)
    limits: list[int] = []
    for again in (0, 1, 2):
        limit.refused(again)
        limits.append(limit.value)
    assert limits == [63, 61, 57]
    for _ in range(4 * 6):
        limit.answered(57, 10, started=4.0, now=5.0)
    assert limit.value == 63
    for _ in range(8):
        limit.answered(63, 10, started=4.0, now=5.0)
    assert limit.value == 64
    for _ in range(200):
        limit.refused(0)
    assert limit.value == 1


def test_refusals_leave_a_trial_of_a_lower_limit_alone() -> None:
    limits = simulated(lambda load: 1.0 if load <= 32 else (load / 32) ** 2, 64, 3000, refused_every=12)
    assert 20 <= sum(limits[-1000:]) / 1000 < 48


def simulated(
    seconds_at: Callable[[int], float], ceiling: int, answers: int, refused_every: int | None = None
) -> list[int]:
    """The limit after each answer of a server that takes so long at a load, while every slot is taken; from half the
    load, which a run passes on its way up."""
    limit, now, limits = AdaptiveLimit(ceiling), 0.0, list[int]()
    for number in range(answers):
        load = ceiling // 2 if number < 50 else limit.value
        now += seconds_at(load) / load
        limit.answered(load, 10, started=now - seconds_at(load), now=now)
        if refused_every and number % refused_every == 0:
            limit.refused(0)
        limits.append(limit.value)
    return limits


def test_the_limit_falls_where_more_calls_get_less_done() -> None:
    limits = simulated(lambda load: 1.0 if load <= 32 else (load / 32) ** 2, 64, 3000)
    assert 24 <= sum(limits[-1000:]) / 1000 < 48


def test_the_limit_stays_where_more_calls_get_more_done_however_slowly() -> None:
    assert set(simulated(lambda load: 1.0 + load / 80, 64, 3000)) == {64}


def test_a_server_that_is_slow_for_a_reason_of_its_own_keeps_its_calls() -> None:
    slow = itertools.count()
    limits = simulated(lambda load: 1.0 if next(slow) < 200 else 5.0, 64, 20_000)
    assert sum(limits) / len(limits) > 62
    assert limits[-1] == 64


def test_a_busy_minute_at_a_high_load_does_not_lower_the_limit_whenever_it_rises_again() -> None:
    answers = itertools.count()
    limits = simulated(lambda load: 3.0 if next(answers) < 1000 and load > 48 else 1.0, 64, 6000)
    assert min(limits[:1000]) < 60
    assert set(limits[-3000:]) == {64}


def test_long_answers_are_not_slow_ones() -> None:
    limit = AdaptiveLimit(64)
    for load, tokens in ((20, 20), (40, 380)):
        for _ in range(100):
            limit.answered(load, tokens, started=10.0, now=10.0 + (tokens + 20) / 40)
    assert limit.value == 64


def test_short_answers_are_not_slow_ones() -> None:
    """A stage of short answers follows one of long ones on a server that takes as long for both."""
    limit, limits = AdaptiveLimit(64), list[int]()
    for load, tokens in ((20, 380), (64, 20), (64, 380), (64, 20)):
        for _ in range(1000):
            limit.answered(load, tokens, started=10.0, now=11.0)
            limits.append(limit.value)
    assert set(limits) == {64}
