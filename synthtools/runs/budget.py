"""Budgets of a run: tokens and money, checked before each paid call."""

from collections.abc import Mapping

from synthtools.backends.listed_prices import listed_price
from synthtools.config import Settings
from synthtools.errors import BudgetExceeded, ConfigError
from synthtools.runs.journal import RunLedger
from synthtools.types.usage import Price, Usage

_FREE = ("embedded/", "scripted/")


class Budget:
    """Raises BudgetExceeded once what the run has cost reaches a bound; calls in flight are still paid."""

    def __init__(self, ledger: RunLedger, settings: Settings) -> None:
        """Raises: ConfigError where money is to be counted and a model's price is not known."""
        self._ledger = ledger
        self._tokens = settings.run.budget_tokens
        self._usd = settings.run.budget_usd
        self._prices: dict[str, Price] = {}
        if self._usd is not None:
            self._prices = {name: price_of(name, settings) for name in settings.model_names}

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
    return sum(prices[model].of(used) for model, used in usage.items() if model in prices)


def known_price(model: str, settings: Settings) -> Price | None:
    """Price of a model: as set, nothing for one in this process, else LiteLLM's list; None: it is not known."""
    if model in settings.prices:
        return settings.prices[model]
    return Price(prompt=0.0, completion=0.0) if model.startswith(_FREE) else listed_price(model)


def price_of(model: str, settings: Settings) -> Price:
    """The known price of a model. Raises: ConfigError."""
    price = known_price(model, settings)
    if price is None:
        setting = f'prices."{model}"={{prompt=N, cached=N, completion=N}}'
        raise ConfigError(f"the price of {model} is not known: --set '{setting}', in US dollars for a million tokens")
    return price
