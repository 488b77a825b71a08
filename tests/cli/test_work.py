"""Where a command's settings come from, and which of an earlier one's no longer hold."""

from pathlib import Path
from typing import Any

import pytest

from synthtools.cli.options import ModelOptions
from synthtools.cli.work import gather_settings

EARLIER = """
[model]
name = "direct/a"
api_base = ["http://a/v1"]
fallback = "direct/b"
fallback_api_base = ["http://b/v1"]
"""


def test_the_address_of_a_fallback_is_not_that_of_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SYNTHTOOLS_FALLBACK_MODEL", "SYNTHTOOLS_FALLBACK_API_BASE", "SYNTHTOOLS_API_BASE"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "config.toml").write_text(EARLIER)

    def fallback(**options: Any) -> tuple[str, tuple[str, ...]]:
        found = gather_settings(tmp_path, ModelOptions(**options)).fallback_model
        assert found is not None
        return found.name, found.api_base

    assert fallback() == fallback(fallback_model="direct/b") == ("direct/b", ("http://b/v1",))
    assert fallback(fallback_model="direct/c") == ("direct/c", ("http://a/v1",))
    given = ["model.fallback_api_base=http://c/v1"]
    assert fallback(fallback_model="direct/c", set_=given) == ("direct/c", ("http://c/v1",))
