"""Drawing shared by all figures: theme, rows of points with intervals, and saving.

Figures are made through matplotlib's Figure, so that no global state of pyplot is touched, and the
same data give the same bytes.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.drawing.look import Look, Mark
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.numbers.readings import NO_BACKEND
from memalign_bench.report.prose import CONSTANT_MARK
from memalign_bench.study.records import write_bytes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = [
    "FORMATS",
    "Panel",
    "add_legend",
    "constant_handle",
    "dimension_panels",
    "draw_points",
    "draw_ticks",
    "forest",
    "handle",
    "legend_height",
    "render",
    "side_by_side",
    "theme",
    "two_way",
    "variant_handles",
    "with_model_free_rows",
]

FORMATS = ("png", "svg", "pdf")
_WIDTH = 6.3  # inches: the text width of an A4 page with ordinary margins
_PANELS_PER_ROW = 2
_LEFT, _RIGHT, _GAP = 1.42, 0.1, 0.22  # inches around and between panels
_TICK_GAP = 0.35  # and between panels whose last and first ticks meet
_HEAD, _AXIS = 0.27, 0.5  # inches for a panel's title and for its axis
_LEGEND_SETTINGS: dict[str, Any] = {
    "loc": "lower center",
    "bbox_to_anchor": (0.5, 0.0),
    "frameon": False,
    "borderaxespad": 0.2,
    "columnspacing": 1.4,
    "handletextpad": 0.4,
    "labelspacing": 0.35,
}


@dataclass(frozen=True)
class Panel:
    """One axes of a figure, and whose rows go into it."""

    axes: Axes
    backend: str
    metric: str = ""


@contextmanager
def theme() -> Iterator[None]:
    """Matplotlib settings of every figure, held while it is drawn and saved."""
    import matplotlib as mpl
    import seaborn as sns

    settings = {
        **sns.axes_style("whitegrid"),
        **sns.plotting_context("paper"),
        # After seaborn's, whose fonts and sizes these replace.
        "font.family": ["sans-serif"],
        "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same on every machine
        "font.size": 7.5,
        "axes.titlesize": 8,
        "axes.labelsize": 7.5,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7.5,
        "legend.fontsize": 7,
        "axes.grid.axis": "x",
        "grid.linewidth": 0.6,
        "axes.axisbelow": True,
        # Ids in the file are hashed with it; by default it is random.
        "svg.hashsalt": "memalign-bench",
        "svg.fonttype": "path",  # letters as outlines: the page needs no font
        "pdf.fonttype": 42,  # TrueType: some publishers refuse Type 3, the default
    }
    with mpl.rc_context():
        mpl.rcdefaults()  # drop what a `matplotlibrc` of this machine sets
        mpl.rcParams.update(settings)
        yield


def render(figure: Figure, folder: Path, name: str) -> dict[str, Path]:
    """Save a figure as png (150 dpi), svg and pdf; the same figure gives the same bytes.

    Returns:
        Format -> path of the file.
    """
    # Matplotlib writes the time into svg and pdf unless it is told None; a png has none.
    without_dates: dict[str, dict[str, Any]] = {
        "png": {},
        "svg": {"Date": None},
        "pdf": {"CreationDate": None, "ModDate": None},
    }
    files = {}
    for kind in FORMATS:
        # In memory first, since `write_bytes` replaces a file as a whole.
        sink = io.BytesIO()
        figure.savefig(sink, format=kind, dpi=150, metadata=without_dates[kind])
        files[kind] = folder / f"{name}.{kind}"
        write_bytes(files[kind], sink.getvalue())
    return files


def with_model_free_rows(table: pd.DataFrame, look: Look) -> pd.DataFrame:
    """Repeat the rows of alignments without a model in every backend's panel."""
    import pandas as pd

    free = table[table["backend"] == NO_BACKEND]
    rest = table[table["backend"] != NO_BACKEND]
    # So that each panel shows them for comparison.
    copies = [free.assign(backend=backend) for backend in look.backends]
    return pd.concat([rest, *copies], ignore_index=True)


