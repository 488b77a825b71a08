"""What a command is likely to make and to use, told before it works, kept in the run, and held against what came.

A stage's rates are the run's own, once it has ended items of that stage; before, they are built in by profile, and grow
with the profile's `tools` and `length`. The built-in ones of the profile `small` are means over six quickstart runs
with the embedded model (Qwen2.5-Coder 1.5B, five fields). Those of `standard` are from one run with the scripted
stand-in: its prompts are the real ones, its answers always hold, and its tokens are counted by length. Take them for
the order of magnitude; a capable model that thinks aloud generates more.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from pydantic import TypeAdapter

from synthtools.runs.item import Status
from synthtools.runs.reader import StoreReader
from synthtools.runs.stages import STAGES, Stage
from synthtools.runs.store import Store
from synthtools.types.profile import PROFILES, STANDARD, Profile
from synthtools.types.record import Record
from synthtools.types.usage import Usage


class Rates(NamedTuple):
    """What one item of a stage uses on average, whatever comes of it."""

    calls: float
    prompt_tokens: float
    completion_tokens: float
    kept: float
    """Share of the items that become a record."""
    own: bool = False
    """Whether they are the run's own."""


BUILT_IN: dict[str, dict[str, Rates]] = {
    "small": {
        "subfields": Rates(1.2, 162, 16, 1.0),
        "scenarios": Rates(1.0, 198, 55, 1.0),
        "env-generation": Rates(11.7, 5597, 995, 0.83),
        "env-audit": Rates(10.4, 4269, 543, 1.0),
        "task-sequences": Rates(2.0, 557, 72, 1.0),
        "task-generation": Rates(6.5, 2912, 154, 0.85),
        "task-audit": Rates(0.4, 110, 13, 1.0),
        "trajectory-generation": Rates(2.5, 1992, 89, 1.0),
    },
    "standard": {
        "subfields": Rates(1.0, 139, 12, 1.0),
        "scenarios": Rates(1.0, 215, 159, 1.0),
        "env-generation": Rates(28.0, 15702, 2900, 1.0),
        "env-audit": Rates(18.0, 12261, 1559, 1.0),
        "task-sequences": Rates(1.0, 309, 101, 1.0),
        "task-generation": Rates(6.0, 3685, 154, 1.0),
        "task-audit": Rates(2.0, 939, 137, 1.0),
        "trajectory-generation": Rates(2.0, 2229, 166, 1.0),
    },
}
"""By profile and stage, at that profile's own counts."""

_GROWS_WITH = {
    "env-generation": "tools",
    "env-audit": "tools",
    "task-generation": "length",
    "trajectory-generation": "length",
}
"""The count of the profile that an item's calls grow with."""


class StageForecast(Record):
    """What a stage is likely to come to, with what it has already."""

    at_most: int
    """Items, where nothing is lost on the way to it."""
    items: float
    """Items, with the usual losses of the stages before."""
    calls: float
    prompt_tokens: float
    completion_tokens: float
    own_rates: bool = False
    """Whether the rates were the run's own."""

    @property
    def tokens(self) -> float:
        """Prompt and generated tokens."""
        return self.prompt_tokens + self.completion_tokens


class Plan(NamedTuple):
    """A stage of a command that is about to work."""

    exist: int
    """Items that were done, dropped or failed before."""
    planned: int
    """Items that are known by now."""
    new: StageForecast
    """What the command adds."""


Forecasts = dict[str, StageForecast]
_FORECASTS = TypeAdapter(Forecasts)
_KEY = "forecast"


def plan(
    store: StoreReader | None,
    stages: Sequence[Stage],
    profile: Profile,
    limit: int | None,
    fields: int = 0,
    growth: Mapping[str, float] | None = None,
) -> dict[str, Plan]:
    """What a command is likely to add to a run, by stage.

    Args:
        store: The run; None: it is to be made.
        stages: The stages that the command works on.
        profile: The counts of the items.
        limit: Most items of a stage that exist afterwards.
        fields: Fields whose first items are not in the run yet.
        growth: By stage: tokens by which a prompt is longer, on average over its calls, than those the rates are of.
    """
    counts = store.counts() if store is not None else {}
    rates = _rates(store, counts, profile)
    children = {
        "scenarios": profile.subfields,
        "env-generation": profile.scenarios,
        "task-generation": profile.sequences,
        "trajectory-generation": profile.samples,
    }
    plans: dict[str, Plan] = {}
    made, likely = 0, 0.0
    for stage in STAGES.values():
        known = counts.get(stage.name, {})
        planned, exist = known.get("todo", 0), _ended(known)
        each = children.get(stage.name, 1)
        at_most = planned + (made * each if stage.depends_on else fields)
        items = planned + (likely * each if stage.depends_on else fields)
        if limit is not None and not stage.internal:
            room = max(0, limit - exist)
            at_most, items = min(at_most, room), min(items, float(room))
        made, likely = 0, 0.0
        if stage in stages:
            rate = rates[stage.name]
            made, likely = at_most, items * rate.kept
            new = StageForecast(
                at_most=at_most,
                items=items,
                calls=items * rate.calls,
                prompt_tokens=items * (rate.prompt_tokens + rate.calls * (growth or {}).get(stage.name, 0.0)),
                completion_tokens=items * rate.completion_tokens,
                own_rates=rate.own,
            )
            plans[stage.name] = Plan(exist, planned, new)
    return plans


