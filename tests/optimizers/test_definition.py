"""What defines a metric: the same in every process, another one with another weight, part, function or file."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from synthtools.optimizers.definition import metric_used
from synthtools.optimizers.metrics import Check, Found, Part, composite
from synthtools.optimizers.score import Score
from synthtools.optimizers.targets import TARGETS

_SAY = """
import json
from synthtools.optimizers.definition import metric_used
from synthtools.optimizers.targets import TARGETS
print(json.dumps({name: metric_used(target.metric).to_json() for name, target in TARGETS.items()}))
"""

_BESIDE = """
from synthtools.optimizers.definition import metric_used
LEAST = 3
def helped(answer):
    return answer + 1
def scored(inputs, expected, answer):
    return helped(answer) > LEAST
print(metric_used(scored).hash, metric_used(scored).hash)
LEAST = 4
print(metric_used(scored).hash)
LEAST = 3
def helped(answer):
    return answer + 2
print(metric_used(scored).hash)
"""
"""Of a metric whose code is in no file, as in a notebook: twice, with another constant, with another helper."""


def right(inputs: Any, expected: Any, answer: Any) -> Found:
    return Found(float(answer == expected))


def brief(inputs: Any, expected: Any, answer: Any) -> Found:
    return Found(1.0)


def at_most(most: int) -> Check:
    def check(inputs: Any, expected: Any, answer: Any) -> Found:
        return Found(float(len(answer) <= most))

    return check


def longer(inputs: Any, expected: Any, answer: Any, most: int) -> Score:
    return Score(value=float(len(answer) <= most), reason="")


def hash_of(*parts: Part) -> str:
    return metric_used(composite(parts)).hash


def test_it_is_the_same_in_another_process() -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    said = subprocess.run([sys.executable, "-c", _SAY], capture_output=True, text=True, check=True, env=environment)
    told = json.loads(said.stdout)
    assert told == {name: metric_used(target.metric).to_json() for name, target in TARGETS.items()}
    assert len({one["hash"] for one in told.values()}) > len(TARGETS) / 2


def test_names_and_weights_are_told() -> None:
    judged = metric_used(TARGETS["response-judge"].metric)
    assert (judged.name, judged.weights) == ("score_response_verdict", {})
    writer = metric_used(TARGETS["test-call-writer"].metric)
    assert writer.name == "weighted mean"
    assert writer.weights == {"enough": 0.1, "form": 0.1, "as intended": 0.5, "varied": 0.3}


@pytest.mark.parametrize(
    "other",
    [
        Part("right", 0.6, right),
        Part("right", 0.5, brief),
        Part("correct", 0.5, right),
        Part("right", 0.5, right, gate=True),
        Part("right", 0.5, right, cost="model"),
    ],
)
def test_another_part_is_another_metric(other: Part) -> None:
    assert hash_of(Part("right", 0.5, right)) == hash_of(Part("right", 0.5, right)) != hash_of(other)


def test_what_a_function_encloses_counts() -> None:
    assert hash_of(Part("brief", 1.0, at_most(3))) == hash_of(Part("brief", 1.0, at_most(3)))
    assert hash_of(Part("brief", 1.0, at_most(3))) != hash_of(Part("brief", 1.0, at_most(4)))
    assert metric_used(partial(longer, most=3)).hash != metric_used(partial(longer, most=4)).hash


def test_a_change_of_the_file_that_it_is_in_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "my_metric.py"
    file.write_text(
        "def scored(inputs, expected, answer):\n    return helped(answer)\n\n\ndef helped(a):\n    return 1\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    module: Any = __import__("my_metric")
    before = metric_used(module.scored)
    file.write_text(file.read_text().replace("return 1", "return 0"))
    after = metric_used(module.scored)
    assert before.name == after.name == "scored" and before.hash != after.hash


def test_of_what_is_in_no_file_the_functions_beside_it_count() -> None:
    said = subprocess.run([sys.executable, "-c", _BESIDE], capture_output=True, text=True, check=True)
    first, same, constant, helper = said.stdout.split()
    assert first == same and len({first, constant, helper}) == 3
