"""Tables that only some studies can fill, one module each; a module put here is found by itself.

A table module has `NAME`, `PLACE` (its place on the page), `TITLE`,
`table(frames, made, settings)` (the numbers, no row where the study lacks what it needs) and
`page(frames, table)` (the same for people).
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.frames import StudyFrames
    from memalign_bench.report.pages import Page

__all__ = ["Made", "Settings", "TableModule", "discover_tables"]


class Settings(NamedTuple):
    """How records are read, as in `report.tables.make_tables`."""

    calibration: str | None = None
    missing: str = "worst"
    n_resamples: int = 10_000
    seed: int = 0


class Made(NamedTuple):
    """The tables that every study has, for those that build on them."""

    summary: pd.DataFrame
    contrasts: pd.DataFrame


class TableModule(Protocol):
    """What a module of this package has to offer."""

    NAME: str
    PLACE: int
    TITLE: str

    def table(self, frames: StudyFrames, made: Made, settings: Settings) -> pd.DataFrame:
        """The numbers; `made` holds the study's own tables."""
        ...

    def page(self, frames: StudyFrames, table: pd.DataFrame) -> Page:
        """Heads, cells and notes for people."""
        ...


def discover_tables() -> dict[str, TableModule]:
    """Table name -> its module, in the order of the page."""
    found: dict[str, TableModule] = {}
    for entry in pkgutil.iter_modules(__path__):
        module: TableModule = importlib.import_module(f"{__name__}.{entry.name}")
        found[module.NAME] = module
    return dict(sorted(found.items(), key=lambda pair: (pair[1].PLACE, pair[0])))
