"""Reads a model's answer by the schema that it was asked to follow.

Few servers enforce a schema. What stands around the JSON is taken off, JSON that is broken is read
by the names of its fields, and a value that can mean one thing only is taken for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from memalign_bench.judging.answer_parts import (
    OTHER_NAMES,
    answers_without_json,
    fields_of_broken_json,
    json_objects,
    objects_with_fields,
    parse_json,
    without_thoughts,
)
from memalign_bench.judging.spellings import Contradiction, matching_choice

__all__ = ["Reading", "read_answer"]

_FINAL = re.compile(r"\b(?:final|corrected|revised)\b[^\n:{]{0,30}[:\uff1a\n]", re.IGNORECASE)
"""What a model writes above the answer that counts, where drafts of it stand before."""

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
    parsed = parse_json(text)
    # The usual case: the whole text is the object asked for.
    if isinstance(parsed, dict) and validator.is_valid(parsed):
        return Reading(parsed)
    # Else any object in the text will do, or one wrapped inside another.
    schema, spellings, answer = validator.schema, words or {}, without_thoughts(text)
    found = _find_candidates(answer, parsed, schema, vital, spellings)
    if not found.candidates:
        return Reading(None, _why_no_answer(text, found.objects, schema))
    readings = _read_candidates(found.candidates, validator, vital, spellings, lenient=lenient)
    usable = [one for one in readings if one.values is not None]
    n_answers = len({_vital_values(one, vital) for one in usable})
    if n_answers > 1:
        # Of several the one that is called final counts.
        *_, final = [0, *(heading.start() for heading in _FINAL.finditer(answer))]
        if final:
            return read_answer(answer[final:], validator, vital=vital, words=words, lenient=lenient)
        return Reading(None, f"it holds {n_answers} answers that differ.")
    if not usable:
        return readings[-1]
    return usable[-1]._replace(told=(*found.told, *usable[-1].told))


class _Found(NamedTuple):
    """What may be the answer in a text.

    Attributes:
        candidates: Objects that hold the vital fields.
        objects: All JSON objects of the text, whatever they hold.
        told: What was done to find the candidates.
    """

    candidates: Sequence[Mapping[str, Any]]
    objects: Sequence[Any]
    told: Sequence[str]


def _find_candidates(
    answer: str,
    parsed: Any,
    schema: Mapping[str, Any],
    vital: Collection[str],
    words: Mapping[str, str],
) -> _Found:
    """What may be the answer: JSON, else broken JSON, else a grade without any."""
    if isinstance(parsed, dict):
        objects, told = [parsed], []
    else:
        objects, told = list(json_objects(answer)), ["taken out of the text around it"]
    candidates = objects_with_fields(objects, vital, schema)
    broken = {} if candidates else fields_of_broken_json(answer)
    if broken:
        candidates = objects_with_fields(broken, vital, schema)
        told = ["taken out of broken JSON"] if candidates else told
    rules = schema["properties"]
    if any(name in fields and name not in answer for fields in candidates for name in rules):
        told.append("fields named otherwise")
    # A single vital field, a grade, may also be given without any JSON.
    if not (candidates or len(vital) > 1 or broken.keys() & rules or _does_not_end(answer)):
        candidates = list(answers_without_json(answer, schema, next(iter(vital)), words))
    return _Found(candidates, objects, told)


def _read_candidates(
    candidates: Sequence[Mapping[str, Any]],
    validator: Any,
    vital: Collection[str],
    words: Mapping[str, str],
    *,
    lenient: bool,
) -> list[Reading]:
    """Each candidate as an answer; leniently only where none can be read otherwise."""
    readings = [
        _read_object(fields, validator, vital, words, lenient=False) for fields in candidates
    ]
    if lenient and all(reading.values is None for reading in readings):
        return [
            _read_object(fields, validator, vital, words, lenient=True) for fields in candidates
        ]
    return readings


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
    if other := _contradicting_name(fields, answer, vital, rules, words):
        return Reading(None, f"{_quoted_list([*vital, other])} differ.")
    errors = [
        error for error in validator.iter_errors(answer) if not _is_overlong_text(error, rules)
    ]
    # Of what matters the outermost error is told: those inside it often follow from it.
    if errors:
        first = min(errors, key=lambda error: (_is_of(error, optional_texts), len(error.path)))
        return Reading(None, _schema_problem(first))
    return Reading(answer, "", tuple(dict.fromkeys(told)))


def _contradicting_name(
    fields: Mapping[str, Any],
    answer: Mapping[str, Any],
    vital: Collection[str],
    rules: Mapping[str, Any],
    words: Mapping[str, str],
) -> str | None:
    """Another name of the grade that stands beside it with another grade of the scale, or None."""
    for other, name in OTHER_NAMES.items():
        if name in vital and other in fields and other not in rules:
            choice = matching_choice(fields[other], rules[name].get("enum", ()), words)
            if choice not in (None, answer.get(name)):
                return other
    return None


def _vital_values(reading: Reading, vital: Collection[str]) -> str:
    """The vital fields of an answer, as JSON, since a value may be a list."""
    values = reading.values or {}
    return json.dumps([values[name] for name in vital], sort_keys=True)


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
    if isinstance(value, list) and not isinstance(value, Contradiction) and "items" in rule:
        return [_fit_to_schema(rule["items"], entry, defined, words, told) for entry in value]
    choices = rule.get("enum") or ([rule["const"]] if "const" in rule else None)
    if choices and value not in choices:
        choice = matching_choice(value, choices, words)
        if choice is not None:
            told.append("grade spelled otherwise")
            return choice
    return value


def _is_of(error: Any, names: Collection[str]) -> bool:
    """Whether the error lies in one of these fields, or is that they are missing."""
    return error.path[0] in names if error.path else error.validator == "required"


def _is_overlong_text(error: Any, rules: Mapping[str, Any]) -> bool:
    """Whether the error is only that a text is longer than asked for, which is let pass."""
    return error.validator == "maxLength" and len(error.path) == 1 and error.path[0] in rules


def _does_not_end(text: str) -> bool:
    """Whether a text ends within JSON; a line in it is then no answer of its own."""
    return text.rfind("{") > text.rfind("}")


def _why_no_answer(text: str, objects: Sequence[Any], schema: Mapping[str, Any]) -> str:
    """Why an answer holds no object with the vital fields."""
    fields = ", ".join(f'"{name}"' for name in schema["required"])
    if not text.strip():
        return "it is empty."
    if not without_thoughts(text).strip():
        return "it is reasoning that does not end, with no answer after it."
    if _does_not_end(text):
        return "its JSON does not end."
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
    if isinstance(error.instance, Contradiction):
        return f'"{where}" is given several times, with values that differ.'
    value = _value_description(error.instance)
    if error.validator == "enum":
        if isinstance(error.instance, str) and _names_several(
            error.instance, error.validator_value
        ):
            return f'"{where}" names several of {_quoted_list(error.validator_value)}.'
        return f'"{where}" is {value}, not one of {_quoted_list(error.validator_value)}.'
    if error.validator == "type":
        return f'"{where}" is {value}, not of type {error.validator_value}.'
    return f"{error.json_path} breaks the rule {error.validator!r}."


def _names_several(text: str, choices: Sequence[Any]) -> bool:
    """Whether a text names more than one of the choices."""
    named = [c for c in choices if re.search(rf"(?<![\w.]){re.escape(str(c))}(?!\.?\w)", text)]
    return len(named) > 1


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
