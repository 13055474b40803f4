"""Values of the keys of a figures file: each checked, with a remedy where it is wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from memalign_bench.forensics.figures import StudyDesign

__all__ = [
    "WrongValueError",
    "count",
    "error",
    "flag",
    "gain",
    "interval",
    "memories",
    "n_items",
    "names",
    "percent",
    "real",
    "scale",
    "share",
    "text",
    "whole",
]


class WrongValueError(Exception):
    """What is wrong with one value, and what to write instead."""


def real(value: Any) -> Decimal:
    """A number, with the decimals that it was printed with."""
    # True is an int in Python.
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        hint = ", without the percent sign" if isinstance(value, str) and "%" in value else ""
        raise WrongValueError(f"{value!r} is not a number; write it as printed, 0.680 say{hint}")
    return Decimal(value)


def whole(value: Any) -> int:
    """A whole number from 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise WrongValueError(f"must be a whole number, got {_as_written(value)}")
    return value


def count(value: Any) -> int:
    """A whole number from 1."""
    if whole(value) == 0:
        raise WrongValueError("must be a whole number of at least 1, got 0")
    return int(value)


def share(value: Any) -> float:
    """A confidence level."""
    number = real(value)
    if number > 1:
        raise WrongValueError(f"{number} reads like a percentage; write {number / 100}")
    if not 0 < number < 1:
        raise WrongValueError(f"must lie between 0 and 1, got {number}")
    return float(number)


def scale(value: Any) -> tuple[int, ...]:
    """Grades, rising."""
    # `type`, since True and False are ints.
    is_valid = isinstance(value, list) and all(type(grade) is int for grade in value)
    if not is_valid or len(value) < 2 or value != sorted(set(value)):
        raise WrongValueError(f"must list two or more rising grades, [1, 2, 3] say, got {value!r}")
    return tuple(value)


def names(value: Any) -> tuple[str, ...]:
    """Names, none twice."""
    is_valid = isinstance(value, list) and all(isinstance(name, str) for name in value)
    if not is_valid or len(set(value)) < len(value) or not value:
        raise WrongValueError(f"must list names, each once, got {value!r}")
    return tuple(value)


def memories(value: Any) -> dict[str, frozenset[str]]:
    """Experiment -> its memories."""
    if not isinstance(value, dict):
        raise WrongValueError(f"must say {{EXPERIMENT: [semantic, episodic]}}, got {value!r}")
    return {str(experiment): frozenset(names(held)) for experiment, held in value.items()}


def text(value: Any) -> str:
    """Words."""
    return str(value)


def flag(value: Any, design: StudyDesign) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise WrongValueError(f"must be true or false, got {_as_written(value)}")
    return value


def error(value: Any, design: StudyDesign) -> Decimal:
    """A mean absolute error in grades."""
    # An error has the same upper bound as a gain.
    number = gain(value, design)
    if number < 0:
        raise WrongValueError(f"an error cannot be negative, got {number}")
    return number


def gain(value: Any, design: StudyDesign) -> Decimal:
    """A difference of two mean absolute errors in grades."""
    number = real(value)
    if abs(number) > design.largest_error:
        grades = ", ".join(map(str, design.score_scale))
        raise WrongValueError(
            f"{number} is beyond the largest error on the scale {grades}, which is"
            f" {design.largest_error}; write grades, not percent (0.680, not 68)"
        )
    return number


def percent(value: Any, design: StudyDesign) -> Decimal:
    """A reduction in percent."""
    number = real(value)
    if 0 < abs(number) < 1:
        raise WrongValueError(f"{number} reads like a fraction; write percent, {number * 100:f}")
    if number > 100:
        raise WrongValueError(f"an error cannot fall by {number} %; write at most 100")
    return number


def interval(value: Any, design: StudyDesign) -> tuple[Decimal, Decimal]:
    """Both bounds of an interval."""
    if not isinstance(value, list) or len(value) != 2:
        raise WrongValueError(f"must be [low, high], got {value!r}")
    low, high = (gain(bound, design) for bound in value)
    # Equal bounds are let pass: an interval may round to one number.
    if low > high:
        raise WrongValueError(f"low {low} is above high {high}; swap them")
    return low, high


def n_items(value: Any, design: StudyDesign) -> int:
    """Items of a dimension: at most as many as there are notebooks."""
    number = count(value)
    if number > design.notebooks:
        raise WrongValueError(
            f"{number} items are more than the {design.notebooks} notebooks of protocol.notebooks;"
            " mend the one that is wrong"
        )
    return number


def _as_written(value: Any) -> str:
    return str(value) if isinstance(value, Decimal) else repr(value)
