"""What a static reading knows of a value: whose rows it holds, what made it, and its fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

__all__ = ["UNKNOWN", "Value", "joined", "of_rows", "united"]

_MAX_NAMED = 3
"""Origins named of one value; more are told as "and others"."""


@dataclass(frozen=True)
class Value:
    """What is known of a value; empty where nothing is.

    Attributes:
        rows: Whose rows it holds or was computed from ("rows of a.csv", "train part").
        whole: Those rows before a mask or slice took some of them.
        scalar: It is one number (a mean, a count) taken over the rows.
        classes: Names of the classes that it was made of, outermost first.
        kinds: The kinds of facts that those classes belong to.
        fitted: Rows that it was fitted on.
        scored: Rows of the scores that it holds or was picked by.
        predicted: It holds predictions.
        error: It holds differences between predictions and what they predict.
        mask: It is yes or no for each row.
        alias: The function that it is another name of.
        parts: Values of its elements, where it is a tuple or list written out.
    """

    rows: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    scalar: bool = False
    classes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    fitted: tuple[str, ...] = ()
    scored: tuple[str, ...] = ()
    predicted: bool = False
    error: bool = False
    mask: bool = False
    alias: str = ""
    parts: tuple[Value, ...] = ()

    @property
    def data(self) -> bool:
        """Whether it holds rows, not a number taken over them."""
        return bool(self.rows) and not self.scalar


UNKNOWN = Value()


def united(names: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """All names once, in order of appearance."""
    return tuple(dict.fromkeys(name for group in names for name in group))


def joined(values: Iterable[Value]) -> Value:
    """What is known of something made of these values.

    Numbers taken over rows lend their rows only where no value holds rows itself.
    """
    known = [value for value in values if value != UNKNOWN]
    # Of one value everything stays but what an operation on it undoes.
    if len(known) < 2:
        return replace(known[0], parts=(), mask=False, alias="", whole=()) if known else UNKNOWN
    # `df / train.mean()` has the rows of `df`.
    holders = [value for value in known if value.data] or known
    return Value(
        rows=united(value.rows for value in holders),
        scalar=not any(value.data for value in known) and any(value.scalar for value in known),
        classes=united(value.classes for value in known),
        kinds=united(value.kinds for value in known),
        fitted=united(value.fitted for value in known),
        scored=united(value.scored for value in known),
        predicted=any(value.predicted for value in known),
        error=any(value.error for value in known),
    )


def of_rows(rows: Iterable[str]) -> str:
    """Rows in words.

    >>> of_rows(["train part", "test part"]), of_rows([])
    ('train part and test part', '')
    """
    names = list(rows)
    shown = names[:_MAX_NAMED] + (["others"] if len(names) > _MAX_NAMED else [])
    return " and ".join(shown)
