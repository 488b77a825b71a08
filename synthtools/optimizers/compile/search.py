"""How widely a method searches; the same settings, seed and answers find the same program."""

from typing import Annotated

from pydantic import Field

from synthtools.types.record import Record

_MOST = 1_000
"""Of everything that a search counts: a larger number is a slip, and would be a list in memory."""

Count = Annotated[int, Field(ge=1, le=_MOST)]


class Search(Record):
    """The size of a search. Caps do not change it: they end it early."""

    candidates: Count = 6
    """Sets of demos (bootstrap), of demos and instructions (mipro), instructions (copro), programs a step (simba)."""
    demos: Annotated[int, Field(ge=0, le=_MOST)] = 3
    """Most demos in a prompt; 0: instructions alone."""
    demo_score: Annotated[float, Field(gt=0.0, le=1.0)] = 0.9
    """Least score of an answer that becomes a demo."""
    rounds: Count = 10
    """Trials (mipro), reflections (gepa), steps (simba), depth (copro: a third of it)."""
    batch: Count = 3
    """Training cases of a reflection (gepa) or step (simba, twice as many)."""
    instruction_chars: Annotated[int, Field(ge=200)] = 2000
    """Most characters of a proposed instruction."""
