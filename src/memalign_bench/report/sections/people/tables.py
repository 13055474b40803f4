"""Does the judge stand where a person would? Judge and raters against the same raters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.readings import Answers, JudgeKey
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.tables.columns import count, interval, judge_columns, real, share
from memalign_bench.report.tables.table import BY_JUDGE, Table
from memalign_bench.stats.annotators import alternative_annotator_test, guessing_error
from memalign_bench.stats.clusters import case_mean
from memalign_bench.stats.raters import krippendorff_alpha, leave_one_out

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "EPSILON", "numbers", "table"]

EPSILON = 0.2
"""What a judge is worth by being cheaper than an expert (Calderon et al. 2025)."""

COLUMNS = (
    "dimension",
    "variant",
    "alignment",
    "backend",
    "n_items",
    "n_raters",
    "prevalence",
    "alpha",
    "judge_apart",
    "raters_apart",
    "behind",
    "behind_low",
    "behind_high",
    "winning_rate",
    "advantage",
    "guessing",
)


class _Ratings(NamedTuple):
    """Grades of one dimension's items, items by raters (NaN: none), with each item's row."""

    place: dict[str, int]
    grades: NDArray[np.float64]
    gold: NDArray[np.float64]


def numbers(analysis: Analysis, made: SectionNumbers) -> pd.DataFrame:
    """One row per dimension and judge, over the items that two raters graded.

    `judge_apart` is the judge's mean distance from the median of an item's raters without one of
    them, `raters_apart` that rater's own from the same; `behind` their difference, above 0 where
    the judge is farther off than a person, with a 95 % interval over cases. `winning_rate` and
    `advantage` are those of the alternative annotator test, from three raters on. `prevalence` is
    the share of the most frequent grade: near 1 it makes `alpha` small whatever raters do.
    `guessing` is the error of guessing each gold grade as often as it occurs.

    Returns:
        `COLUMNS`; no row with one rater an item.
    """
    import pandas as pd

    lines: list[dict[str, Any]] = []
    for dimension in analysis.frames.dimensions:
        ratings = _dimension_ratings(analysis, dimension)
        if not (np.sum(~np.isnan(ratings.grades), axis=1) > 1).any():
            continue
        shared = _rater_columns(analysis, ratings)
        for variant, alignment, backend in analysis.variants:
            answers = analysis.answers.get(JudgeKey(dimension, variant, backend))
            line = _judge_columns(answers, ratings) if answers is not None else None
            if line:
                names = {"dimension": dimension, "variant": variant, "alignment": alignment}
                lines.append(names | {"backend": backend} | shared | line)
    table = pd.DataFrame(lines, columns=list(COLUMNS))
    # None (no alpha, or under three raters) becomes NaN.
    reals = COLUMNS[COLUMNS.index("prevalence") :]
    return table.astype(dict.fromkeys(reals, "float64"))


def _dimension_ratings(analysis: Analysis, dimension: str) -> _Ratings:
    items = analysis.frames.items
    rated = items[(items["dimension"] == dimension) & items["gold"].notna()]
    # An item has a row for each view, with the same raters in all of them.
    rated = rated.drop_duplicates("item_id")
    names = sorted({str(name) for raters in rated["raters"] for name in raters})
    column = {name: at for at, name in enumerate(names)}
    grades = np.full((len(rated), len(names)), np.nan)
    # `line` is a view: what is set in it is set in `grades`.
    for line, raters, scores in zip(grades, rated["raters"], rated["rater_scores"], strict=True):
        for rater, score in zip(raters, scores, strict=True):
            # None: the rater said that the dimension does not apply.
            if score is not None:
                line[column[str(rater)]] = score
    place = {str(item): at for at, item in enumerate(rated["item_id"])}
    return _Ratings(place, grades, rated["gold"].to_numpy(dtype=float))


def _rater_columns(analysis: Analysis, ratings: _Ratings) -> dict[str, Any]:
    given = ratings.grades[~np.isnan(ratings.grades)]
    _, counts = np.unique(given, return_counts=True)
    return {
        "n_raters": ratings.grades.shape[1],
        "prevalence": float(counts.max() / counts.sum()),
        "alpha": krippendorff_alpha(ratings.grades, analysis.frames.grades),
        "guessing": guessing_error(ratings.gold),
    }


def _judge_columns(answers: Answers, ratings: _Ratings) -> dict[str, Any] | None:
    answered = answers.take(answers.answered)
    rows = np.array([ratings.place[str(item)] for item in answered.items], dtype=np.intp)
    pairs = leave_one_out(ratings.grades)
    # Each answer against every way of leaving one rater of its item out.
    row, pair = np.nonzero(rows[:, None] == pairs.item[None, :])
    if not len(row):
        return None
    judge = np.abs(answered.grade[row] - pairs.target[pair])
    rater = np.abs(pairs.rater_score - pairs.target)[pair]
    behind = case_mean(judge - rater, answered.cases[row])
    ends = behind.interval()
    # A row an answer: an item stands as often as it was asked.
    test = alternative_annotator_test(answered.grade, ratings.grades[rows], answered.cases, EPSILON)
    return {
        "n_items": len(set(answered.items[row])),
        "judge_apart": float(judge.mean()),
        "raters_apart": float(rater.mean()),
        "behind": behind.mean,
        "behind_low": ends.low,
        "behind_high": ends.high,
        "winning_rate": test.winning_rate if test else None,
        "advantage": test.advantage if test else None,
    }


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """The table for people."""
    columns = [
        *judge_columns(analysis.frames.dimensions),
        count("items", "n_items", help="with two raters and an answer of the judge"),
        count("raters", "n_raters"),
        share("prevalence", "prevalence", help="of the raters' most frequent grade"),
        real("alpha", "alpha", help="Krippendorff's, ordinal; small where one grade prevails"),
        real("judge", "judge_apart", help="from the median of the other raters", unit="grades"),
        real("rater", "raters_apart", help="from the same", unit="grades"),
        interval("judge behind a rater", "behind", signed=True,
                 help="above 0: farther off than a person", unit="grades"),
        real("winning rate", "winning_rate",
             help="share of raters for whom the judge can stand in; passes from 0.5 on"),
        real("advantage", "advantage",
             help="share of items on which the judge does as well as a rater, or better"),
        real("guessing", "guessing", help="MAE of guessing each grade as often as it occurs",
             unit="grades"),
    ]  # fmt: skip
    notes = [
        "Judge and rater are held against the median of the item's other raters, over the answers"
        " given; interval by Student's t over cases. Winning rate and advantage: the alternative"
        f" annotator test (Calderon et al. 2025) with epsilon {EPSILON:g}, from three raters on,"
        " its t over cases.",
        "Guessing is held against gold, as MAE is: each grade as often as it occurs, no item looked"
        " at.",
        f"Reading: {analysis.reading}. Exploratory.",
    ]
    return Table(numbers, columns, notes, filters=BY_JUDGE)
