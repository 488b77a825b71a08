"""A run of as many tasks as one likes, made from the records of a small scripted run: for benchmarks of the store.

Every environment has its own words: the names of its collections, tools and parameters, the sources of its behaviours
and its records change together, so that a later command works with it as with any other. There are twelve sequences an
environment, as many as the reference corpus has tasks to an environment (79,925 to 6,800).
"""

import random
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from synthtools.programs.fields import FIELDS
from synthtools.runs.forecast import BUILT_IN
from synthtools.runs.item import Item, Outcome, content_hash
from synthtools.runs.reader import StoreReader
from synthtools.runs.stages import STAGES, Records
from synthtools.runs.store import Store

COMMAND = (sys.executable, "-c", "from synthtools.cli import app; app()")
"""The command line of SynthTools."""
SEQUENCES = 12
"""Sequences of an environment; every fourth environment loses one."""
TASKS = SEQUENCES - 0.25
"""Tasks of an environment, on average."""

_FIELD = "Bicycle rental"
_PER_ENVIRONMENT = ("env-generation", "env-audit", "task-sequences")
_PER_TASK = ("task-generation", "task-audit", "trajectory-generation")
_OPEN = {
    "env-generation": 0.0,
    "env-audit": 0.0002,
    "task-sequences": 0.0004,
    "task-generation": 0.001,
    "task-audit": 0.003,
    "trajectory-generation": 0.06,
}
"""By stage: the share of the environments, the last ones, for which it is to be done; each has one more than the one
before at least."""
_TRANSITIONS = 70
"""Recorded calls of an environment."""
_SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in ("a", "e", "i", "o", "u", "ar", "el", "in")]


def make_source(folder: Path) -> None:
    """A run of one environment and its tasks, by the scripted library."""
    settings = {"subfields": 1, "scenarios": 1, "sequences": SEQUENCES, "samples": 1}
    command = [*COMMAND, "run", "--run", str(folder), "--model", "scripted/library"]
    command += ["--field", _FIELD, "--profile", "standard", "--concurrency", "4"]
    command += [part for name, value in settings.items() for part in ("--set", f"profile.{name}={value}")]
    subprocess.run(command, check=True, capture_output=True)


class _Template:
    """A record's JSON with the places where words change, and what the record counts for."""

    def __init__(self, payload: bytes, words: Sequence[str], tallies: Mapping[str, int]) -> None:
        choice = b"|".join(re.escape(word.encode()) for word in sorted(words, key=len, reverse=True))
        self._parts: list[bytes] = re.split(b"(" + choice + b")", payload)
        self.tallies = tallies

    def fill(self, words: Mapping[bytes, bytes]) -> bytes:
        parts = self._parts.copy()
        parts[1::2] = [words[word] for word in parts[1::2]]
        return b"".join(parts)


