"""Calls of one role on one environment and tool share the front of their prompts, so that a prompt cache works."""

from itertools import pairwise
from typing import Any

import pytest

from tests.library import made


def whole_prompt(body: Any) -> str:
    return "\n".join(f"{message['role']}: {message['content']}" for message in body["messages"])


def shared(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


@pytest.mark.parametrize(
    ("role", "least"),
    [("DesignTool", 0.7), ("WriteBehaviour", 0.7), ("FirstTurn", 0.7), ("NextTurn", 0.7), ("MergeTurns", 0.7),
     ("SolveTurn", 0.7), ("NextStep", 0.7)],
)  # fmt: skip
def test_neighbouring_calls_of_a_role_share_most_of_their_prompts(role: str, least: float) -> None:
    _, script = made()
    prompts = [whole_prompt(body) for body in script.bodies[role]]
    shares = sorted(shared(one, other) / min(len(one), len(other)) for one, other in pairwise(sorted(prompts)))
    assert len(shares) >= 2
    assert shares[len(shares) // 2] >= least


def test_the_front_of_a_prompt_is_its_signature_alone() -> None:
    _, script = made()
    for role, bodies in script.bodies.items():
        systems = {body["messages"][0]["content"] for body in bodies}  # type: ignore[index]
        assert len(systems) == 1, role
