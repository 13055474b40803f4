"""The ablation ladder: every step's error and rank correlation, with what it isolates."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.alignments import FULL
from memalign_bench.report.numbers.contrasts import ALPHA
from memalign_bench.report.numbers.curves import ALL_DIMENSIONS
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.numbers.missing_answers import HANGS, MADE_OF_SILENCE
from memalign_bench.report.numbers.paired_answers import notes_say
from memalign_bench.report.prose import CONSTANT_MARK

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["caption", "draw"]


_WIDTH = 6.3
_LABELS = {"mae": "MAE (grades)", "spearman": "rank correlation"}
_HEAD, _AXIS, _RIGHT = 0.3, 0.46, 0.16  # inches above a panel, below it, right of it
_LABEL_WIDTH = 2.4  # inches of names with what they isolate
_NAME_WIDTH = 1.15  # inches of names alone
_TALL, _LOW = 0.25, 0.125  # inches of a step with and without what it isolates
_GAP = 0.2
_LETTER, _TITLE_LINE = 0.064, 0.115  # inches of a title's letter, and of its lines but the first
_ACROSS = 3
_REFERENCES = {"none": ":", "full": "--"}  # a vertical line each
_WORSE = "#b3261e"
_RANK_LIMIT = 1.03  # a correlation's axis ends just beyond what it can be


@dataclass(frozen=True)
class _Block:
    """One metric of a ladder on one dimension (or their mean), and its place in inches."""

    rows: pd.DataFrame
    left: float
    top: float
    wide: float
    high: float
    n_steps: int
    title: str = ""
    labels: str = ""  # `full`: names and what they isolate; `names`; or nothing


def caption(look: Look, data: pd.DataFrame) -> str:
    """What is shown, and how the marks are to be read."""
    edge = (
        " At the right edge \N{BLACK UP-POINTING TRIANGLE}: full is better than this step,"
        " \N{BLACK DOWN-POINTING TRIANGLE}: full is worse; nothing: not told apart, which is not"
        " the same as equal (see the table's p (equal))."
    )
    has_full = (data["alignment"] == FULL).any()
    parts = [
        "Mean absolute error (lower is better) and rank correlation within folds (higher is better)"
        " of every step, with 95 % intervals over cases; steps without a model first,"
        " then in rising order with what each isolates. Filled: told apart from the step before"
        f" (p at most {ALPHA}; what asks no model: from none).{edge if has_full else ''}"
        f" Dotted: none{'; dashed: full' if has_full else ''}. All exploratory, without correction."
        f" Reading: {look.reading}."
    ]
    if (data["dimension"] == ALL_DIMENSIONS).any():
        parts.append("The mean over dimensions counts each alike, cases drawn for all together.")
    if notes_say(data, MADE_OF_SILENCE).any():
        parts.append("Where one of the two gave no answer, nothing is told, and nothing marked.")
    if notes_say(data, HANGS).any():
        parts.append("Some of what is told apart hangs on missing answers (see the table's notes).")
    if data["constant"].any():
        parts.append(f"{CONSTANT_MARK}: a judge that gave every item of a dimension one grade.")
    return " ".join(parts)


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """The mean over dimensions with words, and a small panel for each dimension below."""
    from matplotlib.figure import Figure

    blocks, top = [], 0.0
    several = data["settings"].nunique() > 1
    for (settings, backend), rows in data.groupby(["settings", "backend"], sort=False):
        name = f"{backend}, {settings or 'defaults'}" if several else str(backend)
        placed, top = _place_blocks(rows, look, name, top)
        blocks += placed
    marks = [
        panels.handle("filled: told apart from the step before", marker="o", color="0.3"),
        panels.handle("hollow: not", marker="o", color="0.3", markerfacecolor="white"),
        *_reference_handles(look, set(data["alignment"])),
        *panels.constant_handle(data),
    ]
    height = top + panels.legend_height(marks)
    figure = Figure(figsize=(_WIDTH, height))
    limits = {metric: _limits(data, metric) for metric in _LABELS}
    for block in blocks:
        # Blocks count inches from the top, matplotlib shares of the figure from the bottom.
        bottom = height - block.top - block.high
        box = (block.left / _WIDTH, bottom / height, block.wide / _WIDTH, block.high / height)
        _draw_block(figure.add_axes(box), block, look, limits)
    panels.add_legend(figure, marks)
    return figure


def _reference_handles(look: Look, alignments: set[str]) -> Iterator[Line2D]:
    """What marks and lines say of `none` and `full`, as far as the study has them."""
    if "full" in alignments:
        yield panels.handle("full better than this", marker="^", color=look.mark_of("full").colour)
        yield panels.handle("full worse than this", marker="v", color=_WORSE)
    for name, style in _REFERENCES.items():
        if name in alignments:
            yield panels.handle(name, marker="", linestyle=style, color=look.mark_of(name).colour)


def _limits(data: pd.DataFrame, metric: str) -> tuple[float, float]:
    """One axis for all panels of a metric."""
    rows = data[data["metric"] == metric]
    ends = rows[["low", "high", "value"]].to_numpy(dtype=float)
    # `initial` keeps zero on the axis, and gives it ends where every value is missing.
    low, high = float(np.nanmin(ends, initial=0.0)), float(np.nanmax(ends, initial=0.1))
    # Room at the right for the triangles at the edge.
    edge = 0.06 * (high - low)
    # No error is below zero; a correlation is bounded on both sides.
    if metric == "mae":
        return low, high + 2 * edge
    return max(low - edge, -_RANK_LIMIT), min(high + 2 * edge, _RANK_LIMIT)


def _place_blocks(
    rows: pd.DataFrame, look: Look, name: str, top: float
) -> tuple[list[_Block], float]:
    """Where the panels of one ladder go, and where the next begins."""
    dimensions = list(dict.fromkeys(rows["dimension"]))
    # The first (the mean, where there are several) is wide and has words; others are small.
    first, rest = dimensions[0], dimensions[1:]
    n = rows["variant"].nunique()
    wide = (_WIDTH - _LABEL_WIDTH - _RIGHT - _GAP) / 2
    blocks = []
    for column, metric in enumerate(_LABELS):
        here = _panel_rows(rows, first, metric)
        left = _LABEL_WIDTH + column * (wide + _GAP)
        # It may run on over the second panel, which has none.
        title = _wrapped(f"{_title(first, look)} ({name})", _WIDTH - _LABEL_WIDTH)
        head = _HEAD + _TITLE_LINE * title.count("\n")
        texts = ("", "") if column else (title, "full")
        blocks.append(_Block(here, left, top + head, wide, n * _TALL, n, *texts))
    top += head + n * _TALL + _AXIS
    # A line of dimensions stands twice: their errors, and below them their rank correlations.
    across = max(1, min(_ACROSS, len(rest)))
    wide = (_WIDTH - _NAME_WIDTH - _RIGHT - _GAP * (across - 1)) / across
    for start in range(0, len(rest), across):
        line = rest[start : start + across]
        titles = [_wrapped(_title(dimension, look), wide) for dimension in line]
        head = _HEAD + _TITLE_LINE * max(title.count("\n") for title in titles)
        for metric in _LABELS:
            for column, dimension in enumerate(line):
                here = _panel_rows(rows, dimension, metric)
                left = _NAME_WIDTH + column * (wide + _GAP)
                texts = (titles[column], "" if column else "names")
                blocks.append(_Block(here, left, top + head, wide, n * _LOW, n, *texts))
            top += head + n * _LOW + _AXIS
    return blocks, top


def _wrapped(title: str, inches: float) -> str:
    return _AtCommas(int(inches / _LETTER)).fill(title)


class _AtCommas(textwrap.TextWrapper):
    """Breaks at commas as at blanks: a variant has no others."""

    wordsep_re = re.compile(r"(\s+|(?<=,)(?=\S))")


def _panel_rows(rows: pd.DataFrame, dimension: str, metric: str) -> pd.DataFrame:
    """Rows of a panel with their place; a step that this dimension lacks keeps its place free."""
    order = {name: at for at, name in enumerate(dict.fromkeys(rows["variant"]))}
    here = rows[(rows["dimension"] == dimension) & (rows["metric"] == metric)]
    return here.assign(place=here["variant"].map(order))


def _draw_block(
    axes: Axes, block: _Block, look: Look, limits: dict[str, tuple[float, float]]
) -> None:
    from matplotlib.ticker import MaxNLocator

    rows = rows_of(block.rows)
    metric = rows[0]["metric"]
    for name, style in _REFERENCES.items():
        for row in rows:
            if row["alignment"] == name and not np.isnan(row["value"]):
                colour = look.mark_of(name).colour
                axes.axvline(row["value"], color=colour, linestyle=style, linewidth=0.9, zorder=1)
    for row in rows:
        _draw_step(axes, row, look)
    axes.set_xlim(*limits[metric])
    # Upside down, and as high as the whole ladder: a step that is missing keeps its place.
    axes.set_ylim(block.n_steps - 0.5, -0.5)
    _label_steps(axes, rows, block)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_title(block.title, loc="left", fontsize=7.5)
    axes.set_xlabel(_LABELS[metric])
    axes.spines[["top", "right", "left"]].set_visible(False)


def _draw_step(axes: Axes, row: dict[str, Any], look: Look) -> None:
    if np.isnan(row["value"]):
        return
    place, colour = row["place"], look.mark_of(row["alignment"]).colour
    axes.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=1.2, zorder=3)
    # The lowest step has none before it and is held against `none`.
    p = row["p_before"] if row["before"] else row["p_none"]
    # A missing p compares false: hollow, like what is not told apart.
    inside = colour if p <= ALPHA else "white"
    axes.plot(
        [row["value"]], [place], "o", color=colour, markerfacecolor=inside,
        markersize=4.2, markeredgewidth=0.9, zorder=5,
    )  # fmt: skip
    if row["constant"]:
        # `high` is missing where no interval is certified.
        right = np.nanmax([row["high"], row["value"]])
        axes.annotate(
            CONSTANT_MARK, (right, place), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=6.2, color=colour,
        )  # fmt: skip
    # In axes coordinates: just beyond the right edge, whatever the scale.
    if row["p_full"] <= ALPHA:
        better = row["gain_full"] > 0
        axes.plot(
            [1.025], [place], "^" if better else "v", markersize=3.6, clip_on=False,
            color=look.mark_of("full").colour if better else _WORSE,
            transform=axes.get_yaxis_transform(),
        )  # fmt: skip


def _label_steps(axes: Axes, rows: Sequence[dict[str, Any]], block: _Block) -> None:
    # Words are annotations, since tick labels have one size: a name, and what it isolates below.
    axes.set_yticks([row["place"] for row in rows], [""] * len(rows))
    axes.tick_params(axis="y", length=0)
    if not block.labels:
        return
    small = block.labels == "names"
    for row in rows:
        settings: dict[str, Any] = {
            # x as a share of the panel (0 is its left edge), y in steps.
            "xycoords": axes.get_yaxis_transform(),
            "textcoords": "offset points",
            "ha": "right",
            "annotation_clip": False,
        }
        up: dict[str, Any] = {
            "xytext": (-4, 0 if small else 1),
            "va": "center" if small else "bottom",
        }
        axes.annotate(
            row["alignment"], (0, row["place"]), fontsize=6.2 if small else 7, **up, **settings
        )
        if not small:
            words = textwrap.shorten(row["isolates"], 56, placeholder="...")
            settings |= {"xytext": (-4, 0), "va": "top", "fontsize": 5.6, "color": "0.4"}
            axes.annotate(words, (0, row["place"]), **settings)


def _title(dimension: str, look: Look) -> str:
    return look.titles.get(dimension, dimension.capitalize())
