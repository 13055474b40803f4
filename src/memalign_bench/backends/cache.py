"""Where this machine keeps what may be made again: weights, limits, findings."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_dir"]


def cache_dir() -> Path:
    """`MEMALIGN_BENCH_CACHE`, else a folder in the user's cache."""
    own = os.environ.get("MEMALIGN_BENCH_CACHE")
    if own:
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "memalign-bench"
