"""Forest plot of the improvement over another study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look, in_own_reading
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.missing_answers import MADE_OF_SILENCE
from memalign_bench.report.numbers.paired_answers import CONSTANT_JUDGE, notes_say
from memalign_bench.report.numbers.readings import NO_BACKEND
from memalign_bench.report.prose import CONSTANT_MARK
from memalign_bench.report.sections.contrasts.improvement import NO_MARK
from memalign_bench.report.sections.section import SectionNumbers

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["caption", "data", "draw"]


def caption(look: Look, data: pd.DataFrame) -> str:
    """What is shown, against what."""
    against = ", ".join(dict.fromkeys(data["reference_backend"]))
    text = (
        f"Fall of the mean absolute error against the same alignment on {against}, in grades (right"
        " of zero is better), with 95 % intervals over cases, paired by item; n counts items that"
        f" experts graded. Reading: {look.reading}. Everything here is exploratory."
    )
    mark = f" {CONSTANT_MARK}: this judge or its reference gave every item one grade."
    unmarked = f" {NO_MARK}" if data["value"].isna().any() else ""
    return text + unmarked + (mark if data["constant"].any() else "")


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """One row per comparison in MAE of judges with a model, in the study's own reading.

    Columns: `dimension variant backend reference_backend n_items value low high filled constant`.
    """
    import pandas as pd

    if "against" not in made:
        return pd.DataFrame()
    table = made["against"]
    table = table[table["metric"].eq("mae") & table["backend"].ne(NO_BACKEND)]
    table = in_own_reading(table, look)
    # One mark a variant: the first backend of the other study where there are several.
    table = table.drop_duplicates(["dimension", "variant", "backend"])
    silent = notes_say(table, MADE_OF_SILENCE)
    return table.assign(
        value=table["improvement"].mask(silent),
        filled=False,  # hollow throughout: no mark is a claim
        constant=notes_say(table, CONSTANT_JUDGE),
    )[[
        "dimension", "variant", "backend", "reference_backend", "n_items", "value", "low", "high",
        "filled", "constant",
    ]].reset_index(drop=True)  # fmt: skip


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """Points with intervals around a line at zero."""
    label = panels.two_way("worse", "fall of the MAE (grades)", "better")
    return panels.forest(data, look, label)
