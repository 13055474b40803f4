"""A matrix of gains: whose memory (rows) and which judge (columns)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """Of several dimensions, their mean."""
    table = made["transfer"]
    mean = ALL_DIMENSIONS if (table["dimension"] == ALL_DIMENSIONS).any() else None
    return table[table["dimension"] == (mean or table["dimension"].iloc[0])].reset_index(drop=True)


def caption(look: Look, data: pd.DataFrame) -> str:
    """What a cell is."""
    few, many = data["n_items"].min(), data["n_items"].max()
    pairs = few if few == many else f"{few} to {many}"
    untold = " A dash: one of the two gave no answer." if data["gained"].isna().any() else ""
    return (
        "Fall of the mean absolute error against the same judge without memory, by who made the"
        " memory (rows; several variants with memories of the same makers by their settings) and"
        f" who judges (columns), over {pairs} pairs of item and dimension. Above zero memory"
        " gained; an empty cell was not run; a question without an answer costs the largest error."
        f" Reading: {look.reading}. Exploratory; no interval.{untold}"
    )


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """Numbers on colours, white at no change."""
    from matplotlib.figure import Figure

    judges = list(dict.fromkeys(data["backend"]))
    labels = _memory_labels(rows_of(data))
    rows = list(dict.fromkeys(labels))
    gains = np.full((len(rows), len(judges)), np.nan)
    unanswered = np.zeros(gains.shape, int)
    silent: list[tuple[int, int]] = []
    for row, label in zip(rows_of(data), labels, strict=True):
        cell = rows.index(label), judges.index(row["backend"])
        gains[cell], unanswered[cell] = row["gained"], row["n_unanswered"]
        silent += [cell] if np.isnan(row["gained"]) else []
    # Symmetric, so that white is no change; a tenth at least, so that tiny gains stay pale.
    widest = float(np.max(np.abs(gains), initial=0.1, where=~np.isnan(gains)))
    height = 1.0 + 0.28 * len(rows)
    figure = Figure(figsize=(6.3, height))
    axes = figure.subplots()
    drawn = axes.imshow(gains, cmap="PuOr", vmin=-widest, vmax=widest, aspect="auto")
    for at, judge in silent:
        axes.text(judge, at, "\N{EN DASH}", ha="center", va="center", color="0.4")
    for (at, judge), gain in np.ndenumerate(gains):
        if not np.isnan(gain):
            # Both ends of the colours are dark, and black would not be read on them.
            red, green, blue, _ = drawn.to_rgba(gain)
            colour = "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
            told = f"{gain:+.2f}" if round(gain, 2) else "0.00"
            if missing := unanswered[at, judge]:
                told += f"  ({missing} unanswered)"
            axes.text(judge, at, told, ha="center", va="center", color=colour)
    axes.set_xticks(range(len(judges)), judges)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel("judged by")
    axes.grid(visible=False)
    figure.subplots_adjust(left=0.48, right=0.98, top=0.96, bottom=0.55 / height)
    return figure


def _memory_labels(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Who made each row's memory; below it the settings, where several have the same makers."""
    makers = [_makers(row) for row in rows]
    names = [row["settings"] for row in rows]
    cells = Counter(zip(makers, names, (row["backend"] for row in rows), strict=True))
    # Makers may be named in two ways (`reflection=small`, and none, judged by small).
    twice = {made_by for (made_by, _, _), n in cells.items() if n > 1}
    names = [
        row["variant"] if made_by in twice else name
        for row, made_by, name in zip(rows, makers, names, strict=True)
    ]
    n_variants = Counter(made_by for made_by, _ in set(zip(makers, names, strict=True)))
    return [
        f"{made_by}\n({name})" if n_variants[made_by] > 1 else made_by
        for made_by, name in zip(makers, names, strict=True)
    ]


def _makers(row: dict[str, Any]) -> str:
    makers = {"guidelines": row["distilled_by"], "examples": row["examples_by"]}
    return ", ".join(f"{what} by {who}" for what, who in makers.items() if who != NOBODY)