def note_forecast(store: Store, plans: Mapping[str, Plan]) -> None:
    """Keeps what a command forecasts in the run; a later command adds only what goes beyond what was forecast."""
    noted = read_forecast(store)
    used = _used(store) if plans.keys() - noted.keys() else {}
    changed = False
    for stage, (exist, _, new) in plans.items():
        before = noted.get(stage)
        beyond = new.at_most if before is None else min(new.at_most, exist + new.at_most - before.at_most)
        if beyond <= 0:
            continue
        share = beyond / new.at_most
        if before is None:
            spent = used.get(stage, Usage())
            before = StageForecast(
                at_most=exist,
                items=exist,
                calls=spent.calls,
                prompt_tokens=spent.prompt_tokens,
                completion_tokens=spent.completion_tokens,
                own_rates=new.own_rates,
            )
        noted[stage] = StageForecast(
            at_most=before.at_most + beyond,
            items=before.items + new.items * share,
            calls=before.calls + new.calls * share,
            prompt_tokens=before.prompt_tokens + new.prompt_tokens * share,
            completion_tokens=before.completion_tokens + new.completion_tokens * share,
            own_rates=before.own_rates,
        )
        changed = True
    if changed:
        store.set_meta(_KEY, _FORECASTS.dump_json(noted).decode())


def read_forecast(store: StoreReader) -> Forecasts:
    """What commands have forecast, by stage; empty for a run of an older version."""
    noted = store.meta(_KEY)
    return _FORECASTS.validate_json(noted) if noted is not None else {}


def _ended(counts: Mapping[Status, int]) -> int:
    return sum(number for status, number in counts.items() if status != "todo")


def _rates(store: StoreReader | None, counts: Mapping[str, Mapping[Status, int]], profile: Profile) -> dict[str, Rates]:
    name = profile.name if profile.name in BUILT_IN else STANDARD.name
    built_in, usual = BUILT_IN[name], PROFILES[name]
    used = _used(store) if store is not None else {}
    rates: dict[str, Rates] = {}
    for stage in STAGES:
        known = counts.get(stage, {})
        ended = _ended(known)
        if stage in used and ended:
            usage = used[stage]
            sums = (usage.calls, usage.prompt_tokens, usage.completion_tokens)
            calls, prompt, completion = (number / ended for number in sums)
            rates[stage] = Rates(calls, prompt, completion, known.get("done", 0) / ended, own=True)
            continue
        grows = _GROWS_WITH.get(stage)
        scale = getattr(profile, grows) / getattr(usual, grows) if grows is not None else 1.0
        calls, prompt, completion, kept, _ = built_in[stage]
        rates[stage] = Rates(calls * scale, prompt * scale, completion * scale, kept)
    return rates


def _used(store: StoreReader) -> dict[str, Usage]:
    """By stage: what ended items have used."""
    found = store.rows(  # those that have not ended are few: a million calls are told apart in half a second
        "WITH open AS MATERIALIZED (SELECT stage, id FROM items WHERE status = 'todo') "
        "SELECT ledger.stage, count(*), sum(prompt_tokens), sum(completion_tokens) FROM ledger "
        "LEFT JOIN open ON open.stage = ledger.stage AND open.id = ledger.item "
        "WHERE open.id IS NULL GROUP BY ledger.stage"
    )
    used: dict[str, Usage] = {}
    for stage, calls, prompt, completion in cast("list[tuple[str, int, int, int]]", found):
        used[stage] = Usage(calls=calls, prompt_tokens=prompt, completion_tokens=completion)
    return used
