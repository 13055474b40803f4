"""Scales of grades: any numbers in rising order, and the mark of what does not apply."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cached_property
from typing import Any, Final, TypeAlias

__all__ = [
    "FEW_GRADES",
    "NOT_APPLICABLE",
    "Grade",
    "NotApplicable",
    "Scale",
    "Score",
    "is_not_applicable",
    "plain_number",
]

FEW_GRADES = 7
"""A scale of more is wide: its grades are named by their range, and not each has a level."""

_MOST_UNEVEN = 21
_MOST_GRADES = 1001
_LARGEST = 10**9
_RANGE = "FROM/TO/STEP"

Grade: TypeAlias = int | float
"""A grade: an int where it is whole."""


class NotApplicable(Enum):
    """What is said of an item to which a question does not apply; equal to no number."""

    NOT_APPLICABLE = "N/A"

    def __str__(self) -> str:
        return self.value


NOT_APPLICABLE: Final = NotApplicable.NOT_APPLICABLE

Score: TypeAlias = Grade | NotApplicable
"""A grade, or that the question does not apply."""

_WORDS = frozenset(("n/a", "na", "n.a.", "not applicable", "not_applicable", "not-applicable"))


def is_not_applicable(value: object) -> bool:
    """Whether a value is the mark of what does not apply, or one of the words for it.

    >>> [is_not_applicable(value) for value in ("N/A", " not applicable ", 0, "0", None)]
    [True, True, False, False, False]
    """
    said = isinstance(value, str) and value.strip().lower() in _WORDS
    return said or value is NOT_APPLICABLE


def plain_number(value: float) -> Grade:
    """A number as grades are written: whole ones without a fraction.

    >>> plain_number(3.0), plain_number(-0.0), plain_number(0.5)
    (3, 0, 0.5)
    """
    return int(value) if float(value).is_integer() else float(value)


@dataclass(frozen=True)
class Scale:
    """An ordinal scale of grades.

    Attributes:
        grades: The grades in rising order; also taken as a range, `FROM/TO/STEP`.
        words: One word a grade, same order ("bad", "average", "good"); without any the numbers.
        not_applicable: The whole number that stands for "not applicable" in tables and records
            of this scale; None where none does. No grade of the scale.

    Raises:
        ValueError: If there are fewer than two grades, they do not rise or lie beyond 10**9,
            words do not match or name two grades alike, or the number for "not applicable" is a
            grade.

    >>> Scale("0/1/0.25").grades
    (0, 0.25, 0.5, 0.75, 1)
    """

    grades: tuple[Grade, ...]
    words: tuple[str, ...] = ()
    not_applicable: int | None = None

    def __post_init__(self) -> None:
        given: object = self.grades  # YAML may hold a range
        grades = _grades(given)
        # Set before the checks below, which read it through properties.
        object.__setattr__(self, "grades", grades)
        shown = f"{given!r:.60}"
        if len(grades) < 2 or list(grades) != sorted(set(grades)):
            raise ValueError(f"scale grades must rise and be at least two, got {shown}.")
        if len(grades) > _MOST_GRADES:
            raise ValueError(f"{len(grades):,} grades; a scale has at most {_MOST_GRADES:,}.")
        if len(grades) > _MOST_UNEVEN and not self.is_even:
            raise ValueError(
                f"scale grades must have even steps where they are more than {_MOST_UNEVEN}; give"
                f" them as {_RANGE}, got {shown}."
            )
        object.__setattr__(self, "words", _words(self.words, grades))
        if self.not_applicable is not None:
            self._check_mark(self.not_applicable)

    def _check_mark(self, mark: object) -> None:
        # YAML's `yes` and `true` are bools, which are ints in Python.
        if isinstance(mark, bool) or not isinstance(mark, int):
            raise ValueError(f"scale.not_applicable must be a whole number, got {mark!r}.")
        if mark in self.grades:
            raise ValueError(
                f"scale.not_applicable: {mark} is a grade of this scale, so it cannot stand for"
                " N/A too; take the line out, and write N/A in the table instead of a number."
            )

    @property
    def span(self) -> Grade:
        """Largest error possible on this scale, in the scale's own units."""
        return self.grades[-1] - self.grades[0]

    @cached_property
    def unit(self) -> float:
        """What counts as one grade: the mean step, on a wide scale a sixth of the range.

        >>> Scale((1, 2, 3)).unit, Scale((-1, 1)).unit, Scale("0/60/1").unit
        (1.0, 2.0, 10.0)
        """
        return float(self.span) / min(len(self.grades) - 1, FEW_GRADES - 1)

    @property
    def is_wide(self) -> bool:
        """Whether the scale has too many grades to name each."""
        return len(self.grades) > FEW_GRADES

    @property
    def is_ranged(self) -> bool:
        """Whether its range and step say all of its grades, which are many."""
        return self.is_wide and self.is_even

    @property
    def is_whole(self) -> bool:
        """Whether every grade is a whole number."""
        return all(isinstance(grade, int) for grade in self.grades)

    @cached_property
    def is_even(self) -> bool:
        """Whether all steps between neighbouring grades are alike."""
        # As decimals, since steps of 0.1 differ in the last bits of floats.
        steps = [Decimal(str(b)) - Decimal(str(a)) for a, b in self._neighbours]
        return max(steps) - min(steps) <= max(steps) * Decimal("1e-6")

    @property
    def _neighbours(self) -> zip[tuple[Grade, Grade]]:
        return zip(self.grades, self.grades[1:], strict=False)

    @property
    def anchors(self) -> tuple[Grade, ...]:
        """The grades that need a level: all of few, the ends of many."""
        return (self.grades[0], self.grades[-1]) if self.is_wide else self.grades

    @property
    def has_words(self) -> bool:
        """Whether grades have words that are more than their numbers."""
        return self.words != tuple(map(str, self.grades))

    def word(self, grade: Grade) -> str:
        """The word of a grade."""
        return self.words[self.grades.index(grade)]

    def grade_of(self, value: float) -> Grade | None:
        """The grade that a number is; None where it is none.

        >>> Scale("0/1/0.1").grade_of(0.30000000000000004), Scale((1, 2)).grade_of(1.5)
        (0.3, None)
        """
        nearest = self.nearest(value)
        close = math.isclose(value, nearest, rel_tol=1e-9, abs_tol=1e-9 * float(self.span))
        return nearest if close else None

    def nearest(self, value: float) -> Grade:
        """The grade nearest to a number; of two as near, the lower."""
        # `min` takes the first of equals, and grades rise.
        return min(self.grades, key=lambda grade: abs(grade - value))

    def __str__(self) -> str:
        """The scale in a few words, however many grades it has.

        >>> str(Scale((1, 2, 3))), str(Scale("0/100/1")), str(Scale("0/5/0.5"))
        ('1, 2 or 3', 'a whole number from 0 to 100', 'a number from 0 to 5 in steps of 0.5')
        """
        low, high = self.grades[0], self.grades[-1]
        if not self.is_ranged:
            listed = [str(grade) for grade in self.grades]
            return f"{', '.join(listed[:-1])} or {listed[-1]}"
        step = Decimal(str(self.grades[1])) - Decimal(str(low))
        if self.is_whole and step == 1:
            return f"a whole number from {low} to {high}"
        return f"a number from {low} to {high} in steps of {step.normalize():f}"


