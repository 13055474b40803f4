"""Looking at the data: what is shown, what is said of it, and whether anything follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from genie_synth.realisations.realisation import Realisation
from genie_synth.sketch.case import Case
from genie_synth.sketch.sketch import Sketch

__all__ = [
    "GOOD",
    "TARGET_AND_MISSING",
    "WRONG",
    "entry",
    "finding",
    "misread",
    "only",
    "plain",
    "rows_free",
    "timed",
]

Write = Callable[[Sketch], None]


Look = Callable[..., None]


TARGET_AND_MISSING: Mapping[str, Any] = {"target_looked": True, "missing_looked": True}


def finding(look: Look, found: Callable[[Sketch, bool], None], **how: bool) -> Write:
    """A look, and something true that is said of it; acted on unless `act` is false."""
    act = how.pop("act", True)

    def write(sketch: Sketch) -> None:
        look(sketch, **how)
        found(sketch, act)

    return write


def misread(look: Look, wrong: Write) -> Write:
    """A look, and something that its output contradicts."""

    def write(sketch: Sketch) -> None:
        look(sketch)
        wrong(sketch)

    return write


def only(*lines: str) -> Write:
    """Bare lines and no word."""

    def write(sketch: Sketch) -> None:
        for line in lines:
            sketch.code("explore", line, evidence=line)
        sketch.detail(column=sketch.case.target, number=str(len(sketch.frame)))

    return write


def plain(*looks: Look) -> Write:
    """Looks without a word."""

    def write(sketch: Sketch) -> None:
        for look in looks:
            look(sketch)
        sketch.detail(column=sketch.case.target, number=str(sketch.frame.shape[1]))

    return write


def rows_free(case: Case) -> bool:
    """Whether rows have no order."""
    return case.time_index is None


def timed(case: Case) -> bool:
    """Whether rows are ordered in time."""
    return case.time_index is not None


def entry(
    name: str,
    write: Write,
    suits: Callable[[Case], bool] = lambda case: True,
    **facets: Any,
) -> Realisation:
    """A realisation of exploratory_data_analysis; the keywords are its facets."""
    return Realisation(f"explore_{name}", "exploratory_data_analysis", facets, write, suits)


GOOD: Mapping[str, Any] = {**TARGET_AND_MISSING, "finding": "stated", "acted_on": True}


WRONG: Mapping[str, Any] = {**TARGET_AND_MISSING, "finding": "wrong"}
