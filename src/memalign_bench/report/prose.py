"""Words and marks that tables, figures, page and paper share."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

__all__ = [
    "CONSTANT_MARK",
    "HOW_COMPARED",
    "METRIC_NAMES",
    "MISSING_NAMES",
    "listed",
    "number",
    "p_value",
    "typographic",
    "typographic_prose",
    "with_interval",
]

CONSTANT_MARK = "\N{DAGGER}"
"""Stands wherever a judge is shown that gave one and the same grade to every item."""

HOW_COMPARED = (
    "intervals and p from one method over cases, given the memories learnt: for MAE the inverted"
    " sign-flip test, for rank correlation (over what both answered) the jackknife-t, for MAE in"
    " the batch reading percentiles of a bootstrap that takes the reading anew. No interval stands"
    " where it is not certified for studies like this one (memalign-bench certify)."
)
"""How two judges are compared, wherever that is shown."""

METRIC_NAMES: Mapping[str, str] = MappingProxyType({"mae": "MAE", "spearman": "rank corr."})
"""Metric -> its head in tables."""

MISSING_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "worst": "An abstention or failure costs the largest error possible for its item.",
        "exclude": "Abstentions and failures are left out, which favours judges that stay silent.",
        "as_zero": "An abstention or failure costs the error of a score of 0.",
    }
)
"""What a missing answer costs -> the sentence that says so."""


def number(value: float | None, decimals: int = 2, *, signed: bool = False) -> str:
    """A number for people; nothing where it is missing.

    >>> number(-0.4567), number(None), number(0.5, signed=True), number(-0.001)
    ('-0.46', '', '+0.50', '0.00')
    """
    if value is None or math.isnan(value):
        return ""
    rounded = round(float(value), decimals) + 0.0  # no minus before a zero
    return f"{rounded:+.{decimals}f}" if signed and rounded else f"{rounded:.{decimals}f}"


def with_interval(value: float, low: float, high: float, *, signed: bool = False) -> str:
    """A number with its interval, where it has one.

    >>> with_interval(0.5, 0.25, 0.75, signed=True)
    '+0.50 [0.25, 0.75]'
    """
    point = number(value, signed=signed)
    if not point or math.isnan(low):
        return point
    return f"{point} [{number(low)}, {number(high)}]"


def p_value(value: float) -> str:
    """A p-value for people; nothing where there is none."""
    if math.isnan(value):
        return ""
    # Never 0.000: no finite number of flips or resamples shows a chance of 0.
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def typographic(text: str) -> str:
    """Text of a number as it is set: a true minus, and a dash where there is nothing.

    >>> typographic("-0.25 [-0.50, 0.10]") == "\N{MINUS SIGN}0.25 [\N{MINUS SIGN}0.50, 0.10]"
    True
    """
    # Hyphens of words would be turned as well, so only texts of numbers may come here.
    return text.replace("-", "\N{MINUS SIGN}") or "\N{EN DASH}"


def typographic_prose(text: str) -> str:
    """A sentence as it is set: a true minus before its numbers, hyphens elsewhere.

    >>> typographic_prose("knn-vote 1-3: -0.25") == "knn-vote 1-3: \N{MINUS SIGN}0.25"
    True
    """
    return re.sub(r"(?<![\w.)-])-(?=\d)", "\N{MINUS SIGN}", text)


def listed(parts: Sequence[str]) -> str:
    """Parts as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
