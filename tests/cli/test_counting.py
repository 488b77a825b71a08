"""What takes a while shows how far it is, on a terminal only."""

import io

import pytest
from rich.console import Console

from synthtools.cli.counting import Count


@pytest.mark.parametrize(("terminal", "seconds", "shown"), [(True, 3.0, True), (True, 1.0, False), (False, 3.0, False)])
def test_a_bar_comes_on_a_terminal_once_it_takes_a_while(terminal: bool, seconds: float, shown: bool) -> None:
    times = iter([0.0, 0.5, seconds, seconds])
    console = Console(file=io.StringIO(), force_terminal=terminal, record=True, width=100)
    with Count("writing tasks", 3, console=console, clock=lambda: next(times)) as count:
        assert list(count.over("abc")) == ["a", "b", "c"]
    assert ("writing tasks" in console.export_text()) is shown
