"""Few or no changes: what so many cases can rule out where they show no spread.

Nine of ten gains of a careful judge may be zero, and a bootstrap of zeros says [0, 0]. If none of n
cases strays from the common value, the share that would is below 1 - alpha^(1/n) with confidence
1 - alpha (the exact form of the rule of three, about 3/n at 95 %: Hanley and Lippman-Hand 1983).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from memalign_bench.stats.resampling.bootstrap import Interval

__all__ = ["Changes", "changes", "rule_of_three", "unseen_share"]


class Changes(NamedTuple):
    """How many items and cases have a difference of two judges (of their errors, in tables).

    Attributes:
        items: Items with at least one row whose difference is not 0.
        n_items: Items.
        cases: Cases whose differences do not sum to 0: those that can decide a sign flip.
        n_cases: Cases.
    """

    items: int
    n_items: int
    cases: int
    n_cases: int

    @property
    def share_unchanged(self) -> float:
        """Share of items with no difference, 0 to 1."""
        return 1 - self.items / self.n_items

    def __str__(self) -> str:
        return (
            f"{self.items} of {self.n_items} items changed, in {self.cases} of {self.n_cases} cases"
        )


def changes(differences: ArrayLike, items: ArrayLike, cases: ArrayLike) -> Changes:
    """Count what changed.

    Args:
        differences: One a row, shape (n,), n >= 1.
        items: What names each row's item, shape (n,).
        cases: What names each row's case, shape (n,).

    >>> str(changes([0, 1, -1, 0], ["i", "j", "k", "l"], ["a", "b", "b", "c"]))
    '2 of 4 items changed, in 0 of 3 cases'
    """
    values = np.asarray(differences, dtype=np.float64)
    tolerance = 1e-12 * max(1.0, float(np.abs(values).max(initial=0)))
    _, item = np.unique(np.asarray(items), return_inverse=True)
    _, case = np.unique(np.asarray(cases), return_inverse=True)
    # By size for items, by sum for cases: differences of a case can cancel out.
    n_changed_rows, sums = np.bincount(item, np.abs(values) > tolerance), np.bincount(case, values)
    return Changes(
        int((n_changed_rows > 0).sum()),
        len(n_changed_rows),
        int((np.abs(sums) > tolerance).sum()),
        len(sums),
    )


def unseen_share(n_cases: int, level: float = 0.95) -> float:
    """Upper confidence limit of the share of cases of a kind of which `n_cases` showed none.

    >>> round(unseen_share(25), 3), round(3 / 25, 3)
    (0.113, 0.12)
    """
    return float(1 - (1 - level) ** (1 / n_cases))


def rule_of_three(
    value: float, n_cases: int, bounds: tuple[float, float], level: float = 0.95
) -> Interval:
    """Interval of a mean that every case shows alike.

    At most `unseen_share` of the cases would show another value, at worst an end of the scale.

    Args:
        value: What every case shows.
        n_cases: Number of cases.
        bounds: Smallest and largest value that a case can show.
        level: Coverage aimed at.

    Returns:
        None of one case, which has nothing to be like.
    """
    if n_cases < 2:
        return Interval(np.nan, np.nan, "none", "one case")
    share = unseen_share(n_cases, level)
    low, high = (value + share * (end - value) for end in bounds)
    note = f"all {n_cases} cases alike: at most {share:.1%} would not be (rule of three)"
    return Interval(low, high, "rule of three", note)
