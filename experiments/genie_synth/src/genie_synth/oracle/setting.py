"""What the prompt and the line on the data say: task, target, gaps, and what is not asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["Setting", "read_setting"]

RARE = 0.2
"""A class with a smaller share is rare."""

_FILE = re.compile(r"\b[\w-]+\.csv\b")
_NO_TRACKING = re.compile(
    r"\b(?:no|not?|without|leave|keep)\b[^.;]*\b(?:tracking|mlflow)\b[^.;]*", re.IGNORECASE
)


@dataclass(frozen=True)
class Setting:
    """What was asked for, as far as prompt and context tell.

    Attributes:
        file: Name of the data file.
        new_file: Name of the file with fresh rows; None where no predictions are asked for.
        target: Column to predict.
        missing: Column -> share of missing values, 0 to 1.
        time_index: Column with the time; None where rows are exchangeable.
        task: Whether a class or a number is predicted.
        imbalanced: Whether one class is rare.
        rules_out_tracking: Whether the prompt says not to track.
    """

    file: str
    new_file: str | None
    target: str
    missing: Mapping[str, float]
    time_index: str | None
    task: Literal["classification", "regression"]
    imbalanced: bool
    rules_out_tracking: bool

    def applies(self, dimension: str) -> bool:
        """Whether a dimension can be graded at all."""
        if dimension == "data_imputation":
            return bool(self.missing)
        if dimension == "model_use":
            return self.new_file is not None
        return dimension != "mlflow_logging" or not self.rules_out_tracking


def read_setting(prompt: str, context: str) -> Setting:
    """Read both texts; what they do not say counts as absent.

    >>> read_setting("Predict y.", "a.csv: 9 rows; missing: x 5.0 %; target y; time index: none.")
    ... # doctest: +ELLIPSIS
    Setting(file='a.csv', new_file=None, target='y', missing={'x': 0.05}, time_index=None, ...)
    """
    head, _, rest = context.partition(":")
    other_files = [name for name in _FILE.findall(prompt) if name != head.strip()]
    parts = dict(_name_and_value(part) for part in rest.rstrip(". ").split(";"))
    target, _, share = parts.get("target", "").partition(" (")
    positive_share = re.match(r"(\d+(?:\.\d+)?) %", share)
    # A share of ones is told for classes only.
    rate = float(positive_share.group(1)) / 100 if positive_share else 0.5
    time = parts.get("time index", "none")
    return Setting(
        file=head.strip(),
        new_file=other_files[-1] if other_files else None,
        target=target.strip(),
        missing=_missing_shares(parts.get("missing", "none")),
        time_index=None if time == "none" else time,
        task="classification" if positive_share else "regression",
        imbalanced=min(rate, 1 - rate) < RARE,
        rules_out_tracking=_NO_TRACKING.search(prompt) is not None,
    )


def _name_and_value(text: str) -> tuple[str, str]:
    """("missing", "x 5.0 %") of "missing: x 5.0 %"; ("target", "y") of "target y"."""
    text = text.strip()
    if text.startswith("target "):
        return "target", text.removeprefix("target ")
    name, _, value = text.partition(":")
    return name.strip(), value.strip()


def _missing_shares(text: str) -> dict[str, float]:
    pairs = re.findall(r"([^\s,]+) (\d+(?:\.\d+)?) %", text)
    return {name: float(share) / 100 for name, share in pairs}
