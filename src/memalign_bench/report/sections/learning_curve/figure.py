"""Error and rank correlation against the number of training labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.curves import Curves, draw_curves
from memalign_bench.report.drawing.look import Look
from memalign_bench.report.sections.learning_curve import tables as learning_curve

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.sections.section import SectionNumbers

__all__ = ["caption", "data", "draw"]


def caption(look: Look, data: pd.DataFrame) -> str:
    """What is shown, and what is fitted."""
    unfitted = sorted(set(data["fit_note"]) - {""})
    why = f" Without a fit where the points do not give one ({'; '.join(unfitted)})."
    return (
        "Mean absolute error (left) and rank correlation within folds (right) against the number of"
        " training labels of a cell (mean over folds), with 95 % intervals over cases;"
        " points of one number are set slightly apart. Smaller samples lie within larger ones."
        " Dashed: a + b (n + 1)^-c (a - b ln(n + 1) where no end is in sight), fitted to the points"
        " by least squares, not drawn beyond them."
        f" Reading: {look.reading}. Intervals hold given the labels drawn."
    ) + (why if unfitted else "")


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """The table `learning_curve`, model-free rows in every backend's panels."""
    return panels.with_model_free_rows(made["learning_curve"], look)


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """One line of panels a dimension."""
    curves = Curves(
        "n_labels", "training labels", learning_curve.curve_of, "a + b (n + 1)^-c, fitted"
    )
    return draw_curves(data, look, curves)
