"""Reads a model's answer by the schema that it was asked to follow.

Few servers enforce a schema. What stands around the JSON is taken off, and a value that can mean
one thing only is taken for it: `3` and `3.0` and the rubric's own word for a grade, never 2.5.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["Reading", "is_json_object", "read_answer", "spelling", "without_thoughts"]

_THOUGHT_TAGS = r"think|thinking|thought|reasoning|seed:think"
_THOUGHTS_BEGIN = re.compile(
    rf"\s*(<({_THOUGHT_TAGS})>|\[THINK\]|◁think▷|<\|channel\|>analysis)", re.IGNORECASE
)
_THOUGHTS_END = re.compile(
    rf"</({_THOUGHT_TAGS})>|\[/THINK\]|◁/think▷|<\|channel\|>final<\|message\|>", re.IGNORECASE
)
"""Where the thoughts of open models begin and end: DeepSeek and Qwen, Mistral, Kimi, gpt-oss."""

# "final score is 3", as `spelling` writes it, leaves "3".
_GRADE_LEAD = re.compile(r"^(?:final |overall )?(?:score|grade|rating) (?:is )?")
_NUMBER_WORDS = {
    **{"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5"},
    **{"six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10"},
}
_MAX_LISTED_CHOICES = 8


class Reading(NamedTuple):
    """What an answer says.

    Attributes:
        values: Its fields, as the schema has them; None where they cannot be told.
        problem: What is wrong then; never words of the answer, which may quote a private text.
        told: What was done to read it; empty where it came as it was asked for.
    """

    values: dict[str, Any] | None
    problem: str = ""
    told: tuple[str, ...] = ()


def read_answer(
    text: str,
    validator: Any,
    *,
    vital: Collection[str],
    words: Mapping[str, str] | None = None,
    lenient: bool = False,
) -> Reading:
    """Read an answer.

    Args:
        text: As it came.
        validator: Of the schema that was asked for (`jsonschema`).
        vital: Fields without which there is no answer; other fields are texts beside it.
        words: Spellings of the schema's choices, as `spelling` writes them -> the choice.
        lenient: Take an answer that lacks fields which are not vital, as empty.
    """
    parsed = _parse_json(text)
    # The usual case: the whole text is the object asked for.
    if isinstance(parsed, dict) and validator.is_valid(parsed):
        return Reading(parsed)
    # Else any object in the text will do, or one wrapped inside another.
    schema, spellings = validator.schema, words or {}
    objects = [parsed] if isinstance(parsed, dict) else list(_json_objects(without_thoughts(text)))
    around = [] if isinstance(parsed, dict) else ["taken out of the text around it"]
    candidates = [
        fields for candidate in objects for fields in _objects_with_fields(candidate, vital)
    ]
    # A single vital field, a grade, may also be given without any JSON.
    if not candidates and len(vital) == 1:
        candidates = list(_answers_without_json(text, schema, next(iter(vital)), spellings))
    if not candidates:
        return Reading(None, _why_no_answer(text, objects, schema))
    readings = [
        _read_object(candidate, validator, vital, spellings, lenient=False)
        for candidate in candidates
    ]
    # Only where nothing can be read otherwise.
    if lenient and all(candidate.values is None for candidate in readings):
        readings = [
            _read_object(candidate, validator, vital, spellings, lenient=True)
            for candidate in candidates
        ]
    return _agreed_reading(readings, vital, around)


def _read_object(
    fields: Mapping[str, Any],
    validator: Any,
    vital: Collection[str],
    words: Mapping[str, str],
    *,
    lenient: bool,
) -> Reading:
    """One JSON object as an answer: fitted to the schema, then checked against it."""
    told: list[str] = []
    rules = validator.schema["properties"]
    answer = _fit_to_schema(
        validator.schema, fields, validator.schema.get("$defs", {}), words, told
    )
    optional_texts = [name for name in rules if name not in vital]
    if lenient:
        for name in optional_texts:
            if not isinstance(answer.get(name), str):
                answer[name] = ""
                told.append(f"without its {name}")
    errors = [
        error for error in validator.iter_errors(answer) if not _is_overlong_text(error, rules)
    ]
    # The outermost error is told: those inside it often follow from it.
    if errors:
        return Reading(None, _schema_problem(min(errors, key=lambda error: len(error.path))))
    return Reading(answer, "", tuple(dict.fromkeys(told)))


def _agreed_reading(
    readings: Sequence[Reading], vital: Collection[str], around: Sequence[str]
) -> Reading:
    """The one answer that all readable objects give; a problem where they differ."""
    by_answer: dict[str, Reading] = {}
    for reading in readings:
        if reading.values is not None:
            # As JSON, since a value may be a list.
            by_answer[json.dumps([reading.values[name] for name in vital], sort_keys=True)] = (
                reading
            )
    if not by_answer:
        return readings[-1]
    if len(by_answer) > 1:
        return Reading(None, f"it holds {len(by_answer)} answers that differ.")
    # A later reading of the same answer has replaced an earlier one: the last one's texts stand.
    [last] = by_answer.values()
    return last._replace(told=(*around, *last.told))


def without_thoughts(text: str) -> str:
    """What stands after a model's thoughts; "" where they do not end.

    >>> without_thoughts('<think>A 1 or a 3?</think> {"score": 3}')
    ' {"score": 3}'
    """
    # Chat templates may hold the opening tag themselves: then only the closing one is answered.
    # Nothing is cut off once JSON has begun: a tag inside it is the answer's own.
    while not text.lstrip().startswith(("{", "```")):
        end = _THOUGHTS_END.search(text)
        if end is None:
            return "" if _THOUGHTS_BEGIN.match(text) else text
        text = text[end.end() :]
    return text


def spelling(text: str) -> str:
    """A grade's text without case, quotes, emphasis and brackets.

    >>> spelling('**3** (Good).'), spelling("2.5"), spelling("-1"), spelling("3 - good")
    ('3 good', '2.5', '-1', '3 good')
    """
    # U+2212 is the typographic minus.
    text = text.casefold().replace("\u2212", "-")
    # Marks and brackets; a full stop after a number; a dash between two words.
    separators = r"[*_`\"'()\[\]:=,;]|(?<=\d)\.(?=\s)|(?<=\w)\s+[-\u2013\u2014]\s+(?=\w)"
    cleaned = re.sub(separators, " ", text)
    return " ".join(cleaned.split()).rstrip(".").rstrip()


def is_json_object(text: str) -> bool:
    """Whether a text is one JSON object, and nothing besides."""
    return isinstance(_parse_json(text), dict)


def _parse_json(text: str) -> Any:
    """Text as JSON, also where it is JSON inside a JSON string; None where it is neither."""
    try:
        # Not strict: models put raw line breaks into strings.
        value = json.loads(text, strict=False, object_pairs_hook=_merge_repeated_keys)
        if isinstance(value, str) and value.lstrip().startswith("{"):  # JSON as a string of JSON
            return json.loads(value, strict=False, object_pairs_hook=_merge_repeated_keys)
    # RecursionError: brackets nested by the thousand.
    except (ValueError, RecursionError):
        return None
    return value


def _merge_repeated_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which a key given two values holds both, so that neither is taken."""
    merged: dict[str, Any] = {}
    for key, value in pairs:
        merged[key] = [merged[key], value] if key in merged and merged[key] != value else value
    return merged


