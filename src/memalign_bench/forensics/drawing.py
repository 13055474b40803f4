"""One figure: at which numbers of items each dimension's printed numbers can hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from memalign_bench.forensics.tables import Size

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_sizes"]

_WIDTH = 6.3  # inches: the text width of an A4 page with ordinary margins
_ROW = 0.3
_LEFT, _RIGHT, _HEAD, _FOOT = 2.3, 0.15, 0.1, 0.85
_LEGEND_BELOW = 0.42  # inches from the axis down to the legend: its numbers and its label


class _StepMark(NamedTuple):
    """Mark of one step of an item's error; shapes differ for print without colour."""

    label: str
    shape: str
    colour: str
    size: float
    filled: bool


_STEP_MARKS = {
    "third": _StepMark("third grades", "^", "#de8f05", 3.4, True),
    "half": _StepMark("half grades", "o", "#0173b2", 7.5, False),
    "whole": _StepMark("whole grades", "o", "#000000", 4.2, True),
}


def draw_sizes(sizes: Sequence[Size], largest_n: int) -> Figure:
    """A row for each dimension of each experiment, a mark at each n that fits.

    Args:
        sizes: The table of that name.
        largest_n: Right end of the axis.
    """
    from matplotlib.figure import Figure

    # The experiments of a dimension stand below one another.
    by_dimension = sorted(sizes, key=lambda row: _first_place(sizes, row.dimension))
    rows = [*dict.fromkeys((row.dimension, row.experiment) for row in by_dimension)]
    # All in inches; as shares of the figure below, so that a row is equally high in every figure.
    height = _HEAD + _ROW * max(1, len(rows)) + _FOOT
    figure = Figure(figsize=(_WIDTH, height))
    box = (_LEFT / _WIDTH, _FOOT / height, (_WIDTH - _LEFT - _RIGHT) / _WIDTH)
    axes = figure.add_axes((*box, (height - _FOOT - _HEAD) / height))
    _label_rows(axes, rows, sizes)
    places = {key: place for place, key in enumerate(rows)}
    # Finest step first, so that marks of whole grades lie on top.
    for step, mark in _STEP_MARKS.items():
        points = [
            (n, places[row.dimension, row.experiment])
            for row in sizes
            if row.step == step
            for n in row.n
        ]
        axes.plot(
            [n for n, _ in points], [place for _, place in points], mark.shape, label=mark.label,
            color=mark.colour, markersize=mark.size, markeredgewidth=0.9,
            markerfacecolor=mark.colour if mark.filled else "none",
        )  # fmt: skip
    axes.set_xlim(0, largest_n + 1)
    axes.set_xlabel("number of items n at which all printed means of the row hold together")
    # In the units of the axes, whose lower end is 0.
    below = -_LEGEND_BELOW / (height - _FOOT)
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, below), ncols=3, frameon=False, reverse=True
    )
    return figure


def _first_place(sizes: Sequence[Size], dimension: str) -> int:
    return next(place for place, row in enumerate(sizes) if row.dimension == dimension)


def _label_rows(axes: Axes, rows: Sequence[tuple[str, str]], sizes: Sequence[Size]) -> None:
    printed = {(row.dimension, row.experiment): row.printed for row in sizes}
    labels = [f"{', '.join(key).replace('_', ' ')}\n{printed[key]}" for key in rows]
    axes.set_yticks(range(len(rows)), labels, linespacing=1.0, fontsize=6)
    # From top to bottom, as a table is read.
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for edge in range(1, len(rows)):
        same = rows[edge][0] == rows[edge - 1][0]
        axes.axhline(edge - 0.5, color="0.93" if same else "0.7", linewidth=0.6, zorder=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
