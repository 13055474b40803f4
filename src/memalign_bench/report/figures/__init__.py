"""Figures of the report, one module each; a module put here is found without being listed.

A figure module has `NAME`, `PLACE` (its place on the page), `TITLE`, `caption(look, data)`,
`data(frames, tables, look)` (pure: tables in, the numbers drawn out) and
`draw(data, look)` (returns a matplotlib Figure).
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Protocol

from memalign_bench.errors import RequestError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from memalign_bench.report.frames import StudyFrames
    from memalign_bench.report.look import Look
    from memalign_bench.report.tables import Tables

__all__ = ["FigureModule", "choose_figures", "discover_figures"]


class FigureModule(Protocol):
    """What a module of this package has to offer."""

    NAME: str
    PLACE: int
    TITLE: str

    def caption(self, look: Look, data: pd.DataFrame) -> str:
        """What is shown, of how many items, in which reading, and how marks are to be read."""
        ...

    def data(
        self,
        frames: StudyFrames,
        tables: Tables,
        look: Look,
    ) -> pd.DataFrame:
        """The numbers that are drawn, one row a mark."""
        ...

    def draw(self, data: pd.DataFrame, look: Look) -> Figure:
        """The figure of these numbers; called inside `drawing.theme`."""
        ...


def discover_figures() -> dict[str, FigureModule]:
    """Figure name -> its module, in the order of the page."""
    found: dict[str, FigureModule] = {}
    for entry in pkgutil.iter_modules(__path__):
        module: FigureModule = importlib.import_module(f"{__name__}.{entry.name}")
        found[module.NAME] = module
    return dict(sorted(found.items(), key=lambda pair: (pair[1].PLACE, pair[0])))


def choose_figures(name: str | None) -> dict[str, FigureModule]:
    """All figures, or the one that is named.

    Raises:
        RequestError: If there is no such figure; lists those that there are.
    """
    found = discover_figures()
    if name is None:
        return found
    if name not in found:
        raise RequestError(f"figure={name!r} is not known; there are {', '.join(found)}.")
    return {name: found[name]}
