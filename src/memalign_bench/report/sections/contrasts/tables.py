"""The table of contrasts for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.claims import NO_PLAN, claims_of
from memalign_bench.report.numbers.contrasts import ALPHA, all_pairs, contrasts
from memalign_bench.report.numbers.paired_answers import CONSTANT_JUDGE, notes_say
from memalign_bench.report.numbers.pairs import Pair
from memalign_bench.report.prose import CONSTANT_MARK, HOW_COMPARED, METRIC_NAMES, MISSING_NAMES
from memalign_bench.report.sections.agreement.tables import constant_note
from memalign_bench.report.sections.section import Section
from memalign_bench.report.tables.columns import (
    NumberRow,
    count,
    dimension_column,
    interval,
    p_value,
    real,
    word,
)
from memalign_bench.report.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CONTRASTS", "table"]


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """One row a comparison; claims that hold are emphasised."""
    columns = [
        dimension_column(analysis.frames.dimensions),
        word("metric", lambda row: f"{METRIC_NAMES[row['metric']]}, {row['reading']}"),
        word("variant", lambda row: row["variant"] + _constant_mark(row, 1)),
        word("backend", "backend"),
        word("reference", _reference_name),
        count("items", "n_items"),
        real("before", "value_reference"),
        real("after", "value"),
        interval("improvement", "improvement", ("low", "high"), signed=True,
                 help="positive is better"),
        real("% less", "reduction_pct", 0, help="of the mean absolute error"),
        count("changed", "n_changed", help="items on which the errors of the two differ"),
        p_value("p", "p_value", help="of no improvement, by the method of the interval"),
        p_value("p (Holm)", "p_holm", help="corrected over the claims of the study"),
        p_value("q", "q_value", help="share of false discoveries (Benjamini, Hochberg)"),
        p_value("p (equal)", "p_equivalent", help="of an improvement beyond the margin"),
        real("detectable", _detectable, unit="grades",
             help=f"improvement found with a power of 0.8 at {ALPHA}; of a claim, at the first step"
             " of Holm's correction"),
        word("claim holds", lambda row: "yes" if row["significant"] else "no"),
        word("plan", lambda row: "" if row["planned"] == NO_PLAN else row["planned"],
             help="whether the claim was registered before the study's first call"),
        word("note", "note"),
    ]  # fmt: skip
    notes = [
        f"Improvement is positive where it is better; {HOW_COMPARED}",
        claims_of(analysis, all_pairs(analysis)).sentence(analysis.frames.dimensions),
        f"Significant at {ALPHA}: after Holm for the claims, in the study's own reading"
        f" ({analysis.reading}), over dimensions and backends; every other row is"
        " exploratory and claims nothing (q: expected share of false discoveries). p (equal): two"
        f" one-sided tests that the improvement lies within {analysis.margin:g} grades.",
        MISSING_NAMES[analysis.missing],
        *constant_note(notes_say(numbers, CONSTANT_JUDGE).any()),
    ]
    if not len(numbers):
        notes = ["Nothing to compare: this study has no unaligned judge beside another variant."]
    return Table(
        numbers,
        columns,
        notes,
        # A page opens with MAE in the study's own reading, in which claims are usually made.
        filters={"dimension": "", "variant": "", "metric": "mae", "reading": analysis.reading},
        bold=lambda row: bool(row["significant"] and not np.isnan(row["p_holm"])),
    )


def _detectable(row: NumberRow) -> float:
    at_first_step = row["detectable_holm"]  # NaN but for claims
    return float(row["detectable"] if np.isnan(at_first_step) else at_first_step)


def _reference_name(row: NumberRow) -> str:
    name, place = row["reference"] + _constant_mark(row, 0), row["reference_backend"]
    # Elsewhere: the same variant of another backend, or the judge that a control stands beside.
    return name if row["backend"] == place else f"{name} on {place}"


def _constant_mark(row: NumberRow, side: int) -> str:
    """The mark of the reference (0) or the judge (1) where it is constant."""
    name = Pair(*(row[field] for field in Pair._fields)).names[side]
    return CONSTANT_MARK if f"{CONSTANT_JUDGE} ({name})" in row["note"] else ""


CONTRASTS = Section(
    "contrasts",
    "Contrasts with the unaligned judge",
    0.2,
    lambda analysis, _: contrasts(analysis),
    table,
)
