"""JSON schemas as providers take them: bounds that they refuse are put into words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["portable_schema"]

_IN_WORDS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} entries",
    "maxItems": "at most {} entries",
    "minimum": "at least {}",
    "maximum": "at most {}",
}


def portable_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without the bounds that strict structured output refuses; they stand in words.

    >>> portable_schema({"type": "string", "maxLength": 9})
    {'type': 'string', 'description': 'at most 9 characters'}
    """
    portable: dict[str, Any] = {}
    descriptions = [schema["description"]] if isinstance(schema.get("description"), str) else []
    for key, value in schema.items():
        if key in _IN_WORDS and isinstance(value, int | float):
            descriptions.append(_IN_WORDS[key].format(value))
        # Below these stand names, which may look like bounds: a property "maximum".
        elif key in ("properties", "$defs"):
            portable[key] = {name: portable_schema(rule) for name, rule in value.items()}
        # A schema within the schema, as under `items`.
        elif isinstance(value, Mapping):
            portable[key] = portable_schema(value)
        elif key == "anyOf":
            portable[key] = [portable_schema(rule) for rule in value]
        else:
            portable[key] = value
    if descriptions:
        portable["description"] = "; ".join(descriptions)
    return portable
