"""Cache of a report's numbers and figures, by digest of all that they depend on.

Most of a report's time goes into resampling, drawing and saving; and most of its figures do not
change when a study grows by a dimension, none of its numbers when one figure is asked for.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.backends.cache import cache_dir, make_room
from memalign_bench.report.drawing.panels import FORMATS
from memalign_bench.report.numbers.alignments import packaged_conf
from memalign_bench.study.records import write_bytes

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.drawing.look import Look
    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.sections.section import Section

__all__ = ["NumbersCache", "figure_digest", "restore_figure", "store_figure"]

# Libraries of which another version may compute other numbers, or draw another picture.
_COMPUTING = ("numpy", "pandas", "scipy", "scikit-learn", "statsmodels", "krippendorff", "pyarrow")
_DRAWING = ("matplotlib", "seaborn", "pillow", "fonttools")
_MAX_FIGURE_BYTES = 30_000_000
"""Some 300 figures in three formats."""
_MAX_NUMBER_BYTES = 50_000_000
"""The numbers of some 100 studies of this repository's size."""

_WRITTEN_BY_REPORT = {"tables", "figures", "report.html"}
"""In a study's folder: what no number is read from."""


class NumbersCache:
    """Keeps the numbers of a report's sections on disk, a file each.

    Nothing is kept where it cannot be told what the numbers depend on: records that were changed
    in memory, a second study beside, a section of one's own, whose code may read anything.
    """

    def __init__(self, analysis: Analysis, sections: Mapping[str, Section]) -> None:
        # One foreign section is enough: any section may read the numbers of the others.
        makers = [section.numbers for section in sections.values() if section.numbers]
        is_told = (
            analysis.frames.as_stored
            and analysis.against is None
            and all(map(_is_of_this_package, makers))
        )
        self._study = _study_digest(analysis) if is_told else None

    def made(self, name: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """The numbers of a section: those kept, or else those that `make` gives, which are kept."""
        if self._study is None:
            return make()
        # The study's digest has a fixed length, so no other pair makes the same bytes.
        digest = hashlib.sha256(self._study + name.encode()).hexdigest()
        path = cache_dir() / "numbers" / f"{digest}.pickle"
        # Whatever a cut or foreign file raises when it is read, the numbers can be made.
        with suppress(Exception):
            kept: pd.DataFrame = pickle.loads(path.read_bytes())
            with suppress(OSError):
                # As with figures; a cache that may only be read is one too.
                os.utime(path)
            return kept
        numbers = make()
        # Where the cache cannot be written, or the numbers cannot be pickled (for which pickle has
        # three kinds of errors), they are made anew each time.
        with suppress(OSError, pickle.PicklingError, AttributeError, TypeError):
            pickled = pickle.dumps(numbers)
            write_bytes(path, pickled)
            make_room(path.parent, _MAX_NUMBER_BYTES)
            # As they will be read the next time: what is made anew pickles to other bytes, by which
            # figures of the same numbers would be drawn twice.
            numbers = pickle.loads(pickled)
        return numbers


def _study_digest(analysis: Analysis) -> bytes:
    """Digest of a study's records, of how they are read, and of the code that reads them."""
    draws = analysis.resampler
    resampling = (draws.n_resamples, draws.seed, draws.level, analysis.published)
    reading = (analysis.reading, analysis.missing, analysis.margin, *resampling)
    # The study's name too, which numbers may say.
    settings = repr((analysis.frames.path.name, *reading))
    digest = hashlib.sha256(_code_digest(_COMPUTING) + settings.encode())
    for path in _record_files(analysis.frames.path):
        # With its name, since two files that changed places are another study.
        digest.update(f"|{path.relative_to(analysis.frames.path)}:".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.digest()


def _record_files(study: Path) -> Iterator[Path]:
    """Every file of a study that numbers may be read from, in order."""
    for path in sorted(study.rglob("*")):
        top = path.relative_to(study).parts[0]
        is_call_store = top.startswith("calls.sqlite")  # large, and read by no report
        if path.is_file() and top not in _WRITTEN_BY_REPORT and not is_call_store:
            yield path


def figure_digest(section: Section, data: pd.DataFrame, look: Look) -> str | None:
    """Digest of everything a figure depends on: its numbers, the look, this package, the libraries.

    None for a section of one's own, whose code may read anything.
    """
    if not _is_of_this_package(section.draw):
        return None
    try:
        # The name stands for what draws, whose source the digest of the code covers.
        inputs = pickle.dumps((section.name, look))
    except (pickle.PicklingError, AttributeError, TypeError):
        # Not picklable, so without a digest: drawn anew each time.
        return None
    # By its values, since equal texts lie in memory in many ways, and are pickled as they lie.
    values = (data.dtypes.to_dict(), data.index.to_list(), data.to_dict("list"), data.attrs)
    parts = (_code_digest(_COMPUTING + _DRAWING), inputs, repr(values).encode())
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _is_of_this_package(function: object) -> bool:
    return str(getattr(function, "__module__", "")).startswith("memalign_bench.")


@cache
def _code_digest(libraries: tuple[str, ...]) -> bytes:
    """Digest of this package's source, tables and configuration, and of libraries' versions."""
    digest = hashlib.sha256(repr([sys.version, *map(version, libraries)]).encode())
    package = Path(__file__).parents[1]
    # All of the source: a number may hang on any of it. The tables of `certify` decide which
    # intervals are printed.
    for path in sorted([*package.rglob("*.py"), *package.glob("certify/*.csv")]):
        digest.update(path.read_bytes())
    # Roles, orders and marks that records lack are read from here.
    for path in sorted(packaged_conf().rglob("*.yaml")):
        digest.update(path.read_bytes())
    return digest.digest()


def restore_figure(digest: str | None, folder: Path, name: str) -> dict[str, Path] | None:
    """Write a cached figure; returns its files by format, None where it is not cached."""
    if digest is None:
        return None
    try:
        # All formats before any is written: `make_room` may have removed one of them.
        contents = {kind: _figure_path(digest, kind).read_bytes() for kind in FORMATS}
    except OSError:
        return None
    files = {kind: folder / f"{name}.{kind}" for kind in FORMATS}
    for kind, content in contents.items():
        write_bytes(files[kind], content)
        with suppress(OSError):
            # Used just now, so the last that `make_room` would remove.
            os.utime(_figure_path(digest, kind))
    return files


def store_figure(digest: str | None, files: dict[str, Path]) -> None:
    """Add a figure to the cache; does nothing where the cache cannot be written."""
    if digest is None:
        return
    with suppress(OSError):
        for kind, path in files.items():
            write_bytes(_figure_path(digest, kind), path.read_bytes())
        make_room(cache_dir() / "figures", _MAX_FIGURE_BYTES)


def _figure_path(digest: str, kind: str) -> Path:
    return cache_dir() / "figures" / f"{digest}.{kind}"
