"""Where this machine keeps what may be made again: weights, limits, findings."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["cache_dir", "make_room"]


def cache_dir() -> Path:
    """`MEMALIGN_BENCH_CACHE`, else a folder in the user's cache."""
    own = os.environ.get("MEMALIGN_BENCH_CACHE")
    if own:
        return Path(own).expanduser()
    # Set but empty counts as not set: so the XDG specification wants it.
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "memalign-bench"


def make_room(folder: Path, max_bytes: int) -> None:
    """Remove the files that nobody has used for longest, where a folder is over `max_bytes`.

    A third more than must go goes, so that this is not done for every new file.

    Raises:
        OSError: If a file cannot be looked at or removed.
    """
    files_by_use: list[tuple[float, int, Path]] = []
    for path in folder.iterdir():
        # Another process may have made room, or given a file that it wrote its name.
        with suppress(FileNotFoundError):
            # The time of change is that of the last use: whoever reads a file here sets it. A file
            # system may keep no times of reading.
            files_by_use.append((path.stat().st_mtime, path.stat().st_size, path))
    files_by_use.sort()
    total = sum(size for _, size, _ in files_by_use)
    target = max_bytes * 2 // 3 if total > max_bytes else total
    for _, size, path in files_by_use:
        if total <= target:
            return
        path.unlink(missing_ok=True)
        total -= size
