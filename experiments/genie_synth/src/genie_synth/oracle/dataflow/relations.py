"""How values stand to one another: truth and guess, estimator and baseline, mask and inverse."""

from __future__ import annotations

import ast
from dataclasses import replace

from genie_synth.oracle.dataflow.values import Value

__all__ = [
    "comparison_of",
    "inverted_mask",
    "is_guess_trivial",
    "is_trivial",
    "root_name",
    "truth_and_guess",
]


def truth_and_guess(first: Value, second: Value) -> bool:
    """Whether one is the target as it is, and the other a guess at it."""
    return any(
        truth.has("target")
        and not truth.marks & {"prediction", "statistic", "trivial"}
        and bool(guess.marks & {"prediction", "trivial"} or guess.has("target", "statistic"))
        for truth, guess in ((first, second), (second, first))
    )


def comparison_of(first: Value, second: Value, mark: str) -> Value:
    """Truth set against a guess: a residual, or whether it is right."""
    guess = second if first.has("target") and not first.has("statistic") else first
    trivial = {"trivial"} if is_guess_trivial(guess) else set()
    candidate = guess.marks & {"candidate"}
    return Value(
        rows=first.rows & second.rows or first.rows, marks=frozenset({mark, *trivial, *candidate})
    )


def is_guess_trivial(guess: Value) -> bool:
    """Whether a guess needs no model: of a dummy, a constant, a past value."""
    return guess.has("trivial") or not guess.has("prediction")


def is_trivial(value: Value) -> bool:
    """Whether an estimator is a baseline of scikit-learn's."""
    return any(name.startswith("Dummy") for name in value.classes)


def inverted_mask(value: Value) -> Value:
    """`~mask`: what was missing is present, and the other way."""
    swapped = {"missing": "present", "present": "missing"}
    marks = frozenset(swapped.get(mark, mark) for mark in value.marks)
    return replace(value.derived, marks=marks)


def root_name(node: ast.expr) -> str:
    """The variable that an expression of attributes, subscripts and calls begins with."""
    while True:
        if isinstance(node, ast.Name):
            return node.id
        if isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return ""
