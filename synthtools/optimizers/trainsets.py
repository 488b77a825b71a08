"""Sets of cases: read and written as JSON lines, split by field, balanced by label, known by their hash.

There are no ready-made demos among them: the roles reason before they answer, and a labelled case has no reasoning.
An optimizer bootstraps demos from a model's own right answers, and cites the case by its id and source.
"""

import codecs
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import orjson

from synthtools.errors import ConfigError, DataError
from synthtools.files import replacing
from synthtools.optimizers.case import Case
from synthtools.types.canonical import content_hash
from synthtools.types.record import Json

Shares = tuple[float, float, float]
"""Of training, validation and test cases; they add up to 1."""

SHARES: Shares = (0.5, 0.25, 0.25)
"""Where nothing else is asked for."""

_PARTS = ("training", "validation", "test")


class Split(NamedTuple):
    """Three parts of a set of cases, no two of which share a field."""

    train: tuple[Case, ...]
    validation: tuple[Case, ...]
    test: tuple[Case, ...]


def read_cases(path: str | Path) -> tuple[Case, ...]:
    """The cases of a file of JSON lines; those without a source are given `FILE:LINE`.

    Raises: DataError, one line, naming file, line and field of the first thing wrong.
    """
    file = Path(path)
    try:
        lines = file.read_bytes().removeprefix(codecs.BOM_UTF8).splitlines()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from error
    cases: list[Case] = []
    ids: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{file}:{number}"
        try:
            row: Json = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise DataError(f"{where}: not JSON ({error}); expected one case a line") from error
        if not isinstance(row, dict):
            raise DataError(f"{where}: expected a case as a JSON object with id, field and inputs")
        case = Case.from_json(row, where)
        if not case.id or not case.field:
            raise DataError(f"{where}: {'field' if case.id else 'id'}: expected a text, found ''")
        if case.id in ids:
            raise DataError(f"{where}: id: {case.id!r} stands in line {ids[case.id]} already; ids are unique")
        ids[case.id] = number
        cases.append(case if case.source else case.model_copy(update={"source": f"{file.name}:{number}"}))
    if not cases:
        raise DataError(f"{file}: there are no cases in it")
    return tuple(cases)


def write_cases(path: str | Path, cases: Iterable[Case]) -> None:
    """Writes cases as JSON lines, all of them or none. Raises: DataError where ids repeat or writing fails."""
    file, listed = Path(path), tuple(cases)
    twice = next((id for id, number in Counter(case.id for case in listed).items() if number > 1), None)
    if twice is not None:
        raise DataError(f"{file}: id: {twice!r} stands twice; ids are unique")
    content = b"".join(orjson.dumps(case.to_json()) + b"\n" for case in listed)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as (part,):
            part.write(content)
    except OSError as error:
        raise DataError(f"{file}: cannot be written ({error.strerror})") from error


def data_hash(cases: Iterable[Case]) -> str:
    """SHA-256 (hex) over the canonical JSON of the cases in the order of their ids: the same set has the same hash."""
    return content_hash([case.to_json() for case in sorted(cases, key=lambda case: case.id)])


def split(cases: Sequence[Case], seed: int, shares: Shares = SHARES) -> Split:
    """Splits cases by field: each field is in one part only, so that a test shows what carries over to a new field.

    The largest fields are given out first, each to the part that lacks the most cases; `seed` decides between equals.
    Equal inputs give equal parts, whatever the order of the cases.

    Raises:
        DataError: There are fewer fields than parts; the message says what would help.
        ConfigError: The shares are no three shares of a whole.
    """
    if any(share < 0 for share in shares) or abs(sum(shares) - 1) > 1e-6:
        raise ConfigError(f"shares {shares}: expected three numbers of at least 0 that add up to 1")
    by_field = _grouped(cases)
    wanted = [index for index, share in enumerate(shares) if share > 0]
    if len(by_field) < len(wanted):
        named = ", ".join(_PARTS[index] for index in wanted)
        raise DataError(
            f"the cases are of {len(by_field)} field{'s' if len(by_field) != 1 else ''} ({', '.join(by_field)}), and a "
            f"split by field into {named} needs {len(wanted)}: add cases of other fields, or draw them from a run with "
            "more fields (`--field`)"
        )
    order = sorted(by_field)
    random.Random(f"split/{seed}").shuffle(order)
    order.sort(key=lambda field: -len(by_field[field]))
    parts: list[list[Case]] = [[], [], []]
    for number, field in enumerate(order):
        empty = [index for index in wanted if not parts[index]]
        open_ = empty if len(order) - number <= len(empty) else wanted
        lacking = max(open_, key=lambda index: shares[index] * len(cases) - len(parts[index]))
        parts[lacking].extend(by_field[field])
    return Split(*(tuple(sorted(part, key=lambda case: case.id)) for part in parts))


def balanced(cases: Sequence[Case], size: int, seed: int) -> tuple[Case, ...]:
    """At most `size` cases, one label after another and, within a label, one field after another.

    Equal inputs give equal cases, whatever their order; a smaller size gives the beginning of a larger one.
    """
    by_label: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_label[case.label].append(case)
    rounds = zip_longest(*(_in_turn(by_label[label], f"{seed}/{label}") for label in sorted(by_label)))
    return tuple(case for round_ in rounds for case in round_ if case is not None)[:size]


def _in_turn(cases: Iterable[Case], seed: str) -> list[Case]:
    """The cases, one field after another, shuffled within each."""
    rng = random.Random(f"balanced/{seed}")
    by_field = _grouped(cases)
    fields = sorted(by_field)
    rng.shuffle(fields)
    shuffled = [rng.sample(by_field[field], len(by_field[field])) for field in fields]
    return [case for round_ in zip_longest(*shuffled) for case in round_ if case is not None]


def _grouped(cases: Iterable[Case]) -> dict[str, list[Case]]:
    """By field, each in the order of ids."""
    found: dict[str, list[Case]] = defaultdict(list)
    for case in sorted(cases, key=lambda case: case.id):
        found[case.field].append(case)
    return dict(found)
