"""What people's labels say of a judge: its error rates, and the rates of a corpus corrected for them."""

from typing import Literal

from pydantic import Field

from synthtools.types.record import Record

Counts = dict[str, dict[str, int]]
"""Labelled verdicts: by what the judge said, then by what people said."""


class Estimate(Record):
    """A number with the 95 % interval that the labels leave open."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f})"


class JudgeVersion(Record):
    """Who gave a verdict: a prompt and a model."""

    prompt: str
    """SHA-256 (hex) of the judge's instructions, fields and demos; empty: not recorded, an older version judged."""
    model: str

    def changed(self, now: "JudgeVersion") -> str:
        """What differs from the version `now`, as text; empty: nothing."""
        parts = [name for name in ("prompt", "model") if getattr(self, name) != getattr(now, name)]
        return " and ".join(parts)


class Calibration(Record):
    """How a judge's verdicts compare with people's, and what follows for a corpus that only the judge has seen.

    All rates are for the corpus: since verdicts are sampled by what the judge said, each labelled one counts for
    as many of the corpus as it stands for. A rate whose denominator holds no verdict is None.
    """

    format: Literal[1]
    """Version of this record's form."""
    judge: str = ""
    judged_by: JudgeVersion | None = None
    """Who gave the verdicts; None: not known."""
    positive: str
    """The verdict whose rate is asked for; every other one is negative."""
    labelled: int
    counts: Counts
    corpus: dict[str, int]
    """All verdicts of the judge, the labelled ones among them, by what it said."""
    agreement: Estimate
    """Share of verdicts that people would give too, whatever the verdict."""
    kappa: Estimate | None
    """Cohen's kappa over all verdict values; None where judge and people gave one and the same value throughout."""
    precision: Estimate | None
    """Of the positive verdicts: the share that people call positive."""
    negative_precision: Estimate | None
    """Of the negative verdicts: the share that people call negative."""
    recall: Estimate | None
    """Of what people call positive: the share that the judge does; its sensitivity."""
    specificity: Estimate | None
    """Of what people call negative: the share that the judge does."""
    judged_rate: float = Field(ge=0.0, le=1.0)
    """Share of positive verdicts in the corpus."""
    true_rate: Estimate
    """Share of the corpus that people would call positive."""
    threshold: float | None = None
    """Scores from here on are positive; None: the verdicts have no scores."""

    @property
    def line(self) -> str:
        """The calibration as one short line."""
        measure = f"agreement {self.agreement}" if self.kappa is None else f"kappa {self.kappa}"
        return f"calibrated: {measure}, n={self.labelled}"
