"""The labelled sample of a judge: what it said of items that it had not seen, beside the experts.

Cross-fitted: each row is of a fold that the judge of that fold was not aligned on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelledSample"]

MIN_CASES = 4
"""Fewer labelled cases than these give no error of a judge's response."""


@dataclass(frozen=True)
class LabelledSample:
    """Held-out answers of a judge on one dimension, and the experts' grades of the same items.

    Attributes:
        judge: The judge's grade, shape (n,), in the reading that it ships with.
        expert: The experts' grade, shape (n,).
        cases: What names each row's case, shape (n,).
        n_items: Distinct items; several fold seeds give an item several rows.
    """

    judge: NDArray[np.float64]
    expert: NDArray[np.float64]
    cases: NDArray[np.str_]
    n_items: int

    @classmethod
    def of(cls, held_out: Mapping[str, Any] | None) -> LabelledSample | None:
        """The sample that a judge's file ships; None where it ships none of use.

        Args:
            held_out: `columns` and `rows` as `export_judge` writes them.
        """
        if not held_out or not held_out["rows"]:
            return None
        # The third column is the fold seed: under several an item has several rows.
        item, case, _, expert, judge = zip(*held_out["rows"], strict=True)
        if len(set(case)) < MIN_CASES:
            return None
        return cls(
            np.asarray(judge, dtype=np.float64),
            np.asarray(expert, dtype=np.float64),
            np.asarray([str(name) for name in case]),
            len(set(item)),
        )

    @property
    def correlation(self) -> float:
        """Pearson's r of judge and experts; 0 where either is constant."""
        # Of a constant numpy would give NaN, with a warning.
        if np.ptp(self.judge) == 0 or np.ptp(self.expert) == 0:
            return 0.0
        return float(np.corrcoef(self.judge, self.expert)[0, 1])

    @property
    def is_informative(self) -> bool:
        """Whether judge and experts go together enough for either to say something of the other.

        A control variate with an estimated coefficient lowers the variance of a mean only if
        |r| > 1 / sqrt(n - 2) (Lavenberg and Welch 1981, the loss factor (n - 2) / (n - 3) set
        against 1 - r^2).
        """
        return self.n_items > 3 and abs(self.correlation) > 1 / math.sqrt(self.n_items - 2)
