"""The options of `optimize`: its cases, its search, its bounds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from synthtools.cli.options import SamplingOptions

_CASES = "Cases"
_SEARCH = "Search"
_BOUNDS = "Bounds"


@dataclass(frozen=True, slots=True)
class CompileOptions(SamplingOptions):
    """The options of calls, with what some of them mean to a compile."""

    seed: Annotated[
        int | None,
        typer.Option(
            help="Of the split, the search and the sampling; retries use seed+1, seed+2 and so on.",
            rich_help_panel="Model",
        ),
    ] = None
    budget_usd: Annotated[
        float | None, typer.Option(help="Most US dollars of this compile.", rich_help_panel=_BOUNDS)
    ] = None
    budget_tokens: Annotated[int | None, typer.Option(help="Most tokens of this compile.", rich_help_panel=_BOUNDS)] = (
        None
    )
    max_calls: Annotated[
        int | None, typer.Option(min=1, help="Most calls of this compile.", rich_help_panel=_BOUNDS)
    ] = None
    program: Annotated[
        list[str] | None,
        typer.Option(help="Compiled program to begin with; repeatable.", rich_help_panel="Settings", metavar="FILE"),
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would use at most, call nothing.")] = False
    json: Annotated[
        bool, typer.Option("--json", help="What came of it (--dry-run: what it would use) as JSON on stdout.")
    ] = False


@dataclass(frozen=True, slots=True)
class CaseOptions:
    """Which cases a program is compiled and tested on."""

    cases: Annotated[
        Path | None,
        typer.Option(
            help="Cases, one JSON object a line; else they are drawn from the run.",
            metavar="FILE",
            rich_help_panel=_CASES,
        ),
    ] = None
    size: Annotated[
        int | None,
        typer.Option(
            min=3, help="Most cases in all: a half for training, a quarter each for the rest.", rich_help_panel=_CASES
        ),
    ] = None
    train: Annotated[int | None, typer.Option(min=1, help="Most training cases.", rich_help_panel=_CASES)] = None
    validation: Annotated[int | None, typer.Option(min=1, help="Most validation cases.", rich_help_panel=_CASES)] = None
    test: Annotated[int | None, typer.Option(min=1, help="Most test cases.", rich_help_panel=_CASES)] = None


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How a better program is searched for."""

    method: Annotated[
        str,
        typer.Option(help="bootstrap, mipro, gepa, copro, simba or reanchor.", rich_help_panel=_SEARCH, metavar="NAME"),
    ] = "bootstrap"
    teacher_model: Annotated[
        str | None,
        typer.Option(
            help="Another model that answers for demos and proposes instructions.",
            rich_help_panel=_SEARCH,
            metavar="MODEL",
        ),
    ] = None
    teacher_api_base: Annotated[
        list[str] | None,
        typer.Option(
            help="Address of the teacher's server; repeatable: replicas share the calls.",
            rich_help_panel=_SEARCH,
            metavar="URL",
        ),
    ] = None
    candidates: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            help="Demo sets or instructions that are tried (simba, copro: in each step): 6.",
            rich_help_panel=_SEARCH,
        ),
    ] = None
    rounds: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            help="Trials (mipro), reflections (gepa) or steps (simba; copro: a third): 10.",
            rich_help_panel=_SEARCH,
        ),
    ] = None
    demos: Annotated[
        int | None, typer.Option(min=0, max=1000, help="Most demos in a prompt: 3.", rich_help_panel=_SEARCH)
    ] = None
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Role within the program that may change; repeatable.", rich_help_panel=_SEARCH, metavar="ROLE"
        ),
    ] = None
