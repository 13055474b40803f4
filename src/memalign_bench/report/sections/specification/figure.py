"""Specification curve: improvement under every way of asking, and which way each is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.sections.specification.tables import specifications

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.sections.section import SectionNumbers

__all__ = ["caption", "data", "draw"]


_WIDTH = 6.3
_LEFT, _RIGHT, _GAP = 1.75, 0.1, 0.14  # inches
_CURVE, _ROW, _HEAD, _BETWEEN = 1.5, 0.135, 0.36, 0.3  # inches
_MAX_LETTERS = 28  # of a setting, in the left margin
_HEADLINE_COLOUR = "#d55e00"
_KEY = ["dimension", "alignment", "backend"]


def caption(look: Look, data: pd.DataFrame) -> str:
    """What is shown, and how many agree in sign."""
    shares = []
    for (dimension, alignment, backend), group in data.groupby(_KEY, sort=False):
        # Rounded as in the table, so that both count alike.
        better = int((group["improvement"].round(9) > 0).sum())
        where = f"{alignment}, {look.title(str(dimension))}, {backend}"
        shares.append(f"{where}: {better} of {len(group)} better")
    return (
        "Fall of the mean absolute error against the unaligned judge that is asked alike, in grades"
        " (above zero is better), for every combination of settings that was run and each reading"
        " of the distributions, in rising order, with 95 % intervals over cases. Dots"
        " below say what was set away from the usual way, which was fixed before and is marked by"
        f" the vertical band. {'; '.join(shares)}. All answer about the same items and are not"
        " independent."
    )


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """Rows of `specifications`, of the MAE alone."""
    ways = specifications(made["contrasts"], look.reading)
    return ways[ways["metric"] == "mae"].reset_index(drop=True)


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """A line of panels for each dimension and backend, one panel an alignment."""
    from matplotlib.figure import Figure

    settings = _all_settings(data, look)
    alignments = look.sorted_names(data["alignment"])
    lines = list(dict.fromkeys(zip(data["dimension"], data["backend"], strict=True)))
    # Sizes in inches: a curve with its matrix of dots below.
    matrix = _ROW * len(settings)
    # 0.06 inches lie between a curve and its dots.
    line_height = _HEAD + _CURVE + 0.06 + matrix + _BETWEEN
    height = line_height * len(lines)
    wide = (_WIDTH - _LEFT - _RIGHT - _GAP * (len(alignments) - 1)) / len(alignments)
    figure = Figure(figsize=(_WIDTH, height))
    # One y axis for all curves.
    top = float(data[["high", "improvement"]].max().max())
    low = float(data[["low", "improvement"]].min().min())
    for at, (dimension, backend) in enumerate(lines):
        here = data[(data["dimension"] == dimension) & (data["backend"] == backend)]
        upper = height - at * line_height - _HEAD - _CURVE
        for column, alignment in enumerate(alignments):
            ways = here[here["alignment"] == alignment]
            left = (_LEFT + column * (wide + _GAP)) / _WIDTH
            curve = figure.add_axes((left, upper / height, wide / _WIDTH, _CURVE / height))
            dots = figure.add_axes(
                (left, (upper - 0.06 - matrix) / height, wide / _WIDTH, matrix / height),
                sharex=curve,
            )
            _draw_curve(curve, ways, look.mark_of(alignment).colour)
            _draw_dots(dots, ways, settings, labelled=column == 0)
            curve.set_ylim(low - 0.05 * (top - low), top + 0.05 * (top - low))
            title = f"{alignment}, {backend}" if len(look.backends) > 1 else alignment
            curve.set_title(title, loc="left")
            if column:
                curve.set_yticklabels([])
            else:
                curve.set_ylabel(f"{look.title(dimension)}\nfall of the MAE (grades)")
    return figure


def _all_settings(data: pd.DataFrame, look: Look) -> list[str]:
    """Every setting that some way of asking has, the reading last."""
    known = sorted({setting for settings in data["settings"] for setting in settings})
    # The study's own reading is the usual way, and has no line of dots.
    readings = sorted(set(data["reading"]) - {look.reading})
    return [*known, *(f"reading={name}" for name in readings)]


def _draw_curve(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    axes.axhline(0, color="0.35", linewidth=0.9, zorder=1)
    for at, row in enumerate(rows_of(rows)):
        if row["headline"]:
            axes.axvline(at, color=_HEADLINE_COLOUR, linewidth=4, alpha=0.35, zorder=1)
        axes.plot([at, at], [row["low"], row["high"]], color=colour, linewidth=0.8, alpha=0.5)
        axes.plot(at, row["improvement"], "o", color=colour, markersize=2.6, zorder=4)
    axes.tick_params(axis="x", labelbottom=False)
    axes.grid(visible=False, axis="x")
    axes.grid(visible=True, axis="y", linewidth=0.5, color="0.9")
    # For the dots too, which share this axis; a panel without ways keeps a place.
    axes.set_xlim(-0.8, max(len(rows) - 0.2, 1))
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)


def _shorten(name: str) -> str:
    """A setting cut to the margin; the table of the study has it whole."""
    return (
        name if len(name) <= _MAX_LETTERS else f"{name[: _MAX_LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}"
    )


def _draw_dots(axes: Axes, rows: pd.DataFrame, names: Sequence[str], *, labelled: bool) -> None:
    for at, row in enumerate(rows_of(rows)):
        if row["headline"]:
            axes.axvline(at, color=_HEADLINE_COLOUR, linewidth=4, alpha=0.35, zorder=1)
        row_settings = {*row["settings"], f"reading={row['reading']}"}
        places = [place for place, name in enumerate(names) if name in row_settings]
        axes.plot([at] * len(places), places, "o", color="0.25", markersize=1.9, zorder=3)
    labels = [_shorten(name) if labelled else "" for name in names]
    axes.set_yticks(range(len(names)), labels, fontsize=6)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="x", labelbottom=False)
    axes.grid(visible=False)
    for place in range(0, len(names), 2):
        axes.axhspan(place - 0.5, place + 0.5, color="0.95", zorder=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