def _json_objects(text: str) -> Iterator[Any]:
    """Every JSON object that stands in a text, outermost ones only."""
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=_merge_repeated_keys)
    start, nothing_found = text.find("{"), True
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            # No JSON from here, but perhaps from a later brace: `{see below} {"score": 3}`.
            end = start + 1
        else:
            nothing_found = False
            yield value
        start = text.find("{", end)
    # No JSON at all.
    if nothing_found and (braces := re.search(r"\{.*\}", text, re.DOTALL)):
        try:  # Python's own way of writing the same
            value = ast.literal_eval(braces.group())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return
        if isinstance(value, dict):
            yield value


def _objects_with_fields(value: Any, vital: Collection[str]) -> Iterator[dict[str, Any]]:
    """Objects that hold the vital fields: this one, else those inside it (JSON in a string too)."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = _parse_json(value)
    if isinstance(value, dict):
        # "Score " counts as "score"; where the two differ, neither value is taken.
        by_name = _merge_repeated_keys(
            [(str(key).strip().casefold(), entry) for key, entry in value.items()]
        )
        if all(name in by_name for name in vital):
            yield by_name
            return
    entries = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    )
    for entry in entries:
        yield from _objects_with_fields(entry, vital)


def _answers_without_json(
    text: str, schema: Mapping[str, Any], name: str, words: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Without JSON: a choice that stands alone, or follows the field's name on a line."""
    choices = schema["properties"][name].get("enum")
    if not choices:
        return
    # Marks of a code block, which may stand around a lone grade too.
    answer = re.sub(r"```\w*", "", without_thoughts(text))
    # \uff1a is the full-width colon of Chinese text.
    # Meets "**Final score:** 3", "- **Score**: 3" and "> Grade = good".
    grade_line = rf"^[\s*_#>`\"-]*(?:final |overall )?(?:{name}|grade)[\s*_`\"]*[:=\uff1a]\s*(.+)$"
    answers = re.findall(grade_line, answer, re.IGNORECASE | re.MULTILINE)
    if answers or _matching_choice(answer, choices, words) is not None:
        yield from ({name: answer_text.strip(" *_`")} for answer_text in answers or [answer])


