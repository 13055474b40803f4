"""Coverage against the number of cases, a panel a quantity and a line a method."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memalign_bench.certify.design import LEVEL, N_CASES
from memalign_bench.certify.simulation import HEADLINE
from memalign_bench.certify.tables import TITLES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["draw"]

_HEADLINE_COLOUR = "#029e73"
_OTHER_STYLES = {  # seaborn's colour-blind palette; marks differ too, for print without colour
    "t": ("#0173b2", "s"),
    "percentile": ("#de8f05", "D"),
    "bca": ("#d55e00", "v"),
    "sign_flips_known": ("#cc78bc", "P"),
    "jackknife_t_reread": ("#0173b2", "s"),
    "sign_flips_other_labels": ("#000000", "X"),
}
_NAMES = {
    "t": "t, of the reading anew: jackknife-t",
    "percentile": "percentile bootstrap",
    "bca": "BCa bootstrap",
    "sign_flips_known": "reading taken as known",
    "sign_flips_other_labels": "widened for other labels",
}
_WIDTH, _HEIGHT = 6.3, 6.6  # inches: the text width of an A4 page with ordinary margins
_FLOOR = 0.7


def draw(table: pd.DataFrame) -> Figure:
    """Least coverage over regimes and effects as a line, the range over them as a band.

    The panel of the judge that learns shows the harder target: the method on other labels.

    Args:
        table: As `tables.frame_of` makes it.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, _HEIGHT))
    panels = figure.subplots(3, 2, sharex=True, sharey=True)
    figure.subplots_adjust(left=0.095, right=0.99, top=0.96, bottom=0.14, hspace=0.22, wspace=0.06)
    # Every study once: other rows hold subsets, those in which more cases changed.
    all_studies = table[table["least_changed"] == 0]
    for axes, (quantity, title) in zip(panels.flat, TITLES.items(), strict=True):
        rows = all_studies[(all_studies["quantity"] == quantity) & all_studies["coverage"].notna()]
        target = "method" if quantity == "memories" else "memories"
        _draw_panel(axes, rows[rows["target"] == target], HEADLINE[quantity])
        axes.set_title(title, loc="left")
    for axes in panels[:, 0]:
        axes.set_ylabel("coverage")
    for axes in panels[-1]:
        axes.set_xlabel("cases")
    figure.legend(handles=_legend(), ncols=3, loc="lower center", frameon=False)
    return figure


def _draw_panel(axes: Axes, rows: pd.DataFrame, headline: str) -> None:
    # Evenly spaced: on a true scale the small numbers of cases would crowd.
    places = np.arange(len(N_CASES))
    axes.axhline(LEVEL, color="0.3", linewidth=0.8)
    # Another method's line never hides the one that tables show.
    for method in sorted(set(rows["method"]), key=lambda name: name == headline):
        colour, mark = _style_of(method, headline)
        by_n = rows[rows["method"] == method].groupby("n_cases")["coverage"]
        # The line is the least over regimes and effects, the band reaches to the largest.
        # NaN at sizes without a tally, which the line skips.
        low, high = (by_n.agg(end).reindex(N_CASES).to_numpy() for end in ("min", "max"))
        axes.fill_between(places, low, high, color=colour, alpha=0.12, linewidth=0)
        axes.plot(places, low, color=colour, marker=mark, markersize=3.6, linewidth=1.2)
    axes.set_xticks(places, [str(n) for n in N_CASES])
    axes.set_ylim(_FLOOR, 1.0)
    axes.grid(visible=True, axis="y")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _style_of(method: str, headline: str) -> tuple[str, str]:
    if method == headline:
        return _HEADLINE_COLOUR, "o"
    return _OTHER_STYLES.get(method) or _OTHER_STYLES[method.removesuffix("_reread")]


def _legend() -> list[Line2D]:
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], color=_HEADLINE_COLOUR, marker="o", label="what tables show", markersize=3.6)
    ]
    for method, name in _NAMES.items():
        colour, mark = _OTHER_STYLES[method]
        entries.append(Line2D([], [], color=colour, marker=mark, label=name, markersize=3.6))
    return entries
