"""Mutation test of a task: broken variants of its gold solution, and which of them verification still accepts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import get_args

from synthtools.types import KillCount, ToolCall
from synthtools.world.grounding import mention
from synthtools.world.patch import same
from synthtools.world.spoken import SpokenText
from synthtools.world.trials import Fate, Trials
from synthtools.world.variants import (
    Kind,
    Variant,
    altered,
    dropped,
    duplicated,
    extra_writes,
    swapped,
    swapped_arguments,
)

_COUNTED: tuple[Fate, ...] = ("killed", "survived", "equivalent")


class BrokenSolutions:
    """Runs the broken variants of a gold solution and counts those that fail, by kind.

    Args:
        trials: The task, whose gold calls must all succeed.
    """

    def __init__(self, trials: Trials) -> None:
        self._trials = trials
        self._fates: Counter[tuple[str, str]] = Counter()
        self._request = SpokenText(trials.task.summary, trials.base.now)

    def checks(self) -> Iterator[tuple[str, str]]:
        """The name of each check, with its problem as text; an empty text: the check is passed."""
        trials = self._trials
        collections = trials.task.collections
        left_out = self._fate_of(dropped(trials.steps))
        yield "dropped_calls_fail", _passing(left_out, needless=True)
        changed = list(altered(trials.steps, trials.base, collections))
        reads = [variant for variant in changed if variant.kind == "altered_read"]
        wrong = [variant for variant in changed if variant.kind != "altered_read"]
        wrong += [variant for variant in reads if variant.call is not None and trials.steps[variant.call].required]
        wrong += swapped_arguments(trials.steps, trials.base)
        yield "altered_calls_fail", _passing(self._fate_of(wrong))
        yield "altered_reads_change", self._idle_arguments(reads)
        yield "swaps_fail_or_agree", _passing(self._fate_of(swapped(trials.steps)))
        more = [*duplicated(trials.steps), *extra_writes(trials.steps, trials.after_gold, collections)]
        yield "extra_writes_fail", _passing(self._fate_of(more))

    @property
    def kills(self) -> dict[str, KillCount]:
        """The variants that were run so far, by kind."""
        found: dict[str, KillCount] = {}
        for kind in get_args(Kind):
            killed, survived, equivalent = (self._fates[kind, fate] for fate in _COUNTED)
            if killed or survived or equivalent:
                found[kind] = KillCount(tried=killed + survived, killed=killed, equivalent=equivalent)
        return found

    def _fate_of(self, variants: Iterable[Variant]) -> list[tuple[Variant, Fate]]:
        found: list[tuple[Variant, Fate]] = []
        for variant in variants:
            fate = self._trials.fate(variant)
            self._fates[variant.kind, fate] += 1
            found.append((variant, fate))
        return found

    def _idle_arguments(self, variants: Sequence[Variant]) -> str:
        """The problem if reading calls have arguments of which no other value changes the answer; else empty.

        An optional argument that the request says is fine: `at most five`, where there is only one.
        """
        changing: dict[tuple[int, str], bool] = {}
        for variant in variants:
            assert variant.call is not None and variant.parameter is not None
            key = (variant.call, variant.parameter)
            if changing.get(key):
                continue
            came = self._trials.run(variant.calls[: variant.call + 1]).calls[-1][1]
            expected = self._trials.gold.calls[variant.call][1]
            changing[key] = came.status_code != expected.status_code or not same(came.data, expected.data)
        calls = self._trials.task.gt_tool_calls
        idle = [
            f"{calls[index].name}.{name}"
            for (index, name), any_ in changing.items()
            if not any_ and not self._said_in_passing(calls[index], name)
        ]
        return f"makes no difference: {', '.join(idle)}" if idle else ""

    def _said_in_passing(self, call: ToolCall, name: str) -> bool:
        parameter = next(tool for tool in self._trials.base.tools if tool.name == call.name).parameters[name]
        return not parameter.required and mention(self._request, name, call.arguments[name], parameter) is not None


def _passing(fates: Iterable[tuple[Variant, Fate]], *, needless: bool = False) -> str:
    """The problem if variants pass, or with `needless` also if one without a call ends as the gold one; else empty."""
    survivors = [variant.what for variant, fate in fates if fate == "survived"]
    problems = ["passes: " + "; ".join(survivors)] if survivors else []
    same_end = [variant.what for variant, fate in fates if fate == "equivalent"] if needless else []
    problems += ["makes no difference: " + "; ".join(same_end)] if same_end else []
    return "; ".join(problems)
