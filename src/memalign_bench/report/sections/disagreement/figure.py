"""Each dimension's rater disagreement beside its gain from alignment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.prose import typographic, with_interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.sections.section import SectionNumbers

__all__ = ["caption", "data", "draw"]


_WIDTH = 6.3
_LEFT, _RIGHT, _GAP = 0.55, 0.12, 0.6  # inches around and between panels
_HIGH, _HEAD, _AXIS = 1.9, 0.52, 0.45  # inches of a panel, above it, below it
_LABELS = {"mae": "fall of the MAE (grades)", "spearman": "rise of the rank correlation"}


def caption(look: Look, data: pd.DataFrame) -> str:
    """What is shown, and how little so few dimensions can tell."""
    n = int(data["n_dimensions"].max())
    return (
        "Improvement of the full memory over the unaligned judge (above zero is better) against the"
        " mean absolute difference between two raters of an item, one mark a dimension, with 95 %"
        " intervals over cases in both. Were alignment defeated by disagreement, marks"
        " would fall to the right. Above each panel Spearman's correlation over dimensions, its"
        " interval over cases given these dimensions, and p over pairings of dimensions;"
        f" {n} dimensions are few. Reading: {look.reading}. Exploratory."
    )


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """The table `disagreement`, of backends with two dimensions or more."""
    table = made["disagreement"]
    return table[table["n_dimensions"] > 1]


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """A line of two panels for each backend."""
    from matplotlib.figure import Figure

    judges = list(dict.fromkeys(zip(data["backend"], data["variant"], strict=True)))
    # A mark per dimension, the same in all panels.
    names = look.dimensions(data["dimension"])
    marks = {name: look.dimension_mark(name) for name in names}
    legend = [
        panels.handle(look.title(name), marker=mark.shape, color=mark.colour)
        for name, mark in marks.items()
    ]
    foot = panels.legend_height(legend)
    height = len(judges) * (_HEAD + _HIGH + _AXIS) + foot
    figure = Figure(figsize=(_WIDTH, height))
    wide = (_WIDTH - _LEFT - _RIGHT - _GAP) / 2
    # A line of two panels per backend: gain in MAE, gain in rank correlation.
    for line, (backend, variant) in enumerate(judges):
        here = data[(data["backend"] == backend) & (data["variant"] == variant)]
        bottom = height - (line + 1) * (_HEAD + _HIGH) - line * _AXIS
        for column, metric in enumerate(_LABELS):
            left = _LEFT + column * (wide + _GAP)
            box = (left / _WIDTH, bottom / height, wide / _WIDTH, _HIGH / height)
            axes = figure.add_axes(box)
            _draw_panel(axes, here, look, metric)
            title = backend if column == 0 and len(look.backends) > 1 else ""
            # `rho_*` is the same in each row of a judge.
            lines = _correlation_lines(rows_of(here)[0], metric)
            axes.set_title(
                "\n".join(filter(None, [title, *lines])), loc="left", fontsize=7, linespacing=1.25
            )
    panels.add_legend(figure, legend)
    return figure


def _correlation_lines(row: Mapping[str, Any], metric: str) -> list[str]:
    name = f"rho_{metric}"
    if np.isnan(row[name]):
        return [f"no correlation over {row['n_dimensions']} dimensions"]
    span = typographic(with_interval(*(row[f"{name}{end}"] for end in ("", "_low", "_high"))))
    p = "" if np.isnan(row[f"{name}_p"]) else f", p = {row[f'{name}_p']:.2g}"
    head = f"rank correlation over {row['n_dimensions']} dimensions:"
    return [head, span + p]


def _draw_panel(axes: Axes, here: pd.DataFrame, look: Look, metric: str) -> None:
    axes.axhline(0, color="0.35", linewidth=0.9, zorder=1)
    for row in rows_of(here):
        mark = look.dimension_mark(row["dimension"])
        x, y = row["disagreement"], row[f"gain_{metric}"]
        lines: dict[str, Any] = {"color": mark.colour, "linewidth": 0.9, "alpha": 0.45, "zorder": 2}
        axes.plot([row["disagreement_low"], row["disagreement_high"]], [y, y], **lines)
        axes.plot([x, x], [row[f"gain_{metric}_low"], row[f"gain_{metric}_high"]], **lines)
        axes.plot([x], [y], mark.shape, color=mark.colour, markersize=5, zorder=4)
    # After the marks: setting a limit ends the fitting of the other end to them.
    axes.set_xlim(left=0)
    axes.set_xlabel("difference between raters (grades)")
    axes.set_ylabel(_LABELS[metric])
    axes.grid(visible=True, axis="y", linewidth=0.5, color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
