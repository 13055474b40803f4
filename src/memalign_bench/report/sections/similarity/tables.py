"""Does a judge err less where its nearest neighbour is near? Error by decile of similarity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.pairs import is_unaligned, pairs_of
from memalign_bench.report.numbers.pooled import if_certified, mean_error
from memalign_bench.report.numbers.readings import graded_rows
from memalign_bench.report.prose import listed
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.tables.columns import Column, count, interval, real, word
from memalign_bench.report.tables.table import Table
from memalign_bench.stats.bins import bins_within_groups
from memalign_bench.stats.rank import spearman_within_folds
from memalign_bench.stats.resampling.bootstrap import Estimate
from memalign_bench.stats.resampling.jackknife import jackknife_t
from memalign_bench.stats.resampling.units import resampling_units
from memalign_bench.types import Status

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["COLUMNS", "numbers", "table"]


COLUMNS = (
    "variant",
    "alignment",
    "backend",
    "bin",
    "n_bins",
    "similarity_low",
    "similarity",
    "similarity_high",
    "n_rows",
    "n_items",
    "n_cases",
    "mae",
    "mae_low",
    "mae_high",
    "mae_none",
    "rho",
    "rho_low",
    "rho_high",
    "gain",
    "gain_low",
    "gain_high",
    "note",
)

_MAX_BINS = 10
_MIN_QUESTIONS = 10
"""Questions (pairs of item and dimension) that a bin holds at least."""

_QUESTION = ["dimension", "item_id", "fold_seed", "repeat"]


class _NeighbourRows(NamedTuple):
    """Answers of one judge that were shown a neighbour, as arrays of one length."""

    similarity: NDArray[np.float64]
    error: NDArray[np.float64]
    gain: NDArray[np.float64]
    dimension: NDArray[np.str_]
    question: NDArray[np.str_]
    case: NDArray[np.str_]
    codes: NDArray[np.intp]
    n_units: int

    def rho(self, values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rank correlation of similarity with some values, within dimensions."""
        # (resamples, units) -> (resamples, rows).
        row_weights = weights[:, self.codes]
        # Dimensions stand where folds are meant: ranks are taken within each.
        return spearman_within_folds(self.similarity, values, self.dimension, row_weights)


def numbers(analysis: Analysis, made: SectionNumbers) -> pd.DataFrame:
    """One row per variant, backend and bin; bin 1 holds the least similar, 0 those shown nothing.

    A row of the records goes by the similarity of the most similar example that it was shown. Bins
    are tenths of each dimension's rows, since similarities of different views are not alike and
    dimensions are not equally hard; there are fewer where a bin would hold under ten questions.
    `mae` has 95 % logit-t intervals over cases. `mae_none` is the unaligned judge's error on the
    same rows: items whose neighbours are near may be easier without any memory.

    `rho` is Spearman's correlation of similarity with the absolute error, within dimensions,
    averaged by size: below 0 where near neighbours go with small errors. `gain` is that with the
    improvement over the unaligned judge: above 0 where near neighbours are what helps. Both hold
    for all bins of a judge, and stand in each of its rows. Their jackknife-t intervals stand where
    those of rank correlations are certified.

    Returns:
        `COLUMNS`; no row for a judge without neighbours, or with too few questions for two bins.
    """
    import pandas as pd

    answers = _answers_with_similarity(analysis)
    references = _unaligned_references(analysis.variants)
    lines: list[dict[str, Any]] = []
    silent: dict[str, None] = {}
    for variant, alignment, backend in analysis.variants:
        own = answers[(answers["variant"] == variant) & (answers["backend"] == backend)]
        if own["similarity"].isna().all():
            continue
        own = _where_it_answers(own, silent)
        reference = references.get((variant, backend))
        # No judge is called "": a judge without a reference is joined with nothing.
        base = answers[(answers["variant"] == (reference or ("", ""))[0])]
        base = base[base["backend"] == (reference or ("", ""))[1]]
        base = _where_it_answers(base, silent)
        # Asked once, its answer stands beside every repeat, as where two judges are compared.
        asked = _QUESTION if base["repeat"].nunique() > 1 else _QUESTION[:-1]
        # Left: what the reference was not asked stays, without a gain.
        own = own.merge(
            base[[*asked, "error"]].rename(columns={"error": "error_none"}), on=asked, how="left"
        )
        key = {"variant": variant, "alignment": alignment, "backend": backend}
        lines += [key | line for line in _bin_rows(own, analysis.widest)]
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    frame.attrs = {"silent": list(silent)}
    return frame


