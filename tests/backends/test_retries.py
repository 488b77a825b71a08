"""How often a call is tried: by kind of failure, and in all."""

import pytest

from synthtools.backends.retries import Transient, TransientKind, Tries
from synthtools.errors import ProviderError


def tried(kinds: list[TransientKind], **settings: int | None) -> int:
    """How many of these failures, one after another, are followed by another try."""
    tries = Tries(settings.get("retries"), settings.get("replicas") or 1)
    for number, kind in enumerate(kinds):
        try:
            assert tries.wait_after(Transient(ProviderError(kind), kind)) > 0
        except ProviderError as error:
            assert str(error) == kind
            return number
    return len(kinds)


@pytest.mark.parametrize(("kind", "retries"), [("unreachable", 2), ("slow", 1), ("limited", 7), ("busy", 5)])
def test_each_kind_has_its_number_of_tries(kind: TransientKind, retries: int) -> None:
    assert tried([kind] * 20) == retries
    assert tried([kind] * 20, retries=3) == 3
    assert tried([kind] * 20, retries=0) == 0


def test_a_kind_with_few_tries_is_not_charged_with_those_of_another() -> None:
    assert tried(["limited", "busy", "slow", "limited"]) == 4
    assert tried(["slow", "limited", "slow"]) == 2


def test_failures_of_all_kinds_together_have_an_end() -> None:
    assert tried(["limited", "busy"] * 10) == 7


def test_every_server_may_be_found_dead_once_more() -> None:
    assert tried(["unreachable"] * 20, replicas=8) == 9
