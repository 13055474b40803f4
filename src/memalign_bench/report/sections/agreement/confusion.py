"""Confusion matrices of judge and expert, one per dimension and variant."""

from __future__ import annotations

import math
import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.alignments import DEFAULT_ORDER, FULL
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.numbers.readings import NO_BACKEND, applicable_rows, graded_rows
from memalign_bench.report.prose import CONSTANT_MARK
from memalign_bench.types import Grade

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.sections.section import SectionNumbers

__all__ = ["MOST_ROWS", "caption", "data", "draw"]

MOST_ROWS = 6
"""Judges (backend and variant) that one figure shows; more would not be legible."""

NO_GRADE = "no grade"
_MAX_LEVELS = 10
"""From twice as many grades on, neighbours are counted together."""

# Inches.
_CELL = 0.2
_GAP = 0.17  # between matrices
_LEFT = 1.05  # beside them, for judges' names
_HEAD = 0.55  # above a block, for dimensions' names of up to four lines
_NAME_LINE = 0.1  # a line of such a name
_TEXT_WIDTH = 5.4  # that matrices may fill
_MIDDLE: dict[str, Any] = {"ha": "center", "va": "center"}
_KEY = ["backend", "variant"]


def caption(look: Look, data: pd.DataFrame) -> str:
    """Which way to read a matrix, and which judges are left out."""
    shown = data[data["shown"]]
    parts = [
        "Answers counted by expert's grade (columns) and judge's grade (rows, best on top);"
        " the diagonal from bottom left to top right is agreement. Shades are shares of a"
        f" matrix's fullest cell; n counts answers. Reading: {look.reading}."
    ]
    if (shown["judge"] == NO_GRADE).any():
        parts.append("The row below the grades counts abstentions and failures.")
    if shown["constant"].any():
        parts.append(f"{CONSTANT_MARK}: a judge that gave every item the same grade.")
    if len(look.grades) > len(set(_levels(look).values())):
        parts.append("Neighbouring grades share a row or column, named by the lowest of them.")
    left_out = data.loc[~data["shown"], _KEY].drop_duplicates()
    if len(left_out):
        names = ", ".join(f"{v} on {b}" for b, v in left_out.to_numpy())
        parts.append(f"Left out for space: {names}.")
    return " ".join(parts)


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """One row per matrix cell that is not empty, over items that experts graded.

    Of many grades, neighbours share a cell that is named by the lowest of them.

    Columns: `dimension variant backend expert judge count constant shown`; `judge` is a grade as
    text, or "no grade" for abstentions and failures.
    """
    import pandas as pd

    frames = analysis.frames
    rows = applicable_rows(frames.predictions).reset_index(drop=True)
    # `worst` leaves no row out, so that the grades have the index of `rows`; no error is used.
    grades = graded_rows(rows, frames.scale, analysis.reading, "worst")["grade"]
    level = _levels(look)
    # These grades are floats, the levels as the scale has them: 3.0 finds 3, which reads "3".
    judge = grades.map(lambda grade: NO_GRADE if pd.isna(grade) else str(level[grade]))
    counted = (
        rows.assign(expert=rows["expert_score"].map(level), judge=judge)
        .groupby(["dimension", *_KEY, "expert", "judge"])
        .size()
        .reset_index(name="count")
    )
    # Constant judges are marked in the figure.
    constant = made["summary"]["n_distinct_grades"] == 1
    # The left join keeps counts of judges that are not constant; NaN becomes False below.
    flat = made["summary"][constant][["dimension", *_KEY]].assign(constant=True)
    counted = counted.merge(flat, how="left", on=["dimension", *_KEY])
    counted["constant"] = counted["constant"].eq(True)
    shown = set(_judges_shown_first(counted, look)[:MOST_ROWS])
    counted["shown"] = [pair in shown for pair in zip(*(counted[k] for k in _KEY), strict=True)]
    return counted


