"""Can the judge stand in for a rater? The alternative annotator test, and what guessing reaches.

Calderon, Reichart and Dror (2025), "The Alternative Annotator Test for LLM-as-a-Judge": each rater
in turn is left out, and judge and rater are compared with the other raters, item by item. The judge
stands in for the rater if it does at least as well on nearly as many items; it passes where it
stands in for half of the raters or more.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memalign_bench.stats.clusters import CaseMean, case_mean

__all__ = ["AlternativeAnnotator", "alternative_annotator_test", "guessing_error"]

LEAST_RATERS = 3
LEVEL = 0.05


class AlternativeAnnotator(NamedTuple):
    """Result of the alternative annotator test of a judge.

    Attributes:
        n_items: Items with a grade of the judge and of three raters or more.
        n_raters: Raters with such items.
        winning_rate: Share of raters for whom the judge can stand in (omega); passes from 0.5 on.
        advantage: Mean over raters of the share of items on which the judge does at least as well
            (rho).
    """

    n_items: int
    n_raters: int
    winning_rate: float
    advantage: float


def alternative_annotator_test(
    judge: ArrayLike, ratings: ArrayLike, cases: ArrayLike, epsilon: float = 0.2
) -> AlternativeAnnotator | None:
    """The alternative annotator test with absolute errors and cases as the units.

    Of judge f and rater j on item i the mean absolute error against the other raters is compared;
    d_ij is 1 where only the rater does at least as well, -1 where only the judge does, else 0.
    The judge stands in for j if the mean of d_j is shown to be below epsilon, one-sided, after
    Benjamini and Yekutieli over the raters (their section 3). They test with Student's t over
    items; here its standard error is CR2 over cases, since items of one case are correlated. Where
    all cases are alike there is none, and two of them would show as much as two hundred: p is then
    the chance of that under the smallest share of other cases that would carry the mean to epsilon,
    as in the rule of three.

    Args:
        judge: Grade of each item, shape (n,); NaN where it gave none.
        ratings: Grades, items by raters, shape (n, r); NaN where a rater gave none.
        cases: What names each item's case, shape (n,).
        epsilon: What a judge is worth by being cheaper: 0.2 for experts, 0.15 for skilled raters,
            0.1 for crowd workers (their section 3.3).

    Returns:
        None where no item has the judge's grade and three raters'.
    """
    from scipy.stats import t
    from statsmodels.stats.multitest import multipletests

    judge_grades, rater_grades = np.asarray(judge, dtype=float), np.asarray(ratings, dtype=float)
    names = np.asarray(cases)
    # Fewer leave a rater fewer than two others to be compared with.
    enough = (~np.isnan(rater_grades)).sum(axis=1) >= LEAST_RATERS
    used = enough & ~np.isnan(judge_grades)
    judge_grades, rater_grades, names = judge_grades[used], rater_grades[used], names[used]
    p_values, advantages = [], []
    for rater in range(rater_grades.shape[1]):
        rated_here = ~np.isnan(rater_grades[:, rater])
        if not rated_here.any():
            continue
        # Shape (items, raters - 1); each row has two grades at least, by `LEAST_RATERS`.
        others = np.delete(rater_grades[rated_here], rater, axis=1)
        rater_error = _distance(rater_grades[rated_here, rater], others)
        judge_error = _distance(judge_grades[rated_here], others)
        # Errors that differ in the last bit are ties.
        judge_as_good = (judge_error <= rater_error + 1e-9).astype(float)
        rater_as_good = (rater_error <= judge_error + 1e-9).astype(float)
        # d_ij of the paper; a tie counts for both, so that it makes 0.
        mean = case_mean(rater_as_good - judge_as_good, names[rated_here])
        advantages.append(float(judge_as_good.mean()))
        if mean.error > 0:
            p_values.append(float(t.cdf((mean.mean - epsilon) / mean.error, mean.freedom)))
        else:  # all cases alike: no spread to estimate
            p_values.append(_p_of_alike_cases(mean, epsilon))
    if not p_values:
        return None
    # Benjamini and Yekutieli, since the raters' tests share items and so depend on one another.
    stands_in = multipletests(p_values, alpha=LEVEL, method="fdr_by")[0]
    return AlternativeAnnotator(
        len(judge_grades), len(p_values), float(np.mean(stands_in)), float(np.mean(advantages))
    )


def _p_of_alike_cases(mean: CaseMean, epsilon: float) -> float:
    """P of a mean of d of epsilon or more, where no case has another d than this one."""
    # A case on which only the rater does as well has d = 1, the most that there is.
    share = max(0.0, (epsilon - mean.mean) / (1 - mean.mean)) if mean.mean < 1 else 0.0
    return float((1 - share) ** mean.n_cases)


def _distance(grade: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean absolute difference between a grade and those of its item's other raters."""
    means: NDArray[np.float64] = np.nanmean(np.abs(others - grade[:, None]), axis=1)
    return means


def guessing_error(grades: ArrayLike) -> float:
    """Mean absolute error of guessing each grade as often as it occurs, without looking.

    The mean of |g - h| over all pairs of grades, each drawn from the same frequencies.

    >>> guessing_error([1, 1, 3, 3])
    1.0
    """
    # Pairs of an item with itself count, as both are drawn from the frequencies.
    values = np.asarray(grades, dtype=float)
    return float(np.abs(values[:, None] - values[None, :]).mean())
