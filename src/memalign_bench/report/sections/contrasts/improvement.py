"""Forest plot of the improvement over the unaligned judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memalign_bench.report.drawing import panels
from memalign_bench.report.drawing.look import Look, own_contrasts
from memalign_bench.report.numbers.alignments import FULL
from memalign_bench.report.numbers.missing_answers import MADE_OF_SILENCE
from memalign_bench.report.numbers.paired_answers import CONSTANT_JUDGE, notes_say
from memalign_bench.report.numbers.pairs import alignment_of
from memalign_bench.report.numbers.readings import NO_BACKEND
from memalign_bench.report.prose import CONSTANT_MARK, listed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.sections.section import SectionNumbers

__all__ = ["NO_MARK", "caption", "data", "draw"]

NO_MARK = "No mark stands where one of the two gave no answer to compare."

_KEY = ["dimension", "variant", "backend"]


def caption(look: Look, data: pd.DataFrame) -> str:
    """What is shown, and what a filled mark claims."""
    parts = [
        "Fall of the mean absolute error against the unaligned judge of the same backend, in"
        " grades (right of zero is better), with 95 % intervals over cases; n counts"
        f" items that experts graded. Reading: {look.reading}. Filled marks are claims that hold:"
        f" {_claimed_judges(data)}, significant at 0.05 after Holm's correction over the study's"
        " claims; all other variants are exploratory. Intervals hold given the memories learnt."
    ]
    if data["constant"].any():
        parts.append(f"{CONSTANT_MARK}: this judge or its reference gave every item one grade.")
    if data["value"].isna().any():
        parts.append(NO_MARK)
    return " ".join(parts)


def _claimed_judges(data: pd.DataFrame) -> str:
    """Whose improvements are claims, with a corrected p; the full memory by the usual rule."""
    variants = dict.fromkeys(data.loc[data["p_holm"].notna(), "variant"])
    if all(alignment_of(variant) == FULL for variant in variants):
        return "the full memory"
    return listed([*variants])


def data(analysis: Analysis, made: SectionNumbers, look: Look) -> pd.DataFrame:
    """One row per contrast in MAE, in the study's own reading.

    Columns: `dimension variant backend n_items value low high filled constant p_value p_holm`.
    """
    table = own_contrasts(made["contrasts"], look, "mae")
    # What silence made is no improvement: its line stays without a mark.
    silent = notes_say(table, MADE_OF_SILENCE)
    rows = table.assign(
        value=table["improvement"].mask(silent),
        filled=table["significant"].astype(bool),
        constant=notes_say(table, CONSTANT_JUDGE),
    )
    # A control without a model stands in the panel of the judge that it is compared with.
    rows["backend"] = table["reference_backend"].where(
        table["backend"] == NO_BACKEND, table["backend"]
    )
    columns = ["n_items", "value", "low", "high", "filled", "constant", "p_value", "p_holm"]
    return rows[[*_KEY, *columns]].reset_index(drop=True)


def draw(data: pd.DataFrame, look: Look) -> Figure:
    """Points with intervals around a line at zero."""
    fills = [
        panels.handle("filled: a claim that holds (Holm)", marker="o", color="0.3"),
        panels.handle(
            "hollow: not, or exploratory", marker="o", color="0.3", markerfacecolor="white"
        ),
    ]
    label = panels.two_way("worse", "fall of the MAE (grades)", "better")
    return panels.forest(data, look, label, fills)
