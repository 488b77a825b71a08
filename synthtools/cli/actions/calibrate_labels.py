"""Labels given at a terminal: one case at a time, a letter and Enter for each."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any, cast

import orjson
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.rule import Rule

from synthtools.optimizers.calibration.judged import JudgedCase
from synthtools.reports.text import one_line, shown
from synthtools.runs.run import Run

_MOST = 3_000
"""Characters of one text of a case."""
_KEYS = "r right   w wrong   s skip   q quit"


def label_cases(
    console: Console, question: str, cases: Iterable[JudgedCase], run: Run, done: int, size: int
) -> Iterator[tuple[JudgedCase, str]]:
    """Asks about cases until none is left or whoever is asked quits; gives each label before the next case is shown.

    Args:
        console: Where cases are shown; answers are lines of stdin, whose end means to quit.
        question: What a label answers.
        cases: What is not labelled yet.
        run: Where the cases are from.
        done: Labels there are.
        size: Labels wanted in all.
    """
    for case in cases:
        console.print(_view(case, case.show(run), f"{done + 1} of {size}"))
        console.print(shown(question, "bold"))
        answer = _answer(console, case)
        if answer == "q":
            return
        if answer != "s":
            done += 1
            yield case, answer


def _answer(console: Console, case: JudgedCase) -> str:
    """`q`, `s`, or the right verdict."""
    others = [choice for choice in case.choices if choice != case.given.verdict]
    numbered = dict(zip(map(str, count(1)), others, strict=False))
    while True:
        key = _line(console, f"The judge says {case.given.verdict}. {_KEYS} > ")
        if key in ("q", "s"):
            return key
        if key == "r":
            return case.given.verdict
        if key == "w" and len(others) == 1:
            return others[0]
        if key == "w":
            listed = "   ".join(f"{number} {choice}" for number, choice in numbered.items())
            chosen = _line(console, f"Which is right? {listed} > ")
            if chosen in numbered:
                return numbered[chosen]
            if chosen == "q":
                return chosen
        console.print(f"Type one of the letters, then Enter: {_KEYS}", markup=False, highlight=False)


def _line(console: Console, prompt: str) -> str:
    try:
        return console.input(prompt, markup=False).strip().casefold()
    except EOFError:
        console.print()
        return "q"


def _view(case: JudgedCase, parts: Mapping[str, Any], title: str) -> RenderableType:
    lines: list[RenderableType] = []
    for name, value in parts.items():
        if not value:
            continue
        lines.append(shown(name, "bold cyan"))
        for text in cast("list[Any]", value) if isinstance(value, list) else [value]:
            lines.append(shown(text if isinstance(text, str) else _json(text), most=_MOST))
    lines.append(shown("the judge", "bold cyan"))
    lines.append(shown(f"{case.given.verdict}: {one_line(case.reason)}"))
    return Group(Rule(title), Panel(Group(*lines), title=shown(one_line(case.given.record)), title_align="left"))


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
