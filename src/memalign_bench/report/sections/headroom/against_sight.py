"""Does memory gain more where more is seen? One point a dimension and aligned judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.alignments import UNALIGNED
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.sections.section import SectionNumbers

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["caption", "data", "draw"]


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """One row per dimension and aligned judge.

    `facts_seen` is the share of the planted facts that the judge sees, `items_seen` that of the
    items whose grade follows from these; `gained` is the fall of the error.
    """
    import pandas as pd

    table = made.get("headroom")
    if table is None:
        return pd.DataFrame()
    rows = table[table["not_seen"].notna() & table["gained"].notna()]
    rows = rows[rows["alignment"] != UNALIGNED]
    facts = made["facts_seen"].groupby(["dimension", "backend"], as_index=False)
    shares = facts.agg(facts_seen=("seen", "mean"), n_facts=("seen", "size"))
    items_seen = 1 - rows["n_not_seen"].astype("float64") / rows["n_items"]
    columns = ["dimension", "variant", "backend", "gained", "n_items"]
    return rows[columns].assign(items_seen=items_seen).merge(shares, on=["dimension", "backend"])


def caption(look: Look, data: pd.DataFrame) -> str:
    """What a point is."""
    low, high = data["items_seen"].min(), data["items_seen"].max()
    follows = f"{low:.0%}" if low == high else f"{low:.0%} to {high:.0%}"
    items = f"{data['n_items'].min()} to {data['n_items'].max()}"
    facts = f"{data['n_facts'].min()} to {data['n_facts'].max()}"
    return (
        "Fall of the mean absolute error against the unaligned judge, over the share of planted"
        f" facts that the judge sees (of {facts} a dimension); the grade of {follows} of the items"
        f" follows from these. One point a dimension (n = {items} items) and judge. Above zero"
        f" memory gained. Reading: {look.reading}. Exploratory; no interval."
    )


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """One panel a backend."""
    variants = look.ordered(data["variant"])
    legend = panels.variant_handles(look, variants)
    figure, places = panels.side_by_side(
        data, 2.9, legend, "share of facts seen", left=0.1, below=0.5
    )
    for axes, rows in places:
        for row in rows_of(rows):
            mark = look.marks[row["variant"]]
            point = (row["facts_seen"], row["gained"])
            axes.plot(*point, mark.shape, color=mark.colour, markersize=5)
            # Variants share a dimension's place on the x axis: their names stand on either side.
            side = -1 if variants.index(row["variant"]) % 2 else 1
            axes.annotate(
                look.title(row["dimension"]), point, fontsize=6, color="0.4",
                # Beside the mark by so many points, whatever the axes span.
                xytext=(5 * side, -2), textcoords="offset points",
                ha="left" if side > 0 else "right",
            )  # fmt: skip
        axes.axhline(0, color="0.4", linewidth=0.8)
        # All shares there are, with room for marks at the ends.
        axes.set_xlim(-0.03, 1.03)
    places[0][0].set_ylabel("fall of the error (grades)")
    return figure
