"""What a run's model calls have cost, by every column of the ledger; how fast they were; how long the rest may take."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, cast

from synthtools.runs.journal import Rows
from synthtools.runs.status import RunStatus
from synthtools.types.record import JsonObject
from synthtools.types.usage import ANSWERED, DISCARDED, Price, Usage

Column = Literal["stage", "role", "model", "replica"]
COLUMNS: tuple[Column, ...] = ("stage", "role", "model", "replica")


class Spent(NamedTuple):
    """What some calls have cost; these add up."""

    usage: Usage = Usage()
    retries: int = 0
    """Calls that asked again with the word on what was wrong with an earlier answer."""
    discarded: int = 0
    """Calls whose answer was thrown away: cut, malformed, or refused by a role's checks."""
    wasted_tokens: int = 0
    """Prompt and generated tokens of the discarded ones."""
    failed: int = 0
    """Calls that gave no answer."""

    def plus(self, other: "Spent") -> "Spent":
        """Both together."""
        return Spent(
            self.usage + other.usage,
            self.retries + other.retries,
            self.discarded + other.discarded,
            self.wasted_tokens + other.wasted_tokens,
            self.failed + other.failed,
        )

    @property
    def cached_share(self) -> float:
        """Share of the prompt tokens that servers had cached."""
        return self.usage.cached_tokens / self.usage.prompt_tokens if self.usage.prompt_tokens else 0.0

    def to_json(self) -> JsonObject:
        """As `status --json --cost` writes it."""
        return {
            **self.usage.model_dump(mode="json"),
            "cached_share": round(self.cached_share, 4),
            "retries": self.retries,
            "discarded": self.discarded,
            "wasted_tokens": self.wasted_tokens,
            "failed": self.failed,
        }


class Latency(NamedTuple):
    """Seconds that answers took, by nearest rank."""

    p50: float
    p95: float

    def to_json(self) -> JsonObject:
        """As `status --json --cost` writes it."""
        return {"p50": round(self.p50, 4), "p95": round(self.p95, 4)}


class TimeLeft(NamedTuple):
    """An estimate for what a stage has planned by now: the run's own tokens an item at the run's own rate."""

    stage: str
    items: int
    hours: float


class RunCosts(NamedTuple):
    """What a run has cost."""

    calls: Mapping[tuple[str, ...], Spent]
    """By stage, role, model and replica."""
    latencies: Mapping[str, Latency]
    """By role, over the calls that were answered."""
    seconds: float
    """In which at least one call was in flight, pauses between commands apart; 0: an older version did not note it."""
    timed: Usage
    """What was used by the calls within those seconds."""

    def by(self, *columns: Column) -> dict[tuple[str, ...], Spent]:
        """What was spent, by some of the columns, sorted; by none of them: one sum."""
        places = [COLUMNS.index(column) for column in columns]
        found: dict[tuple[str, ...], Spent] = {}
        for key, spent in self.calls.items():
            kept = tuple(key[place] for place in places)
            found[kept] = found.get(kept, Spent()).plus(spent)
        return dict(sorted(found.items()))

    @property
    def total(self) -> Spent:
        """What all calls have cost."""
        return self.by().get((), Spent())

    @property
    def calls_per_second(self) -> float:
        """Over the time in which calls were in flight; 0 where that is not known."""
        return self.timed.calls / self.seconds if self.seconds else 0.0

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens over the time in which calls were in flight; 0 where that is not known."""
        return self.timed.completion_tokens / self.seconds if self.seconds else 0.0

    def dollars(self, prices: Mapping[str, Price]) -> dict[str, float | None]:
        """US dollars by model; None: its price is not known."""
        used = {model: spent.usage for (model,), spent in self.by("model").items()}
        return {model: prices[model].of(usage) if model in prices else None for model, usage in used.items()}

    def time_left(self, status: RunStatus) -> list[TimeLeft]:
        """Estimates for the stages that have something left and have finished something; stages without calls apart."""
        left: list[TimeLeft] = []
        for (stage,), spent in self.by("stage").items():
            known = status.stages.get(stage)
            ended = known.done + known.dropped + known.failed if known is not None else 0
            if known is not None and known.left and ended and self.tokens_per_second:
                tokens = spent.usage.completion_tokens / ended * known.left
                left.append(TimeLeft(stage, known.left, tokens / self.tokens_per_second / 3600))
        order = list(status.stages)
        return sorted(left, key=lambda estimate: order.index(estimate.stage))

    def to_json(self, status: RunStatus, prices: Mapping[str, Price]) -> JsonObject:
        """As `status --json --cost` writes it."""
        dollars = self.dollars(prices)
        return {
            "total": self.total.to_json(),
            "latency_seconds": {role: latency.to_json() for role, latency in self.latencies.items()},
            "seconds_with_calls": round(self.seconds, 3),
            "calls_per_second": round(self.calls_per_second, 4),
            "generated_tokens_per_second": round(self.tokens_per_second, 4),
            "usd": {model: None if cost is None else round(cost, 6) for model, cost in dollars.items()},
            "estimated_hours_left": {estimate.stage: round(estimate.hours, 4) for estimate in self.time_left(status)},
        }


_ANSWERED = ", ".join(f"'{outcome}'" for outcome in ANSWERED)
_WASTED = ", ".join(f"'{outcome}'" for outcome in DISCARDED)

_SPENT = f"""
SELECT stage, role, model, replica, count(*), coalesce(sum(prompt_tokens), 0), coalesce(sum(cached_tokens), 0),
    coalesce(sum(completion_tokens), 0), {{retries}}, sum(outcome IN ({_WASTED})),
    sum(CASE WHEN outcome IN ({_WASTED}) THEN prompt_tokens + completion_tokens ELSE 0 END),
    sum(outcome NOT IN ({_ANSWERED}))
