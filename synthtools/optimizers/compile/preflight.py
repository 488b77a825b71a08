"""What a compile is going to use, before its first call."""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import dspy

from synthtools.backends.ledger import usage_meter
from synthtools.backends.registry import adapter, build_lm
from synthtools.errors import ConfigError
from synthtools.optimizers.case import Case
from synthtools.optimizers.compile.background import BackgroundLoop
from synthtools.optimizers.compile.caps import Limits
from synthtools.optimizers.compile.methods import Method, Phase, Sizes
from synthtools.optimizers.compile.search import Search
from synthtools.optimizers.compile.speakers import Speakers
from synthtools.optimizers.compile.trial import BAD_ANSWERS
from synthtools.optimizers.target import Target
from synthtools.types.record import JsonObject
from synthtools.types.usage import Usage

_PROBED = 3
"""Cases whose prompts are formatted for the estimate."""
_PROPOSAL = Usage(calls=1, prompt_tokens=1200, completion_tokens=400)
"""A question of an optimizer: a few cases with their answers, and an instruction. Of the order of magnitude only."""
_JUDGEMENT = Usage(calls=1, prompt_tokens=900, completion_tokens=150)
"""A question of a metric. Of the order of magnitude only."""
_SHOWING = ("bootstrap", "mipro", "simba")
"""Methods that put demos into prompts; each is as long as a case with its answer at most."""
_REWORDING = ("mipro", "gepa", "copro", "simba")
"""Methods that write instructions."""
_CHARACTERS = 4
"""Of a token, on average."""


class PhaseEstimate(NamedTuple):
    """A phase of a compile, at its largest."""

    phase: str
    usage: Usage
    usd: float | None
    """None: a price is not known."""


class Preflight(NamedTuple):
    """The estimate of a compile."""

    phases: tuple[PhaseEstimate, ...]
    a_case: Usage
    """One case of the program as it is."""
    a_judgement: Usage
    """What its metric asks a model about one answer."""

    @property
    def total(self) -> Usage:
        """All phases."""
        return sum((phase.usage for phase in self.phases), Usage())

    @property
    def usd(self) -> float | None:
        """All phases; None: a price is not known."""
        known = [phase.usd for phase in self.phases if phase.usd is not None]
        return sum(known) if len(known) == len(self.phases) else None

    def to_json(self) -> JsonObject:
        """As `optimize --dry-run --json` writes it."""
        return {
            "phases": [
                {"phase": one.phase, **one.usage.model_dump(mode="json"), "usd": one.usd} for one in self.phases
            ],
            "total": {**self.total.model_dump(mode="json"), "usd": self.usd},
        }


def estimate(
    method: Method,
    search: Search,
    sizes: Sizes,
    a_case: Usage,
    speakers: Speakers,
    judgements: int,
) -> Preflight:
    """The largest that a compile can come to.

    Args:
        method: How it is compiled.
        search: How widely.
        sizes: The cases.
        a_case: What one case of the program as it is uses.
        speakers: The models, for their prices.
        judgements: Questions that the metric asks a model about one answer.
    """
    a_judgement = times(_JUDGEMENT, judgements)
    demos = search.demos if method.name in _SHOWING else 0
    reworded = search.instruction_chars // _CHARACTERS if method.name in _REWORDING else 0
    widened = Usage(
        calls=a_case.calls,
        prompt_tokens=a_case.prompt_tokens
        + demos * (a_case.prompt_tokens + a_case.completion_tokens)
        + a_case.calls * reworded,
        completion_tokens=a_case.completion_tokens,
    )
    estimates: list[PhaseEstimate] = []
    for phase in (
        Phase("baseline", runs=sizes.validation),
        *method.phases(sizes, search),
        Phase("test", runs=2 * sizes.test),
    ):
        one = a_case if phase.name == "baseline" else widened
        own = times(one, phase.runs)
        others = times(a_case, phase.teacher_runs) + times(_PROPOSAL, phase.proposals)
        judged = times(a_judgement, phase.runs + phase.teacher_runs)
        usd = speakers.usd(student=own, teacher=others, judge=judged)
        estimates.append(PhaseEstimate(phase.name, own + others + judged, usd))
    return Preflight(tuple(estimates), a_case, a_judgement)


def check(limits: Limits, flight: Preflight, sizes: Sizes, speakers: Speakers) -> None:
    """Whether the limits leave room for scoring the program as it is and testing what is found.

    Raises: ConfigError, saying the least that would.
    """
    answers = sizes.validation + 2 * sizes.test
    own, judged = times(flight.a_case, answers), times(flight.a_judgement, answers)
    least, usd = own + judged, speakers.usd(student=own, judge=judged)
    tokens = least.prompt_tokens + least.completion_tokens
    scored = f"{sizes.validation} validation cases once and {sizes.test} test cases twice"
    if limits.calls is not None and limits.calls < least.calls:
        raise ConfigError(
            f"--max-calls {limits.calls}: scoring {scored} takes {least.calls} calls already, before anything is tried"
        )
    if limits.tokens is not None and limits.tokens < tokens:
        raise ConfigError(
            f"--budget-tokens {limits.tokens}: scoring {scored} takes about {tokens:,} tokens, before anything is tried"
        )
    if limits.usd is not None and usd is not None and limits.usd < usd:
        raise ConfigError(
            f"--budget-usd {limits.usd}: scoring {scored} takes about ${usd:.4f}, before anything is tried"
        )


def probe(target: Target, module: dspy.Module, cases: Sequence[Case]) -> Usage:
    """What one case uses: the prompts of a few are formatted and answered by fitting data, without a model.

    Tokens are counted by length (4 characters each); an answer's length is a guess. Fitting data may well be refused
    and asked for again: the cases with the fewest calls count, and the longest prompt among them.
    """
    probed = module.deepcopy()
    probed.set_lm(build_lm("scripted/schema"))
    used: list[Usage] = []
    with BackgroundLoop() as loop:
        for case in cases[:_PROBED]:
            arguments = target.arguments(case)
            quiet = dspy.context(adapter=adapter(), trace=None, disable_history=True)
            with usage_meter() as meter, quiet, suppress(*BAD_ANSWERS):  # what was asked counts
                loop.run(probed.acall(**arguments))
            used.append(meter.usage)
    return min(used, key=lambda usage: (usage.calls, -usage.prompt_tokens))


def times(usage: Usage, number: int) -> Usage:
    """What something takes that is done a number of times."""
    return Usage(
        calls=usage.calls * number,
        prompt_tokens=usage.prompt_tokens * number,
        cached_tokens=usage.cached_tokens * number,
        completion_tokens=usage.completion_tokens * number,
    )
