"""What came of a compile, as tables."""

from rich import box
from rich.console import Console
from rich.table import Table

from synthtools.modules.compiled import Estimate
from synthtools.optimizers.compile.preflight import Preflight
from synthtools.optimizers.compile.result import CompileResult
from synthtools.reports.text import shown


def preflight_table(flight: Preflight) -> Table:
    """Calls, tokens and money by phase, at their largest."""
    table = Table(box=box.SIMPLE)
    table.add_column("phase", no_wrap=True)
    for name in ("calls", "prompt tokens", "generated", "US$"):
        table.add_column(name, justify="right")
    rows = [(one.phase, one.usage, one.usd) for one in flight.phases]
    for name, usage, usd in (*rows, ("in all", flight.total, flight.usd)):
        price = "not known" if usd is None else f"{usd:.4f}"
        table.add_row(name, f"{usage.calls:,}", f"{usage.prompt_tokens:,}", f"{usage.completion_tokens:,}", price)
    return table


def report(console: Console, result: CompileResult) -> None:
    """Before and after, the front, what changed."""
    program, scores = result.program, result.program.scores
    table = Table(title=f"{program.target}: {scores.cases} test cases", box=box.SIMPLE, title_justify="left")
    table.add_column("")
    for name in ("score", "95 % interval", "tokens a case"):
        table.add_column(name, justify="right")
    table.add_row("before", *_cells(scores.before), f"{scores.tokens_before:,.0f}")
    table.add_row("after", *_cells(scores.after), f"{scores.tokens_after:,.0f}")
    table.add_row("gain", *_cells(scores.gain), f"{scores.tokens_after - scores.tokens_before:+,.0f}")
    console.print(table)
    if scores.parts:
        console.print(shown("By part of the metric:"))
    for name, (before, after) in scores.parts.items():
        console.print(shown(f"  {name}: {before:.3f} -> {after:.3f}"))
    verdict = "significant" if scores.significant else "not significant"
    console.print(shown(f"The gain is {verdict} (p = {scores.p_value:.3f}, paired randomization test). {scores.scope}"))
    console.print(_front(result))
    for path, text in program.diff.items():
        console.print(shown(f"What changed in {path}:"))
        console.print(shown(text))
    for path, state in program.predictors.items():
        if state.demos:
            sources = [one.source or one.case for one in program.demo_sources if one.predictor == path]
            named = f", from {', '.join(sources)}" if sources else ""
            number = f"{len(state.demos)} demo{'s' if len(state.demos) > 1 else ''}"
            console.print(shown(f"{number} for {path}{named}"))
    price = "price not known" if result.usd is None else f"${result.usd:.4f}"
    usage = result.usage
    tried = f"{result.candidates} candidate{'s' if result.candidates > 1 else ''}"
    tokens = f"{usage.prompt_tokens + usage.completion_tokens:,} tokens"
    console.print(shown(f"Tried {tried} in {usage.calls:,} calls of {tokens} ({price})."))


def _front(result: CompileResult) -> Table:
    table = Table(title="Candidates on the validation cases", box=box.SIMPLE, title_justify="left")
    table.add_column("candidate", no_wrap=True)
    for name in ("score", "tokens a case", "calls", "seconds"):
        table.add_column(name, justify="right")
    table.add_column("on the front")
    for point in result.front:
        table.add_row(
            point.candidate[:8],
            f"{point.quality:.3f}",
            f"{point.tokens:,.0f}",
            f"{point.calls:.1f}",
            f"{point.seconds:.2f}",
            "yes" if point.on_front else "",
        )
    return table


def _cells(estimate: Estimate) -> tuple[str, str]:
    return f"{estimate.mean:.3f}", f"{estimate.low:.3f} to {estimate.high:.3f}"
