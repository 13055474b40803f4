"""Reads how the model was split, tuned, scored and compared."""

from __future__ import annotations

from typing import Any

from genie_synth.oracle.dataflow.events import Event
from genie_synth.oracle.dataflow.relations import is_trivial
from genie_synth.oracle.dataflow.values import NOTHING, Value
from genie_synth.oracle.trace import Trace

__all__ = ["read"]

_CROSS = ("cross_val_score", "cross_validate", "cross_val_predict")


def read(seen: Trace) -> dict[str, Any]:
    """Facets of model_training."""
    splits = list(seen.events_of("split"))
    random = any(_is_random(event) for event in splits)
    folds = _folds(seen)
    tuned = _tuned_on(seen)
    drawn = [event for event in splits if _is_random(event)]
    stratified = bool(drawn) and all("stratify" in event.keywords for event in drawn)
    plain = {"KFold", "GroupKFold", "ShuffleSplit"} & folds
    return {
        "split": "random" if random else "chronological",
        "stratified": stratified and not plain,
        "folds": _kind_of_folds(seen, folds),
        "tuned_on": tuned,
        "scored_on": "train" if tuned == "train" else "test",
        "baseline": any(_fits_baseline(event) for event in seen.events),
    }


def _is_random(event: Event) -> bool:
    shuffled = event.keywords.get("shuffle", NOTHING).constant is not False
    return event.label == "train_test_split" and shuffled


def _tuned_on(seen: Trace) -> str:
    """Rows whose scores decided on a setting."""
    rows: set[str] = set()
    for event in seen.events_of("choice"):
        rows |= event.args[0].rows
    if rows & {"all", "test"}:
        return "test"
    if "fold" in rows:
        return "cv"
    if "valid" in rows:
        return "validation"
    return "train" if rows & {"train", "learn"} else "none"


def _folds(seen: Trace) -> frozenset[str]:
    """Classes of splitters that folds were drawn with."""
    found: set[str] = set()
    for event in seen.calls_of(*_CROSS, "validation_curve", "learning_curve"):
        found |= _splitters(event.keywords.get("cv", NOTHING))
    for event in seen.calls_of("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV"):
        found |= _splitters(event.keywords.get("cv", NOTHING))
    for event in seen.events_of(".split"):
        found |= _splitters(event.receiver)
    return frozenset(found)


def _splitters(value: Value) -> set[str]:
    named = {name for name in value.classes if name.endswith(("Fold", "Split"))}
    return named or ({"KFold"} if value.number is not None else set())


def _kind_of_folds(seen: Trace, folds: frozenset[str]) -> str:
    if not folds:
        return "none"
    if "TimeSeriesSplit" in folds:
        return "timeseries"
    return "shuffled" if seen.setting.time_index else "kfold"


def _fits_baseline(event: Event) -> bool:
    if event.kind == ".fit":
        return is_trivial(event.receiver)
    crossed = event.kind.rpartition(".")[2] in _CROSS
    return crossed and bool(event.args) and is_trivial(event.args[0])
