"""Cache of drawn figures, by digest of their numbers and of the code that draws them.

Most of a report's time goes into drawing and saving, and most of its figures do not change
when a study grows by a dimension or a report is written again.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.backends.cache import cache_dir, make_room
from memalign_bench.report.drawing.panels import FORMATS
from memalign_bench.study.records import write_bytes

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.drawing.look import Look
    from memalign_bench.report.sections.section import Section

__all__ = ["figure_digest", "restore_figure", "store_figure"]

_LIBRARIES = ("matplotlib", "seaborn", "numpy", "pandas", "pillow", "fonttools")
_MAX_BYTES = 30_000_000
"""Some 300 figures in three formats."""


def figure_digest(section: Section, data: pd.DataFrame, look: Look) -> str | None:
    """Digest of everything a figure depends on: its numbers, the look, this package, the libraries.

    None for a section of one's own, whose code may read anything.
    """
    if not getattr(section.draw, "__module__", "").startswith("memalign_bench."):
        return None
    try:
        inputs = pickle.dumps((section.name, data, look))
    except (pickle.PicklingError, AttributeError, TypeError):
        # Not picklable, so without a digest: drawn anew each time.
        return None
    return hashlib.sha256(_code_digest() + inputs).hexdigest()


@cache
def _code_digest() -> bytes:
    """Digest of this package's source and of the versions of what draws."""
    digest = hashlib.sha256(repr([sys.version, *map(version, _LIBRARIES)]).encode())
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()


def restore_figure(digest: str | None, folder: Path, name: str) -> dict[str, Path] | None:
    """Write a cached figure; returns its files by format, None where it is not cached."""
    if digest is None:
        return None
    try:
        contents = {kind: _cache_path(digest, kind).read_bytes() for kind in FORMATS}
    except OSError:
        return None
    files = {kind: folder / f"{name}.{kind}" for kind in FORMATS}
    for kind, content in contents.items():
        write_bytes(files[kind], content)
        with suppress(OSError):
            os.utime(_cache_path(digest, kind))
    return files


def store_figure(digest: str | None, files: dict[str, Path]) -> None:
    """Add a figure to the cache; does nothing where the cache cannot be written."""
    if digest is None:
        return
    with suppress(OSError):
        for kind, path in files.items():
            write_bytes(_cache_path(digest, kind), path.read_bytes())
        make_room(cache_dir() / "figures", _MAX_BYTES)


def _cache_path(digest: str, kind: str) -> Path:
    return cache_dir() / "figures" / f"{digest}.{kind}"