def _levels(look: Look) -> dict[float, Grade]:
    """Grade -> the level of a matrix that counts it: itself, or the lowest of its neighbours."""
    size = max(1, len(look.grades) // _MAX_LEVELS)
    # at - at % size is the place of the first of each `size` neighbours.
    return {grade: look.grades[at - at % size] for at, grade in enumerate(look.grades)}


def _judges_shown_first(data: pd.DataFrame, look: Look) -> list[tuple[str, str]]:
    """Backend and variant of each row of matrices: none and full first when a choice is needed."""
    # What asks no model stands last.
    order = [*look.backends, NO_BACKEND]
    pairs = [tuple(pair) for pair in data[_KEY].drop_duplicates().to_numpy()]
    pairs = sorted(set(pairs), key=lambda p: (order.index(p[0]), look.variants.index(p[1])))
    if len(pairs) <= MOST_ROWS:
        return pairs
    # Plain variants before those with settings, the unaligned and the fully aligned judge first.
    first = set(sorted(pairs, key=lambda p: (_priority(p[1], look), pairs.index(p)))[:MOST_ROWS])
    # The choice is made by priority; what is shown keeps the order of the tables.
    return [p for p in pairs if p in first] + [p for p in pairs if p not in first]


def _priority(variant: str, look: Look) -> float:
    # Behind the unaligned judge (order 0), before the memories (10 and on).
    if variant == FULL:
        return 1.0
    # Alignments are the keys: a variant with settings has no order, and stands last as controls do.
    order = look.orders.get(variant, DEFAULT_ORDER)
    return order if order < DEFAULT_ORDER else math.inf


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """A grid of matrices: dimensions across (wrapped to the page), judges down."""
    import seaborn as sns
    from matplotlib.figure import Figure

    data = data[data["shown"]]
    grid = _grid(data, look)
    figure = Figure(figsize=(grid.width, grid.height))
    # One axes in inches for all matrices: dozens of axes take seconds to save.
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, grid.width), ylim=(0, grid.height))
    axes.set_axis_off()
    colours = sns.color_palette("Blues", as_cmap=True)
    # A block per line of dimensions, a row of matrices per judge.
    counts = _matrices(data, grid)
    flat = data[data["constant"]]
    constant = set(zip(flat["dimension"], flat["backend"], flat["variant"], strict=True))
    for block, names in enumerate(grid.blocks):
        for line, judge in enumerate(grid.judges):
            for column, name in enumerate(names):
                corner = grid.corner(block, line, column)
                key = (name, *judge)
                _draw_matrix(axes, counts.get(key), corner, grid, colours)
                _label_matrix(axes, counts.get(key), corner, grid, key in constant)
            _label_judge(axes, judge, grid.corner(block, line, 0), grid, look)
        for column, name in enumerate(names):
            _label_dimension(axes, look, name, grid, grid.corner(block, 0, column))
            _label_grades(axes, grid, grid.corner(block, len(grid.judges) - 1, column))
    words = "across: expert's grade\nup: judge's grade"
    axes.text(grid.width / 2, 0.03, words, fontsize=6.5, ha="center", va="bottom")
    return figure


@dataclass(frozen=True)
class _Grid:
    """Where each matrix stands; lengths in inches."""

    blocks: list[list[str]]
    judges: list[tuple[str, str]]
    grades: tuple[Grade, ...]
    levels: list[str]
    box: tuple[float, float]  # width and height of one matrix
    head: float = _HEAD

    @property
    def width(self) -> float:
        return _LEFT + max(map(len, self.blocks)) * (self.box[0] + _GAP) + 0.05

    @property
    def block_height(self) -> float:
        return self.head + len(self.judges) * (self.box[1] + _GAP) + 0.1

    @property
    def height(self) -> float:
        return 0.25 + len(self.blocks) * self.block_height

    def corner(self, block: int, line: int, column: int) -> tuple[float, float]:
        """Left and top of a matrix, from the figure's lower left corner."""
        left = _LEFT + column * (self.box[0] + _GAP)
        down = block * self.block_height + self.head + line * (self.box[1] + _GAP)
        return left, self.height - down


