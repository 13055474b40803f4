"""Rows cut into bins of equal size by a value, within groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["bins_within_groups"]


def bins_within_groups(values: ArrayLike, groups: ArrayLike, n_bins: int) -> NDArray[np.intp]:
    """Bin of each row, from 0 (smallest values) to `n_bins` - 1, by its rank within its group.

    bin = floor(n_bins (rank - 1/2) / n) with average ranks, so that equal values of a group share a
    bin. Bins are as even as ties allow.

    Args:
        values: Shape (n,).
        groups: What names a row's group, shape (n,).
        n_bins: At least 1.

    >>> bins_within_groups([0.1, 0.2, 0.3, 0.9, 0.8], ["a", "a", "a", "b", "b"], 2).tolist()
    [0, 1, 1, 1, 0]
    """
    from scipy.stats import rankdata

    values = np.asarray(values, dtype=np.float64)
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    bins = np.zeros(len(values), dtype=np.intp)
    for code in range(codes.max(initial=-1) + 1):
        inside = np.flatnonzero(codes == code)
        share = (rankdata(values[inside]) - 0.5) / len(inside)
        # The largest share is under 1; the cut guards against what rounding makes of it.
        bins[inside] = np.minimum(np.floor(n_bins * share), n_bins - 1).astype(np.intp)
    return bins
