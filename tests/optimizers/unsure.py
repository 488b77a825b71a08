"""A judge that orders what it is shown rightly, and sets the bar for it wrongly."""

from typing import Annotated, Any, Literal

import dspy
import orjson
from pydantic import StringConstraints

from synthtools.backends.scripted import Script, Weighed
from synthtools.modules.role import Role
from synthtools.optimizers.case import Case
from synthtools.optimizers.score import Score
from synthtools.optimizers.target import Target
from synthtools.optimizers.trainsets import Split
from synthtools.types.record import Json, JsonObject, Record

Size = Literal["small", "middling", "large"]


class JudgeFruit(dspy.Signature):
    """Say whether the fruit is ripe."""

    fruit: str = dspy.InputField()
    feedback: str = dspy.InputField(default="")
    reason: Annotated[str, StringConstraints(max_length=80)] = dspy.OutputField()
    ripe: bool = dspy.OutputField()


class FruitJudge(Role):
    """Fruit -> whether it is ripe."""

    signature = JudgeFruit
    max_tokens = 60

    async def aforward(self, *, fruit: str) -> bool:
        """Judges a fruit."""

        def build(answer: dspy.Prediction) -> bool:
            return bool(answer.ripe)

        return await self.ask(build, fruit=fruit)


class SizeFruit(dspy.Signature):
    """Say how large the fruit is."""

    fruit: str = dspy.InputField()
    feedback: str = dspy.InputField(default="")
    size: Size = dspy.OutputField()


class FruitSizer(Role):
    """Fruit -> its size."""

    signature = SizeFruit
    max_tokens = 60

    async def aforward(self, *, fruit: str) -> str:
        """Sizes a fruit."""

        def build(answer: dspy.Prediction) -> str:
            return str(answer.size)

        return await self.ask(build, fruit=fruit)


class Fruit(Record):
    """What is asked."""

    fruit: str


def score(asked: Fruit, expected: Json, answer: Any) -> Score:
    """Whether the verdict is right."""
    right = answer == expected
    return Score(value=float(right), reason="" if right else f"{asked.fruit} is {expected}.", parts={"right": right})


RIPE = Target(name="fruit-judge", build=lambda profile: FruitJudge(), inputs=Fruit, metric=score, expects=bool)
SIZE = Target(name="fruit-sizer", build=lambda profile: FruitSizer(), inputs=Fruit, metric=score, expects=str)

BAR = 0.25
"""From this probability of the judge's on, a fruit is ripe; the judge itself says so from a half on."""


def fruits(field: str, count: int, kind: str) -> tuple[Case, ...]:
    """Cases whose text holds how likely the judge finds the first option: evenly from 0 to 1."""
    made: list[Case] = []
    for number in range(count):
        share = (number + 0.5) / count
        expected: Json = share > BAR if kind == "ripe" else "small" if share > BAR else "large"
        made.append(
            Case(id=f"{field}-{number}", field=field, inputs={"fruit": f"{field} {share:.4f}"}, expected=expected)
        )
    return tuple(made)


def cases(kind: str = "ripe", train: int = 20, validation: int = 12, test: int = 40) -> Split:
    """Three parts of three fields; the judge is right about three quarters of each."""
    return Split(fruits("plum", train, kind), fruits("pear", validation, kind), fruits("fig", test, kind))


class Unsure(Script):
    """Says what it finds likelier, and how likely, where it is asked."""

    def __init__(self) -> None:
        super().__init__({"JudgeFruit": self._ripe, "SizeFruit": self._size})
        self.bodies: list[JsonObject] = []

    def completion(self, body: JsonObject) -> JsonObject:
        """The answer to a body."""
        self.bodies.append(body)
        return super().completion(body)

    @property
    def repeated(self) -> int:
        """How many bodies came more than once."""
        return len(self.bodies) - len({orjson.dumps(body) for body in self.bodies})

    def _ripe(self, inputs: dict[str, Json], schema: JsonObject, seed: int) -> Weighed:
        share = float(str(inputs["fruit"]).split()[1])
        shares = {"ripe": {"true": share, "false": 1 - share}}
        return Weighed({"reason": "its skin", "ripe": share >= 0.5}, shares)

    def _size(self, inputs: dict[str, Json], schema: JsonObject, seed: int) -> Weighed:
        share = float(str(inputs["fruit"]).split()[1])
        shares = {"size": {"small": share, "middling": 0.0, "large": 1 - share}}
        return Weighed({"size": "small" if share >= 0.5 else "large"}, shares)
