"""Error against the similarity of the nearest neighbour."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look, Mark
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.numbers.pairs import alignment_of
from memalign_bench.report.numbers.readings import NO_BACKEND
from memalign_bench.report.prose import typographic, with_interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


__all__ = ["caption", "draw"]


_WIDTH = 6.3
_ACROSS = 3
_LEFT, _RIGHT, _GAP = 0.6, 0.14, 0.26  # inches around and between panels
_HIGH, _HEAD, _AXIS = 1.35, 0.62, 0.4  # inches of a panel, above it, below it


def caption(look: Look, data: pd.DataFrame) -> str:
    """What is shown, and how to read the two correlations."""
    parts = [
        "Mean absolute error of rows binned by the similarity of the nearest example shown, within"
        " dimensions, at the bin's mean similarity, with 95 % intervals over cases."
        " Dotted: the unaligned judge on the same rows, since items with near neighbours may be"
        " easier without any memory. Above each panel Spearman's correlation of similarity with"
        " the error (below 0: near neighbours go with small errors) and with the gain over the"
        f" unaligned judge (above 0: they go with help). Reading: {look.reading}."
    ]
    few = sorted(set(data["note"]) - {""})
    if few:
        parts.append(f"Fewer than ten bins where rows are few ({'; '.join(few)}).")
    if (data["bin"] == 0).any():
        parts.append("Hollow, at the left: rows whose retrieval abstained.")
    return " ".join(parts)


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """One panel a judge."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    judges = list(dict.fromkeys(zip(data["backend"], data["variant"], strict=True)))
    order = {name: place for place, name in enumerate(look.variants)}
    judges.sort(key=lambda judge: (judge[0] == NO_BACKEND, judge[0], order[judge[1]]))
    # Sizes in inches.
    across = min(_ACROSS, len(judges))
    lines = -(-len(judges) // across)
    legend = [
        panels.handle("judge", marker="o", color="0.3", linestyle="-"),
        panels.handle("unaligned judge, same rows", linestyle=":", color="0.3", marker=""),
    ]
    foot = panels.legend_height(legend)
    height = lines * (_HEAD + _HIGH + _AXIS) + foot
    wide = (_WIDTH - _LEFT - _RIGHT - _GAP * (across - 1)) / across
    figure = Figure(figsize=(_WIDTH, height))
    # One y axis for all panels, so that they can be compared.
    top = 1.05 * float(np.nanmax(data[["mae_high", "mae_none", "mae"]].to_numpy()))
    for place, (backend, variant) in enumerate(judges):
        line, column = divmod(place, across)
        bottom = height - (line + 1) * (_HEAD + _HIGH) - line * _AXIS
        left = _LEFT + column * (wide + _GAP)
        box = (left / _WIDTH, bottom / height, wide / _WIDTH, _HIGH / height)
        axes = figure.add_axes(box)
        here = data[(data["backend"] == backend) & (data["variant"] == variant)]
        # The mark of the alignment: panels tell its variants apart.
        _draw_judge(axes, here, look.mark_of(alignment_of(variant)))
        # From below 0, so that marks there are whole; of any height where nobody errs.
        axes.set_ylim(-0.03 * (top or 1), top or 1)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set_title(_title(here, look), loc="left", fontsize=7, linespacing=1.25)
        # Only where no panel stands below.
        axes.set_xlabel("similarity" if place + across >= len(judges) else "")
        if column:
            axes.set_yticklabels([])
        else:
            axes.set_ylabel("MAE (grades)")
    panels.add_legend(figure, legend)
    return figure


def _title(here: pd.DataFrame, look: Look) -> str:
    first = rows_of(here)[0]
    backend = first["backend"]
    place = "" if len(look.backends) == 1 or backend == NO_BACKEND else f" on {backend}"
    # A blank behind commas, since `wrap` breaks at none; two lines are what `_HEAD` has room for.
    name = textwrap.wrap(f"{first['variant']}{place}".replace(",", ", "), 32)
    intervals = {"error": _interval_text(first, "rho"), "gain": _interval_text(first, "gain")}
    return "\n".join([*name[:2], *(f"{key}: {text}" for key, text in intervals.items() if text)])


def _interval_text(row: dict[str, Any], name: str) -> str:
    if np.isnan(row[name]):
        return ""
    ends = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
    return typographic(with_interval(*ends))


def _draw_judge(axes: Axes, here: pd.DataFrame, mark: Mark) -> None:
    shown, unshown = here[here["bin"] > 0].sort_values("bin"), here[here["bin"] == 0]
    x = shown["similarity"].to_numpy(dtype=float)
    # A single bin has no width to place the hollow mark by.
    span = float(np.ptp(x)) or 0.1
    axes.plot(x, shown["mae_none"], ":", color=mark.colour, linewidth=1.1, zorder=2)
    axes.vlines(x, shown["mae_low"], shown["mae_high"], color=mark.colour, linewidth=1, alpha=0.7)
    axes.plot(
        x, shown["mae"], marker=mark.shape, color=mark.colour, linewidth=0.8, markersize=4, zorder=4
    )
    if len(unshown):
        left = float(x.min()) - 0.12 * span
        axes.vlines(left, unshown["mae_low"], unshown["mae_high"], color=mark.colour, linewidth=1)
        axes.plot(
            left, unshown["mae"], mark.shape, color=mark.colour, markerfacecolor="white",
            markersize=4,
        )  # fmt: skip
    axes.margins(x=0.08)
    axes.grid(visible=True, axis="y", linewidth=0.5, color="0.9")
    axes.grid(visible=False, axis="x")
    axes.spines[["top", "right"]].set_visible(False)
