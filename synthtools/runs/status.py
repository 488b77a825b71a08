"""How a run stands: counts by stage, reasons, causes, and what it has used."""

from typing import NamedTuple

from synthtools.runs.compiles import STAGE as COMPILES
from synthtools.runs.item import STATUSES
from synthtools.runs.journal import total_usage, usage_by
from synthtools.runs.judges import Standing, standings
from synthtools.runs.reader import StoreReader
from synthtools.runs.stages import STAGES
from synthtools.runs.stragglers import StageTimes, read_times
from synthtools.signatures.families import models_by_family
from synthtools.types.record import Json, JsonObject
from synthtools.types.usage import ANSWERED, Usage


class StageStatus(NamedTuple):
    """Items of one stage."""

    done: int
    dropped: int
    failed: int
    left: int
    """Planned, and neither done, dropped nor failed. Later stages plan theirs as records come in."""
    ids_sha256: str
    """SHA-256 over the sorted ids and content hashes of the done records."""


class RunStatus(NamedTuple):
    """How a run stands."""

    run: str
    stages: dict[str, StageStatus]
    drops: dict[str, int]
    """Dropped items by reason."""
    failures: dict[str, int]
    """Failed items by cause."""
    losses: dict[str, int]
    """Parts that records lost on the way (tools, turns), by reason."""
    usage: Usage
    tallies: dict[str, dict[str, int]]
    """What the done records of each stage count for, by name; `records` is how many were counted."""
    models: dict[str, list[str]]
    """The models that answered each role."""
    times: dict[str, StageTimes]
    """How long the items of a stage take, where enough are done to say, and which take much longer."""
    judges: dict[str, Standing]
    """Whether people calibrated the judges that were asked and whose verdicts are kept."""

    def uncounted(self, stage: str) -> int:
        """Done records of a stage that are in no tally: an older version made them."""
        return max(0, self.stages[stage].done - self.tallies.get(stage, {}).get("records", 0))

    @property
    def judging_itself(self) -> str:
        """The model that wrote tasks, solved them and judged them; empty where no one model did."""
        return self._shared("solver", "evolver", "judges")

    @property
    def solving_itself(self) -> str:
        """The model that wrote tasks and solved them; empty where no one model did."""
        return self._shared("solver", "evolver")

    def _shared(self, *families: str) -> str:
        models = [set(self.models.get(family, ())) for family in families]
        return min(set[str].intersection(*models), default="")

    def to_json(self) -> JsonObject:
        """As `status --json` writes it; `not_counted` in a stage's tallies: its records that are in none of them."""
        stages: dict[str, Json] = {name: dict[str, Json](stage._asdict()) for name, stage in self.stages.items()}
        tallies: dict[str, Json] = {}
        for name in self.stages:
            counts: dict[str, Json] = {**self.tallies.get(name, {})}
            if uncounted := self.uncounted(name):
                counts["not_counted"] = uncounted
            if counts:
                tallies[name] = counts
        return {
            "run": self.run,
            "stages": stages,
            "drops": dict[str, Json](self.drops),
            "failures": dict[str, Json](self.failures),
            "lost_parts": dict[str, Json](self.losses),
            "usage": self.usage.model_dump(mode="json"),
            "tallies": tallies,
            "models": {family: list[Json](models) for family, models in self.models.items()},
            "times": {name: times.to_json() for name, times in self.times.items()},
            "judges": {judge: found.to_json() for judge, found in self.judges.items()},
        }


def read_status(store: StoreReader) -> RunStatus:
    """The status of a run."""
    counts = store.counts()
    stages: dict[str, StageStatus] = {}
    for name in STAGES:
        todo, done, dropped, failed = (counts.get(name, {}).get(status, 0) for status in STATUSES)
        stages[name] = StageStatus(done, dropped, failed, todo, store.ids_sha256(name))
    asked = [
        (role, model)
        for (stage, role, model, outcome), _ in usage_by(store, "stage", "role", "model", "outcome")
        if stage != COMPILES and outcome in ANSWERED
    ]
    return RunStatus(
        run=str(store.folder),
        stages=stages,
        drops=_by_reason(store.reasons("dropped")),
        failures=_by_reason(store.reasons("failed")),
        losses=_by_reason(store.losses()),
        usage=total_usage(store),
        tallies=store.tallies(),
        models=models_by_family(asked),
        times={name: times for name in STAGES if (times := read_times(store, name)) is not None},
        judges=standings(store, [role for role, _ in asked]),
    )


def _by_reason(rows: list[tuple[str, str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for _, reason, number in rows:
        found[reason] = found.get(reason, 0) + number
    return found
