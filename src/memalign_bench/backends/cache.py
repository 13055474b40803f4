"""Where this machine keeps what may be made again: weights, limits, findings."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_dir", "make_room"]


def cache_dir() -> Path:
    """`MEMALIGN_BENCH_CACHE`, else a folder in the user's cache."""
    own = os.environ.get("MEMALIGN_BENCH_CACHE")
    if own:
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "memalign-bench"


def make_room(folder: Path, most_bytes: int) -> None:
    """Where a folder holds more than that, remove the files that nobody has used for longest.

    A third more than must go goes, so that this is not done for every new file.

    Raises:
        OSError: If a file cannot be looked at or removed.
    """
    held = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in folder.iterdir())
    total = sum(size for _, size, _ in held)
    aim = most_bytes * 2 // 3 if total > most_bytes else total
    for _, size, path in held:
        if total <= aim:
            return
        path.unlink(missing_ok=True)
        total -= size
