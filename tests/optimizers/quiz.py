"""A question whose right answer a scripted model gives only if it is told how: the proof that a compile finds it."""

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, Literal, cast

import dspy
import orjson
from pydantic import StringConstraints

from synthtools.backends.scripted import Script, register_script
from synthtools.errors import AnswerRefused, ProviderError
from synthtools.modules.role import Role
from synthtools.optimizers.case import Case
from synthtools.optimizers.score import Score
from synthtools.optimizers.target import Target
from synthtools.optimizers.trainsets import Split
from synthtools.types.record import Json, JsonObject, Record

SECRET = "Count the letters of the word"
"""Whoever is told this answers right."""


class SortWord(dspy.Signature):
    """Put the word into its group."""

    word: str = dspy.InputField()
    feedback: str = dspy.InputField(default="")
    reason: Annotated[str, StringConstraints(max_length=80)] = dspy.OutputField()
    group: Literal["red", "blue"] = dspy.OutputField()


class WordSorter(Role):
    """Word -> group."""

    signature = SortWord
    max_tokens = 60

    async def aforward(self, *, word: str) -> str:
        """Sorts a word."""

        def build(answer: dspy.Prediction) -> str:
            if answer.reason == "refuse me":
                raise AnswerRefused("The reason is no reason.")
            return cast(str, answer.group)

        return await self.ask(build, word=word)


class Word(Record):
    """What is asked."""

    word: str


def score_group(asked: Word, expected: Json, answer: str) -> Score:
    """Whether the group is right."""
    if answer == expected:
        return Score(value=1.0, reason=f"{answer} is right.", parts={"group": 1.0})
    return Score(value=0.0, reason=f"{asked.word} is {expected}: its letters count.", parts={"group": 0.0})


TARGET = Target(name="word-sorter", build=lambda profile: WordSorter(), inputs=Word, metric=score_group)


def right_group(word: str) -> str:
    """Red: an even number of letters."""
    return "blue" if len(word) % 2 else "red"


def words(field: str, count: int) -> tuple[Case, ...]:
    """Cases of a field, half of each group."""
    made: list[Case] = []
    for number in range(count):
        word = f"{field}{'abcdefghij'[number % 10] * (1 + number)}"
        group = right_group(word)
        made.append(
            Case(id=f"{field}-{number}", field=field, inputs={"word": word}, expected=group, label=group,
                 source=f"{field}.jsonl:{number + 1}")
        )  # fmt: skip
    return tuple(made)


def cases(train: int = 8, validation: int = 8, test: int = 16) -> Split:
    """Three parts of three fields."""
    return Split(words("t", train), words("v", validation), words("e", test))


class Quiz(Script):
    """Plays the sorter and the proposer.

    It sorts right where its instructions hold `SECRET`, or where demos of both groups are shown; else everything is
    red, or at a temperature of 1 a guess by the seed. What it proposes holds `SECRET` one time in three, by the
    question and its seed.
    """

    def __init__(self, *, knows: str = SECRET) -> None:
        super().__init__()
        self.knows = knows
        self.bodies: list[JsonObject] = []
        self.failing: Callable[[], bool] = lambda: False
        """Whether the provider fails now."""
        self.refusing = False
        """Whether it answers, unless it knows, what the role refuses."""
        self.padding = ""
        """Added to what it proposes."""

    def completion(self, body: JsonObject) -> JsonObject:
        """The answer to a body."""
        self.bodies.append(body)
        if self.failing():
            raise ProviderError("made to fail")
        return super().completion(body)

    def _text(self, body: JsonObject, messages: list[JsonObject]) -> str:
        schema = cast(Any, body["response_format"])["json_schema"]["schema"]
        properties = cast("dict[str, JsonObject]", schema["properties"])
        if "group" in properties:
            return orjson.dumps(self._sorted(messages, body)).decode()
        digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()
        told = f"{SECRET}: even is red, odd is blue." if digest[0] % 3 == 0 else f"Look at the word. {digest[1]}"
        told += self.padding
        answer: JsonObject = {}
        for name in properties:
            if name == "module_advice":
                answer[name] = [{"key": "module.predict", "text": told}]
            else:
                answer[name] = told if "instruction" in name else f"about {name}"
        return orjson.dumps(answer).decode()

    def _sorted(self, messages: list[JsonObject], body: JsonObject) -> JsonObject:
        asked = str(messages[-1]["content"])
        word = asked.split("[[ ## word ## ]]\n")[1].split("\n")[0]
        shown = {orjson.loads(str(one["content"]))["group"] for one in messages if one["role"] == "assistant"}
        knows = self.knows in str(messages[0]["content"]) or len(shown) == 2
        hot = cast(float, body.get("temperature") or 0.0) >= 1.0
        guess = "blue" if hot and hashlib.sha256(f"{word}{body.get('seed')}".encode()).digest()[0] % 2 else "red"
        reason = "refuse me" if self.refusing and not knows else "its letters"
        return {"reason": reason, "group": right_group(word) if knows else guess}


def quiz(name: str = "quiz", **settings: Any) -> Quiz:
    """Registers a quiz as `scripted/NAME`."""
    made = Quiz(**settings)
    register_script(name, made)
    return made
