"""The interval of a published protocol, as it is worded: more items drawn than there are.

"We generated 100 bootstrapped samples with replacement out of the original 50. By repeating this
10,000 times and tracking MAE [...] with a 95% CI defining a statistically significant change."
Taken by the word: a resample draws so many items, those to which a dimension does not apply among
them, and the interval is between percentiles of the resampled means. It is too narrow by the root
of the ratio, and knows nothing of cases; `memalign-bench forensics` simulates what it covers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from memalign_bench.seeding import generator
from memalign_bench.stats.resampling.bootstrap import Interval

__all__ = ["PublishedBootstrap", "published_interval"]


class PublishedBootstrap(NamedTuple):
    """How many items the protocol draws, out of how many, how often, and its coverage."""

    drawn: int
    of: int
    resamples: int
    level: float

    def size(self, n_items: int) -> int:
        """Items that a resample draws of a study of `n_items`, in the protocol's proportion.

        >>> PublishedBootstrap(100, 50, 10_000, 0.95).size(24)
        48
        """
        return round(n_items * self.drawn / self.of)


def published_interval(
    differences: ArrayLike,
    items: ArrayLike,
    n_items: int,
    bootstrap: PublishedBootstrap,
    *,
    seed: int = 0,
    names: tuple[object, ...] = (),
) -> Interval:
    """Percentile interval of a mean over rows, where items are drawn as the protocol words it.

    Args:
        differences: One a row, shape (n,), n >= 1.
        items: What names each row's item, shape (n,).
        n_items: Items of the study, those without a row among them.
        bootstrap: The protocol.
        seed: Root seed.
        names: What else the draw depends on.

    Returns:
        The interval; resamples without a row are left out.
    """
    values = np.asarray(differences, dtype=np.float64)
    _, code = np.unique(np.asarray(items), return_inverse=True)
    sums, sizes = np.bincount(code, values), np.bincount(code)
    n_items_without_rows = max(0, n_items - len(sums))
    # The last place stands for all items without a row; they are drawn and give nothing.
    shares = np.append(np.ones(len(sums)), n_items_without_rows) / (
        len(sums) + n_items_without_rows
    )
    draw = generator(seed, "published", n_items, *bootstrap, *names)
    # A row for each resample, a column for each item with rows: how often it was drawn.
    drawn = draw.multinomial(bootstrap.size(n_items), shares, size=bootstrap.resamples)[:, :-1]
    # How many rows a resample holds varies with the items that it drew.
    n_rows = drawn @ sizes
    means = (drawn @ sums)[n_rows > 0] / n_rows[n_rows > 0]
    if not means.size:
        return Interval(np.nan, np.nan, "none", "no resample holds a row")
    low, high = np.quantile(means, [(1 - bootstrap.level) / 2, (1 + bootstrap.level) / 2])
    return Interval(float(low), float(high), "published")
