"""Cells of a notebook, and the manner of the author who writes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["STAGES", "AuthorStyle", "DraftCell", "Names"]

STAGES = (
    *("title", "install", "imports", "load", "explore", "clean", "features", "split", "prepare"),
    *("train", "evaluate", "use", "log", "close"),
)
"""Where cells go; a notebook is its stages in this order."""


@dataclass(frozen=True)
class Names:
    """What an author calls things; `$df` in a source becomes `df` of these."""

    df: str = "df"
    X: str = "X"
    y: str = "y"
    X_train: str = "X_train"
    X_test: str = "X_test"
    y_train: str = "y_train"
    y_test: str = "y_test"
    features: str = "features"
    model: str = "model"
    search: str = "search"
    baseline: str = "baseline"
    pred: str = "pred"
    proba: str = "proba"
    new: str = "new"


@dataclass(frozen=True)
class AuthorStyle:
    """How an author writes.

    Attributes:
        voice: Tone of the markdown.
        comments: Whether comment lines are kept (lines of evidence always are).
        quote: The quote of string literals.
    """

    voice: Literal["terse", "chatty", "formal"] = "terse"
    comments: bool = True
    quote: Literal['"', "'"] = '"'


@dataclass
class DraftCell:
    """One cell; `evidence` lists (dimension, verbatim part of the source)."""

    kind: Literal["code", "markdown"]
    stage: str
    source: str
    evidence: list[tuple[str, str]] = field(default_factory=list)
    role: str = ""
