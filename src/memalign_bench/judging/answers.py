"""A model's answer as it came, read by the schema that it was asked to follow.

Few servers enforce a schema. What stands around the JSON is taken off, and a value that can mean
one thing only is taken for it: `3` and `3.0` and the rubric's own word for a grade, never 2.5.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["Reading", "is_whole", "read_answer", "spelling", "without_thoughts"]

_TAGS = r"think|thinking|thought|reasoning|seed:think"
_OPENED = re.compile(rf"\s*(<({_TAGS})>|\[THINK\]|◁think▷|<\|channel\|>analysis)", re.IGNORECASE)
_CLOSED = re.compile(
    rf"</({_TAGS})>|\[/THINK\]|◁/think▷|<\|channel\|>final<\|message\|>", re.IGNORECASE
)
"""Where the thoughts of open models begin and end: DeepSeek and Qwen, Mistral, Kimi, gpt-oss."""

_LEAD = re.compile(r"^(?:final |overall )?(?:score|grade|rating) (?:is )?")
_NUMBERS = {
    **{"zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5"},
    **{"six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10"},
}
_SHOWN_CHOICES = 8


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
    whole = _loaded(text)
    if isinstance(whole, dict) and validator.is_valid(whole):
        return Reading(whole)
    schema, known = validator.schema, words or {}
    found = [whole] if isinstance(whole, dict) else list(_objects(without_thoughts(text)))
    around = [] if isinstance(whole, dict) else ["taken out of the text around it"]
    held = [fields for one in found for fields in _holding(one, vital)]
    if not held and len(vital) == 1:
        held = list(_bare(text, schema, next(iter(vital)), known))
    if not held:
        return Reading(None, _nothing_in(text, found, schema))
    readings = [_read(one, validator, vital, known, lenient=False) for one in held]
    if lenient and all(one.values is None for one in readings):
        readings = [_read(one, validator, vital, known, lenient=True) for one in held]
    return _only_one(readings, vital, around)


def _read(
    fields: Mapping[str, Any],
    validator: Any,
    vital: Collection[str],
    words: Mapping[str, str],
    *,
    lenient: bool,
) -> Reading:
    """One JSON object, fitted to the schema and checked."""
    told: list[str] = []
    rules = validator.schema["properties"]
    fitted = _fitted(validator.schema, fields, validator.schema.get("$defs", {}), words, told)
    beside = [name for name in rules if name not in vital]
    if lenient:
        for name in beside:
            if not isinstance(fitted.get(name), str):
                fitted[name] = ""
                told.append(f"without its {name}")
    errors = [one for one in validator.iter_errors(fitted) if not _is_long(one, rules)]
    if errors:
        return Reading(None, _explained(min(errors, key=lambda one: len(one.path))))
    return Reading(fitted, "", tuple(dict.fromkeys(told)))


def _only_one(
    readings: Sequence[Reading], vital: Collection[str], around: Sequence[str]
) -> Reading:
    """The reading of all that can be read, where they agree in what is vital."""
    said: dict[str, Reading] = {}
    for one in readings:
        if one.values is not None:
            said[json.dumps([one.values[name] for name in vital], sort_keys=True)] = one
    if not said:
        return readings[-1]
    if len(said) > 1:
        return Reading(None, f"it holds {len(said)} answers that differ.")
    [last] = said.values()
    return last._replace(told=(*around, *last.told))


def without_thoughts(text: str) -> str:
    """What stands after a model's thoughts; "" where they do not end.

    >>> without_thoughts('<think>A 1 or a 3?</think> {"score": 3}')
    ' {"score": 3}'
    """
    # Chat templates may hold the opening tag themselves: then only the closing one is answered.
    while not text.lstrip().startswith(("{", "```")):
        end = _CLOSED.search(text)
        if end is None:
            return "" if _OPENED.match(text) else text
        text = text[end.end() :]
    return text


def spelling(text: str) -> str:
    """A grade's text without case, quotes, emphasis and brackets.

    >>> spelling('**3** (Good).'), spelling("2.5"), spelling("-1"), spelling("3 - good")
    ('3 good', '2.5', '-1', '3 good')
    """
    text = text.casefold().replace("\u2212", "-")
    apart = r"[*_`\"'()\[\]:=,;]|(?<=\d)\.(?=\s)|(?<=\w)\s+[-\u2013\u2014]\s+(?=\w)"
    plain = re.sub(apart, " ", text)
    return " ".join(plain.split()).rstrip(".").rstrip()


def is_whole(text: str) -> bool:
    """Whether a text is one JSON object, and nothing besides."""
    return isinstance(_loaded(text), dict)


def _loaded(text: str) -> Any:
    try:
        value = json.loads(text, strict=False, object_pairs_hook=_paired)
        if isinstance(value, str) and value.lstrip().startswith("{"):  # JSON as a string of JSON
            return json.loads(value, strict=False, object_pairs_hook=_paired)
    except (ValueError, RecursionError):
        return None
    return value


def _paired(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object; a key that is given two values holds both, so that neither is taken."""
    held: dict[str, Any] = {}
    for key, value in pairs:
        held[key] = [held[key], value] if key in held and held[key] != value else value
    return held


