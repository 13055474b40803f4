"""The smallest p-value that any items could give that sum to the printed totals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["BestCase", "best_case", "holm_p", "smallest_sign_flip_p", "smallest_t_p"]


class BestCase(NamedTuple):
    """The smallest p of two tests of the same gains; `p_t` is 0 where all gains are the same."""

    p_sign_flip: float
    p_t: float


def best_case(net: int, n: int) -> BestCase:
    """Both smallest p-values of a net gain over n items."""
    return BestCase(smallest_sign_flip_p(net, n), smallest_t_p(net, n))


def smallest_sign_flip_p(net: int, n: int) -> float:
    """Smallest two-sided p of the exact sign-flip test over all gains with this sum.

    It is reached where as many items as can be gain one step each and none loses: only the pattern
    itself and its mirror image are then as extreme, 2 of 2**items.

    Args:
        net: Sum of the items' gains, in steps of a grade; its sign is of no account.
        n: Number of items.

    >>> smallest_sign_flip_p(4, 50)
    0.125
    """
    # Of no net gain the power would be 2.
    return min(1.0, 2.0 ** (1 - min(abs(net), n)))


def smallest_t_p(net: int, n: int) -> float:
    """Smallest two-sided p of the paired t-test over the same gains: where they spread least."""
    from scipy.stats import t as student

    # Of no net gain t is 0; of one item there is no spread to take it from.
    if net == 0 or n < 2:
        return 1.0
    low, above = divmod(abs(net), n)  # `above` items gain one step more than the others
    # The gains differ by one step at most: the least spread that integers with this sum can have.
    # The sample variance, over n - 1, in squared steps.
    variance = above * (n - above) / n / (n - 1)
    if variance == 0:
        return 0.0
    mean = low + above / n
    return float(2 * student.sf(mean / math.sqrt(variance / n), n - 1))


def holm_p(p: float, others: Iterable[float]) -> float:
    """Holm's adjusted p of one hypothesis among others (Holm 1979)."""
    # Hundreds are asked for one at a time; statsmodels collects garbage at each call.
    ranked = sorted([p, *others])
    # Step-down: no hypothesis is adjusted below one with a smaller p.
    steps = (q * (len(ranked) - rank) for rank, q in enumerate(ranked) if q <= p)
    return min(1.0, max(steps))
