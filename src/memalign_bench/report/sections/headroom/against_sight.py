"""Does memory gain more where more is seen? One point a dimension and aligned judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> Any:
    """One row per dimension and aligned judge: `dimension variant backend seen gained n_items`."""
    import pandas as pd

    table = made.get("headroom")
    if table is None:
        return pd.DataFrame()
    rows = table[table["not_seen"].notna() & (table["alignment"] != UNALIGNED)]
    seen = 1 - rows["n_not_seen"].astype("float64") / rows["n_items"]
    columns = ["dimension", "variant", "backend", "gained", "n_items"]
    return rows[columns].assign(seen=seen).reset_index(drop=True)


def caption(look: Look, data: pd.DataFrame) -> str:
    """What a point is."""
    return (
        "Fall of the mean absolute error against the unaligned judge, over the share of items whose"
        f" grade follows from what the judge sees; one point a dimension (n ="
        f" {data['n_items'].min()} to {data['n_items'].max()} items) and judge. Above zero memory"
        f" gained. Reading: {look.reading}. Exploratory; no interval."
    )


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """One panel a backend."""
    legend = panels.variant_handles(look, look.ordered(data["variant"]))
    figure, places = panels.side_by_side(
        data, 2.9, legend, "share of items seen", left=0.1, below=0.5
    )
    for axes, rows in places:
        for row in rows_of(rows):
            mark = look.marks[row["variant"]]
            axes.plot(row["seen"], row["gained"], mark.shape, color=mark.colour, markersize=5)
            axes.annotate(
                look.title(row["dimension"]), (row["seen"], row["gained"]), fontsize=6,
                # Beside the mark by so many points, whatever the axes span.
                xytext=(4, 2), textcoords="offset points", color="0.4",
            )  # fmt: skip
        axes.axhline(0, color="0.4", linewidth=0.8)
        # All shares there are, with room for marks at the ends.
        axes.set_xlim(-0.03, 1.03)
    places[0][0].set_ylabel("fall of the error (grades)")
    return figure
