"""What a run has cost: tokens, money, speed and waste, what the rest may take, and how right the forecast was."""

from collections.abc import Mapping
from typing import NamedTuple

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table

from synthtools.config import Settings
from synthtools.reports.text import short_number, shown
from synthtools.runs.budget import known_price
from synthtools.runs.costs import COLUMNS, Latency, RunCosts, Spent, read_costs
from synthtools.runs.forecast import StageForecast, read_forecast
from synthtools.runs.reader import StoreReader
from synthtools.runs.status import RunStatus
from synthtools.types.record import JsonObject
from synthtools.types.usage import Price, Usage


def costs(store: StoreReader, status: RunStatus, settings: Settings) -> RenderableType:
    """Tables by stage, role, model and replica, and what can be said of money and time."""
    found = read_costs(store)
    prices = _prices(found, settings)
    parts = [
        _table("Model calls by stage", dict(sorted(found.by("stage").items(), key=lambda row: _place(status, row[0])))),
        _table("By role", found.by("role"), found.latencies),
        _table("By model and replica", found.by("model", "replica")),
        _forecast_table(store, status, found),
        *(shown(line) for line in _lines(found, status, prices)),
    ]
    return Group(*(part for part in parts if part is not None))


def costs_json(store: StoreReader, status: RunStatus, settings: Settings) -> JsonObject:
    """The same for scripts: `calls`, `costs` and `forecast`."""
    found = read_costs(store)
    return {
        "calls": [{**dict(zip(COLUMNS, key, strict=True)), **spent.to_json()} for key, spent in found.calls.items()],
        "costs": found.to_json(status, _prices(found, settings)),
        "forecast": {row.stage: row.to_json() for row in _compared(store, status, found)},
    }


def _place(status: RunStatus, key: tuple[str, ...]) -> int:
    order = list(status.stages)
    return order.index(key[0]) if key[0] in order else len(order)


def _prices(found: RunCosts, settings: Settings) -> dict[str, Price]:
    known = {model: known_price(model, settings) for (model,) in found.by("model")}
    return {model: price for model, price in known.items() if price is not None}


def _table(title: str, rows: Mapping[tuple[str, ...], Spent], latencies: Mapping[str, Latency] | None = None) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE, pad_edge=False, collapse_padding=True)
    table.add_column("", overflow="fold")
    for name in ("calls", "prompt", "cached", "output", "again", "wasted"):
        table.add_column(name, justify="right", no_wrap=True)
    if latencies is not None:
        table.add_column("p50 s", justify="right", no_wrap=True)
        table.add_column("p95 s", justify="right", no_wrap=True)
    for key, spent in rows.items():
        usage = spent.usage
        numbers = [
            short_number(usage.calls),
            short_number(usage.prompt_tokens),
            f"{spent.cached_share:.0%}",
            short_number(usage.completion_tokens),
            short_number(spent.retries),
            short_number(spent.wasted_tokens),
        ]
        if latencies is not None:
            latency = latencies.get(key[0])
            numbers += ["-", "-"] if latency is None else [f"{seconds:.1f}" for seconds in latency]
        table.add_row(shown(" @ ".join(filter(None, key)) or "(none)"), *numbers)
    return table


class _Compared(NamedTuple):
    """A stage's forecast beside what came."""

    stage: str
    forecast: StageForecast
    ended: int
    left: int
    usage: Usage

    @property
    def used(self) -> int:
        return self.usage.prompt_tokens + self.usage.completion_tokens

    @property
    def error_percent(self) -> float | None:
        """By how much more tokens were forecast than used; None: none were used."""
        return (self.forecast.tokens - self.used) / self.used * 100 if self.used else None

    def to_json(self) -> JsonObject:
        error = self.error_percent
        return {
            "items": round(self.forecast.items, 2),
            "ended": self.ended,
            "left": self.left,
            "calls": round(self.forecast.calls),
            "called": self.usage.calls,
            "tokens": round(self.forecast.tokens),
            "used": self.used,
            "error_percent": None if error is None else round(error, 1),
            "own_rates": self.forecast.own_rates,
        }


def _compared(store: StoreReader, status: RunStatus, found: RunCosts) -> list[_Compared]:
    spent = found.by("stage")
    rows: list[_Compared] = []
    for stage, forecast in read_forecast(store).items():
        known = status.stages[stage]
        ended = known.done + known.dropped + known.failed
        rows.append(_Compared(stage, forecast, ended, known.left, spent.get((stage,), Spent()).usage))
    return rows


def _forecast_table(store: StoreReader, status: RunStatus, found: RunCosts) -> Table | None:
    rows = _compared(store, status, found)
    if not rows:
        return None
    table = Table(
        title="Forecast, and what came of it so far",
        title_justify="left",
        box=box.SIMPLE,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("", no_wrap=True)
    for name in ("items", "came", "left", "tokens", "used", "error"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        numbers = (row.forecast.items, row.ended, row.left, row.forecast.tokens, row.used)
        error = row.error_percent
        table.add_row(
            row.stage,
            *(short_number(number) for number in numbers),
            "-" if error is None else f"{error:+,.0f}%",
        )
    return table


def _lines(found: RunCosts, status: RunStatus, prices: Mapping[str, Price]) -> list[str]:
    total = found.total
    tokens = total.usage.prompt_tokens + total.usage.completion_tokens
    lines = [
        f"calls that asked again: {total.retries:,}; answers thrown away (cut, malformed or refused by a check): "
        f"{total.discarded:,}, with {total.wasted_tokens:,} of {tokens:,} tokens; "
        f"calls without an answer: {total.failed:,}"
    ]
    if found.seconds:
        lines.append(
            f"{found.calls_per_second:,.2f} calls and {found.tokens_per_second:,.1f} generated tokens a second, over "
            f"{_duration(found.seconds / 3600)} with calls in flight"
        )
    for model, dollars in found.dollars(prices).items():
        unknown = f"its price is not known: --set 'prices.\"{model}\"={{prompt=N, completion=N}}'"
        lines.append(f"{model}: {unknown}" if dollars is None else f"{model}: ${dollars:,.4f}")
    lines += [
        f"estimate: at this rate, {left.items:,} more {left.stage} items take about {_duration(left.hours)}"
        for left in found.time_left(status)
    ]
    return lines


def _duration(hours: float) -> str:
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} seconds"
    return f"{hours * 60:.1f} minutes" if hours < 1 else f"{hours:,.1f} hours"
