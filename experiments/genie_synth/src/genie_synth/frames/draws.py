"""What the stories share: outcomes drawn at a stated rate, and values that go missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["blank", "identifiers", "outages", "outcome", "pick"]

FloatArray = np.ndarray[Any, np.dtype[np.floating[Any]]]


def outcome(
    rng: np.random.Generator, score: FloatArray, *, share: float
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """0/1 outcomes, logistic in `score`, of which about `share` are 1.

    Args:
        rng: Source of randomness.
        score: Log-odds up to an intercept, one a row.
        share: Wanted share of ones; the intercept is found by bisection.
    """
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        if float(np.mean(1 / (1 + np.exp(-(score + middle))))) < share:
            low = middle
        else:
            high = middle
    chance = 1 / (1 + np.exp(-(score + low)))
    return np.asarray(rng.random(len(score)) < chance, dtype=np.int64)


def pick(
    rng: np.random.Generator, weights: dict[str, float], n: int
) -> np.ndarray[Any, np.dtype[np.str_]]:
    """`n` names drawn with the given weights (which need not sum to one)."""
    total = sum(weights.values())
    names = np.array(list(weights))
    return rng.choice(names, size=n, p=np.array([w / total for w in weights.values()]))


def identifiers(prefix: str, first: int, n: int) -> list[str]:
    """Consecutive identifiers, `n` of them (`F1001`, `F1002`, ...)."""
    return [f"{prefix}{first + i}" for i in range(n)]


def blank(
    rng: np.random.Generator,
    frame: pd.DataFrame,
    column: str,
    *,
    share: float,
    lean: FloatArray | None = None,
) -> None:
    """Empty exactly `round(share * rows)` values of a column, in place.

    Args:
        rng: Source of randomness.
        frame: Changed in place; the column becomes float.
        column: Which column loses values.
        share: Share of the rows.
        lean: Positive weights, one a row; rows of large weight lose their value more often.
    """
    n = len(frame)
    weights = None if lean is None else lean / lean.sum()
    rows = rng.choice(n, size=round(share * n), replace=False, p=weights)
    values = frame[column].to_numpy(dtype=float).copy()
    values[rows] = np.nan
    frame[column] = values


def outages(
    rng: np.random.Generator, frame: pd.DataFrame, column: str, *, spells: int, longest: int
) -> None:
    """Empty stretches of 2 to `longest` consecutive values, as a failing sensor does, in place.

    The first and the last 30 rows keep their values, and spells do not overlap.
    """
    values = frame[column].to_numpy(dtype=float).copy()
    span = (len(frame) - 60) // spells
    for spell in range(spells):
        length = int(rng.integers(2, longest + 1))
        start = 30 + spell * span + int(rng.integers(0, max(span - longest, 1)))
        values[start : start + length] = np.nan
    frame[column] = values
