"""What of a test may be taken as independent: whole fields where there are enough, else records, else cases."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from synthtools.optimizers.case import Case

Unit = Literal["field", "record", "case"]

FEWEST = 10
"""Units that are drawn whole: with fewer, intervals from resampled groups are too narrow to be told.

Source: A. C. Cameron, J. B. Gelbach and D. L. Miller, "Bootstrap-Based Improvements for Inference with Clustered
Errors", Review of Economics and Statistics 90 (3), 2008, pp. 414-427, doi:10.1162/rest.90.3.414. `benchmarks/
significance.py` measures what it comes to here.
"""


class Units(NamedTuple):
    """The test cases, put together by what they share."""

    unit: Unit
    """What is drawn and exchanged as a whole."""
    groups: tuple[int, ...]
    """By case, in their order: the number of its unit, counted from 0."""
    fields: int
    """Fields among the cases."""

    @property
    def number(self) -> int:
        """How many there are."""
        return max(self.groups) + 1

    @property
    def scope(self) -> str:
        """What intervals and p values by these units say, and what they do not, in a sentence."""
        fields = f"{self.fields} field{'s' if self.fields > 1 else ''}"
        if self.unit == "field":
            return f"Intervals and p are by field ({fields}): they speak of other such fields, too."
        these = "these fields" if self.fields > 1 else "this field"
        return (
            f"Intervals and p take the {self.number} {self.unit}s of {fields} as independent: they speak of {these}, "
            f"not of others, which takes test cases of {FEWEST} fields."
        )


def units_of(cases: Sequence[Case]) -> Units:
    """The largest units of which there are at least `FEWEST`; cases, where there are not.

    Cases of one field are alike, and so are those that were drawn from one record: taken as independent, they make
    intervals too narrow for what other fields would show. With fewer fields than that, the fields are taken as they
    are: what is said holds for those fields alone.
    """
    fields = _numbered(case.field for case in cases)
    records = _numbered((case.field, case.source or case.id) for case in cases)
    number = len(set(fields))
    if number >= FEWEST:
        return Units("field", fields, number)
    if FEWEST <= len(set(records)) < len(cases):
        return Units("record", records, number)
    return Units("case", tuple(range(len(cases))), number)


def _numbered(keys: Iterable[object]) -> tuple[int, ...]:
    known: dict[object, int] = {}
    return tuple(known.setdefault(key, len(known)) for key in keys)