def _where_it_answers(rows: pd.DataFrame, silent: dict[str, None]) -> pd.DataFrame:
    """The rows of a judge on dimensions to which it gave an answer; names the others.

    What silence costs hangs on the expert's grade alone, whatever the judge was shown.
    """
    answered = rows["dimension"].isin(rows.loc[rows["grade"].notna(), "dimension"])
    without = rows[~answered].drop_duplicates(["variant", "dimension"])
    for variant, dimension in zip(without["variant"], without["dimension"], strict=True):
        silent.setdefault(f"{variant} on {dimension}")
    return rows[answered]


def _answers_with_similarity(analysis: Analysis) -> pd.DataFrame:
    """Graded answers with the similarity of the nearest example shown (NaN: none was shown).

    `unit` is what is resampled as one: a case, or a group of them where there are many.
    """
    rows = analysis.frames.predictions
    answers = graded_rows(rows, analysis.frames.scale, analysis.reading, analysis.missing)
    # Over the cases of the whole study, of which a judge or a bin may have few.
    answers["unit"] = resampling_units(answers["case_id"], rows["case_id"].nunique())
    key = ["variant", "backend", *_QUESTION]
    nearest = [
        max(similarities) if similarities else np.nan
        for similarities in rows["neighbour_similarities"]
    ]
    near = rows[[*key, "status"]].assign(similarity=nearest)
    # What was not answered was not shown to anyone: its neighbours are not known.
    near = near[near["status"] != Status.FAILED]
    return answers.merge(near.drop(columns="status"), on=key, how="inner")


def _unaligned_references(
    known: Sequence[tuple[str, str, str]],
) -> dict[tuple[str, str], tuple[str, str]]:
    """(Variant, backend) -> the unaligned judge that it is held against, the first of several."""
    references: dict[tuple[str, str], tuple[str, str]] = {}
    for pair in pairs_of(known):
        if is_unaligned(pair.reference):
            reference = (pair.reference, pair.reference_backend)
            references.setdefault((pair.variant, pair.backend), reference)
    return references