def dimension_panels(
    data: pd.DataFrame, look: Look, legend: Sequence[Line2D], *, metrics: Sequence[str] = ("",)
) -> tuple[Figure, list[Panel]]:
    """Axes with one row a dimension: backends side by side, or below one another with two metrics.

    Everything is placed in inches, which is several times faster than a layout engine.

    Args:
        data: Needs the columns `backend`, `dimension`, `variant`, `n_items`.
        look: The study's look.
        legend: Entries of the legend below the panels.
        metrics: One column of axes each; the first axes of a line carries the names.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    # How many panels stand beside one another, and how high each is.
    backends = [backend for backend in look.backends if backend in set(data["backend"])]
    across = len(metrics) if len(metrics) > 1 else min(_PANELS_PER_ROW, max(1, len(backends)))
    lines = -(-len(backends) * len(metrics) // across)
    # Room for each variant's mark, and for the longest title with its n.
    most_lines = max((len(_title_lines(look, name)) for name in set(data["dimension"])), default=1)
    row = max(0.42, 0.115 * data["variant"].nunique() + 0.08, 0.12 * (most_lines + 1))
    high = row * data["dimension"].nunique()
    foot = legend_height(legend)
    height = foot + lines * (_HEAD + high + _AXIS)
    wide = (_WIDTH - _LEFT - _RIGHT - _GAP * (across - 1)) / across
    figure = Figure(figsize=(_WIDTH, height))
    panels = []
    # Panels from the top left; the y axis is named in the first column only.
    for place in range(len(backends) * len(metrics)):
        line, column = divmod(place, across)
        bottom = height - (line + 1) * (_HEAD + high) - line * _AXIS
        left = _LEFT + column * (wide + _GAP)
        box = (left / _WIDTH, bottom / height, wide / _WIDTH, high / height)
        panel = Panel(figure.add_axes(box), backends[place // len(metrics)],
                      metrics[place % len(metrics)])  # fmt: skip
        _label_rows(panel.axes, data, look, labelled=column == 0)
        if across > 1:
            panel.axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        if metrics.index(panel.metric) == 0:
            title = "no model" if panel.backend == NO_BACKEND else panel.backend
            panel.axes.set_title(f"{title} ({look.reading})", loc="left")
        panels.append(panel)
    add_legend(figure, legend)
    return figure, panels


def forest(
    data: pd.DataFrame,
    look: Look,
    label: str,
    kinds: Sequence[Line2D] = (),
    spans: tuple[str, str] | None = None,
) -> Figure:
    """`dimension_panels` with a line at zero, and in each its backend's points with intervals.

    Args:
        data: As of `draw_points`.
        look: The study's look.
        label: Of the x axes.
        kinds: Entries of the legend behind the variants.
        spans: Columns with the ends of a second interval, dotted below each point.
    """
    variants, names = look.ordered(data["variant"]), look.dimensions(data["dimension"])
    constant = constant_handle(data) if "constant" in data else []
    legend = [*variant_handles(look, variants), *kinds, *constant]
    figure, panels = dimension_panels(data, look, legend)
    for panel in panels:
        panel.axes.axvline(0, color="0.35", linewidth=0.9, zorder=1)
        panel.axes.set_xlabel(label)
        here = data[data["backend"] == panel.backend]
        draw_points(panel.axes, here, look, variants, names)
        if spans:
            below = here.assign(low=here[spans[0]], high=here[spans[1]])
            _draw_spans(panel.axes, below, look, variants, names)
    return figure


def side_by_side(
    data: pd.DataFrame,
    height: float,
    legend: Sequence[Line2D],
    label: str,
    *,
    left: float,
    below: float = 0.45,
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """One panel a backend with the axes shared, each with its rows; the legend below.

    Args:
        data: Needs the column `backend`.
        height: Inches without the legend.
        legend: Its entries.
        label: Of the x axes.
        left: Where the panels begin, as a share of the width.
        below: Inches between panels and legend.
    """
    from matplotlib.figure import Figure

    backends = list(dict.fromkeys(data["backend"]))
    foot = legend_height(legend)
    height += foot
    figure = Figure(figsize=(_WIDTH, height))
    grid = figure.subplots(1, len(backends), sharex=True, sharey=True, squeeze=False)[0]
    places = []
    for axes, backend in zip(grid, backends, strict=True):
        axes.set_title(backend if len(backends) > 1 else "", loc="left")
        axes.set_xlabel(label)
        places.append((axes, data[data["backend"] == backend]))
    width = ((0.98 - left) * _WIDTH - _TICK_GAP * (len(backends) - 1)) / len(backends)
    # Margins are shares of the figure, gaps of a panel; the legend's height is in inches.
    figure.subplots_adjust(
        left=left,
        right=0.98,
        top=1 - 0.3 / height,
        bottom=(foot + below) / height,
        wspace=_TICK_GAP / width,
    )
    add_legend(figure, legend)
    return figure, places


def _label_rows(axes: Axes, data: pd.DataFrame, look: Look, *, labelled: bool) -> None:
    names = look.dimensions(data["dimension"])
    counts = {name: set(group["n_items"]) for name, group in data.groupby("dimension")}
    labels = []
    for name in names:
        low, high = min(counts[name]), max(counts[name])
        n = f"{low}" if low == high else f"{low} to {high}"
        labels.append("\n".join([*_title_lines(look, name), f"(n = {n})"]))
    axes.set_yticks(range(len(names)), labels if labelled else [""] * len(names), linespacing=1.0)
    # Upside down: the first dimension stands on top.
    axes.set_ylim(len(names) - 0.5, -0.5)
    for edge in range(1, len(names)):
        axes.axhline(edge - 0.5, color="0.88", linewidth=0.6, zorder=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _title_lines(look: Look, name: str) -> list[str]:
    return textwrap.wrap(look.title(name), 20)


def draw_points(
    axes: Axes, data: pd.DataFrame, look: Look, variants: Sequence[str], names: Sequence[str]
) -> None:
    """One point a variant in each dimension's row, with its interval where it has one.

    Args:
        axes: Axes of `dimension_panels`.
        data: Columns `dimension variant value`, and if there `low high filled constant other`;
            a point that is not `filled` is hollow, `other` is a small ring for the other reading.
        look: The study's look.
        variants: Which are drawn, from the top of a row to its bottom.
        names: The dimensions of all rows, from the top.
    """
    shifts = _shifts(variants)
    for row in rows_of(data):
        if row["variant"] not in shifts or _is_missing(row["value"]):
            continue
        place = names.index(row["dimension"]) + shifts[row["variant"]]
        _draw_point(axes, row, place, look.marks[row["variant"]])


def _draw_spans(
    axes: Axes, data: pd.DataFrame, look: Look, variants: Sequence[str], names: Sequence[str]
) -> None:
    """A dotted line from `low` to `high` just below each point of `draw_points`; as there."""
    shifts = _shifts(variants)
    for row in rows_of(data):
        if row["variant"] in shifts and not _is_missing(row["low"]):
            place = names.index(row["dimension"]) + shifts[row["variant"]] + 0.05
            colour = look.marks[row["variant"]].colour
            axes.plot([row["low"], row["high"]], [place, place], ":", color=colour, linewidth=1.2)


def _shifts(variants: Sequence[str]) -> dict[str, float]:
    """Variant -> how far below a row's middle it stands."""
    # Rows are 1 apart: what is left parts a dimension's marks from the next one's.
    steps = (
        np.linspace(-0.32, 0.32, len(variants)) if len(variants) > 1 else np.zeros(len(variants))
    )
    return dict(zip(variants, map(float, steps), strict=True))


