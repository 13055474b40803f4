"""Lines beside the results, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["say", "say_some"]

_MOST = 10


def say(text: str) -> None:
    """A line beside the results, which go to standard output."""
    sys.stderr.write(f"{text}\n")


def say_some(lines: Sequence[str], lead: str = "") -> None:
    """The first ten of many lines, and how many more there are."""
    for line in lines[:_MOST]:
        say(f"  {lead}{line}")
    if len(lines) > _MOST:
        say(f"  ... and {len(lines) - _MOST} more")
