"""Abstract values: not what a variable holds, but where it comes from.

The oracle does not run a notebook. It follows every value through the code and keeps what matters
to the conventions: from which rows it was made, with which estimators, and whether it is the
target, a prediction, a statistic, a mask of missing values, a score, a residual.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

__all__ = ["NOTHING", "UNKNOWN", "Value", "join"]

EMPTY: frozenset[str] = frozenset()
UNKNOWN = object()
"""Constant of a value that is no literal."""


@dataclass(frozen=True)
class Value:
    """Where a value comes from.

    Attributes:
        rows: Rows it was made of: "all" (the data as read), "train", "test", "learn" and "valid"
            (parts of train), "fold" (held out by a fold of train), "new" (the file to predict).
        fitted: Rows that the estimator in it was fitted on.
        classes: Names of the scikit-learn classes in it.
        columns: Columns of the data that went into it.
        marks: What it is: "target", "prediction", "statistic", "missing", "present", "score",
            "tried" (depends on a setting that is tried out), ...
        constant: A literal's value, `UNKNOWN` otherwise.
        entries: Elements of a tuple or list, where they are known.
        keys: Entries of a dictionary with constant keys.
        name: Dotted name of something imported.
        function: A function of the notebook.
    """

    rows: frozenset[str] = EMPTY
    fitted: frozenset[str] = EMPTY
    classes: frozenset[str] = EMPTY
    columns: frozenset[str] = EMPTY
    marks: frozenset[str] = EMPTY
    constant: Any = UNKNOWN
    entries: tuple[Value, ...] | None = None
    keys: Mapping[str, Value] = field(default_factory=dict)
    name: str = ""
    function: ast.FunctionDef | ast.Lambda | None = None

    def marked(self, *marks: str) -> Value:
        """The same with further marks."""
        return replace(self, marks=self.marks | set(marks))

    def without(self, *marks: str) -> Value:
        """The same without some marks."""
        return replace(self, marks=self.marks - set(marks))

    def has(self, *marks: str) -> bool:
        """Whether it has all these marks."""
        return self.marks.issuperset(marks)

    @property
    def strings(self) -> tuple[str, ...]:
        """The string literals in it, in order."""
        if isinstance(self.constant, str):
            return (self.constant,)
        return tuple(text for entry in self.entries or () for text in entry.strings)

    @property
    def derived(self) -> Value:
        """What is left of it in something made from it: no literal, no elements, no name."""
        return replace(self, constant=UNKNOWN, entries=None, keys={}, name="", function=None)

    @property
    def number(self) -> float | None:
        """The literal number it is, None otherwise."""
        known = isinstance(self.constant, int | float) and not isinstance(self.constant, bool)
        return float(self.constant) if known else None


NOTHING = Value()


def join(values: Iterable[Value]) -> Value:
    """What something made from all of these comes from."""
    return reduce(_both, (value.derived for value in values), NOTHING)


def _both(one: Value, other: Value) -> Value:
    return Value(
        rows=one.rows | other.rows,
        fitted=one.fitted | other.fitted,
        classes=one.classes | other.classes,
        columns=one.columns | other.columns,
        marks=one.marks | other.marks,
    )