def _grid(data: pd.DataFrame, look: Look) -> _Grid:
    names = look.dimensions(data["dimension"])
    grades = tuple(dict.fromkeys(_levels(look).values()))
    levels = [str(grade) for grade in grades]
    levels = [NO_GRADE, *levels] if (data["judge"] == NO_GRADE).any() else levels
    wide = len(grades) * _CELL
    most = max(1, int(_TEXT_WIDTH // (wide + _GAP)))
    # -(-a // b) rounds up. Spread evenly: 7 dimensions at 6 a line make lines of 4 and 3.
    n_blocks = -(-len(names) // most)
    across = -(-len(names) // max(1, n_blocks))
    blocks = [names[n : n + across] for n in range(0, len(names), across)]
    most_lines = max((len(_dimension_lines(look, name)) for name in names), default=1)
    head = max(_HEAD, 0.15 + _NAME_LINE * most_lines)
    judges = _judges_shown_first(data, look)
    return _Grid(blocks, judges, grades, levels, (wide, len(levels) * _CELL), head)


def _dimension_lines(look: Look, name: str) -> list[str]:
    return textwrap.wrap(look.title(name), 12)


def _matrices(data: pd.DataFrame, grid: _Grid) -> dict[tuple[str, str, str], NDArray[np.int64]]:
    """(dimension, backend, variant) -> counts, judge's levels (rising) by expert's grades."""
    matrices: dict[tuple[str, str, str], NDArray[np.int64]] = {}
    for row in rows_of(data):
        key = (row["dimension"], row["backend"], row["variant"])
        counts = matrices.setdefault(
            key, np.zeros((len(grid.levels), len(grid.grades)), dtype=np.int64)
        )
        counts[grid.levels.index(row["judge"]), grid.grades.index(row["expert"])] += row["count"]
    return matrices


def _draw_matrix(
    axes: Axes,
    counts: NDArray[np.int64] | None,
    corner: tuple[float, float],
    grid: _Grid,
    colours: Any,
) -> None:
    from matplotlib.patches import Rectangle

    left, top = corner
    wide, high = grid.box
    # A judge that was not asked about this dimension has an empty grey box.
    fill = "0.95" if counts is None else "white"
    axes.add_patch(Rectangle((left, top - high), wide, high, facecolor=fill, edgecolor="0.6"))
    if counts is None:
        return
    for (level, grade), count in np.ndenumerate(counts):
        if not count:
            continue
        share = count / counts.max()
        x, y = left + grade * _CELL, top - high + level * _CELL
        # A sliver of background, so that neighbouring cells do not run together.
        inset = 0.008
        # Off both ends of the colours: a single answer is not white, digits stay legible.
        axes.add_patch(
            Rectangle(
                (x + inset, y + inset), _CELL - 2 * inset, _CELL - 2 * inset, linewidth=0,
                facecolor=colours(0.08 + 0.8 * share),
            )
        )  # fmt: skip
        # White digits are legible on the darker half of the colours only.
        ink = "white" if share > 0.55 else "0.15"
        axes.text(x + _CELL / 2, y + _CELL / 2, str(count), fontsize=6, color=ink, **_MIDDLE)


def _label_matrix(
    axes: Axes,
    counts: NDArray[np.int64] | None,
    corner: tuple[float, float],
    grid: _Grid,
    constant: bool,
) -> None:
    n = 0 if counts is None else int(counts.sum())
    words = f"n = {n}" + (f" {CONSTANT_MARK}" if constant else "")
    place = (corner[0] + grid.box[0] / 2, corner[1] + 0.02)
    axes.text(*place, words, fontsize=5.5, color="0.25", ha="center", va="bottom")


def _label_dimension(
    axes: Axes, look: Look, name: str, grid: _Grid, corner: tuple[float, float]
) -> None:
    words = "\n".join(_dimension_lines(look, name))
    place = (corner[0] + grid.box[0] / 2, corner[1] + 0.13)
    axes.text(*place, words, fontsize=6.5, ha="center", va="bottom", linespacing=1.05)


def _label_judge(
    axes: Axes, judge: tuple[str, str], corner: tuple[float, float], grid: _Grid, look: Look
) -> None:
    backend, variant = judge
    lines = _break_name(variant.replace(",", ", "))
    lines += [] if backend == NO_BACKEND or len(look.backends) == 1 else _break_name(f"({backend})")
    place = (corner[0] - 0.2, corner[1] - grid.box[1] / 2)
    axes.text(*place, "\n".join(lines), fontsize=6.5, ha="right", va="center")
    for number, level in enumerate(grid.levels):
        short = "\N{EN DASH}" if level == NO_GRADE else level
        y = corner[1] - grid.box[1] + (number + 0.5) * _CELL
        axes.text(corner[0] - 0.08, y, short, fontsize=6, **_MIDDLE)


def _break_name(name: str, width: int = 13) -> list[str]:
    """A name in lines, broken after an underscore or a space where it is too long.

    >>> _break_name("(embedded_smollm2)")
    ['(embedded_', 'smollm2)']
    >>> _break_name("full, prompt.grades=words")
    ['full, prompt.', 'grades=words']
    """
    lines = [""]
    # A piece is a word with the separator behind it (`embedded_`); the last match is empty.
    pieces = re.findall(r"[^_ ]*[_ ]?", name)
    # One that is too long for any line is broken within.
    pieces = [
        part
        for piece in pieces
        for part in ([piece] if len(piece) <= width else re.findall(r"[^.=]*[.=]?", piece))
    ]
    for piece in pieces:
        # A space at the end of a line takes no room.
        if lines[-1] and len(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.strip() for line in lines]


def _label_grades(axes: Axes, grid: _Grid, corner: tuple[float, float]) -> None:
    for number, grade in enumerate(grid.grades):
        x = corner[0] + (number + 0.5) * _CELL
        axes.text(x, corner[1] - grid.box[1] - 0.08, str(grade), fontsize=6, **_MIDDLE)