def _objects(text: str) -> Iterator[Any]:
    """Every JSON object that stands in a text, outermost ones only."""
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=_paired)
    at, none = text.find("{"), True
    while at >= 0:
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            none = False
            yield value
        at = text.find("{", end)
    if none and (braces := re.search(r"\{.*\}", text, re.DOTALL)):
        try:  # Python's own way of writing the same
            value = ast.literal_eval(braces.group())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return
        if isinstance(value, dict):
            yield value


def _holding(value: Any, vital: Collection[str]) -> Iterator[dict[str, Any]]:
    """Objects that hold the vital fields: this one, or else those within it, JSON as a text too."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = _loaded(value)
    if isinstance(value, dict):
        named = _paired([(str(key).strip().casefold(), entry) for key, entry in value.items()])
        if all(name in named for name in vital):
            yield named
            return
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for entry in inner:
        yield from _holding(entry, vital)


def _bare(
    text: str, schema: Mapping[str, Any], name: str, words: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Without JSON, a choice that stands alone, or what stands on the lines that name it."""
    choices = schema["properties"][name].get("enum")
    if not choices:
        return
    said = re.sub(r"```\w*", "", without_thoughts(text))
    lead = rf"^[\s*_#>`\"-]*(?:final |overall )?(?:{name}|grade)[\s*_`\"]*[:=\uff1a]\s*(.+)$"
    stated = re.findall(lead, said, re.IGNORECASE | re.MULTILINE)
    if stated or _chosen(said, choices, words) is not None:
        yield from ({name: one.strip(" *_`")} for one in stated or [said])


def _fitted(
    rule: Mapping[str, Any],
    value: Any,
    defined: Mapping[str, Any],
    words: Mapping[str, str],
    told: list[str],
) -> Any:
    """A value with the fields of its rule only, and its choices as the rule spells them."""
    rule = defined[rule["$ref"].rpartition("/")[2]] if "$ref" in rule else rule
    if isinstance(value, dict) and "properties" in rule:
        if set(value) - set(rule["properties"]):
            told.append("fields that were not asked for left out")
        return {
            name: _fitted(inner, value[name], defined, words, told)
            for name, inner in rule["properties"].items()
            if name in value
        }
    if isinstance(value, list) and "items" in rule:
        return [_fitted(rule["items"], entry, defined, words, told) for entry in value]
    choices = rule.get("enum") or ([rule["const"]] if "const" in rule else None)
    if choices and value not in choices:
        choice = _chosen(value, choices, words)
        if choice is not None:
            told.append("grade spelled otherwise")
            return choice
    return value


def _chosen(value: Any, choices: Sequence[Any], words: Mapping[str, str]) -> str | None:
    """The one choice that a value can mean; None where it is none, or could be several."""
    if isinstance(value, list) and len(value) == 1:
        return _chosen(value[0], choices, words)
    if isinstance(value, str):
        plain = spelling(value)
        if plain not in words:
            plain = _LEAD.sub("", plain)
            part, _, whole = re.sub(r" out of | of ", "/of/", plain).partition("/of/")
            if whole and whole == _top(choices, words):
                plain = part
            plain = _NUMBERS.get(plain, plain)
        if plain in words:
            return words[plain] if words[plain] in choices else None
        if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)", plain):
            return next((one for one in choices if spelling(str(one)) == plain), None)
        value = float(plain)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = str(int(value)) if value == value // 1 else str(value)
    number = words.get(number, number)
    return number if number in choices else None


def _top(choices: Sequence[Any], words: Mapping[str, str]) -> str:
    """The highest number among the choices, as it is spelled."""
    numbers = (one for one in map(str, (*choices, *words)) if re.fullmatch(r"-?[\d.]+", one))
    return max(numbers, key=float, default="")


def _is_long(error: Any, rules: Mapping[str, Any]) -> bool:
    """Whether only a text of the answer is longer than asked: it stays as it is."""
    return error.validator == "maxLength" and len(error.path) == 1 and error.path[0] in rules


def _nothing_in(text: str, found: Sequence[Any], schema: Mapping[str, Any]) -> str:
    fields = ", ".join(f'"{name}"' for name in schema["required"])
    if not text.strip():
        return "it is empty."
    if not without_thoughts(text).strip():
        return "it is reasoning that does not end, with no answer after it."
    if not found:
        return f"it is not JSON with the fields asked for ({fields})."
    return f"its JSON lacks the fields asked for ({fields})."


def _explained(error: Any) -> str:
    """What breaks the schema; numbers are quoted, words never."""
    where = ".".join(str(part) for part in error.path)
    if error.validator == "required":
        lacks = [name for name in error.validator_value if name not in error.instance]
        inside = f" in {where}" if where else ""
        return f"{_listed(lacks)} is missing{inside}."
    if error.validator == "enum":
        return f'"{where}" is {_kind(error.instance)}, not one of {_listed(error.validator_value)}.'
    if error.validator == "type":
        return f'"{where}" is {_kind(error.instance)}, not of type {error.validator_value}.'
    return f"{error.json_path} breaks the rule {error.validator!r}."


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, str):
        number = re.fullmatch(r"[\d\s.,/%+-]{1,12}", value)
        return json.dumps(value) if number else "a text that names no one of them"
    return "a list" if isinstance(value, list) else "an object"


def _listed(choices: Sequence[Any]) -> str:
    shown = [json.dumps(one) for one in choices]
    if len(shown) > _SHOWN_CHOICES:
        shown = [*shown[:2], "...", shown[-1]]
    return ", ".join(shown)
