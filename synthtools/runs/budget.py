"""Budgets of a run: tokens and money, checked before each paid call."""

from collections.abc import Mapping

from synthtools.config import Settings
from synthtools.errors import BudgetExceeded, ConfigError
from synthtools.runs.journal import RunLedger
from synthtools.types.usage import Usage

_FREE = ("embedded/", "scripted/")

Price = tuple[float, float]
"""US dollars for one prompt token and for one generated token."""


class Budget:
    """Raises BudgetExceeded once what the run has cost reaches a bound; calls in flight are still paid."""

    def __init__(self, ledger: RunLedger, settings: Settings) -> None:
        """Raises: ConfigError where money is to be counted and a model's price is not known."""
        self._ledger = ledger
        self._tokens = settings.run.budget_tokens
        self._usd = settings.run.budget_usd
        self._prices: dict[str, Price] = {}
        if self._usd is not None:
            named = (settings.model.name, settings.judge.name, settings.model.fallback)
            self._prices = {name: price_of(name, settings) for name in named if name is not None}

    def check(self) -> None:
        """Raises BudgetExceeded where nothing is left."""
        usage = self._ledger.usage
        used = usage.prompt_tokens + usage.completion_tokens
        if self._tokens is not None and used >= self._tokens:
            raise BudgetExceeded(f"the budget of {self._tokens:,} tokens is spent ({used:,} used)")
        if self._usd is not None:
            spent = cost(self._ledger.by_model, self._prices)
            if spent >= self._usd:
                raise BudgetExceeded(f"the budget of ${self._usd:.2f} is spent (${spent:.4f} used)")


def cost(usage: Mapping[str, Usage], prices: Mapping[str, Price]) -> float:
    """US dollars of what models used; a model without a price counts nothing."""
    total = 0.0
    for model, used in usage.items():
        prompt, completion = prices.get(model, (0.0, 0.0))
        total += used.prompt_tokens * prompt + used.completion_tokens * completion
    return total


def price_of(model: str, settings: Settings) -> Price:
    """Price of a model: as set, nothing for one in this process, else LiteLLM's list. Raises: ConfigError."""
    prompt, completion = settings.model.usd_per_million_prompt, settings.model.usd_per_million_completion
    if prompt is not None and completion is not None:
        return (prompt / 1e6, completion / 1e6)
    if model.startswith(_FREE):
        return (0.0, 0.0)
    from synthtools.backends.litellm import load_litellm

    listed = load_litellm().model_cost
    for name in (model, model.partition("/")[2]):
        if name in listed:
            return (
                float(listed[name].get("input_cost_per_token") or 0.0),
                float(listed[name].get("output_cost_per_token") or 0.0),
            )
    raise ConfigError(
        f"the price of {model} is not known: --set model.usd_per_million_prompt=N "
        "and --set model.usd_per_million_completion=N"
    )
