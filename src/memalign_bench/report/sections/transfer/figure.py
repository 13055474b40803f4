"""A matrix of gains: whose memory (rows) and which judge (columns)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.curves import ALL_DIMENSIONS
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.sections.transfer.tables import NOBODY

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["caption", "data", "draw"]


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> Any:
    """Of several dimensions, their mean."""
    table = made["transfer"]
    mean = ALL_DIMENSIONS if (table["dimension"] == ALL_DIMENSIONS).any() else None
    return table[table["dimension"] == (mean or table["dimension"].iloc[0])].reset_index(drop=True)


def caption(look: Look, data: pd.DataFrame) -> str:
    """What a cell is."""
    return (
        "Fall of the mean absolute error against the same judge without memory, by who made the"
        f" memory (rows) and who judges (columns), over {data['n_items'].min()} to"
        f" {data['n_items'].max()} pairs of item and dimension. Above zero memory gained; an empty"
        f" cell was not run. Reading: {look.reading}. Exploratory; no interval."
    )


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """Numbers on colours, white at no change."""
    from matplotlib.figure import Figure

    judges = list(dict.fromkeys(data["backend"]))
    rows = list(dict.fromkeys(_memory_label(row) for row in rows_of(data)))
    gains = np.full((len(rows), len(judges)), np.nan)
    for row in rows_of(data):
        gains[rows.index(_memory_label(row)), judges.index(row["backend"])] = row["gained"]
    # Symmetric, so that white is no change; a tenth at least, so that tiny gains stay pale.
    widest = max(float(np.nanmax(np.abs(gains))), 0.1)
    height = 1.0 + 0.28 * len(rows)
    figure = Figure(figsize=(6.3, height))
    axes = figure.subplots()
    axes.imshow(gains, cmap="PuOr", vmin=-widest, vmax=widest, aspect="auto")
    for (at, judge), gain in np.ndenumerate(gains):
        if not np.isnan(gain):
            dark = abs(gain) > 0.7 * widest
            # Both ends of the colours are dark, and black would not be read on them.
            colour = "white" if dark else "black"
            axes.text(judge, at, f"{gain:+.2f}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(judges)), judges)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel("judged by")
    axes.grid(visible=False)
    figure.subplots_adjust(left=0.48, right=0.98, top=0.96, bottom=0.55 / height)
    return figure


def _memory_label(row: Any) -> str:
    makers = {"guidelines": row["distilled_by"], "examples": row["examples_by"]}
    return ", ".join(f"{what} by {who}" for what, who in makers.items() if who != NOBODY)
