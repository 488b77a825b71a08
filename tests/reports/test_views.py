"""Records as people read them."""

from rich.console import Console

from synthtools.reports.views import view
from tests.library import environment


def test_an_environment_says_how_difficult_it_was_made() -> None:
    made = environment().env.model_copy(update={"difficulty": "hard"})
    imported = made.model_copy(update={"collections": ()})
    for env, first in (
        (made, f"{made.id}: {made.scenario.title} (hard)"),
        (imported, f"{made.id}: {made.scenario.title}"),
    ):
        console = Console(width=200)
        with console.capture() as captured:
            console.print(view(env))
        assert captured.get().splitlines()[0].rstrip() == first
