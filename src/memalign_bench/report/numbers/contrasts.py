"""One row a comparison: every judge against the unaligned one, paired by item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.claims import Claims, claims_of, planned_pairs
from memalign_bench.report.numbers.missing_answers import (
    equality_note,
    hanging_note,
    improvement_bounds,
    silence_note,
)
from memalign_bench.report.numbers.paired_answers import (
    NO_CLAIM_POSSIBLE,
    PairedAnswers,
    one_grade_note,
    paired_rows,
)
from memalign_bench.report.numbers.pairs import Pair, pairs_of
from memalign_bench.report.numbers.pooled import Comparison, compare
from memalign_bench.report.numbers.readings import NO_ANSWERS, Reading, positions_by_judge
from memalign_bench.stats.multiplicity import benjamini_hochberg, holm, step_down_max_t
from memalign_bench.stats.planning.power import cases_needed, detectable_improvement

if TYPE_CHECKING:
    import pandas as pd


__all__ = [
    "ALPHA",
    "CONTRAST_COLUMNS",
    "NO_CLAIM_POSSIBLE",
    "all_pairs",
    "claimed_rows",
    "contrasts",
    "contrasts_of",
]

ALPHA = 0.05
"""Level of significance."""

CONTRAST_COLUMNS = (
    "dimension",
    "metric",
    "reading",
    "variant",
    "alignment",
    "backend",
    "reference",
    "reference_backend",
    "n_items",
    "value_reference",
    "value",
    "improvement",
    "low",
    "high",
    "p_value",
    "p_holm",
    "significant",
    "reduction_pct",
    "note",
    "p_maxt",
    "q_value",
    "n_changed",
    "p_equivalent",
    "detectable",
    "cases_needed",
    "bound_low",
    "bound_high",
    "planned",
    "detectable_holm",
)

_EXPLORATORY = "exploratory"
"""Begins the note of every row that is no claim."""

_REALS = (
    "value_reference", "value", "improvement", "low", "high", "p_value", "p_holm", "reduction_pct",
    "p_maxt", "q_value", "p_equivalent", "detectable", "cases_needed", "bound_low", "bound_high",
    "detectable_holm",
)  # fmt: skip


def contrasts(analysis: Analysis) -> pd.DataFrame:
    """Every judge against `none` of the same backend (without a model: of every backend).

    Where a study has several backends, every judge also stands against the same variant on the
    first of them (`reference` is then the variant itself).

    A variant with settings of its own (`full,scoring=verdict`) is held against the `none` that
    shares most of them. Improvements are paired by item, fold seed and repeat; interval and p-value
    come from one method: of MAE the inverted sign-flip test over cases, of rank correlation (over
    what both answered) the delete-one-case jackknife-t, of MAE in the batch reading percentiles of
    a bootstrap over cases that takes the reading anew. The Holm family is what the study's
    registered plan names, in its own reading; without a plan the dimensions of `full` against
    `none`, on all backends, in MAE. `p_maxt` is the same family by joint sign flips, where it is of
    MAE alone; they take a batch reading as known. Every other row is exploratory: never
    `significant`, with a `q_value` of Benjamini and Hochberg over the exploratory rows of its
    metric and reading. `planned` says of each row `planned`, `not planned` or `no plan`.

    Of improvements of MAE: `n_changed` items on which their errors differ (grades may differ and be
    as far off, on either side); `p_equivalent`, that the improvement lies beyond the margin;
    `detectable`, the improvement found with a power of 0.8 at the level 0.05, of a claim
    `detectable_holm`, that at its first Holm step; `cases_needed` to find one of the margin (at
    that step); `bound_low` and `bound_high`, the improvement if all missing answers were as bad for
    the judge and as good for the reference as can be, and the other way round, where any is
    missing.

    Returns:
        `CONTRAST_COLUMNS`, missing values as NaN.
    """
    pairs = all_pairs(analysis)
    return contrasts_of(analysis, pairs, claims_of(analysis, pairs))


def all_pairs(analysis: Analysis) -> list[Pair]:
    """Every judge with what it is held against, in this study."""
    pairs = list(pairs_of(analysis.variants))
    return pairs + planned_pairs(analysis.frames.plan, analysis.variants, pairs)


def contrasts_of(analysis: Analysis, pairs: Sequence[Pair], claims: Claims) -> pd.DataFrame:
    """The table of `contrasts`, of these pairs only."""
    import pandas as pd

    frames = analysis.frames
    # By records, not by answers: under `exclude` a judge that answered nothing still has a row,
    # which says so.
    present = set(positions_by_judge(frames.predictions))
    rows: list[_ContrastRow] = []
    for dimension in frames.dimensions:
        for pair in pairs:
            if {pair.judge(dimension), pair.reference_judge(dimension)} <= present:
                rows += _comparison_rows(analysis, dimension, pair, claims)
    _add_family_results(analysis, rows)
    table = pd.DataFrame([row.line for row in rows], columns=list(CONTRAST_COLUMNS))
    # What stayed None becomes NaN; `Int64` because a count may be missing as well.
    kinds = dict.fromkeys(_REALS, "float64")
    return table.astype(kinds | {"n_items": "int64", "n_changed": "Int64", "significant": "bool"})


def claimed_rows(table: pd.DataFrame) -> pd.Series[bool]:
    """Which rows of the table are claims, those included that could not be tested."""
    return ~table["note"].str.startswith(_EXPLORATORY).astype(bool)


@dataclass
class _ContrastRow:
    """One row of the table while it is filled in."""

    line: dict[str, Any]
    notes: list[str]
    claimed: bool
    comparison: Comparison | None = None
    paired: PairedAnswers | None = None

    @property
    def testable(self) -> bool:
        """Whether there is a p-value at all."""
        p_value = self.line["p_value"]
        return p_value is not None and not np.isnan(p_value)


def _comparison_rows(
    analysis: Analysis, dimension: str, pair: Pair, claims: Claims
) -> Iterator[_ContrastRow]:
    """The rows of one comparison, unfinished: readings x metrics."""
    family = claims.metrics(pair, dimension)
    judges = pair.reference_judge(dimension), pair.judge(dimension)
    calibrated = analysis.calibrated & set(judges)
    readings: tuple[Reading, ...] = ("raw", "batch") if calibrated else ("raw",)
    for reading in readings:
        sides = [analysis.by_reading[reading].get(judge, NO_ANSWERS) for judge in judges]
        paired = paired_rows(sides[0], sides[1], pair.names)
        if reading == "batch" and len(calibrated) < 2:
            paired.notes.append("one side has a single reading")
        # A claim is made in one reading only; judges without a batch grade have the raw one.
        own = analysis.reading if analysis.reading in readings else "raw"
        for metric in ("mae", "spearman"):
            line: dict[str, Any] = {"dimension": dimension, "metric": metric, "reading": reading}
            claimed = reading == own and metric in family
            line["planned"] = claims.word(pair, claimed=claimed)
            # A copy of the notes, since the rows of both metrics add their own.
            row = _ContrastRow(line | pair._asdict(), list(paired.notes), claimed, None, paired)
            _fill_comparison(analysis, row, (dimension, *pair))
            yield row


def _fill_comparison(analysis: Analysis, row: _ContrastRow, names: tuple[str, ...]) -> None:
    """Fill in the columns that depend on this comparison alone."""
    # Missing until filled in: a row without answers in common stays like this.
    paired, metric = row.paired, row.line["metric"]
    empty: dict[str, Any] = dict.fromkeys(_REALS, None)
    row.line |= empty | {"n_items": 0, "n_changed": None}
    if paired is None or not len(paired.before.items):
        row.notes.append("no row in common")
        return
    row.line["n_items"] = len(set(paired.before.items))
    comparison = compare(analysis, [paired], metric, names)
    if comparison is None:
        row.notes.append("no item that both answered")
        return
    row.comparison = comparison
    # What can be said of any pair of answers.
    row.line |= {
        "value_reference": comparison.before,
        "value": comparison.after,
        "improvement": comparison.gain,
        "reduction_pct": _reduction_percent(comparison) if metric == "mae" else None,
    }
    # A side without any answer has the cost of missing answers as its error: nothing to test.
    if silence := silence_note([paired], (row.line["reference"], row.line["variant"])):
        row.notes.append(silence)
        return
    row.line |= {
        "low": comparison.interval.low,
        "high": comparison.interval.high,
        # Of ranks fewer than above: items that both answered.
        "n_items": comparison.changes.n_items,
        "n_changed": comparison.changes.items if metric == "mae" else None,
    }
    # Of ranks the interval's note says it.
    if metric == "mae" and (one_grade := one_grade_note([paired])):
        row.notes.append(one_grade)
    else:
        row.line |= {"p_value": comparison.p_value, "p_equivalent": comparison.equivalent_p}
    if comparison.interval.note:
        row.notes.append(comparison.interval.note)
    if metric == "mae":
        _add_bounds(analysis, row, paired)


def _reduction_percent(comparison: Comparison) -> float | None:
    before, after = comparison.before, comparison.after
    return 100 * (before - after) / before if before else None


def _add_bounds(analysis: Analysis, row: _ContrastRow, paired: PairedAnswers) -> None:
    """Bound the improvement by what missing answers could have been."""
    if bounds := improvement_bounds(analysis, [paired]):
        row.line |= {"bound_low": bounds.low, "bound_high": bounds.high}
        if note := hanging_note(row.line["improvement"], *bounds):
            row.notes.append(note)
        # None where the experts give one grade to every item, so that nothing was tested.
        equivalent_p = row.line["p_equivalent"]
        is_equal = equivalent_p is not None and equivalent_p <= ALPHA
        if is_equal and (note := equality_note(*bounds, analysis.margin)):
            row.notes.append(note)


def _add_family_results(analysis: Analysis, rows: Sequence[_ContrastRow]) -> None:
    """Fill in the columns that depend on all rows: corrected p-values, significance and notes."""
    # The family of claims is corrected together; one without a p-value takes no share of the level.
    claims = [row for row in rows if row.claimed and row.testable]
    holm_p = holm([row.line["p_value"] for row in claims])
    # Also of the smallest p each could reach: were it above the level, no outcome could have been
    # significant.
    smallest_holm_p = holm([row.comparison.smallest_p for row in claims if row.comparison])
    max_t_p = _max_t_p_values(analysis, claims)
    for row, p_holm, smallest, p_maxt in zip(claims, holm_p, smallest_holm_p, max_t_p, strict=True):
        row.line |= {"p_holm": float(p_holm), "p_maxt": float(p_maxt)}
        _note_smallest_p(row, float(smallest), " after Holm")
    for row in rows:
        p_holm = row.line["p_holm"]
        row.line["significant"] = p_holm is not None and p_holm <= ALPHA
        if row.testable:
            _add_power(analysis, row, len(claims) if row.claimed else 1)
        if not row.claimed:
            row.notes.insert(0, _EXPLORATORY)
            if row.comparison and row.testable:
                _note_smallest_p(row, row.comparison.smallest_p, "")
    # Exploratory rows get q-values, within their metric and reading.
    for metric in ("mae", "spearman"):
        for reading in ("raw", "batch"):
            exploratory = [
                row
                for row in rows
                if not row.claimed and row.testable
                and (row.line["metric"], row.line["reading"]) == (metric, reading)
            ]  # fmt: skip
            q_values = benjamini_hochberg([row.line["p_value"] for row in exploratory])
            for row, q in zip(exploratory, q_values, strict=True):
                row.line["q_value"] = float(q)
    for row in rows:
        row.line["note"] = "; ".join(row.notes)


def _max_t_p_values(analysis: Analysis, claims: Sequence[_ContrastRow]) -> NDArray[np.float64]:
    """P of each claim by joint sign flips; NaN where one is of ranks (no sum over cases)."""
    if any(row.line["metric"] != "mae" for row in claims):
        return np.full(len(claims), np.nan)
    sums = _gain_sums_by_case(claims)
    draws = analysis.resampler
    return step_down_max_t(sums, seed=draws.seed, n_flips=draws.n_resamples, names=("family",))


def _note_smallest_p(row: _ContrastRow, smallest: float, when: str) -> None:
    if smallest > ALPHA:
        row.notes.append(f"smallest attainable p{when} is {smallest:.3g}: {NO_CLAIM_POSSIBLE}")


def _add_power(analysis: Analysis, row: _ContrastRow, family: int) -> None:
    differences = row.comparison.differences if row.comparison else None
    if differences is not None and row.paired is not None:
        items = row.line["n_items"]
        row.line["detectable"] = detectable_improvement(differences, n_items=items)
        if row.claimed:
            at_first_step = detectable_improvement(differences, family=family, n_items=items)
            row.line["detectable_holm"] = at_first_step
        needed = cases_needed(analysis.margin, differences, family=family)
        # The spread is over what is resampled: groups, where there are very many cases.
        cases_per_unit = analysis.n_cases(row.paired.before.items) / differences.n_cases
        row.line["cases_needed"] = float(np.ceil(needed * cases_per_unit))


def _gain_sums_by_case(claims: Sequence[_ContrastRow]) -> NDArray[np.float64]:
    """Sum of the gains of each case (columns) in each claim (rows)."""
    pairs = [row.paired for row in claims if row.paired]
    cases = sorted({str(case) for pair in pairs for case in pair.before.cases})
    sums = np.zeros((len(pairs), len(cases)))
    for line, pair in zip(sums, pairs, strict=True):
        # Not `line[...] +=`, which would count only one of a case's rows.
        np.add.at(
            line, np.searchsorted(cases, pair.before.cases), pair.before.error - pair.after.error
        )
    return sums