class ManyTasks:
    """The outcomes of a run, environment by environment."""

    def __init__(self, source: StoreReader, environments: int) -> None:
        """Takes its templates from a run of one environment."""
        self._count = environments
        records = Records(source)
        env = records.record("env-generation", next(source.each("env-generation")).id)
        self._env_id, self._title, self._slug = env.id, env.scenario.title, env.id.partition("_spec")[0]
        self._kinds = [(kind.singular, kind.plural) for kind in env.scenario.kinds]
        words = [*self._words(0, "field", _FIELD)]
        self._templates = {
            stage.name: [
                _Template(
                    source.payload(stage.name, item.id), words, stage.tallies(records.record(stage.name, item.id))
                )
                for item in source.each(stage.name)
            ]
            for stage in STAGES.values()
        }

    def outcomes(self) -> Iterator[Outcome]:
        """Everything that came of the run so far, parents first."""
        per_field = -(-self._count // len(FIELDS))
        for index, field in enumerate(FIELDS):
            numbers = range(index * per_field, min((index + 1) * per_field, self._count))
            if not numbers:
                return
            words = self._encoded(numbers[0], field.slug, field.name)
            scenarios = Item("scenarios", f"{field.slug}_sub000", field.slug, 0, field.slug)
            yield self._done(Item("subfields", field.slug, field.name, 0, field.slug), words, [scenarios])
            envs = [
                Item("env-generation", f"{field.slug}_spec_{number + 1:03d}", scenarios.id, 0, field.slug)
                for number in numbers
            ]
            yield self._done(scenarios, words, envs)
            for number, env in zip(numbers, envs, strict=True):
                yield from self._environment(number, env, self._encoded(number, field.slug, field.name))

    def _environment(self, number: int, env: Item, words: Mapping[bytes, bytes]) -> Iterator[Outcome]:
        after = self._count - 1 - number
        is_open = {
            stage: after <= max(least, share * self._count) for least, (stage, share) in enumerate(_OPEN.items())
        }
        sequences = [
            Item("task-generation", f"{env.id}_seq{place + 1:02d}", env.id, place, env.field)
            for place in range(SEQUENCES)
        ]
        item = env
        for stage, child in zip(_PER_ENVIRONMENT, (*_PER_ENVIRONMENT[1:], ""), strict=True):
            if is_open[stage]:
                return
            children = [Item(child, env.id, env.id, 0, env.field)] if child else sequences
            yield self._done(item, words, children)
            item = children[0]
        if is_open["task-generation"]:
            return
        for place, task in enumerate(sequences):
            if place == SEQUENCES - 1 and number % 4 == 0:
                yield Outcome(task, "dropped", reason="no turn was solved", detail="The request names no record.")
                continue
            audit = Item("task-audit", task.id, task.id, 0, env.field)
            rollout = Item("trajectory-generation", f"{task.id}#0", task.id, 0, env.field)
            for item, children in ((task, [audit]), (audit, [rollout]), (rollout, ())):
                if is_open[item.stage]:
                    break
                yield self._done(item, words, children, place)

    def _done(self, item: Item, words: Mapping[bytes, bytes], children: Sequence[Item], place: int = 0) -> Outcome:
        stage, templates = STAGES[item.stage], self._templates[item.stage]
        template = templates[place % len(templates)]
        payload = template.fill(words)
        return Outcome(
            item,
            "done",
            payload,
            content_hash(payload, stage.unhashed),
            seconds=1.0,
            tallies=template.tallies,
            children=children,
            expanded="samples=1" if item.stage == "task-audit" else "1",
        )

    def _encoded(self, number: int, slug: str, field: str) -> dict[bytes, bytes]:
        return {before.encode(): after.encode() for before, after in self._words(number, slug, field).items()}

    def _words(self, number: int, slug: str, field: str) -> dict[str, str]:
        """What the template's words become in an environment."""
        chance = random.Random(number)
        words = {self._env_id: f"{slug}_spec_{number + 1:03d}", self._slug: slug, _FIELD: field}
        words[self._title] = f"{_word(chance).title()} {_word(chance)} register"
        for singular, plural in self._kinds:
            other = _word(chance)
            for before, after in ((singular, other), (plural, other + "s")):
                words |= {before: after, before.title(): after.title()}
        return words


def _word(chance: random.Random) -> str:
    return "".join(chance.choice(_SYLLABLES) for _ in range(3))


def add_calls(store: Store, environments: int) -> None:
    """Ledger rows and recorded calls, as many as a run of the profile `standard` has."""
    for stage, (count, prompt, completion, *_) in BUILT_IN["standard"].items():
        each = round(count)
        values = (round(prompt / each), round(prompt / each / 2), round(completion / each), each, stage)
        store.write(lambda connection, values=values: connection.execute(_CALLS, values))
    body = zlib.compress(b'{"response":{"status_code":200,"data":{"loan":"LOA-1","day":"2026-04-24"}}}' * 4, 1)
    for env in range(environments):
        rows = [(f"{env:032x}{number:032x}", "AddLoan", body) for number in range(_TRANSITIONS)]
        store.submit(lambda connection, rows=rows: connection.executemany(_RECORDED, rows))


_CALLS = """
WITH RECURSIVE times (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM times WHERE n < ?4)
INSERT INTO ledger (stage, item, role, model, replica, attempt, prompt_tokens, cached_tokens, completion_tokens,
    seconds, outcome, ended)
SELECT stage, id, CASE n % 3 WHEN 0 THEN 'solver' WHEN 1 THEN 'evolver' ELSE 'judges' END, 'scripted/library', '', 0,
    ?1, ?2, ?3, 1.5, 'ok', 1760000000 + seq / 100.0
FROM items JOIN times WHERE stage = ?5 AND status != 'todo'
"""

_RECORDED = "INSERT INTO transitions VALUES (?, ?, ?)"
