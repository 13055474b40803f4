"""Error and rank correlation against the share of wrong training labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.curves import Curves, draw_curves
from memalign_bench.report.drawing.look import Look
from memalign_bench.report.sections.label_noise import tables as label_noise
from memalign_bench.stats.curves import Line

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.sections.section import SectionNumbers

__all__ = ["caption", "data", "draw"]


def caption(look: Look, data: pd.DataFrame) -> str:
    """What is shown, and what a wrong label is."""
    return (
        "Mean absolute error (left) and rank correlation within folds (right) against the share of"
        " training labels that were changed to another grade of the scale (rationales stayed),"
        " with 95 % intervals over cases; points of one share are set slightly apart."
        " Held-out labels are untouched. Dashed: a line fitted by least squares. Reading:"
        f" {look.reading}. Intervals hold given the labels that were changed."
    )


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """The table `label_noise`, model-free rows in every backend's panels."""
    return panels.with_model_free_rows(made["label_noise"], look)


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """One line of panels a dimension."""
    shown = data.assign(percent=100 * data["label_noise"])
    curves = Curves("percent", "wrong training labels (%)", _curve_of_percent, "fitted line")
    return draw_curves(shown, look, curves)


def _curve_of_percent(row: Mapping[str, Any]) -> Line:
    """The line over per cent instead of shares."""
    line = label_noise.curve_of(row)
    # The value at 0 and the residual are in grades, whatever x is measured in.
    return line._replace(slope=line.slope / 100)
