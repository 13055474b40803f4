"""Forest plot of the entries of memory that did the most harm and the most good."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.sections.attribution import tables as attribution

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.sections.section import SectionNumbers

__all__ = ["caption", "data", "draw"]


_ENTRIES_PER_END = 8
"""Entries at either end of a judge's forest."""

_WIDTH = 6.3
_EDGE, _RIGHT = 0.16, 0.62  # inches beside names, and for numbers of items
_LETTER_WIDTH = 0.053  # inches that a letter of a name takes
_HEAD, _ROW, _AXIS = 0.36, 0.165, 0.42  # inches above a panel, of a row, below it
_HARM, _HELP, _PLAIN = "#d55e00", "#0173b2", "0.45"


def caption(look: Look, data: pd.DataFrame) -> str:
    """What is shown, and what makes a suspect."""
    return (
        "Effect of single entries of memory on the error of held-out items: the error without the"
        " entry less the error with it, in grades (left of zero the entry did harm), raw reading,"
        f" mean over the items that were shown it; at most the {_ENTRIES_PER_END} of most harm and"
        f" the {_ENTRIES_PER_END} of most help of each judge, over all dimensions, with 95 %"
        " intervals over cases where there are cases enough. Circles: examples (training item, its"
        " label); squares: guidelines. Filled orange: suspected label error, harm in total and a"
        " label that the judge contradicts where the item itself is held out; hollow orange: harm"
        " only. n counts items. The extremes of many entries are chosen: they look larger than they"
        " are."
    )


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """The ends of each judge's table `attribution`; no row where no effect is known."""
    import pandas as pd

    table = made["attribution"]
    table = table[table["effect"].notna()]
    order = ["effect", "n_items", "dimension", "entry"]
    parts = []
    for _, judge in table.groupby(["variant", "backend"], sort=False):
        # Ties by what the records hold, so that the same entries are chosen each time.
        ranked = judge.sort_values(order, ascending=[True, False, True, True], kind="stable")
        # What did nothing is at neither end.
        harm, good = ranked[ranked["effect"] < 0], ranked[ranked["effect"] > 0]
        parts += [harm.head(_ENTRIES_PER_END), good.tail(_ENTRIES_PER_END)]
    return pd.concat(parts, ignore_index=True) if parts else table


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """One panel a judge, most harmful entry on top."""
    from matplotlib.figure import Figure

    judges = [part for _, part in data.groupby(["variant", "backend"], sort=False)]
    names = [[_name(row, look, part) for row in rows_of(part)] for part in judges]
    # Names stand left of the axes; without a layout engine their width is estimated.
    left = _EDGE + _LETTER_WIDTH * max(len(name) for group in names for name in group)
    legend = _legend(data)
    foot = panels.legend_height(legend)
    rows = sum(map(len, judges))
    height = foot + len(judges) * (_HEAD + _AXIS) + _ROW * rows
    figure = Figure(figsize=(_WIDTH, height))
    top, wide = height, _WIDTH - left - _RIGHT
    # Symmetric about zero, and one for all judges: harm and help are seen at one scale.
    edge = 1.06 * float(np.nanmax(np.abs(data[["effect", "effect_low", "effect_high"]])))
    for part, labels in zip(judges, names, strict=True):
        high = _ROW * len(part)
        bottom = top - _HEAD - high
        axes = figure.add_axes((left / _WIDTH, bottom / height, wide / _WIDTH, high / height))
        _draw_judge(axes, part, labels)
        title = _title(part, look)
        # In shares of the axes, hence below 0: the title begins at the figure's edge.
        axes.set_title(title, loc="left", x=(_EDGE - left) / wide)
        axes.set_xlim(-edge, edge)
        top = bottom - _AXIS
    panels.add_legend(figure, legend)
    return figure


def _legend(data: pd.DataFrame) -> list[Line2D]:
    """Entries for what is drawn."""
    example, level = data["kind"] == "example", data["suspicion"]
    entries = [
        (level == attribution.SURE, "suspected label error", "o", _HARM, _HARM),
        (level == attribution.WEAK, "weakly suspected", "o", _HARM, "white"),
        (example & (level == ""), "other example", "o", _PLAIN, _PLAIN),
        (~example, "guideline", "s", _HELP, _HELP),
    ]
    return [
        panels.handle(label, marker=shape, color=colour, markerfacecolor=inside)
        for is_shown, label, shape, colour, inside in entries
        if is_shown.any()
    ]


def _draw_judge(axes: Axes, part: pd.DataFrame, labels: list[str]) -> None:
    rows = rows_of(part)
    for place, row in enumerate(rows):
        colour = _colour(row)
        if not np.isnan(row["effect_low"]):
            ends = [row["effect_low"], row["effect_high"]]
            axes.plot(ends, [place, place], color=colour, linewidth=1.1, zorder=3)
        inside = "white" if row["suspicion"] == attribution.WEAK else colour
        axes.plot(
            row["effect"], place, "s" if row["kind"] == "guideline" else "o", color=colour,
            markerfacecolor=inside, markersize=4.2, markeredgewidth=1, zorder=4,
        )  # fmt: skip
        axes.annotate(
            f"n = {row['n_items']}", (1.02, place), xycoords=("axes fraction", "data"),
            va="center", fontsize=6.5, color="0.3",
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), labels)
    axes.tick_params(axis="y", labelsize=6.5)
    # Upside down: the first row stands on top.
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.axvline(0, color="0.35", linewidth=0.9, zorder=1)
    axes.grid(visible=True, axis="x", linewidth=0.5, color="0.9")
    axes.set_xlabel(panels.two_way("harm", "fall of the error (grades)", "help"))
    axes.spines[["top", "right", "left"]].set_visible(False)


def _title(part: pd.DataFrame, look: Look) -> str:
    row = part.iloc[0]
    judge = f"{row['variant'].replace(',', ', ')} on {row['backend']}"
    single_dimension = part["dimension"].nunique() == 1
    title = f"{look.title(row['dimension'])}: {judge}" if single_dimension else judge
    return textwrap.shorten(title, 96, placeholder=" ...")


def _colour(row: dict[str, Any]) -> str:
    if row["suspicion"]:
        return _HARM
    return _HELP if row["kind"] == "guideline" else _PLAIN


def _name(row: dict[str, Any], look: Look, part: pd.DataFrame) -> str:
    """An entry's name, with its dimension where the panel holds several."""
    import pandas as pd

    label = "" if pd.isna(row["label"]) else f" (label {row['label']:g})"
    if row["kind"] == "guideline":
        text = textwrap.shorten(row["text"], 44, placeholder=" ...")
        name = f"\N{LEFT DOUBLE QUOTATION MARK}{text}\N{RIGHT DOUBLE QUOTATION MARK}"
        # Private texts are empty: then the fold and number of the guideline.
        name = name if text else row["entry"]
    else:
        name = f"{row['entry']}{label}"
    title = textwrap.shorten(look.title(row["dimension"]), 20, placeholder="...")
    return name if part["dimension"].nunique() == 1 else f"{title}: {name}"
