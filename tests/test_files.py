"""Files are written whole or not at all, and nothing stays beside them."""

import errno
import os
import stat
from pathlib import Path

import pytest

from synthtools.config import CONFIG_NAME, Settings, write_settings
from synthtools.files import replacing


def test_targets_change_together_when_the_block_ends(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("old")
    with replacing(one, other) as (first, second):
        first.write(b"new")
        second.write(b"too")
        assert (one.read_text(), other.exists()) == ("old", False)
    assert (one.read_text(), other.read_text()) == ("new", "too")
    assert stat.S_IMODE(one.stat().st_mode) == 0o644
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "one"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(target) as (file,):
        file.write(b"half")
        _ = 1 / 0
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("one", "old")]


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_settings(Settings(), tmp_path)
    before = (tmp_path / CONFIG_NAME).read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_settings(Settings.model_validate({"model": {"name": "scripted/schema"}}), tmp_path)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(CONFIG_NAME, before)]