def _draw_point(axes: Axes, row: dict[str, Any], place: float, mark: Mark) -> None:
    if not _is_missing(row.get("low")) and not _is_missing(row.get("high")):
        axes.plot(
            [row["low"], row["high"]], [place, place], color=mark.colour, linewidth=1.2, zorder=3
        )
    if not _is_missing(row.get("other")):
        axes.plot(
            [row["other"]], [place], "o", color=mark.colour, fillstyle="none", markersize=2.6,
            markeredgewidth=0.7, zorder=4,
        )  # fmt: skip
    inside = mark.colour if row.get("filled", True) else "white"
    axes.plot(
        [row["value"]], [place], mark.shape, color=mark.colour, markerfacecolor=inside,
        markersize=4.6, markeredgewidth=1.0, zorder=5,
    )  # fmt: skip
    if row.get("constant", False):
        axes.annotate(
            CONSTANT_MARK, (row["value"], place), xytext=(3.2, 0.4), textcoords="offset points",
            fontsize=6.5, color=mark.colour, va="bottom", ha="left", zorder=6,
        )  # fmt: skip


def draw_ticks(axes: Axes, places: dict[int, float], mark: Mark, style: str) -> None:
    """A vertical line through a dimension's row for each value that is there."""
    for place, value in places.items():
        if not _is_missing(value):
            axes.plot(
                [value, value], [place - 0.42, place + 0.42], color=mark.colour, linestyle=style,
                linewidth=1.1, zorder=2, solid_capstyle="butt",
            )  # fmt: skip


def two_way(left: str, what: str, right: str) -> str:
    """An axis' label that says what lies at either side of zero; short, since panels are narrow."""
    return f"{left} \N{LEFTWARDS ARROW} {what} \N{RIGHTWARDS ARROW} {right}"


def handle(label: str, **settings: Any) -> Line2D:
    """An entry of a legend."""
    from matplotlib.lines import Line2D

    # Without a point it is seen in the legend alone.
    return Line2D([], [], label=label, **{"linestyle": "", "markersize": 4.6, **settings})


def variant_handles(look: Look, variants: Sequence[str]) -> list[Line2D]:
    """Entries of a legend for the variants' marks."""
    marks = {variant: look.marks[variant] for variant in variants}
    return [handle(name, marker=mark.shape, color=mark.colour) for name, mark in marks.items()]


def constant_handle(data: pd.DataFrame) -> list[Line2D]:
    """The dagger's entry, where a judge of the data is constant."""
    if not data["constant"].any():
        return []
    # Between dollars a marker is text: the dagger itself.
    return [handle("constant judge", marker=f"${CONSTANT_MARK}$", color="0.3")]


def _legend_columns(entries: Sequence[Line2D]) -> int:
    longest = max((len(str(entry.get_label())) for entry in entries), default=1)
    # 112 letters fit the width; 7 are what mark and gap take.
    return max(1, min(len(entries), int(112 // (longest + 7))))


def add_legend(figure: Figure, entries: Sequence[Line2D]) -> None:
    """The legend of a figure, below its panels."""
    figure.legend(handles=entries, ncols=_legend_columns(entries), **_LEGEND_SETTINGS)


def legend_height(entries: Sequence[Line2D]) -> float:
    """Inches that a legend below the panels takes."""
    # Of whole lines, rounded up.
    return 0.08 + 0.165 * -(-len(entries) // _legend_columns(entries))


def _is_missing(value: Any) -> bool:
    return value is None or bool(np.isnan(value))
