"""Cases for whole programs: the very inputs that a stage of a run had."""

from collections.abc import Callable, Iterator

from synthtools.optimizers.case import Case
from synthtools.optimizers.draws.records import case, chosen
from synthtools.runs.run import Run
from synthtools.runs.stages import STAGES, Records
from synthtools.types.record import Record


def inputs_of(stage: str, kind: type[Record]) -> Callable[[Run], Iterator[Case]]:
    """Draws the inputs of a stage's done and dropped items: what was too hard for a program is worth learning from."""

    def cases(run: Run) -> Iterator[Case]:
        records = Records(run.store)
        for status in ("done", "dropped"):
            for item in chosen(run, stage, status):
                yield case(
                    kind(**STAGES[stage].inputs(item, records)),
                    id=item.id,
                    field=item.field,
                    label=item.reason or status,
                    source=f"{stage}/{item.id}",
                )

    return cases
