"""How much longer a stage's prompts are with saved programs, for a forecast from rates that were had without them.

An item's rates are of a stage as a whole, and a program changes the prompts of single roles. How often an item asks
each role is the run's own as soon as it has ended items of the stage; before, it is built in, from runs with the
scripted stand-in (profile `small`), in which only code judges.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import orjson

from synthtools.runs.acceptance import settings_key
from synthtools.runs.models import ProgramFiles, load_program, program_hashes
from synthtools.runs.reader import StoreReader
from synthtools.runs.stages import STAGES
from synthtools.types.profile import Profile
from synthtools.types.record import JsonObject

SHARES: dict[str, dict[str, float]] = {
    "subfields": {"GenerateSubfields": 1.0},
    "scenarios": {"GenerateScenarios": 1.0},
    "env-generation": {"DesignCollection": 1 / 6, "PopulateCollection": 1 / 6, "DesignTool": 1 / 3,
                       "WriteBehaviour": 1 / 3},
    "env-audit": {"WriteTestCalls": 1.0},
    "task-sequences": {"PlanSequences": 1.0},
    "task-generation": {"FirstTurn": 1 / 4, "NextTurn": 1 / 4, "SolveTurn": 1 / 2},
    "task-audit": {"MergeTurns": 1.0},
    "trajectory-generation": {"NextStep": 1.0},
}  # fmt: skip
"""Of a stage's calls, by signature."""

_CHARACTERS = 4
"""Of a token, on average."""


class Growth(NamedTuple):
    """What a stage's programs add to its prompts."""

    tokens: float
    """Prompt tokens of a call on average, over all calls of the stage; below 0 where prompts are shorter."""
    note: str
    """That in words, and what of it cannot be told."""


def prompt_growth(store: StoreReader | None, files: ProgramFiles, profile: Profile) -> dict[str, Growth]:
    """By stage with saved programs: how much longer its prompts are than those its rates are of.

    Args:
        store: The run; None: it is to be made.
        files: Saved programs by stage.
        profile: What the programs are built for.

    Raises: DataError, ConfigError for a file that does not fit.
    """
    return {stage: _growth(store, stage, files, profile) for stage in files}


def _growth(store: StoreReader | None, stage: str, files: ProgramFiles, profile: Profile) -> Growth:
    asked = {} if store is None else _asked(store, stage)
    if store is not None and asked:
        noted = store.meta(settings_key(stage))
        before = "" if noted is None else cast(JsonObject, orjson.loads(noted)).get("program", "")
        if before == program_hashes(files)[stage]:
            return Growth(0.0, "the run's own rates are with it already")
        if before:
            return Growth(0.0, "the run's own rates, which the forecast goes by, are with another program")
    shares = asked or SHARES[stage]
    longer = _longer(stage, files, profile)
    tokens = sum(share * longer.get(signature, 0.0) for signature, share in shares.items())
    note = f"a prompt is {abs(tokens):,.0f} tokens {'longer' if tokens >= 0 else 'shorter'} on average, as forecast"
    if unasked := ", ".join(sorted(longer.keys() - shares.keys())):
        note += f"; calls of {unasked} are in {'no rate of the run' if asked else 'no built-in rate'}"
    return Growth(tokens, note)


def _asked(store: StoreReader, stage: str) -> dict[str, float]:
    """Shares of the stage's calls by signature, as the run has them."""
    found = store.rows("SELECT role, count(*) FROM ledger WHERE stage = ? GROUP BY role", (stage,))
    calls = {str(role): cast(int, number) for role, number in found}
    total = sum(calls.values())
    return {role: number / total for role, number in calls.items()}


def _longer(stage: str, files: ProgramFiles, profile: Profile) -> Mapping[str, float]:
    """By signature: tokens that a prompt of it is longer with the programs than without."""
    plain, saved = STAGES[stage].load_program(profile), STAGES[stage].load_program(profile)
    for path in files[stage]:
        load_program(saved, path)
    before, after = _lengths(plain), _lengths(saved)
    return {name: (after[name] - before[name]) / _CHARACTERS for name in before if after[name] != before[name]}


def _lengths(program: Any) -> dict[str, int]:
    """Characters of a prompt without its inputs, by the name of the role's signature."""
    from synthtools.backends.registry import adapter
    from synthtools.modules.role import Role

    formats: Any = adapter()
    lengths: dict[str, int] = {}
    for _, role in program.named_sub_modules():
        if isinstance(role, Role):
            predict = cast(Any, role.predict)
            messages = formats.format(predict.signature, predict.demos, {})
            lengths[type(role).signature.__name__] = sum(len(message["content"]) for message in messages)
    return lengths
