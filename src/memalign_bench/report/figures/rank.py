"""Mean absolute error beside rank correlation: did the judge learn to rank, or only to count?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from memalign_bench.report import drawing
from memalign_bench.report.look import CONSTANT_MARK, Look

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from memalign_bench.report.frames import StudyFrames
    from memalign_bench.report.tables import Tables

__all__ = ["NAME", "PLACE", "TITLE", "caption", "data", "draw"]

NAME = "rank"
PLACE = 3
TITLE = "Error beside rank correlation"
_LABELS = {"mae": "mean absolute error (grades)", "spearman": "rank correlation within folds"}


def caption(look: Look, data: pd.DataFrame) -> str:
    """Why both stand side by side, and how to read them."""
    parts = [
        "Mean absolute error (left, lower is better) beside Spearman's rank correlation with the"
        " expert within folds (right, higher is better), with 95 % bootstrap intervals over"
        f" cases; n counts items that experts graded. Reading: {look.reading}. An error can fall"
        " because a judge learned how often each grade occurs; its ranking then does not improve."
    ]
    if data["constant"].any():
        parts.append(f"{CONSTANT_MARK}: a judge that gave every item the same grade.")
    return " ".join(parts)


def data(frames: StudyFrames, tables: Tables, look: Look) -> pd.DataFrame:
    """One row per dimension, variant, panel and metric (`mae` or `spearman`).

    Columns: `dimension variant backend n_items metric value low high constant`.
    """
    import pandas as pd

    table = drawing.with_model_free_rows(tables.summary, look)
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
    legend = [*drawing.variant_handles(look, variants), *drawing.constant_handle(data)]
    figure, panels = drawing.dimension_panels(data, look, legend, metrics=tuple(_LABELS))
    for panel in panels:
        if panel.metric == "spearman":
            panel.axes.axvline(0, color="0.35", linewidth=0.9, zorder=1)
            panel.axes.set_xlim(-1.05, 1.05)
            panel.axes.set_xticks([-1, -0.5, 0, 0.5, 1])
        here = data[(data["backend"] == panel.backend) & (data["metric"] == panel.metric)]
        drawing.draw_points(panel.axes, here, look, variants, names)
        panel.axes.set_xlabel(_LABELS[panel.metric])
        if panel.metric == "mae":
            panel.axes.set_xlim(left=0)
    return figure
