"""What a cell of anyone's table says: ids, texts, numbers, grades, or nothing."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from memalign_bench.errors import RequestError
from memalign_bench.notebooks.parse import MAX_BYTES, clean_text
from memalign_bench.scales import is_not_applicable, plain_number
from memalign_bench.types import NOT_APPLICABLE, Grade, Label, Scale, Score

__all__ = [
    "GradeReader",
    "id_from",
    "is_missing",
    "number_from",
    "text_from",
    "unsure_marks",
    "whole_number",
]

# "2", "+2", "2.", "2.00" and "2,0"; not "2,000", which may be two thousand.
_WHOLE = re.compile(r"[+-]?[0-9]{1,9}(?:\.0*|,0{1,2})?")
# "2.5", ".5", "2,5", "0,125" and, as programs write them, "0.6666666666666666" and "1e-05"; not
# "1,125", which may be more than a thousand.
_DECIMAL = re.compile(
    r"[+-]?(?:[0-9]{1,9}(?:\.[0-9]{0,17}|,[0-9]{1,2})?|0?[.,][0-9]{1,17})(?:[eE][+-]?[0-9]{1,2})?"
)
_LIMIT = 2**31
# "N/A" is none of them: it is an answer, that the question does not apply.
_MISSING_WORDS = frozenset({"", "nan", "null", "none", "<na>", "#n/a"})


def is_missing(value: Any) -> bool:
    """Whether a cell says nothing: empty, null, NaN, or one of these as tables spell it.

    >>> [is_missing(value) for value in (None, " ", float("nan"), "NaN", 0, "N/A")]
    [True, True, True, True, False, False]
    """
    if isinstance(value, str):
        return value.strip().lower() in _MISSING_WORDS
    return value is None or (isinstance(value, float) and math.isnan(value))


def _plain_number(text: str) -> str:
    """The text of a number, with digits of any script and the typographic minus as in ASCII."""
    if text.isascii():
        return text.strip()
    # Cf: zero-width spaces, marks of the direction of writing.
    signs = (sign for sign in text.replace("\u2212", "-") if unicodedata.category(sign) != "Cf")
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in signs).strip()


def whole_number(value: Any) -> int | None:
    """A whole number, or None; a truth value is none, 2.0, "2" and "2.0" are one.

    >>> whole_number(2.0), whole_number(" 2.0 "), whole_number("2.5")
    (2, 2, None)
    """
    if isinstance(value, str) and _WHOLE.fullmatch(text := _plain_number(value)):
        # What stands behind the sign is nothing but zeros.
        return int(re.split("[.,]", text)[0])
    # Python counts True as the integer 1.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # So written, it is also true of NaN, of which `int` makes no number.
    if not abs(value) < _LIMIT or int(value) != value:
        return None
    return int(value)


def number_from(value: Any) -> Grade | None:
    """A number, or None; a decimal comma is a point, unless it may part thousands.

    >>> number_from("0,50"), number_from(-1.0), number_from(".5"), number_from("1,000")
    (0.5, -1, 0.5, None)
    >>> number_from("0.6666666666666666"), number_from("1e0")
    (0.6666666666666666, 1)
    """
    if isinstance(value, str):
        text = _plain_number(value)
        value = float(text.replace(",", ".")) if _DECIMAL.fullmatch(text) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return plain_number(value) if abs(value) < _LIMIT else None


def text_from(value: Any, name: str, problems: list[str]) -> str:
    """A text that a file can hold; "" for a missing one, a problem for anything else."""
    # Not `is_missing`: a text may say "none".
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if not isinstance(value, str):
        problems.append(f"{name} must be a text, got {value!r:.60}.")
        return ""
    if len(value) > MAX_BYTES:
        problems.append(f"{name}: {len(value):,} characters; the limit is {MAX_BYTES:,}.")
        return ""
    return clean_text(value)


def id_from(value: Any, name: str, problems: list[str]) -> str:
    """What names an item, a case or a rater: a text, or a whole number as its digits.

    Blanks around it do not count, and letters with marks have one spelling (NFC).
    """
    # A text keeps its digits: "007" and "7" are two raters. Above 2**53 a float is no one number.
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64
    text = str(value) if is_number else text_from(value, name, problems)
    return unicodedata.normalize("NFC", text.strip())


class GradeReader:
    """Reads the scores of one table.

    Attributes:
        scale: The grades that there are.
        named: Word, number or truth value, as `_normalised` -> the score that it stands for.
        words: The scale's own words, alone or beside the number ("3 good") -> the grade.
        ends: Grades of false and true where nothing else was said: the ends of the scale.
    """

    def __init__(self, grades: Mapping[Any, Any], scale: Scale) -> None:
        if not isinstance(grades, Mapping):
            raise RequestError(f"dataset.grades must be {{WORD: GRADE, ...}}, got {grades!r}.")
        self.scale = scale
        self.named: dict[str, Score] = {}
        problems = []
        for word, grade in grades.items():
            score = NOT_APPLICABLE if is_not_applicable(grade) else _grade_from(grade, scale)
            # Spellings of one word (1 and "1.0") may stand twice, for one and the same grade.
            if score is None or self.named.setdefault(_normalised(word), score) != score:
                problems.append(f"{word}: {grade}")
        if problems:
            raise RequestError(
                f"dataset.grades={{{', '.join(problems)}}}: a word stands for one grade, which is"
                f" {scale}, or for N/A."
            )
        self.words = {
            _plain_words(said): grade
            for grade, word in zip(scale.grades, scale.words, strict=True)
            for said in (word, f"{grade} {word}", f"{word} {grade}")
            if scale.has_words
        }
        # Where either truth value has a grade of its own, the other is not guessed.
        truth_values = self.named.keys() & {"true", "false"}
        self.ends = {} if truth_values else {"false": scale.grades[0], "true": scale.grades[-1]}

    def score(self, value: Any, problems: list[str]) -> Score | None:
        """The score; None where a rater gave none, or with a problem.

        A number is a grade, unless the scale or the data set says that it stands for N/A.
        """
        named = self._named_score(value)
        if named is not None:
            return named
        if is_missing(value):
            return None
        if is_not_applicable(value) or self.is_marked(value):
            return NOT_APPLICABLE
        # Excel keeps a number as text behind an apostrophe, or as ="3".
        number = number_from(value.strip().strip("='\"") if isinstance(value, str) else value)
        if number is None:
            # A float that is no number here is too large: no word to be mapped.
            advice = " (map words: dataset.grades={WORD: GRADE}; for no score leave it empty)"
            words = "" if isinstance(value, float) else advice
            problems.append(f"score {value!r:.60} is not a number{words}.")
            return None
        # A number off the scale stays as it is, for `check_labels` to refuse with its place.
        grade = self.scale.grade_of(number)
        return number if grade is None else grade

    def _named_score(self, value: Any) -> Score | None:
        """The score of a word; what the data set says goes before what the scale says."""
        spelled = _normalised(value)
        if spelled in self.named:
            return self.named[spelled]
        return self.words.get(_plain_words(value), self.ends.get(spelled))

    def is_end(self, value: Any) -> bool:
        """Whether the value is a truth value that is read as an end of the scale."""
        return _normalised(value) in self.ends and not self.is_word(value)

    def is_word(self, value: Any) -> bool:
        """Whether the value is a word of the scale, which the data set gives no other grade."""
        return _normalised(value) not in self.named and _plain_words(value) in self.words

    def is_marked(self, value: Any) -> bool:
        """Whether the value is the number that the scale, and nobody else, calls N/A."""
        number = number_from(value)
        return (
            number is not None
            and number == self.scale.not_applicable
            and _normalised(value) not in self.named
        )


def unsure_marks(marked: Iterable[str], labels: Iterable[Label], scale: Scale) -> list[str]:
    """What is wrong with dimensions whose scores may be those of another scale.

    The scale calls its number N/A; where the scores besides stop short of its best grade, they look
    like a scale that begins with that number.
    """
    scores_of_dimension: dict[str, set[Score]] = {}
    for label in labels:
        scores_of_dimension.setdefault(label.dimension, set()).add(label.score)
    mark, top = scale.not_applicable, scale.grades[-1]
    return [
        f"{name!r} has scores {mark} and none of {top}: is {mark} N/A, as the rubric's scale says,"
        f" or a grade? Say dataset.grades={{{mark}: N/A}}, or take a rubric whose scale has it"
        " (memalign-bench rubric action=new scale=0-1)."
        for name in sorted(marked)
        if top not in scores_of_dimension.get(name, ())
    ]


def _grade_from(value: Any, scale: Scale) -> Grade | None:
    """A grade of the scale from a number in the configuration; None where it is none."""
    number = number_from(value)
    return None if number is None else scale.grade_of(number)


def _plain_words(value: Any) -> str:
    """Words without letter case, quotes and what stands between a number and its word.

    >>> _plain_words("3 (Good)"), _plain_words("-1 - bad"), _plain_words(True)
    ('3 good', '-1 bad', 'true')
    """
    if not isinstance(value, str | bool):
        return ""
    text = re.sub(r"[()\[\]\"':=]|(?<=\s)[-\u2013\u2014](?=\s)", " ", str(value).casefold())
    return " ".join(text.split())


def _normalised(value: Any) -> str:
    """One spelling of a value that YAML, JSON and csv write in several ways."""
    if isinstance(value, bool):
        return str(value).lower()
    number = number_from(value)
    if number is not None:
        return str(number)
    return str(value).strip().casefold() if isinstance(value, str | float) else repr(value)
