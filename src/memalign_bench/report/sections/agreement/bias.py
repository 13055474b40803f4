"""Signed bias by dimension and variant."""

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


def caption(look: Look, data: pd.DataFrame) -> str:
    """What the sign says."""
    parts = [
        "Mean of judge minus expert, in grades: right of zero the judge grades higher than the"
        f" experts, left of it lower; n counts items that experts graded. Reading:"
        f" {look.reading}. Points carry no intervals."
    ]
    if data["constant"].any():
        parts.append(f"{CONSTANT_MARK}: a judge that gave every item the same grade.")
    return " ".join(parts)


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """One row per dimension, variant and panel: `... n_items value constant`."""
    table = panels.with_model_free_rows(made["summary"], look)
    rows = table.assign(value=table["bias"], constant=table["n_distinct_grades"] == 1)
    columns = ["dimension", "variant", "backend", "n_items", "value", "constant"]
    return rows[columns].reset_index(drop=True)


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """Points on stems from zero."""
    label = panels.two_way("lower", "bias (grades)", "higher")
    # `forest` draws a line from `low` to `high`: here from zero to the point.
    stems = data.assign(low=data["value"].clip(upper=0), high=data["value"].clip(lower=0))
    return panels.forest(stems, look, label)
