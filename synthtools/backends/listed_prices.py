"""Prices of hosted models, from the list that LiteLLM brings along; LiteLLM itself is not imported for it."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from synthtools.types.usage import Price

_LIST = "model_prices_and_context_window_backup.json"


def listed_price(model: str) -> Price | None:
    """The listed price of a model string that goes through LiteLLM; None: it is not listed.

    A name without its prefix counts only where the list has it of that very provider: a server of one's own may serve
    a model under any name.
    """
    listed, (provider, _, name) = _listed(), model.partition("/")
    found = listed.get(model)
    if found is None and listed.get(name, {}).get("litellm_provider") == provider:
        found = listed[name]
    if found is None or found.get("input_cost_per_token") is None or found.get("output_cost_per_token") is None:
        return None
    cached = found.get("cache_read_input_token_cost")
    return Price(
        prompt=_of_a_million(found["input_cost_per_token"]),
        completion=_of_a_million(found["output_cost_per_token"]),
        cached=None if cached is None else _of_a_million(cached),
    )


def _of_a_million(price: float) -> float:
    return round(float(price) * 1e6, 9)


@lru_cache(maxsize=1)
def _listed() -> dict[str, dict[str, Any]]:
    package = find_spec("litellm")
    folders = package.submodule_search_locations if package is not None else None
    for folder in folders or ():
        if (Path(folder) / _LIST).is_file():
            return orjson.loads((Path(folder) / _LIST).read_bytes())
    return {}