def _grades(given: Any) -> tuple[Grade, ...]:
    if isinstance(given, str):
        return _range(given)
    wanted = f"scale grades must be a list of numbers like [1, 2, 3], or a range {_RANGE}"
    if not isinstance(given, list | tuple):
        raise ValueError(f"{wanted} like 0/100/1, got {given!r:.60}.")
    for grade in given:
        is_number = isinstance(grade, int | float) and not isinstance(grade, bool)
        # `not ... <=` refuses NaN too.
        if not is_number or not abs(grade) <= _LARGEST:
            limit = f", each within {_LARGEST:,}" if is_number else ""
            raise ValueError(f"{wanted} like 0/100/1{limit}, got {grade!r}.")
    return tuple(plain_number(grade) for grade in given)


def _words(given: Any, grades: tuple[Grade, ...]) -> tuple[str, ...]:
    """One word a grade, by which no grade can be taken for another; numbers where none is given."""
    if not isinstance(given, list | tuple):
        raise ValueError(
            f"scale words must be a list of one word a grade, or be left out, got {given!r:.60}."
        )
    numbers = tuple(map(str, grades))
    if not given:
        return numbers
    if len(given) != len(grades):
        raise ValueError(
            f"a scale needs one word a grade, or none at all; got {len(given)} words for"
            f" {len(grades)} grades."
        )
    taken: dict[str, str] = {}
    for number, word in zip(numbers, given, strict=True):
        alike = str(word).strip().lower()
        if isinstance(word, bool) or not isinstance(word, str | int | float) or not alike:
            raise ValueError(f"the word of grade {number} must be a text, got {word!r:.60}.")
        # "2" as the word of grade 3 would be read as the grade 2.
        if is_not_applicable(word) or (alike in numbers and alike != number):
            raise ValueError(f"the word of grade {number} stands for something else: {word!r:.60}.")
        if alike in taken:
            raise ValueError(f"grades {taken[alike]} and {number} have one word: {word!r:.60}.")
        taken[alike] = number
    return tuple(map(str, given))


def _range(text: str) -> tuple[Grade, ...]:
    """The grades of a range; its numbers are decimal, so that no step is lost to rounding."""
    try:
        low, high, step = (Decimal(part.strip()) for part in text.split("/"))
        finite = all(part.is_finite() and abs(part) <= _LARGEST for part in (low, high, step))
        if not finite or step <= 0 or high <= low or (high - low) % step:
            raise ValueError
        count = int((high - low) / step) + 1
    except (InvalidOperation, ValueError):
        raise ValueError(
            f"a range of grades is {_RANGE} with a step above 0 that leads from one end to the"
            f" other, like 0/100/1 or 0/5/0.5, got {text!r:.60}."
        ) from None
    if count > _MOST_GRADES:
        raise ValueError(
            f"{text!r:.60} has {count:,} grades; a scale has at most {_MOST_GRADES:,}."
        )
    return tuple(plain_number(float(low + step * n)) for n in range(count))
