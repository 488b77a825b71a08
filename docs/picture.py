"""The picture of a run for the README: `python docs/picture.py RUN docs/quickstart.svg`.

Draws what the quickstart prints of a finished run: the funnel, one certified task, a solved rollout of it. The text in
records is a model's: it passes the same filters as on a terminal, and rich escapes it for the SVG.
"""

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from synthtools.errors import SynthToolsError, UsageError
from synthtools.reports.funnel import funnel
from synthtools.reports.views import task_view, trajectory_view
from synthtools.runs.minimum import Minimum
from synthtools.runs.run import Run, open_run

COLUMNS = 118
TITLE = "synthtools quickstart"


def picture(run: Run) -> str:
    """The SVG of a run. Raises: UsageError where it has no certified task to show."""
    best = Minimum(run).best
    if best is None:
        raise UsageError(f"the run {run.path} has no certified task that changes the state, and no solved rollout")
    task, rollout = best
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.rule("A task")
    console.print(task_view(run.record("task-audit", task)))
    if rollout is not None:
        console.print()
        console.rule("An agent at work on it")
        console.print(trajectory_view(run.record("trajectory-generation", rollout)))
    console.print()
    console.rule("Every try")
    console.print(funnel(run.store, run.status()))
    style, end, text = console.export_svg(title=TITLE, unique_id="synthtools").partition("</style>")
    return re.sub(r"@font-face \{.*?\}\s*", "", style, flags=re.DOTALL) + end + text  # fonts that viewers would fetch


def main(arguments: list[str]) -> int:
    """Writes the picture; 0, or 2 with one line on stderr."""
    if len(arguments) != 2:
        print("usage: python docs/picture.py RUN FILE.svg", file=sys.stderr)
        return UsageError.exit_code
    folder, target = map(Path, arguments)
    try:
        with open_run(folder) as run:
            svg = picture(run)
    except SynthToolsError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    target.write_text(svg, encoding="utf-8")
    print(f"wrote {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
