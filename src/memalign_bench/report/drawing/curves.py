"""Panels of curves: error and rank correlation over a setting, one line of panels a dimension."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look, Mark
from memalign_bench.report.numbers.curves import ALL_DIMENSIONS
from memalign_bench.report.numbers.frames import rows_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Curves", "draw_curves"]

_WIDTH = 6.3
_LEFT, _RIGHT, _GAP = 0.5, 0.12, 0.62  # inches around and between panels
_HIGH, _HEAD, _AXIS = 1.25, 0.28, 0.26  # inches of a panel, above it, below it
_LABEL = 0.2  # inches of the axis title below the last line
_METRICS = {"mae": "mean absolute error (grades)", "spearman": "rank correlation within folds"}
_SHIFT_SHARE = 0.012


@dataclass(frozen=True)
class Curves:
    """What the x axis holds.

    Attributes:
        x: Its column.
        label: Its title.
        fit: A row -> the fit of its curve, with a `note` where there is none, and `at`.
        fitted: What the legend calls the fit.
    """

    x: str
    label: str
    fit: Callable[[Mapping[str, Any]], Any]
    fitted: str


@dataclass(frozen=True)
class _Style:
    """How one curve is drawn."""

    mark: Mark
    hollow: bool


def draw_curves(data: pd.DataFrame, look: Look, curves: Curves) -> Figure:
    """Error at the left with its fit, rank correlation at the right.

    Args:
        data: Rows of `numbers.curves.curve_rows`, with their fits.
        look: The study's look.
        curves: The x axis.
    """
    from matplotlib.figure import Figure

    # Sizes first, in inches: a line of two panels per backend and dimension, the legend below.
    styles = _styles(data, look)
    legend = _legend(data, styles, curves)
    foot = panels.legend_height(legend)
    lines = list(dict.fromkeys(zip(data["backend"], data["dimension"], strict=True)))
    height = len(lines) * (_HEAD + _HIGH + _AXIS) + _LABEL + foot
    figure = Figure(figsize=(_WIDTH, height))
    wide = (_WIDTH - _LEFT - _RIGHT - _GAP) / 2
    # Then the panels, from the top; only the outermost carry titles and labels.
    for number, (backend, dimension) in enumerate(lines):
        here = data[(data["backend"] == backend) & (data["dimension"] == dimension)]
        bottom = height - (number + 1) * (_HEAD + _HIGH) - number * _AXIS
        for column, metric in enumerate(_METRICS):
            left = _LEFT + column * (wide + _GAP)
            box = (left / _WIDTH, bottom / height, wide / _WIDTH, _HIGH / height)
            axes = figure.add_axes(box)
            _draw_panel(axes, here, styles, curves, metric)
            if number == 0:
                axes.set_title(_METRICS[metric], loc="right", fontsize=7, color="0.3")
            if number == len(lines) - 1:
                axes.set_xlabel(curves.label)
            if column == 0:
                axes.set_title(_title(here, look), loc="left")
    panels.add_legend(figure, legend)
    return figure


def _title(here: pd.DataFrame, look: Look) -> str:
    dimension, backend = here["dimension"].iloc[0], here["backend"].iloc[0]
    name = dimension if dimension == ALL_DIMENSIONS else look.title(dimension)
    place = f", {backend}" if len(look.backends) > 1 else ""
    return textwrap.shorten(f"{name}{place}", 40, placeholder="...")


def _styles(data: pd.DataFrame, look: Look) -> dict[str, _Style]:
    """A mark for each curve: that of its alignment, hollow for the second curve of one.

    From the third on a curve has the mark of its variant.
    """
    pairs = data[["variant", "alignment"]].drop_duplicates().itertuples(index=False)
    alignments = {str(variant): str(alignment) for variant, alignment in pairs}
    n_curves: Counter[str] = Counter()
    styles = {}
    for variant in look.sorted_names(alignments):
        alignment = alignments[variant]
        n_curves[alignment] += 1
        variant_mark = look.marks.get(variant) if n_curves[alignment] > 2 else None
        styles[variant] = _Style(
            variant_mark or look.mark_of(alignment), hollow=n_curves[alignment] == 2
        )
    return styles


def _legend(data: pd.DataFrame, styles: Mapping[str, _Style], curves: Curves) -> list[Any]:
    entries = [
        panels.handle(
            variant,
            marker=style.mark.shape,
            color=style.mark.colour,
            markerfacecolor="white" if style.hollow else style.mark.colour,
        )
        for variant, style in styles.items()
    ]
    # An empty note says that there is a fit.
    if (data["fit_note"] == "").any():
        entries.append(
            panels.handle(curves.fitted, linestyle="--", color="0.4", marker="", linewidth=1)
        )
    return entries


def _draw_panel(
    axes: Axes, here: pd.DataFrame, styles: Mapping[str, _Style], curves: Curves, metric: str
) -> None:
    span = float(here[curves.x].max() - here[curves.x].min()) or 1.0
    names = [name for name in styles if name in set(here["variant"])]
    # Side by side about the true place, so that intervals do not hide one another.
    shifts = span * _SHIFT_SHARE * (np.arange(len(names)) - (len(names) - 1) / 2)
    for name, shift in zip(names, shifts, strict=True):
        rows = here[here["variant"] == name].sort_values(curves.x)
        _draw_curve(axes, rows, styles[name], metric, (curves, float(shift)))
    # Means over folds that differ in the last bits are one tick.
    places = sorted(set(here[curves.x].round(3)))
    axes.set_xticks(_spread_ticks(places, 0.06 * span))
    axes.xaxis.set_major_formatter(lambda value, _: f"{round(value, 1):g}")
    axes.grid(visible=True, axis="y", linewidth=0.5, color="0.9")
    axes.grid(visible=False, axis="x")
    if metric == "spearman":
        axes.axhline(0, color="0.35", linewidth=0.8, zorder=1)
    else:
        axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)


def _spread_ticks(places: Sequence[float], least: float) -> list[float]:
    """Places without those too near to the one before; the last is always there."""
    ticks: list[float] = []
    # From the right, so that the largest value keeps its label.
    for place in reversed(places):
        if not ticks or ticks[-1] - place >= least:
            ticks.append(place)
    return ticks[::-1]


def _draw_curve(
    axes: Axes, rows: pd.DataFrame, style: _Style, metric: str, how: tuple[Curves, float]
) -> None:
    curves, shift = how
    colour = style.mark.colour
    x = rows[curves.x].to_numpy(dtype=float)
    y = rows[metric].to_numpy(dtype=float)
    ends = rows[[f"{metric}_low", f"{metric}_high"]].to_numpy(dtype=float)
    axes.vlines(x + shift, ends[:, 0], ends[:, 1], color=colour, linewidth=0.9, alpha=0.55)
    # Each row of a curve holds the whole fit.
    fit = curves.fit(rows_of(rows)[0])
    # Only errors are fitted; what has no fit is joined point by point.
    if metric == "mae" and not fit.note:
        fine: NDArray[np.float64] = np.linspace(x.min(), x.max(), 200)
        axes.plot(fine + shift, fit.at(fine), "--", color=colour, linewidth=1, zorder=2)
    else:
        axes.plot(x + shift, y, color=colour, linewidth=0.7, alpha=0.6, zorder=2)
    axes.plot(
        x + shift, y, style.mark.shape, color=colour, markersize=4,
        markerfacecolor="white" if style.hollow else colour, markeredgewidth=0.9, zorder=4,
    )  # fmt: skip
