"""Reads which metrics were shown, on which rows, and beside what."""

from __future__ import annotations

import re
from typing import Any

from genie_synth.oracle.dataflow.events import Event
from genie_synth.oracle.trace import Trace

__all__ = ["read"]

_SHORT = {
    "accuracy_score": "accuracy",
    "r2_score": "r2",
    "mean_absolute_percentage_error": "mape",
    "mean_absolute_error": "mae",
    "root_mean_squared_error": "rmse",
    "mean_squared_error": "mse",
}
_REPORTS = {"classification_report": ("precision", "recall", "f1")}
_BEYOND = 1e6
"""A percentage error this large has zeros in its denominator."""


def read(seen: Trace) -> dict[str, Any]:
    """Facets of metrics_evaluation."""
    shown = [event for event in _shown(seen) if event.args[0].rows & {"train", "test", "learn"}]
    own = [event for event in shown if not event.args[0].has("trivial")]
    rows = "test" if own and all("test" in event.args[0].rows for event in own) else "train"
    counted = [event for event in shown if rows == "train" or "test" in event.args[0].rows]
    kinds = {kind for e in own for kind in _kinds(e)}
    beside = {kind for e in counted if e.args[0].has("trivial") for kind in _kinds(e)}
    return {
        "metrics": sorted(kinds),
        "scored_on": rows,
        "baseline_compared": bool(kinds & beside) or _beside_rate(seen, rows),
        "zeros_in_target": "mape" in kinds and _explodes(seen),
    }


def _kinds(event: Event) -> tuple[str, ...]:
    return _REPORTS.get(event.label, (_SHORT.get(event.label, event.label),))


def _marks_shown(seen: Trace) -> set[str]:
    """Marks of whatever is printed or stands last in a cell, outside of tracked runs."""
    shown = [event for event in seen.events_of("shown") if not event.in_run]
    return {mark for event in shown for mark in event.args[0].marks}


def _shown(seen: Trace) -> list[Event]:
    marks = _marks_shown(seen)
    return [
        event
        for event in seen.events_of("metric")
        if f"metric:{event.order}" in marks and not event.args[0].has("candidate")
    ]


def _beside_rate(seen: Trace, rows: str) -> bool:
    """Whether the share of the positive class is shown for the rows scored."""
    if seen.setting.task != "classification":
        return False
    marks = _marks_shown(seen)
    return any(
        f"rate:{event.order}" in marks and event.args[0].rows == {rows}
        for event in seen.events_of("rate")
    )


def _explodes(seen: Trace) -> bool:
    """Whether a percentage error in an output is beyond all measure."""
    numbers = (
        float(text)
        for cell in seen.cells
        if "MAPE" in cell.output.upper()
        for text in re.findall(r"\d+(?:\.\d+)?(?:e\+?\d+)?", cell.output)
    )
    return any(number > _BEYOND for number in numbers)
