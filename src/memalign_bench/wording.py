"""Words that messages of all layers share."""

from __future__ import annotations

__all__ = ["counted"]


def counted(n: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "case"), counted(1_234, "case")
    ('1 case', '1,234 cases')
    """
    return f"{n:,} {noun}" + ("" if n == 1 else "s")
