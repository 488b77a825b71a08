"""Which verdicts people are asked to label."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import groupby
from operator import attrgetter

from synthtools.optimizers.calibration.judged import Given

DEFAULT_SIZE = 120


def draw_sample(given: Sequence[Given], size: int, positive: str, seed: int = 0) -> list[Given]:
    """A sample of verdicts, in an order that says nothing about them.

    Half are positive as far as there are so many, and the negative ones are spread evenly over their values, so that
    rare mistakes are seen. Within a verdict every case has the same chance, and fields and modes come in proportion.
    What is drawn hangs on the cases' keys alone: a larger sample holds the smaller one, and one of a grown run most of
    it.

    Args:
        given: All verdicts.
        size: How many to draw.
        positive: The positive verdict.
        seed: Of the choice.
    """
    counts = Counter(one.verdict for one in given)
    shares = allotted(counts, size, positive)
    chosen: list[Given] = []
    for verdict, number in shares.items():
        ordered = _spread([one for one in given if one.verdict == verdict], seed)
        chosen += ordered[:number]
    return sorted(chosen, key=lambda one: _chance(seed, one.key))


def allotted(counts: Mapping[str, int], size: int, positive: str) -> dict[str, int]:
    """How many verdicts of each value to draw: what one value lacks goes to the others."""
    negative = {verdict: number for verdict, number in counts.items() if verdict != positive}
    lacking = max(0, size - size // 2 - counts.get(positive, 0))
    shares = _evenly(negative, size // 2 + lacking)
    if positive in counts:
        shares[positive] = min(counts[positive], size - sum(shares.values()))
    return shares


def _evenly(counts: Mapping[str, int], size: int) -> dict[str, int]:
    """Equal parts of a size, none larger than there are."""
    shares: dict[str, int] = {}
    for done, verdict in enumerate(sorted(counts, key=lambda verdict: (counts[verdict], verdict))):
        left = size - sum(shares.values())
        shares[verdict] = min(counts[verdict], -(-left // (len(counts) - done)))
    return shares


def _spread(given: Iterable[Given], seed: int) -> list[Given]:
    """The cases in an order of which every beginning has the groups of field and mode in proportion."""
    group = attrgetter("field", "mode")
    places: list[tuple[float, Given]] = []
    for name, members in groupby(sorted(given, key=lambda one: (group(one), _chance(seed, one.key))), key=group):
        listed = list(members)
        offset = _chance(seed, *name)
        places += [((rank + offset) / len(listed), one) for rank, one in enumerate(listed)]
    return [one for _, one in sorted(places)]


def _chance(seed: int, *names: str) -> float:
    """A number in [0, 1) that hangs on the names alone."""
    digest = sha256("\0".join((str(seed), *names)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
