"""The contract suite over one real model: `python -m tests.vllm.check_contract MODEL [--api-base A]`."""

import argparse
import json
import sys

import pytest

from tests.backends import contract

CAN = frozenset({"structured", "seed", "stop", "cached", "tools", "timeout"})
CANNOT = {"hosted_vllm": {"timeout"}, "vllm": {"tools"}}
"""The suite's limit of a millisecond ends LiteLLM's calls before they are connected, which is another error."""
CONTEXT = 4096
"""Tokens that fit, here as on the servers of `servers.py`."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--api-base")
    parser.add_argument("--settings", type=json.loads, default={})
    options = parser.parse_args()
    settings = {**options.settings, **({"api_base": options.api_base} if options.api_base else {})}
    can = CAN - CANNOT.get(options.model.partition("/")[0], set())
    contract.MODELS["external"] = lambda: contract.Backend(options.model, settings, can, CONTEXT)
    return pytest.main(
        ["-q", "--disable-warnings", "-p", "no:cacheprovider", "-k", "external", "tests/backends/test_contract.py"]
    )


if __name__ == "__main__":
    sys.exit(main())