def _fit_to_schema(
    rule: Mapping[str, Any],
    value: Any,
    defined: Mapping[str, Any],
    words: Mapping[str, str],
    told: list[str],
) -> Any:
    """A value cut to the fields of its rule, each choice spelled as the rule spells it."""
    # References, as pydantic's schemas have them.
    rule = defined[rule["$ref"].rpartition("/")[2]] if "$ref" in rule else rule
    if isinstance(value, dict) and "properties" in rule:
        if set(value) - set(rule["properties"]):
            told.append("fields that were not asked for left out")
        return {
            name: _fit_to_schema(inner, value[name], defined, words, told)
            for name, inner in rule["properties"].items()
            if name in value
        }
    if isinstance(value, list) and "items" in rule:
        return [_fit_to_schema(rule["items"], entry, defined, words, told) for entry in value]
    choices = rule.get("enum") or ([rule["const"]] if "const" in rule else None)
    if choices and value not in choices:
        choice = _matching_choice(value, choices, words)
        if choice is not None:
            told.append("grade spelled otherwise")
            return choice
    return value


def _matching_choice(value: Any, choices: Sequence[Any], words: Mapping[str, str]) -> str | None:
    """The one choice that a value can mean; None where it is none, or could be several."""
    if isinstance(value, list) and len(value) == 1:
        return _matching_choice(value[0], choices, words)
    if isinstance(value, str):
        text = spelling(value)
        if text not in words:
            # Then without what leads up to a grade: "score is 3", "three", "3 of 3".
            text = _GRADE_LEAD.sub("", text)
            part, _, whole = re.sub(r" out of | of ", "/of/", text).partition("/of/")
            # "3 out of 3" names a grade only where the scale ends there.
            if whole and whole == _highest_number(choices, words):
                text = part
            text = _NUMBER_WORDS.get(text, text)
        if text in words:
            return words[text] if words[text] in choices else None
        # No number: perhaps a choice in other letter case or with marks around it.
        if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)", text):
            return next((choice for choice in choices if spelling(str(choice)) == text), None)
        value = float(text)
    # Python counts true as the integer 1; as an answer it is no grade.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # 3.0 is the grade 3; 2.5 stays as it is and matches on a scale with halves only.
    # By `// 1` and not by `int`, which infinity and NaN would break; Python's JSON may hold both.
    number = str(int(value)) if value == value // 1 else str(value)
    number = words.get(number, number)
    return number if number in choices else None


def _highest_number(choices: Sequence[Any], words: Mapping[str, str]) -> str:
    """The highest number among the choices, as it is spelled."""
    numbers = (text for text in map(str, (*choices, *words)) if re.fullmatch(r"-?[\d.]+", text))
    return max(numbers, key=float, default="")


def _is_overlong_text(error: Any, rules: Mapping[str, Any]) -> bool:
    """Whether the error is only that a text is longer than asked for, which is let pass."""
    return error.validator == "maxLength" and len(error.path) == 1 and error.path[0] in rules


def _why_no_answer(text: str, objects: Sequence[Any], schema: Mapping[str, Any]) -> str:
    """Why an answer holds no object with the vital fields."""
    fields = ", ".join(f'"{name}"' for name in schema["required"])
    if not text.strip():
        return "it is empty."
    if not without_thoughts(text).strip():
        return "it is reasoning that does not end, with no answer after it."
    if not objects:
        return f"it is not JSON with the fields asked for ({fields})."
    return f"its JSON lacks the fields asked for ({fields})."


def _schema_problem(error: Any) -> str:
    """What breaks the schema; numbers are quoted, words never, since they may be private."""
    # The path to the value: "guidelines.0.grade"; "" for the whole answer.
    where = ".".join(str(part) for part in error.path)
    if error.validator == "required":
        lacks = [name for name in error.validator_value if name not in error.instance]
        inside = f" in {where}" if where else ""
        return f"{_quoted_list(lacks)} is missing{inside}."
    value = _value_description(error.instance)
    if error.validator == "enum":
        return f'"{where}" is {value}, not one of {_quoted_list(error.validator_value)}.'
    if error.validator == "type":
        return f'"{where}" is {value}, not of type {error.validator_value}.'
    return f"{error.json_path} breaks the rule {error.validator!r}."


def _value_description(value: Any) -> str:
    """A value as an error message names it: numbers as they are, texts by their kind."""
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, str):
        # Digits cannot quote a private text.
        number = re.fullmatch(r"[\d\s.,/%+-]{1,12}", value)
        return json.dumps(value) if number else "a text that names no one of them"
    return "a list" if isinstance(value, list) else "an object"


def _quoted_list(choices: Sequence[Any]) -> str:
    """Choices in quotes, shortened where there are many."""
    shown = [json.dumps(choice) for choice in choices]
    if len(shown) > _MAX_LISTED_CHOICES:
        shown = [*shown[:2], "...", shown[-1]]
    return ", ".join(shown)
