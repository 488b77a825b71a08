"""The server that the backend tests share."""

from collections.abc import Iterator

import pytest

from synthtools.backends.scripted_server import ScriptedServer, serve
from tests.backends.shared import ECHO


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A scripted server that plays `NameTool` and answers every other schema with fitting data."""
    with serve(ECHO) as running:
        yield running
