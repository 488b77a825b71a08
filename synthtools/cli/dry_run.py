"""What a command would do and use, said without doing it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from synthtools.cli.options import StageOptions
from synthtools.cli.output import out, print_json, say
from synthtools.config import Settings
from synthtools.reports.text import short_number, shown
from synthtools.runs.acceptance import check_settings
from synthtools.runs.budget import known_price
from synthtools.runs.forecast import Plan, plan
from synthtools.runs.models import ProgramFiles, check_programs, program_hashes
from synthtools.runs.prompt_growth import Growth, prompt_growth
from synthtools.runs.reader import STORE_NAME, StoreReader
from synthtools.runs.stages import Stage
from synthtools.types.usage import Usage


def dry_run(
    folder: Path,
    stages: Sequence[Stage],
    settings: Settings,
    fields: Mapping[str, str],
    files: ProgramFiles,
    options: StageOptions,
) -> None:
    """Says how many items of each stage are planned, can come of them and are likely to, and what those use.

    Raises: ConfigError where the command itself would be refused, as the run was made with other settings or a program
        is calibrated for what the model does not give.
    """
    if (folder / STORE_NAME).is_file():
        with StoreReader(folder) as reader:
            programs = program_hashes(files)
            check_settings(reader, stages, settings, programs, accept_changes=options.accept_changes)
            growths = prompt_growth(reader, files, settings.profile)
            new = sum(reader.item("subfields", slug) is None for slug in fields)
            plans = plan(reader, stages, settings.profile, options.limit, new, _tokens(growths))
    else:
        growths = prompt_growth(None, files, settings.profile)
        plans = plan(None, stages, settings.profile, options.limit, len(fields), _tokens(growths))
    check_programs(settings, files)
    if options.json:
        rows = {
            name: {"exist": exist, "planned": planned, **new.to_json()} for name, (exist, planned, new) in plans.items()
        }
        print_json({"run": str(folder), "stages": rows})
    else:
        out.print(shown(f"Dry run of {folder}: no model is called, nothing is written"), soft_wrap=True)
        out.print(_table(plans))
    say(_forecast_line(plans, settings))
    for stage, growth in growths.items():
        say(f"--program in {stage}: {growth.note}")
    say(f"model {settings.model.name}, profile {settings.profile.name}, {settings.concurrency} calls in flight")


def _table(plans: Mapping[str, Plan]) -> Table:
    table = Table(box=box.SIMPLE)
    table.add_column("stage", no_wrap=True)
    for name in ("exist", "planned", "at most new", "likely new", "calls", "tokens"):
        table.add_column(name, justify="right")
    for name, (exist, planned, new) in plans.items():
        forecast = (short_number(new.items), short_number(new.calls), short_number(new.tokens))
        table.add_row(name, str(exist), str(planned), str(new.at_most), *forecast)
    return table


def _tokens(growths: Mapping[str, Growth]) -> dict[str, float]:
    return {stage: growth.tokens for stage, growth in growths.items()}


def _forecast_line(plans: Mapping[str, Plan], settings: Settings) -> str:
    forecasts = [plan.new for plan in plans.values()]
    usage = Usage(
        calls=round(sum(forecast.calls for forecast in forecasts)),
        prompt_tokens=round(sum(forecast.prompt_tokens for forecast in forecasts)),
        completion_tokens=round(sum(forecast.completion_tokens for forecast in forecasts)),
    )
    own = [name for name, plan in plans.items() if plan.new.own_rates]
    source = "built-in rates" if not own else f"this run's own rates of {', '.join(own)}"
    if own and len(own) < len(plans):
        source += ", built-in ones for the rest"
    name = settings.model.name
    price = known_price(name, settings)
    cost = f"the price of {name} is not known" if price is None else f"${price.of(usage):,.2f} at the price of {name}"
    return (
        f"forecast: about {usage.calls:,} calls, {usage.prompt_tokens:,} prompt tokens, "
        f"{usage.completion_tokens:,} generated (by {source}); {cost}"
    )
