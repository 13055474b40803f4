"""How much better a study's judges are than those of another study, paired by item."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.claims import Claims
from memalign_bench.report.numbers.contrasts import CONTRAST_COLUMNS, contrasts_of
from memalign_bench.report.numbers.two_studies import pair_similar_judges
from memalign_bench.report.prose import HOW_COMPARED
from memalign_bench.report.sections.contrasts.tables import table as contrasts_table
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["numbers", "table"]


def numbers(analysis: Analysis, made: SectionNumbers) -> pd.DataFrame:
    """One row a comparison, by the columns and methods of `contrasts`; all of it is exploratory.

    `reference` and `reference_backend` are the judge of the other study. No row where the study is
    held against none.
    """
    import pandas as pd

    other = analysis.against
    if other is None:
        return pd.DataFrame(columns=list(CONTRAST_COLUMNS))
    # A new object without cached answers: those of this study lack the other's judges.
    both = replace(analysis, frames=other.frames, against=None)
    plan = analysis.frames.plan
    # No plan covers a comparison with another study: nothing here can be a claim. A problem makes
    # a row of a planned study read `not planned`; `no plan` would be wrong of it.
    claims = Claims(
        None, ("no plan names another study",) if plan else (), frozenset(), frozenset()
    )
    return contrasts_of(both, pair_similar_judges(analysis.variants, other), claims)


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """The table of contrasts, with notes that name the two studies."""
    other = analysis.against
    assert other is not None
    study, reference = analysis.frames.path.name, other.name
    notes = [
        f"Before: a judge of {reference}; after: the judge of the same alignment in {study}, paired"
        f" by item, dimension and fold seed. Improvement is positive where {study} is better;"
        f" {HOW_COMPARED}",
        "All of it is exploratory and claims nothing (q: expected share of false discoveries).",
        *filter(None, [other.mismatch]),
    ]
    if other.is_itself:
        notes[0] = (
            "Before: the same variant on another backend of this study, paired by item, dimension"
            f" and fold seed. Improvement is positive where it is better; {HOW_COMPARED}"
        )
    shown = contrasts_table(analysis, numbers)
    # Nothing is a claim, so these would say the same in every row.
    columns = [column for column in shown.columns if column.title not in ("claim holds", "plan")]
    return replace(shown, columns=columns, notes=notes)
