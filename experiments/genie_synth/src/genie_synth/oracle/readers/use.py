"""Reads which rows were predicted for the answer, how they were prepared, and what was said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from genie_synth.oracle.dataflow.events import Event
from genie_synth.oracle.dataflow.relations import is_trivial
from genie_synth.oracle.dataflow.values import Value
from genie_synth.oracle.trace import Trace

__all__ = ["read"]

_PREDICTS = (".predict", ".predict_proba", ".decision_function")


def read(seen: Trace) -> dict[str, Any]:
    """Facets of model_use."""
    answers = _answers(seen)
    rows = answers[-1].result.rows if answers else frozenset()
    kind = "new" if "new" in rows else "train" if rows & {"train", "all"} else "test"
    return {
        "rows": kind,
        "preprocessing": "redone_differently" if _redone(seen, answers) else "reused",
        "refit": _refitted(seen, answers),
        "threshold_unsaid": _at_half(seen, answers),
        "answer": "in_terms" if _named(seen, rows) else "raw",
    }


def _answers(seen: Trace) -> list[Event]:
    """Predictions for the rows of the file, else for a part of the rows at hand."""
    made = [event for event in seen.events_of(*_PREDICTS) if not is_trivial(event.receiver)]
    made = [event for event in made if event.receiver.classes]
    fresh = [event for event in made if event.result.rows == {"new"}]
    return fresh or [event for event in made if event.result.has("part")]


def _at_half(seen: Trace, answers: Sequence[Event]) -> bool:
    """Whether classes are called at 0.5: by `predict`, or by a comparison."""
    rows = answers[-1].result.rows if answers else frozenset()
    compared = any(event.args[0].rows == rows for event in seen.events_of("half"))
    return compared or all(event.kind == ".predict" for event in answers)


def _redone(seen: Trace, answers: Sequence[Event]) -> bool:
    """Whether columns of the new rows were set by statistics of the new rows themselves."""
    last = answers[-1].order if answers else 0
    return any(
        _is_own_statistic(event.args[0])
        for event in seen.events_of("column")
        if event.order < last
        and "new" in event.receiver.rows
        and event.label in event.args[0].columns
    )


def _is_own_statistic(value: Value) -> bool:
    scaled = any(name.endswith("Scaler") or name.endswith("Transformer") for name in value.classes)
    if value.has("prediction"):
        return False
    return value.has("of:new") or (scaled and value.fitted == {"new"})


def _refitted(seen: Trace, answers: Sequence[Event]) -> bool:
    """Whether a model that was fitted before is fitted again before it answers."""
    last = answers[-1].order if answers else 0
    return any(
        event.receiver.fitted and not event.receiver.has("candidate")
        for event in seen.events_of(".fit")
        if event.order < last and _is_model(event.receiver)
    )


def _is_model(value: Value) -> bool:
    names = {name for name in value.classes if name.endswith(("Classifier", "Regressor"))}
    names |= value.classes & {"Ridge", "Lasso", "LogisticRegression", "LinearRegression"}
    return any(not name.startswith("Dummy") for name in names)


def _named(seen: Trace, rows: frozenset[str]) -> bool:
    """Whether predictions stand beside what names the rows."""
    names = {seen.setting.time_index}
    return any(
        value.has("prediction")
        and bool(value.rows & rows)
        and any(name in names or name.endswith("_id") for name in value.columns)
        for event in seen.events
        for value in (*event.args, event.result, event.receiver)
    )
