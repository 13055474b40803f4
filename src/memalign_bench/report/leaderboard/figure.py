"""A leaderboard's figure: every agent's mean with its interval, a panel a dimension."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from memalign_bench.report.numbers.frames import rows_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from memalign_bench.loop.leaderboard.standings import Standings

__all__ = ["CAPTION", "draw_leaderboard"]

CAPTION = (
    "Mean grade of each agent, overall and by dimension, with 95 % intervals; the small ring is the"
    " judge's mean as it stands. Agents in the order of the leaderboard."
)
_WIDTH, _LEFT, _RIGHT, _GAP = 6.3, 1.5, 0.1, 0.15
_ACROSS, _HEAD, _FOOT, _LINE = 3, 0.3, 0.28, 0.17  # inches; a line is an agent's
_COLOUR = "#0173b2"


def draw_leaderboard(standings: Standings, scale: tuple[float, float]) -> Figure:
    """Draw the standings.

    Args:
        standings: The standings.
        scale: Lowest and highest grade.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    runs = list(standings.overall["run"])
    # All panels list the agents in the order of the overall ranking.
    names = {row["run"]: f"{row['rank']} {row['run']}" for row in rows_of(standings.overall)}
    panels = [("All dimensions", standings.overall)]
    panels += [
        (title, standings.dimensions[standings.dimensions["dimension"] == name])
        for name, title in standings.titles.items()
    ]
    # Sizes in inches.
    high = 0.1 + _LINE * len(runs)
    # Rounded up: the last line need not be full.
    lines = -(-len(panels) // _ACROSS)
    height = lines * (_HEAD + high + _FOOT)
    wide = (_WIDTH - _LEFT - _RIGHT - _GAP * (_ACROSS - 1)) / _ACROSS
    figure = Figure(figsize=(_WIDTH, height))
    # Whole grades, of a wide scale only as many as a panel has room for.
    places = MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]).tick_values(*scale)
    ticks = [place for place in places if scale[0] <= place <= scale[1]]
    # A little beyond the scale, so that marks at its ends are whole.
    beyond = max(0.08, 0.025 * (scale[1] - scale[0]))
    for at, (title, rows) in enumerate(panels):
        line, column = divmod(at, _ACROSS)
        left = _LEFT + column * (wide + _GAP)
        bottom = height - (line + 1) * (_HEAD + high) - line * _FOOT
        axes = figure.add_axes((left / _WIDTH, bottom / height, wide / _WIDTH, high / height))
        _draw_panel(axes, rows, runs)
        axes.set_title(textwrap.shorten(title, 32, placeholder="..."), loc="left")
        axes.set_xlim(scale[0] - beyond, scale[1] + beyond)
        axes.set_xticks(ticks)
        labels = [textwrap.shorten(names[run], 28, placeholder="...") for run in runs]
        axes.set_yticks(range(len(runs)), labels if column == 0 else [""] * len(runs))
    return figure


def _draw_panel(axes: Axes, rows: pd.DataFrame, runs: list[str]) -> None:
    for row in rows_of(rows):
        place = runs.index(row["run"])
        axes.plot([row["mean_low"], row["mean_high"]], [place] * 2, color=_COLOUR, linewidth=1.2)
        # The small ring: the judge's mean as it stands.
        axes.plot(
            [row["opinion"]], [place], "o", color="0.35", fillstyle="none", markersize=2.8,
            markeredgewidth=0.7,
        )  # fmt: skip
        axes.plot([row["mean"]], [place], "o", color=_COLOUR, markersize=4.4)
    # Upside down: the best stands on top.
    axes.set_ylim(len(runs) - 0.5, -0.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
