"""The first version's tool rows (`id, field, subfield, task, tool`), read as environments without state or code."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from synthtools.errors import DataError
from synthtools.exports.lines import JsonLines
from synthtools.types.environment import EnvSpec, Scenario
from synthtools.types.lifting import Verdict
from synthtools.types.names import is_id, slug, unused
from synthtools.types.phrase import ConstraintKind
from synthtools.types.record import Json, JsonObject
from synthtools.types.tool import Tool
from synthtools.types.v1 import VERDICTS, Normalisation, normalise_tool


@dataclass
class ImportReport:
    """What an import read and changed; filled while it goes."""

    environments: int = 0
    tools: int = 0
    changes: list[tuple[str, Normalisation]] = field(default_factory=list[tuple[str, Normalisation]])
    """Each with the id of the row it was made in."""

    @property
    def counts(self) -> dict[str, int]:
        """Changes by kind, the most frequent first."""
        return dict(Counter(change.kind for _, change in self.changes).most_common())

    @property
    def constraints(self) -> dict[ConstraintKind, dict[Verdict, int]]:
        """Constraints found in prose: kind -> lifted, doubtful and left, all three always there."""
        found = Counter((change.constraint, change.kind) for _, change in self.changes)
        return {
            kind: {verdict: found[kind, noted] for verdict, noted in VERDICTS.items()}
            for kind in get_args(ConstraintKind)
            if any(found[kind, noted] for noted in VERDICTS.values())
        }


def read_environments(path: str | Path, report: ImportReport | None = None) -> Iterator[EnvSpec]:
    """The environments of a file of v1 tool rows (`.jsonl` or `.jsonl.gz`), in the order of their first tools.

    A row's id is `<environment>__<tool>`; rows of one environment need not stand together. Nothing is refused for its
    content: names, types and defaults are normalised, and every change is told to the report.

    Raises: DataError naming file, line and field, for a row that is no tool at all.
    """
    report = report if report is not None else ImportReport()
    with JsonLines(path) as rows:
        groups: dict[str, list[str]] = {}
        for id in rows.index("id"):
            groups.setdefault(id.rpartition("__")[0] or id, []).append(id)
        ids: set[str] = set()
        for name, members in groups.items():
            yield _environment(rows, _safe_id(name, ids), members, report)


def _environment(rows: JsonLines, id: str, members: list[str], report: ImportReport) -> EnvSpec:
    tools: dict[str, Tool] = {}
    scenario: Scenario | None = None
    for member in members:
        found = rows.get(member)
        assert found is not None  # the index has just named it
        line, row = found
        where = rows.where(line)
        tool = row.get("tool")
        if not isinstance(tool, dict):
            raise DataError(f"{where}: tool: expected an object with 'tool_name'")
        try:
            normalised = normalise_tool(tool)
        except DataError as error:
            raise DataError(f"{where}: tool: {error}") from error
        report.changes.extend((member, change) for change in normalised.changes)
        name = unused(normalised.tool.name, tools.keys())
        if name != normalised.tool.name:
            change = Normalisation(tool=normalised.tool.name, part="tool_name", kind="renamed", detail=name)
            report.changes.append((member, change))
        tools[name] = normalised.tool.model_copy(update={"name": name})
        scenario = scenario or _scenario(row, where)
    assert scenario is not None  # a group has at least one member
    report.environments += 1
    report.tools += len(tools)
    return EnvSpec(id=id, scenario=scenario, tools=tuple(tools.values()))


def _scenario(row: JsonObject, where: str) -> Scenario:
    return Scenario(
        field=_text(row.get("field"), "field", where),
        subfield=_text(row.get("subfield"), "subfield", where),
        title=_text(row.get("task"), "task", where),
    )


def _text(value: Json, key: str, where: str) -> str:
    if value is not None and not isinstance(value, str):
        raise DataError(f"{where}: {key}: expected a text, found {str(value)[:40]!r}")
    return value or ""


def _safe_id(name: str, taken: set[str]) -> str:
    """The environment's id as a safe file name, unlike any before it."""
    id = unused(name if is_id(name) else slug(name), taken)
    taken.add(id)
    return id
