"""Fills a JSON schema: the simulated judge's way of writing structured output."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["fill", "options_of"]

_NUMBER = re.compile(r"-?\d+(\.\d+)?")

# Names in schemas of MLflow's and of others -> those under which the judge gives its values.
_SYNONYMS = {
    "rule": "text",
    "guideline": "text",
    "guideline_text": "text",
    "source_ids": "sources",
    "source_item_ids": "sources",
    "source_trace_ids": "sources",
    "item_ids": "sources",
    "score": "grade",
}


def options_of(schema: Mapping[str, Any], name: str) -> list[str]:
    """What a property of an object schema may be, as text and in rising order; [] if not listed.

    >>> options_of({"properties": {"score": {"enum": [3, 2, 1]}}}, "score")
    ['1', '2', '3']
    >>> options_of({"properties": {"score": {"enum": ["good", "bad", "not applicable"]}}}, "score")
    ['not applicable', 'bad', 'good']
    """
    rule = _resolve(schema.get("properties", {}).get(name, {}), schema)
    options = rule.get("enum", [])
    numbers = [option for option in options if _NUMBER.fullmatch(str(option))]
    if len(numbers) >= len(options) - 1:  # all, or all but the word for "not applicable"
        rest = [option for option in options if option not in numbers]
        options = [*rest, *sorted(numbers, key=float)]
    else:  # words stand as a rubric does: the best first, "not applicable" last
        options = options[::-1]
    return [str(option) for option in options]


def fill(schema: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """A value that follows an object schema, with what is given by property name put in.

    Text is cut to `maxLength`, lists to `maxItems`; what is not given gets the plainest value
    allowed. `$ref` into the schema's own `$defs` is followed.
    """
    return _fill(schema, dict(values), schema)


def _fill(rule: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> Any:
    """A value for one rule; `root` holds the definitions it may refer to."""
    rule = _resolve(rule, root)
    if "const" in rule:
        return rule["const"]
    if "enum" in rule:
        # Compared as text: grades are given as text, and a schema may list numbers.
        return next(
            (option for option in rule["enum"] if str(option) == str(value)), rule["enum"][0]
        )
    kind = rule.get("type", "string")
    if kind == "object":
        return _fill_object(rule, value, root)
    if kind == "array":
        return _fill_array(rule, value, root)
    return _fill_plain(rule, value, kind)


def _fill_object(rule: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> dict[str, Any]:
    given = value if isinstance(value, Mapping) else {}
    return {
        name: _fill(inner, given.get(name, given.get(_SYNONYMS.get(name, ""))), root)
        for name, inner in rule.get("properties", {}).items()
    }


def _fill_array(rule: Mapping[str, Any], value: Any, root: Mapping[str, Any]) -> list[Any]:
    items = list(value) if isinstance(value, (list, tuple)) else []
    items = items[: rule.get("maxItems", len(items))]
    # None becomes the plainest entry that the rule allows.
    items += [None] * (rule.get("minItems", 0) - len(items))
    return [_fill(rule.get("items", {}), item, root) for item in items]


def _fill_plain(rule: Mapping[str, Any], value: Any, kind: str) -> Any:
    """A number, truth value, null or text that the rule allows."""
    if kind in ("integer", "number"):
        low = rule.get("minimum", 0)
        return int(value) if str(value).lstrip("-").isdigit() else low
    if kind == "boolean":
        return bool(value)
    if kind == "null":
        return None
    if isinstance(value, Mapping):
        # A guideline where only its text is asked for.
        value = value.get("text", "")
    text = "" if value is None else str(value)
    return text[: rule.get("maxLength", len(text))]


def _resolve(rule: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow `$ref`, and of `anyOf` take the first that is not null."""
    while True:
        if "$ref" in rule:
            rule = root["$defs"][rule["$ref"].rsplit("/", 1)[-1]]
        elif "anyOf" in rule:
            rule = next(
                (option for option in rule["anyOf"] if option.get("type") != "null"),
                {"type": "null"},
            )
        else:
            return rule
