"""Which grade a value of an answer means, where it can mean one only.

`3`, `3.0`, "three", "3 of 3", three stars, "I give it a 3", the rubric's own word, and "3 - it says
why": never 2.5.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Contradiction", "explained_choice", "is_about_grade", "matching_choice", "spelling"]

_LEAD = re.compile(
    r"^(?:so |thus |therefore |hence |overall )*"
    # Of what is graded one noun at most: "I give it almost 3" gives no 3.
    r"(?:(?:i (?:d |would |will )?(?:give|assign|award|rate|grade|score)"
    r"(?: it| this| the \w+)?(?: as)?|(?:it|this) (?:deserves|merits|earns|gets))"
    r"(?: an?)?(?: (?:final |overall )?(?:score|grade|rating) of)?"
    r"|(?:the |my |an? )?(?:final |overall )?(?:score|grade|rating|level|verdict)"
    r"(?: is| of| would be)?(?: an?)?) "
)
"""What leads to a grade, as `spelling` writes it: "therefore i d give it a", "the score is"."""

_UNIT = re.compile(r"(?<=\d) (?:points?|stars?)\b")
_OF = re.compile(r" out of | of |\s*/\s*")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_NUMBER_WORDS = {
    **{"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5"},
    **{"six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10"},
}
_STARS = re.compile(r"((?:[\u2605\u2b50]\s*)+)((?:\u2606\s*)*)")
"""Stars, full ones and then empty ones."""

_EXPLANATION = r"\s+(?:[-\u2013\u2014#]|//|/\*)\s+|[.:;,]\s+|\s*\(|\s*\n|\s+(?=because\b)"
"""What parts a grade from the words on it."""

_ALTERNATIVE = re.compile(r"\W*(?:or|to|and|but)\b")


class Contradiction(list[Any]):
    """Values of a field that was given several times, where they differ."""


def spelling(text: str) -> str:
    """A grade's text without case, quotes, emphasis, brackets and invisible characters.

    >>> spelling('**3** (Good).'), spelling("2.5"), spelling("-1"), spelling("3 - good")
    ('3 good', '2.5', '-1', '3 good')
    >>> spelling("\u2462"), spelling("\u2605\u2605"), spelling("\u2605\u2605\u2606")
    ('3', '2', '2 of 3')
    """
    # U+2212 is the typographic minus.
    text = "".join(map(_plain, text)).casefold().replace("\u2212", "-")
    text = _STARS.sub(_star_count, text)
    # Marks and brackets, the key around an emoji's digit (U+20E3); a full stop after a number; a
    # dash between two words.
    separators = (
        r"[*_`\"'\u2019()\[\]:=,;\u20e3]|(?<=\d)\.(?=\s)|(?<=\w)\s+[-\u2013\u2014]\s+(?=\w)"
    )
    cleaned = re.sub(separators, " ", text)
    return " ".join(cleaned.split()).rstrip(".!").rstrip()


def _plain(char: str) -> str:
    """A full-width or circled character as ASCII has it; nothing for an invisible one."""
    form = unicodedata.decomposition(char).partition(" ")[0]
    if form == "<wide>":
        return unicodedata.normalize("NFKC", char)
    # Apart from what stands beside it: two circled digits are no number.
    if form == "<circle>":
        return f" {unicodedata.normalize('NFKC', char)} "
    # Cf: zero-width spaces and joiners, marks of the direction of writing. U+FE0F: "as an emoji".
    return "" if unicodedata.category(char) == "Cf" or char == "\ufe0f" else char


def _star_count(stars: re.Match[str]) -> str:
    """How many stars, and of how many where some are empty."""
    full, empty = ("".join(part.split()) for part in stars.groups())
    return f" {len(full)} of {len(full + empty)} " if empty else f" {len(full)} "


def is_about_grade(sentence: str) -> bool:
    """Whether a sentence begins as one that gives a grade does.

    >>> is_about_grade("Therefore, I'd give it a score of 3."), is_about_grade("It scores 3.")
    (True, False)
    """
    return _LEAD.match(spelling(sentence)) is not None


def matching_choice(
    value: Any, choices: Sequence[Any], words: Mapping[str, str], *, explained: bool = True
) -> str | None:
    """The one choice that a value can mean; None where it is none, or could be several.

    Args:
        value: As the answer has it.
        choices: As the schema has them.
        words: Spellings of the choices (`spelling`) -> the choice.
        explained: Whether words may follow a number, as in "3 - it says why".
    """
    if isinstance(value, Contradiction):
        # Given twice, but 3 and "good" may be one grade.
        found = {matching_choice(entry, choices, words) for entry in value}
        return found.pop() if len(found) == 1 else None
    if isinstance(value, list) and len(value) == 1:
        return matching_choice(value[0], choices, words)
    if isinstance(value, str):
        choice = _choice_of_text(value, choices, words)
        return choice or (explained_choice(value, choices, words) if explained else None)
    # Python counts true as the integer 1; as an answer it is no grade.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _choice_of_number(value, choices, words)


def explained_choice(
    text: str, choices: Sequence[Any], words: Mapping[str, str], parting: str = _EXPLANATION
) -> str | None:
    """The number, or N/A, that a text begins with, where the words after it name no other grade.

    Args:
        text: "3 - it says why".
        choices: As the schema has them.
        words: Spellings of the choices -> the choice.
        parting: Pattern of what stands between the two.
    """
    number, *explanation = re.split(parting, text.strip(), maxsplit=1)
    choice = _choice_of_text(number, choices, words)
    # Words are left alone ("good - not really"), but for those of N/A.
    is_named = re.search(r"\d", spelling(number)) is not None or choice == words.get("n/a")
    if choice is None or not explanation or not is_named:
        return None
    # A second number, or an "or", makes it two grades.
    said = spelling(explanation[0])
    if re.search(r"\d", said) or _ALTERNATIVE.match(said):
        return None
    named = {**words, **{word: words.get(digit, digit) for word, digit in _NUMBER_WORDS.items()}}
    others = [word for word, meant in named.items() if meant != choice and not word.isdigit()]
    return None if any(re.search(rf"\b{re.escape(word)}\b", said) for word in others) else choice


def _choice_of_text(value: str, choices: Sequence[Any], words: Mapping[str, str]) -> str | None:
    """The choice whose number or word a text is."""
    # A decimal comma before nothing but zeros.
    text = spelling(re.sub(r"^\s*([+-]?\d+),0{1,2}\s*$", r"\1", value))
    if text not in words:
        # Then without what stands around a grade: "score is 3", "three", "3 of 3", "3 points".
        text = _LEAD.sub("", text)
    if text not in words:
        text = re.sub(r"[a-z]+", lambda word: _NUMBER_WORDS.get(word[0], word[0]), text)
        text = _UNIT.sub("", text)
        part, *whole = _OF.split(text, maxsplit=1)
        # "3 out of 3" names a grade only where the scale ends there; "0/1" may name both grades.
        if whole == [_highest_number(choices, words)] and not _are_all_grades(text, choices, words):
            text = part
    if text in words:
        return words[text] if words[text] in choices else None
    if _NUMBER.fullmatch(text):
        return _choice_of_number(float(text), choices, words)
    # No number: perhaps a choice in other letter case or with marks around it.
    return next((choice for choice in choices if spelling(str(choice)) == text), None)


def _choice_of_number(value: float, choices: Sequence[Any], words: Mapping[str, str]) -> str | None:
    """The choice that a number is: 3.0 is the grade 3, 2.5 one on a scale with halves only."""
    # By `// 1` and not by `int`, which infinity and NaN would break; Python's JSON may hold both.
    number = str(int(value)) if value == value // 1 else str(value)
    number = words.get(number, number)
    return number if number in choices else None


def _are_all_grades(text: str, choices: Sequence[Any], words: Mapping[str, str]) -> bool:
    """Whether a text names every grade of the scale: "0/1", where these are both."""
    grades = {choice for choice in choices if choice != words.get("n/a")}
    return {words.get(part, part) for part in re.split(r"\s*/\s*", text)} == grades


def _highest_number(choices: Sequence[Any], words: Mapping[str, str]) -> str:
    """The highest grade's number, as it is spelled; the mark of N/A is no grade."""
    mark = words.get("n/a")
    grades = [*choices, *(word for word, choice in words.items() if choice != mark)]
    numbers = (
        text for text in map(str, grades) if text != mark and re.fullmatch(r"-?[\d.]+", text)
    )
    return max(numbers, key=float, default="")
