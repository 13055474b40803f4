"""Mean absolute error beside rank correlation: did the judge learn to rank, or only to count?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look
from memalign_bench.report.prose import CONSTANT_MARK

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.sections.section import SectionNumbers

__all__ = ["caption", "data", "draw"]

_LABELS = {"mae": "mean absolute error (grades)", "spearman": "rank correlation within folds"}


def caption(look: Look, data: pd.DataFrame) -> str:
    """Why both stand side by side, and how to read them."""
    parts = [
        "Mean absolute error (left, lower is better) beside Spearman's rank correlation with the"
        " expert within folds (right, higher is better), with 95 % intervals over"
        f" cases; n counts items that experts graded. Reading: {look.reading}. An error can fall"
        " because a judge learned how often each grade occurs; its ranking then does not improve."
    ]
    if data["constant"].any():
        parts.append(f"{CONSTANT_MARK}: a judge that gave every item the same grade.")
    return " ".join(parts)


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """One row per dimension, variant, panel and metric (`mae` or `spearman`).

    Columns: `dimension variant backend n_items metric value low high constant`.
    """
    import pandas as pd

    table = panels.with_model_free_rows(made["summary"], look)
    constant = table["n_distinct_grades"] == 1
    blocks = [
        table.assign(
            metric=metric,
            value=table[metric],
            low=table[f"{metric}_low"],
            high=table[f"{metric}_high"],
            constant=constant,
        )
        for metric in _LABELS
    ]
    columns = ["dimension", "variant", "backend", "n_items", "metric", "value", "low", "high"]
    return pd.concat(blocks, ignore_index=True)[[*columns, "constant"]]


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """Two columns of axes, one line of them a backend."""
    variants = look.ordered(data["variant"])
    names = look.dimensions(data["dimension"])
    legend = [*panels.variant_handles(look, variants), *panels.constant_handle(data)]
    figure, grid = panels.dimension_panels(data, look, legend, metrics=tuple(_LABELS))
    for panel in grid:
        if panel.metric == "spearman":
            panel.axes.axvline(0, color="0.35", linewidth=0.9, zorder=1)
            # The whole scale in every panel, with room for marks at its ends.
            panel.axes.set_xlim(-1.05, 1.05)
            panel.axes.set_xticks([-1, -0.5, 0, 0.5, 1])
        here = data[(data["backend"] == panel.backend) & (data["metric"] == panel.metric)]
        panels.draw_points(panel.axes, here, look, variants, names)
        panel.axes.set_xlabel(_LABELS[panel.metric])
        if panel.metric == "mae":
            # After the points: setting a limit ends the fitting of the other end to them.
            panel.axes.set_xlim(left=0)
    return figure
