"""The contract suite over one real model: `python -m tests.vllm.check_contract MODEL [--api-base A]`."""

import argparse
import json
import sys

import pytest

from tests.backends import contract

CAN = frozenset({"structured", "seed", "stop", "cached", "tools", "logprobs", "timeout"})
CANNOT = {"hosted_vllm": {"timeout"}, "vllm": {"tools"}}
"""The suite's limit of a millisecond ends LiteLLM's calls before they are connected, which is another error."""
TOOLS = "(an_offered_tool or what_came_of_a_call)"
"""The checks in which a model calls tools: vLLM 0.32 binds calls by structural tags, which its guidance backend does
not take, and under any other one random weights fill an answer with spaces. So these are for a trained model on a
server without `--structured-outputs-config`, by `--tools`."""
CONTEXT = 4096
"""Tokens that fit, here as on the servers of `servers.py`."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--api-base")
    parser.add_argument("--settings", type=json.loads, default={})
    parser.add_argument("--tools", action="store_true", help="only the checks in which a model calls tools")
    options = parser.parse_args()
    settings = {**options.settings, **({"api_base": options.api_base} if options.api_base else {})}
    can = CAN - CANNOT.get(options.model.partition("/")[0], set())
    contract.MODELS["external"] = lambda: contract.Backend(options.model, settings, can, CONTEXT)
    chosen = f"external and {TOOLS if options.tools else f'not {TOOLS}'}"
    return pytest.main(
        ["-q", "--disable-warnings", "-p", "no:cacheprovider", "-k", chosen, "tests/backends/test_contract.py"]
    )


if __name__ == "__main__":
    sys.exit(main())
