"""What a cell of anyone's table says: ids, texts, whole numbers, grades, or nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from memalign_bench.notebooks.parse import MAX_BYTES, without_surrogates
from memalign_bench.notebooks.terminal import plain_text

__all__ = ["GradeReader", "id_from", "is_missing", "text_from", "whole_number"]

_WHOLE = re.compile(r"[+-]?[0-9]{1,9}(?:\.0*|,0{1,2})?")
_LARGEST = 2**31
_NOTHING = frozenset({"", "nan", "null", "none"})


def is_missing(value: Any) -> bool:
    """Whether a cell says nothing: empty, null, NaN, or one of these as a word.

    >>> [is_missing(value) for value in (None, " ", float("nan"), "NaN", 0, "N/A")]
    [True, True, True, True, False, False]
    """
    if isinstance(value, str):
        return value.strip().lower() in _NOTHING
    return value is None or (isinstance(value, float) and math.isnan(value))


def whole_number(value: Any) -> int | None:
    """A whole number, or None; a truth value is none, 2.0, "2" and "2.0" are one.

    >>> whole_number(2.0), whole_number(" 2.0 "), whole_number("2.5")
    (2, 2, None)
    """
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(re.split("[.,]", value.strip())[0])
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not abs(value) < _LARGEST or int(value) != value:
        return None
    return int(value)


def text_from(value: Any, name: str, problems: list[str]) -> str:
    """A text that a file can hold; "" for a missing one, a problem for anything else."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if not isinstance(value, str):
        problems.append(f"{name} must be a text, got {value!r:.60}.")
        return ""
    if len(value) > MAX_BYTES:
        problems.append(f"{name}: {len(value):,} characters; the limit is {MAX_BYTES:,}.")
        return ""
    return without_surrogates(plain_text(value))


def id_from(value: Any, name: str, problems: list[str]) -> str:
    """What names an item, a case or a rater: a text, or a whole number as its digits."""
    number = None if isinstance(value, str) else whole_number(value)
    return text_from(value, name, problems) if number is None else str(number)


class GradeReader:
    """What scores of one table mean.

    Attributes:
        named: Word, number or truth value, as `_spelled` -> the grade that it stands for.
        ends: Grades of false and true where nothing else was said: the ends of the scale.
    """

    def __init__(self, grades: Mapping[Any, int], scale: Sequence[int]) -> None:
        self.named = {_spelled(word): int(grade) for word, grade in grades.items()}
        told = self.named.keys() & {"true", "false"}
        self.ends = {} if told else {"false": scale[0], "true": scale[-1]}

    def grade(self, value: Any, problems: list[str]) -> int | None:
        """The grade; None where a rater gave none, or with a problem."""
        spelled = _spelled(value)
        if spelled in self.named:
            return self.named[spelled]
        if is_missing(value):
            return None
        if self.is_end(value):
            return self.ends[spelled]
        score = whole_number(value)
        if score is None:
            words = "" if isinstance(value, float) else " (map words: dataset.grades={WORD: GRADE})"
            problems.append(f"score {value!r:.60} is not a whole number{words}.")
        return score

    def is_end(self, value: Any) -> bool:
        """Whether the value is a truth value that is read as an end of the scale."""
        return _spelled(value) in self.ends


def _spelled(value: Any) -> str:
    """One spelling of what YAML, JSON and csv write in several ways."""
    if isinstance(value, bool):
        return str(value).lower()
    number = whole_number(value)
    if number is not None:
        return str(number)
    word = str(value).strip() if isinstance(value, str | float) else repr(value)
    return word.lower() if word.lower() in ("true", "false") else word
