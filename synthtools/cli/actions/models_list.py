"""What `models list` prints."""

from rich.table import Table

from synthtools.backends import weights
from synthtools.cli.output import out, print_json, say
from synthtools.reports.text import shown


def show_models(*, as_json: bool) -> None:
    """Prints the catalogue of embedded models."""
    rows = [
        {
            "name": f"embedded/{entry.name}",
            "title": entry.title,
            "size": entry.size,
            "licence": entry.licence,
            "here": weights.locate(entry.name) is not None,
            "good_for": entry.good_for,
        }
        for entry in weights.CATALOGUE.values()
    ]
    if as_json:
        print_json(rows)
        return
    table = Table(header_style="bold")
    for name in ("model", "what", "MB", "licence", "here", "good for"):
        table.add_column(name, overflow="fold")
    for row in rows:
        size = f"{int(str(row['size'])) / 1e6:,.0f}"
        here = "yes" if row["here"] else "no"
        table.add_row(
            *(str(row["name"]), str(row["title"]), size, str(row["licence"]), here, shown(str(row["good_for"])))
        )
    out.print(table)
    say(f"kept in {weights.cache_folder()}")
    say("a server is reached by name: --model hosted_vllm/NAME or openai/NAME, with --api-base URL")
