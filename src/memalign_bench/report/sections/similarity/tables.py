"""Does a judge err less where its nearest neighbour is near? Error by decile of similarity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memalign_bench.report.numbers.alignments import UNALIGNED
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.pairs import pairs_of
from memalign_bench.report.numbers.pooled import mean_error
from memalign_bench.report.numbers.readings import judged
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

_MOST_BINS = 10
_LEAST_QUESTIONS = 10
"""Questions (pairs of item and dimension) that a bin holds at least."""

_QUESTION = ["dimension", "item_id", "fold_seed", "repeat"]


class _Rows(NamedTuple):
    """Answers of one judge that were shown a neighbour, as arrays of one length."""

    similarity: NDArray[np.float64]
    error: NDArray[np.float64]
    gain: NDArray[np.float64]
    dimension: NDArray[np.str_]
    question: NDArray[np.str_]
    codes: NDArray[np.intp]
    cases: list[str]

    def rho(self, values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Rank correlation of similarity with some values, within dimensions."""
        drawn = weights[:, self.codes]
        return spearman_within_folds(self.similarity, values, self.dimension, drawn)


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
    for all bins of a judge, and stand in each of its rows.

    Returns:
        `COLUMNS`; no row for a judge without neighbours, or with too few questions for two bins.
    """
    import pandas as pd

    answers = _answers(analysis)
    references = _references(analysis.variants)
    lines: list[dict[str, Any]] = []
    for variant, alignment, backend in analysis.variants:
        own = answers[(answers["variant"] == variant) & (answers["backend"] == backend)]
        if own["similarity"].isna().all():
            continue
        name = references.get((variant, backend))
        base = answers[(answers["variant"] == (name or ("", ""))[0])]
        base = base[base["backend"] == (name or ("", ""))[1]]
        own = own.merge(
            base[[*_QUESTION, "error"]].rename(columns={"error": "error_none"}),
            on=_QUESTION,
            how="left",
        )
        key = {"variant": variant, "alignment": alignment, "backend": backend}
        lines += [key | line for line in _lines(own, analysis.widest)]
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _answers(analysis: Analysis) -> pd.DataFrame:
    """What counts of each answer, with the similarity of its nearest neighbour (NaN: none)."""
    rows = analysis.frames.predictions
    answers = judged(rows, analysis.frames.scale, analysis.reading, analysis.missing)
    key = ["variant", "backend", *_QUESTION]
    nearest = [max(found) if found else np.nan for found in rows["neighbour_similarities"]]
    near = rows[[*key, "status"]].assign(similarity=nearest)
    # What was not answered was not shown to anyone: its neighbours are not known.
    near = near[near["status"] != Status.FAILED]
    return answers.merge(near.drop(columns="status"), on=key, how="inner")


def _references(
    known: Sequence[tuple[str, str, str]],
) -> dict[tuple[str, str], tuple[str, str]]:
    """(Variant, backend) -> the unaligned judge that it is held against, the first of several."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for pair in pairs_of(known):
        if pair.reference.split(",", 1)[0] == UNALIGNED:
            reference = (pair.reference, pair.reference_backend)
            found.setdefault((pair.variant, pair.backend), reference)
    return found


def _lines(own: pd.DataFrame, widest: float) -> Iterator[dict[str, Any]]:
    shown, bare = _rows(own[own["similarity"].notna()]), _rows(own[own["similarity"].isna()])
    questions = len(np.unique(shown.question))
    spread = any(
        np.ptp(shown.similarity[shown.dimension == name]) > 0 for name in set(shown.dimension)
    )
    n_bins = min(_MOST_BINS, questions // _LEAST_QUESTIONS)
    if n_bins < 2 or not spread:
        return
    bins = bins_within_groups(shown.similarity, shown.dimension, n_bins)
    few = f"{n_bins} bins: {questions} questions, at least {_LEAST_QUESTIONS} a bin"
    shared: dict[str, Any] = {**_correlations(shown), "n_bins": n_bins}
    shared["note"] = "" if n_bins == _MOST_BINS else few
    if len(bare.error):
        everything = np.ones(len(bare.error), dtype=bool)
        yield {"bin": 0, **_line(bare, everything, widest), **shared}
    for at in range(n_bins):
        if (bins == at).any():
            yield {"bin": at + 1, **_line(shown, bins == at, widest), **shared}


def _rows(part: pd.DataFrame) -> _Rows:
    cases, codes = np.unique(resampling_units(part["case_id"]), return_inverse=True)
    dimension = part["dimension"].to_numpy(dtype=np.str_)
    error = part["error"].to_numpy(dtype=float)
    items = part["item_id"].to_numpy(dtype=np.str_)
    return _Rows(
        similarity=part["similarity"].to_numpy(dtype=float),
        error=error,
        gain=part["error_none"].to_numpy(dtype=float) - error,
        dimension=dimension,
        question=np.char.add(np.char.add(dimension, "\x1f"), items),
        codes=codes,
        cases=[str(case) for case in cases],
    )


def _line(rows: _Rows, inside: NDArray[np.bool_], widest: float) -> dict[str, Any]:
    codes, error = rows.codes[inside], rows.error[inside]
    similarity = rows.similarity[inside]
    return {
        "similarity_low": float(similarity.min()),
        "similarity": float(similarity.mean()),
        "similarity_high": float(similarity.max()),
        "n_rows": int(inside.sum()),
        "n_items": len(np.unique(rows.question[inside])),
        "n_cases": len(np.unique(codes)),
        **mean_error(error, codes, widest).columns("mae"),
        "mae_none": float((error + rows.gain[inside]).mean()),
    }


def _correlations(rows: _Rows) -> dict[str, float]:
    values = {"rho": rows.error, "gain": rows.gain}
    found: dict[str, float] = {}
    for name, ranked in values.items():
        if not np.isnan(ranked).any():
            one = jackknife_t(partial(rows.rho, ranked), len(rows.cases), bounds=(-1.0, 1.0))
            found |= Estimate(one.point, one.interval).columns(name)
    return found


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
    return Table(numbers, columns, notes)
