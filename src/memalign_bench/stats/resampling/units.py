"""What is resampled as one: cases, or random groups of them where there are very many."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memalign_bench.seeding import child_seed

__all__ = ["MOST_UNITS", "resampling_units"]

MOST_UNITS = 1_000
"""Cases up to which each is a unit of its own; so many groups are made of more."""


def resampling_units(cases: ArrayLike, n_cases: int | None = None) -> NDArray[np.str_]:
    """The name of each row's unit: its case, or a random group of cases where there are many.

    Intervals from resampling take time and memory with the square of the number of units. Groups of
    independent cases are as independent, and a thousand of them tell the spread of a mean to within
    a fortieth (random groups: Wolter 2007, chapter 2; leaving out a group: Kott 2001).

    Args:
        cases: What names each row's case, shape (n,).
        n_cases: Cases of the whole study, where these are a part of it; by default those named.

    Returns:
        Shape (n,). A case's group depends on its name alone, so that parts of a study agree.

    >>> resampling_units(["b", "a", "b"]).tolist()
    ['b', 'a', 'b']
    >>> resampling_units(["b", "a", "b"], n_cases=5_000).tolist()
    ['group 809', 'group 173', 'group 809']
    """
    given = np.asarray(cases, dtype=np.str_)
    names, codes = np.unique(given, return_inverse=True)
    if (len(names) if n_cases is None else n_cases) <= MOST_UNITS:
        return given
    groups = [child_seed(0, "resampling unit", name) % MOST_UNITS for name in names]
    units: NDArray[np.str_] = np.array([f"group {at:03d}" for at in groups], dtype=np.str_)[codes]
    return units
