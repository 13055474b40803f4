"""Words that messages of all layers share."""

from __future__ import annotations

from typing import Any

__all__ = ["counted", "setting_text"]


def counted(n: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "case"), counted(1_234, "case")
    ('1 case', '1,234 cases')
    """
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def setting_text(value: Any) -> str:
    """A setting's value as variants spell it.

    >>> setting_text(None), setting_text(True), setting_text(["rubric", "item"])
    ('null', 'true', 'rubric+item')
    """
    if value is None:
        return "null"
    if isinstance(value, list):
        # A comma would end the key: variants are split at commas.
        return "+".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
