"""Evaluation: which metrics, on which rows, beside what trivial answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from genie_synth.realisations.realisation import Realisation
from genie_synth.sketch.case import Case
from genie_synth.sketch.sketch import Sketch
from genie_synth.sketch.writing import put

__all__ = ["classes", "entry", "numbers", "shown", "timed", "zeros"]

Suits = Callable[[Case], bool]


METRICS = "from sklearn.metrics import "


def shown(source: str, marks: Sequence[str] | str = "all", *needs: str) -> Callable[[Sketch], None]:
    """An evaluation cell; `needs` are names of `sklearn.metrics` or whole import lines."""

    def write(sketch: Sketch) -> None:
        for need in needs:
            sketch.need(need if " " in need else f"{METRICS}{need}")
        put(sketch, "evaluate", source, marks)
        facets = sketch.state["facets"]["metrics_evaluation"]
        sketch.detail(metrics=", ".join(facets["metrics"]), rows=facets.get("scored_on", "test"))

    return write


def classes(case: Case) -> bool:
    """Whether classes are predicted."""
    return case.task == "classification"


def numbers(case: Case) -> bool:
    """Whether numbers are predicted."""
    return case.task != "classification"


def timed(case: Case) -> bool:
    """Whether a series is forecast."""
    return case.task == "forecasting"


def zeros(case: Case) -> bool:
    """Whether a numeric target has zeros."""
    return bool(case.facts.get("zeros", False))


def entry(name: str, write: Callable[[Sketch], None], suits: Suits, **facets: Any) -> Realisation:
    """A realisation of metrics_evaluation; the keywords are its facets."""
    return Realisation(name, "metrics_evaluation", facets, write, suits)
