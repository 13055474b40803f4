"""The suite's interval and the published protocol's, one beside the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.readings import NO_BACKEND

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.sections.section import SectionNumbers

__all__ = ["caption", "data", "draw"]


def caption(look: Look, data: pd.DataFrame) -> str:
    """Whose intervals are whose."""
    return (
        "Fall of the mean absolute error against the unaligned judge, in grades (right of zero is"
        " better). Line through the mark: this suite's 95 % interval over cases, none where it is"
        " not certified; dashes below it: the interval of the published protocol, for comparison"
        f" only. Filled: the published protocol calls it significant. Reading: {look.reading}; n"
        " counts items that experts graded. Claims are those of the table of contrasts."
    )


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """The table `published`; rows without a model stand with the judge that they are held against.

    Columns added: `value`, `filled`.
    """
    table = made["published"]
    # `where` keeps the left value where its condition holds.
    place = table["reference_backend"].where(table["backend"] == NO_BACKEND, table["backend"])
    significant = table["published_significant"].astype(bool)
    return table.assign(value=table["improvement"], filled=significant, backend=place)


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """Points with two intervals around a line at zero."""
    grey = {"color": "0.3"}
    kinds = [
        panels.handle("95 % interval, this suite", linestyle="-", **grey),
        panels.handle("as published", linestyle=":", **grey),
        panels.handle("significant as published", marker="o", **grey),
    ]
    label = panels.two_way("worse", "improvement (grades)", "better")
    return panels.forest(data, look, label, kinds, ("published_low", "published_high"))
