"""How far each judge is behind a rater, by dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.sections.section import SectionNumbers

__all__ = ["caption", "data", "draw"]


def caption(look: Look, data: pd.DataFrame) -> str:
    """What zero means."""
    return (
        "Mean distance of the judge from the median of an item's other raters, less that of the"
        " rater left out, in grades: at zero the judge is as near as a person, right of it farther"
        " off; lines are 95 % intervals over cases; n counts items with two raters and an answer."
        f" Filled: the judge passes the alternative annotator test. Reading: {look.reading}."
        " Exploratory."
    )


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """One row per dimension, variant and panel: `... n_items value low high filled`."""
    rows = panels.with_model_free_rows(made["people"], look)
    return rows.assign(
        value=rows["behind"],
        low=rows["behind_low"],
        high=rows["behind_high"],
        # NaN, of under three raters, compares false: hollow.
        filled=rows["winning_rate"].ge(0.5),
    )[["dimension", "variant", "backend", "n_items", "value", "low", "high", "filled"]]


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """Points with intervals around a line at zero."""
    label = panels.two_way("nearer", "judge less rater", "farther off")
    return panels.forest(data, look, label)
