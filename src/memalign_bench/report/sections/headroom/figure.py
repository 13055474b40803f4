"""One stacked bar a dimension and judge: seen and shared, seen and not shared, not seen."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.sections.headroom.tables import PARTS
from memalign_bench.report.sections.section import SectionNumbers

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["caption", "data", "draw"]

# In the order in which a bar is stacked.
_COLOURS = {"shared": "0.72", "not_shared": "#de8f05", "not_seen": "#0173b2"}


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """The rows whose error has parts."""
    table = made["headroom"]
    return table[table["not_seen"].notna()].reset_index(drop=True)


def caption(look: Look, data: pd.DataFrame) -> str:
    """What the parts and marks are."""
    # Either `these items, each by the other folds` or `another corpus`.
    own_thresholds = data["thresholds_from"].str.startswith("these").any()
    note = (
        " Thresholds of the answers were chosen on these items, by other folds."
        if own_thresholds
        else ""
    )
    return (
        "Mean absolute error of each judge, by what it could know of its items: seen and shared"
        " (facts seen, and the rubric's plain text gives the experts' grade), seen and not shared"
        " (only their convention does), not seen. The parts add up to the error. Line: error of the"
        " experts' convention on what the judge sees. Dotted: learnt upper bound of that. Of"
        f" {data['n_items'].min()} to {data['n_items'].max()} items.{note} Reading:"
        f" {look.reading}. Exploratory."
    )


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """One panel a backend."""
    names = [
        (dimension, variant)
        for dimension in look.dimensions(data["dimension"])
        for variant in look.ordered(data.loc[data["dimension"] == dimension, "variant"])
    ]
    legend = [panels.handle(what, marker="s", color=_COLOURS[name]) for name, what in PARTS.items()]
    legend += [
        panels.handle("convention known", linestyle="-", color="0.1"),
        panels.handle("learnt bound", linestyle=":", color="0.1"),
    ]
    height = 0.85 + 0.3 * len(names)
    figure, places = panels.side_by_side(data, height, legend, "MAE (grades)", left=0.38)
    for axes, rows in places:
        _draw_backend(axes, rows, names)
    row_names = [f"{look.title(dimension)}: {variant}" for dimension, variant in names]
    labels = ["\n".join(textwrap.wrap(text, 36)) for text in row_names]
    # Panels share the axis: set on the first, upside down, it holds for all.
    first, _ = places[0]
    first.set_yticks(range(len(names)), labels)
    first.set_ylim(len(names) - 0.5, -0.5)
    return figure


def _draw_backend(axes: Axes, rows: pd.DataFrame, names: list[tuple[str, str]]) -> None:
    for row in rows_of(rows):
        at, left = names.index((row["dimension"], row["variant"])), 0.0
        for part, colour in _COLOURS.items():
            axes.barh(at, row[part], left=left, color=colour, height=0.62)
            left += row[part]
        for column, style in (("convention_known", "-"), ("bound", ":")):
            if not np.isnan(row[column]):
                axes.vlines(row[column], at - 0.42, at + 0.42, color="0.1", linestyle=style)
    axes.grid(axis="y", visible=False)