def _bin_rows(own: pd.DataFrame, widest: float) -> Iterator[dict[str, Any]]:
    has_neighbour = own["similarity"].notna()
    shown, unshown = _to_arrays(own[has_neighbour]), _to_arrays(own[~has_neighbour])
    # Each counts once, however often it was asked.
    questions = len(np.unique(shown.question))
    # Equal similarities everywhere cannot be cut into bins.
    varies = any(
        np.ptp(shown.similarity[shown.dimension == name]) > 0 for name in set(shown.dimension)
    )
    n_bins = min(_MAX_BINS, questions // _MIN_QUESTIONS)
    if n_bins < 2 or not varies:
        return
    bins = bins_within_groups(shown.similarity, shown.dimension, n_bins)
    few_note = f"{n_bins} bins: {questions} questions, at least {_MIN_QUESTIONS} a bin"
    judge_columns: dict[str, Any] = {**_correlation_columns(shown), "n_bins": n_bins}
    judge_columns["note"] = "" if n_bins == _MAX_BINS else few_note
    if len(unshown.error):
        all_rows = np.ones(len(unshown.error), dtype=bool)
        yield {"bin": 0, **_bin_row(unshown, all_rows, widest), **judge_columns}
    for number in range(n_bins):
        # Ties may leave a bin without rows.
        if (bins == number).any():
            yield {
                # 0 is taken by what was shown no neighbour.
                "bin": number + 1,
                **_bin_row(shown, bins == number, widest),
                **judge_columns,
            }


def _to_arrays(part: pd.DataFrame) -> _NeighbourRows:
    units, codes = np.unique(part["unit"].to_numpy(dtype=np.str_), return_inverse=True)
    dimension = part["dimension"].to_numpy(dtype=np.str_)
    error = part["error"].to_numpy(dtype=float)
    items = part["item_id"].to_numpy(dtype=np.str_)
    return _NeighbourRows(
        similarity=part["similarity"].to_numpy(dtype=float),
        error=error,
        gain=part["error_none"].to_numpy(dtype=float) - error,
        dimension=dimension,
        # The unit separator is used in no name, so two pairs never give one string.
        question=np.char.add(np.char.add(dimension, "\x1f"), items),
        case=part["case_id"].to_numpy(dtype=np.str_),
        codes=codes,
        n_units=len(units),
    )


def _bin_row(rows: _NeighbourRows, inside: NDArray[np.bool_], widest: float) -> dict[str, Any]:
    codes, error = rows.codes[inside], rows.error[inside]
    similarity = rows.similarity[inside]
    return {
        "similarity_low": float(similarity.min()),
        "similarity": float(similarity.mean()),
        "similarity_high": float(similarity.max()),
        "n_rows": int(inside.sum()),
        "n_items": len(np.unique(rows.question[inside])),
        "n_cases": len(np.unique(rows.case[inside])),
        **mean_error(error, codes, widest).columns("mae"),
        # Error and gain add up to the reference's error; NaN where a row has no reference.
        "mae_none": float((error + rows.gain[inside]).mean()),
    }


def _correlation_columns(rows: _NeighbourRows) -> dict[str, float]:
    measures = {"rho": rows.error, "gain": rows.gain}
    columns: dict[str, float] = {}
    for name, values in measures.items():
        # A missing gain would rank lowest, so a single one leaves the correlation out.
        if not np.isnan(values).any():
            estimate = jackknife_t(partial(rows.rho, values), rows.n_units, bounds=(-1.0, 1.0))
            interval = if_certified(estimate.interval, "rank", rows.n_units)
            columns |= Estimate(estimate.point, interval).columns(name)
    return columns


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """The table for people."""
    columns = [
        word("variant", "variant"),
        word("backend", "backend"),
        Column("bin", lambda row: f"{row['bin']} of {row['n_bins']}" if row["bin"]
               else "no neighbour", lambda row: float(row["bin"])),
        real("similarity", "similarity", help="of the nearest neighbour, mean of the bin"),
        real("from", "similarity_low"),
        real("to", "similarity_high"),
        count("questions", "n_items", help="pairs of item and dimension"),
        count("cases", "n_cases"),
        interval("MAE", "mae", unit="grades"),
        real("MAE unaligned", "mae_none", help="the unaligned judge on the same rows",
             unit="grades"),
        interval("rank corr. with error", "rho",
                 help="below 0: near neighbours go with small errors"),
        interval("with gain", "gain", help="above 0: near neighbours go with help"),
        word("note", "note"),
    ]  # fmt: skip
    notes = [
        "Bins are equal shares of each dimension's rows by the similarity of the nearest neighbour"
        " shown, least similar first; intervals over cases (logit-t; of correlations jackknife-t).",
        "MAE unaligned: the unaligned judge on the same rows, since items with near neighbours may"
        " be the easy ones.",
        "Rank correlations of similarity with the absolute error (below 0: near neighbours go with"
        " small errors) and with the improvement over the unaligned judge (above 0: near neighbours"
        " go with help), within dimensions, averaged by size. Failed answers are left out: what"
        " they were shown is not known.",
    ]
    if silent := numbers.attrs["silent"]:
        notes.append(f"Left out, since there was no answer: {listed(silent)}.")
    return Table(numbers, columns, notes)
