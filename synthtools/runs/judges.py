"""The judges of a run whose verdicts its records keep: who gave them, and whether that is what people calibrated.

A run notes the prompt and model of each judge when work on its stage begins, with the time. Which of them gave a
record's verdicts then follows from when the judge was last asked about it, as the ledger has it.
"""

import time
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import orjson
from pydantic import TypeAdapter

from synthtools.errors import DataError
from synthtools.runs.reader import StoreReader
from synthtools.runs.store import Store
from synthtools.types.calibration import Calibration, JudgeVersion
from synthtools.types.record import Json, JsonObject, Record


class Asked(NamedTuple):
    """Where a judge is asked."""

    stage: str
    signature: str


JUDGES = {
    "response-judge": Asked("env-audit", "JudgeResponse"),
    "trajectory-judge": Asked("trajectory-generation", "JudgeTrajectory"),
    "solution-judge": Asked("trajectory-generation", "JudgeSolution"),
}
"""Judges whose verdicts are kept in records."""

FOLDER = "calibration"
"""Of a run: labels and calibrations."""


class NotedVersion(Record):
    """A version of a judge, with when it came into use."""

    version: JudgeVersion
    since: float
    """Seconds since 1970."""


_NOTED: TypeAdapter[tuple[NotedVersion, ...]] = TypeAdapter(tuple[NotedVersion, ...])


def note_judges(store: Store, program: Any, main_model: str) -> None:
    """Notes the prompt and model of the judges in a program that is about to work.

    Args:
        store: The run.
        program: A stage's program, its models set.
        main_model: The model of the roles that have none of their own.
    """
    from synthtools.modules.role import Blocking, Role

    if not isinstance(program, Blocking):
        return  # a program of somebody else's, whose judges are not ours
    names = {asked.signature: judge for judge, asked in JUDGES.items()}
    roles = [module for _, module in cast(Any, program).named_sub_modules() if isinstance(module, Role)]
    for role in roles:
        judge = names.get(type(role).signature.__name__)
        if judge is None:
            continue
        predict = cast(Any, role.predict)
        version = JudgeVersion(prompt=prompt_hash(predict), model=str(getattr(predict.lm, "model", main_model)))
        noted = noted_versions(store, judge)
        if not noted or noted[-1].version != version:
            noted = (*noted, NotedVersion(version=version, since=time.time()))
            store.set_meta(_key(judge), _NOTED.dump_json(noted).decode())


def prompt_hash(predict: Any) -> str:
    """SHA-256 (hex) of what a predictor asks: instructions, fields, demos, and how it decides where that was fitted."""
    signature = predict.signature
    fields = [
        (name, str(field.annotation), repr(field.metadata), field.json_schema_extra)
        for name, field in signature.model_fields.items()
    ]
    asked = {"instructions": signature.instructions, "fields": fields, "demos": [dict(demo) for demo in predict.demos]}
    if predict.fields:
        asked["decisions"] = predict.fields
    return sha256(orjson.dumps(asked, default=repr, option=orjson.OPT_SORT_KEYS)).hexdigest()


def noted_versions(store: StoreReader, judge: str) -> tuple[NotedVersion, ...]:
    """The versions of a judge that a run has used, the last one in force; none in runs of an older SynthTools."""
    noted = store.meta(_key(judge))
    return () if noted is None else _NOTED.validate_json(noted)


def version_in_force(store: StoreReader, judge: str) -> JudgeVersion:
    """The prompt and model of a judge as last used; of an older run the model alone, as its ledger has it."""
    noted = noted_versions(store, judge)
    if noted:
        return noted[-1].version
    models = store.rows("SELECT DISTINCT model FROM ledger WHERE stage = ? AND role = ? ORDER BY model", JUDGES[judge])
    return JudgeVersion(prompt="", model=", ".join(str(model) for (model,) in models))


def judged_before(store: StoreReader, judge: str) -> set[str]:
    """Ids of the items whose verdicts are by an earlier version of a judge than the one in force."""
    noted = noted_versions(store, judge)
    if not noted:
        return set()
    found = store.rows(
        "SELECT item FROM ledger WHERE stage = ? AND role = ? GROUP BY item HAVING max(ended) < ?",
        (*JUDGES[judge], noted[-1].since),
    )
    return {str(item) for (item,) in found}


class Standing(NamedTuple):
    """What is known of a judge's worth in a run."""

    calibration: Calibration | None
    changed: str
    """What of the judge is different since it was calibrated: prompt, model; empty where nothing is."""

    @property
    def word(self) -> Literal["calibrated", "stale", "not calibrated"]:
        """How it stands."""
        if self.calibration is None:
            return "not calibrated"
        return "stale" if self.changed else "calibrated"

    @property
    def line(self) -> str:
        """How it stands, in a few words."""
        if self.calibration is None:
            return "not calibrated"
        return f"stale: its {self.changed} changed since" if self.changed else self.calibration.line

    def to_json(self) -> JsonObject:
        """As `status --json` writes it."""
        row: JsonObject = {"standing": self.word}
        if self.changed:
            row["changed"] = self.changed
        if (found := self.calibration) is not None:
            row["labelled"] = found.labelled
            row["kappa"] = None if found.kappa is None else cast(Json, found.kappa.model_dump())
            row["agreement"] = cast(Json, found.agreement.model_dump())
        return row


def standing(store: StoreReader, judge: str) -> Standing:
    """How a judge stands. Raises: DataError where its calibration is damaged."""
    calibration = read_calibration(store.folder, judge)
    if calibration is None or calibration.judged_by is None:
        return Standing(calibration, "")
    return Standing(calibration, calibration.judged_by.changed(version_in_force(store, judge)))


def standings(store: StoreReader, signatures: Iterable[str]) -> dict[str, Standing]:
    """How the judges among some signatures stand."""
    wanted = set(signatures)
    return {judge: standing(store, judge) for judge, asked in JUDGES.items() if asked.signature in wanted}


def calibration_path(folder: Path, judge: str) -> Path:
    """Where a run keeps the calibration of a judge."""
    return folder / FOLDER / f"{judge}.json"


def read_calibration(folder: Path, judge: str) -> Calibration | None:
    """The calibration of a judge that a run keeps; None: there is none. Raises: DataError where it is damaged."""
    path = calibration_path(folder, judge)
    try:
        return Calibration.from_json(orjson.loads(path.read_bytes()), str(path))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}") from error


def _key(judge: str) -> str:
    return f"judge:{judge}"
