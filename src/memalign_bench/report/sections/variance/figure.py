"""The standard error of an improvement now, and with twice as much of one thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.readings import NO_BACKEND
from memalign_bench.report.sections.variance.tables import DOUBLED

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.sections.section import SectionNumbers

__all__ = ["caption", "data", "draw"]

_PAIR = ["variant", "backend", "reference"]
_MARKS = {
    "case": ("o", "#0173b2"),
    "item": ("s", "#de8f05"),
    "fold_seed": ("^", "#029e73"),
    "distillation": ("D", "#cc78bc"),
    "repeat": ("v", "#d55e00"),
}


def caption(look: Look, data: pd.DataFrame) -> str:
    """What a distance to the black line is."""
    return (
        "Standard error of the mean improvement over the unaligned judge, in grades, root mean"
        " square over dimensions: now (black line), and with twice as many cases, items a case,"
        " fold seeds, distillations a fold, or repeats, as far as this study tells. From variance"
        " components by REML; with few fold seeds their part is uncertain."
        f" Reading: {look.reading}."
    )


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """One row per pair of judges and component that can be doubled: `se_now`, `se_doubled`.

    Only what is identifiable on all dimensions of a variant.
    """
    table = made["variance"]
    table = table[table["component"].isin([*DOUBLED])]
    squares = table.assign(se_now=table["se_now"] ** 2, se_doubled=table["se_doubled"] ** 2)
    groups = squares.groupby([*_PAIR, "component"], sort=False)
    # Variances, not standard errors, are averaged over dimensions.
    means = groups[["se_now", "se_doubled"]].agg(_mean_if_complete) ** 0.5
    return means.dropna().reset_index()


def _mean_if_complete(part: pd.Series) -> float:
    """The mean; missing where any value is missing."""
    return float(part.mean(skipna=False))


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """One line of marks a variant, backend and reference."""
    from matplotlib.figure import Figure

    pairs = list(data[_PAIR].drop_duplicates().itertuples(index=False, name=None))
    order = [pair for variant in look.ordered(data["variant"])
             for pair in pairs if pair[0] == variant]  # fmt: skip
    present = [name for name in DOUBLED if name in set(data["component"])]
    legend = [panels.handle("now", marker="|", color="0", markersize=9)]
    legend += [
        panels.handle(f"twice the {DOUBLED[name]}", marker=_MARKS[name][0], color=_MARKS[name][1])
        for name in present
    ]
    # Sizes in inches; the left margin fits the longest name, a row one mark above another.
    foot, row = panels.legend_height(legend) + 0.45, 0.1 + 0.07 * len(present)
    height = foot + row * len(order) + 0.12
    figure = Figure(figsize=(6.3, height))
    several = len(look.backends) > 1
    labels = [_label(*pair, several=several) for pair in order]
    # A letter takes about 0.0115 of the width; names get at most half of it.
    left = min(0.5, 0.03 + 0.0115 * max(map(len, labels)))
    axes = figure.add_axes((left, foot / height, 0.97 - left, row * len(order) / height))
    # Twice the cases and twice the items a case often come to the same.
    asides = dict(zip(present, np.linspace(-0.3, 0.3, len(present)), strict=True))
    for place, pair in enumerate(order):
        own = data[(data[_PAIR] == list(pair)).all(axis=1)]
        # The same in each row of a pair.
        axes.plot([own["se_now"].iloc[0]] * 2, [place - 0.42, place + 0.42], color="0", zorder=2)
        for name, value in zip(own["component"], own["se_doubled"], strict=True):
            shape, colour = _MARKS[name]
            aside = place + asides[name]
            axes.plot([value], [aside], shape, color=colour, markersize=4.6, zorder=3)
    axes.set_yticks(range(len(order)), labels)
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel("standard error of the mean improvement (grades)")
    panels.add_legend(figure, legend)
    return figure


def _label(variant: str, backend: str, reference: str, *, several: bool) -> str:
    """A judge's name; without a model it is told apart by the backend that it stands beside."""
    if backend == NO_BACKEND:
        return f"{variant} (over {reference})" if " on " in reference else variant
    return f"{variant} ({backend})" if several else variant