FROM ledger GROUP BY stage, role, model, replica ORDER BY stage, role, model, replica
"""

_LATENCIES = f"""
SELECT role, min(CASE WHEN rank * 2 >= total THEN seconds END), min(CASE WHEN rank * 20 >= total * 19 THEN seconds END)
FROM (
    SELECT role, seconds, row_number() OVER (PARTITION BY role ORDER BY seconds) AS rank,
        count(*) OVER (PARTITION BY role) AS total
    FROM ledger WHERE outcome IN ({_ANSWERED})
) GROUP BY role ORDER BY role
"""

_IN_FLIGHT = """
SELECT sum(max(0, ended - max(started, coalesce(before, started)))), count(*), sum(prompt_tokens), sum(cached_tokens),
    sum(completion_tokens)
FROM (
    SELECT ended - seconds AS started, ended, prompt_tokens, cached_tokens, completion_tokens,
        max(ended) OVER (ORDER BY ended - seconds ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM ledger WHERE ended > 0
)
"""


def read_costs(store: Rows) -> RunCosts:
    """What a run has cost, while it goes on or later. Raises: RunError where the store cannot be read."""
    calls: dict[tuple[str, ...], Spent] = {}
    # Older files have fewer columns.
    columns = {str(name) for (name,) in store.rows("SELECT name FROM pragma_table_info('ledger')")}
    for row in store.rows(_SPENT.format(retries="sum(retry)" if "retry" in columns else "0")):
        count, prompt, cached, completion, retries, discarded, wasted, failed = cast("tuple[int, ...]", row[4:])
        calls[tuple(str(part) for part in row[:4])] = Spent(
            _usage(count, prompt, cached, completion), retries, discarded, wasted, failed
        )
    latencies = {
        str(role): Latency(float(cast(float, p50)), float(cast(float, p95)))
        for role, p50, p95 in store.rows(_LATENCIES)
    }
    seconds, timed = 0.0, Usage()
    if "ended" in columns:
        found = cast("tuple[float | None, int, int, int, int]", store.rows(_IN_FLIGHT)[0])
        if found[0] is not None:
            seconds, timed = found[0], _usage(*found[1:])
    return RunCosts(calls, latencies, seconds, timed)


def _usage(calls: int, prompt: int, cached: int, completion: int) -> Usage:
    return Usage(calls=calls, prompt_tokens=prompt, cached_tokens=cached, completion_tokens=completion)
