"""Shift of the expected grade under each attack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.curves import ALL_DIMENSIONS
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.prose import listed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.sections.section import SectionNumbers

__all__ = ["caption", "data", "draw"]

_APART = 0.22  # between the judges of one attack, in rows


def caption(look: Look, data: pd.DataFrame) -> str:
    """What is shown, of how many items, and in which reading."""
    most = int(data["n_items"].max())
    other = data[~data["compared"]]
    words = (
        "Expected grade on attacked items less that on the same items as they are, by attack and"
        f" judge, over at most {most} pairs of item and dimension, with 95 % intervals"
        " over cases. Right of zero the attack pays. Labels and memory are the same on both sides."
        " Reading: raw, since batch calibration would take out what an attack adds to every item."
    )
    if len(other):
        told = [
            f"{row['variant']} under {row['attack'].replace('_', ' ')} on {row['backend']}"
            f" ({listed([look.title(name) for name in row['attacked']])})"
            for row in rows_of(other)
        ]
        usual = data.loc[data["compared"], "attacked"].iloc[0]
        words += (
            f" Means over {listed([look.title(name) for name in usual])}. Hollow, over other"
            f" dimensions, and not to be compared with the rest: {'; '.join(told)}."
        )
    return words


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """Of each judge under each attack its mean over dimensions, or the only one there is.

    `attacked` holds the dimensions of a row, `compared` whether they are those of most rows: means
    over others stand beside these, and say nothing against them.
    """
    table = made["injection"]
    key = ["attack", "variant", "backend"]
    n_rows = table.groupby(key)["dimension"].transform("size")
    # Attacked on several dimensions, a judge has a row of their mean besides.
    rows = table[table["dimension"].eq(ALL_DIMENSIONS) | n_rows.eq(1)].reset_index(drop=True)
    own = table[table["dimension"].ne(ALL_DIMENSIONS)].groupby(key)["dimension"].agg(tuple)
    rows["attacked"] = [own[judge] for judge in rows[key].itertuples(index=False, name=None)]
    # Of as many the one of more dimensions, then the first.
    counts = rows["attacked"].value_counts(sort=False)
    usual = max(counts.index, key=lambda names: (counts[names], len(names)), default=())
    rows["compared"] = [names == usual for names in rows["attacked"]]
    return rows


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """One panel a backend."""
    # Rows count from the bottom, so the first by name stands on top.
    attacks = sorted(set(data["attack"]), reverse=True)
    legend = panels.variant_handles(look, list(dict.fromkeys(data["variant"])))
    if not data["compared"].all():
        hollow = {"marker": "o", "color": "0.3", "markerfacecolor": "white"}
        legend.append(panels.handle("hollow: over other dimensions", **hollow))
    height = 0.8 + 0.32 * len(attacks)
    label = "shift of the expected grade"
    figure, places = panels.side_by_side(data, height, legend, label, left=0.17)
    for axes, rows in places:
        _draw_backend(axes, rows, attacks, look)
    return figure


def _draw_backend(axes: Axes, rows: pd.DataFrame, attacks: list[str], look: Look) -> None:
    variants = list(dict.fromkeys(rows["variant"]))
    for row in rows_of(rows):
        mark = look.marks[row["variant"]]
        # Centred on the attack's row, the first variant highest.
        aside = _APART * ((len(variants) - 1) / 2 - variants.index(row["variant"]))
        y = attacks.index(row["attack"]) + aside
        axes.hlines(y, row["expected_low"], row["expected_high"], color=mark.colour, linewidth=1)
        inside = mark.colour if row["compared"] else "white"
        axes.plot(row["expected"], y, mark.shape, color=mark.colour, markerfacecolor=inside,
                  markersize=4)  # fmt: skip
    axes.axvline(0, color="0.4", linewidth=0.8)
    axes.set_yticks(range(len(attacks)), [name.replace("_", " ") for name in attacks])
    axes.set_ylim(-0.6, len(attacks) - 0.4)
