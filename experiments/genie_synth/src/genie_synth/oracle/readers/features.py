"""Reads how columns were encoded and scaled, and what was made of them."""

from __future__ import annotations

from typing import Any

from genie_synth.oracle.dataflow.events import Event
from genie_synth.oracle.dataflow.values import Value
from genie_synth.oracle.trace import Trace

__all__ = ["family", "read"]

_TREES = ("Forest", "Boosting", "Tree", "XGB", "LGBM", "CatBoost")
_DISTANCE = ("KNeighbors", "RadiusNeighbors", "NearestCentroid", "KMeans")
_SCALERS = ("StandardScaler", "MinMaxScaler", "RobustScaler", "MaxAbsScaler", "QuantileTransformer")


def read(seen: Trace) -> dict[str, Any]:
    """Facets of feature_engineering."""
    classes = _model_classes(seen)
    set_columns = [event for event in seen.events_of("column") if event.receiver.rows == {"all"}]
    new = [event for event in set_columns if event.label not in event.args[0].columns]
    encoding = _encoding(seen, classes, new)
    return {
        "encoding": encoding,
        "family": family(classes),
        "identifier_kept": any(_is_identifier(event) for event in new),
        "scaled": any(name in _SCALERS for name in classes),
        "in_pipeline": bool(classes & {"ColumnTransformer", "Pipeline"}),
        "domain_feature": any(_is_domain(seen, event) for event in new),
        "sees_future": any(_sees_future(seen, event.args[0]) for event in new),
    }


def _model_classes(seen: Trace) -> frozenset[str]:
    """Classes in what is fitted and predicts."""
    classes: set[str] = set()
    for event in seen.events_of(".fit", ".predict", ".predict_proba"):
        if not any(name.startswith("Dummy") for name in event.receiver.classes):
            classes |= event.receiver.classes
    return frozenset(classes)


def family(classes: frozenset[str]) -> str:
    """Kind of estimator among these classes."""
    if any(part in name for name in classes for part in _TREES):
        return "tree"
    return "distance" if any(name.startswith(_DISTANCE) for name in classes) else "linear"


def _encoding(seen: Trace, classes: frozenset[str], new: list[Event]) -> str:
    if any(_is_rate(seen, event.args[0]) for event in new):
        return "target_all_rows"
    for name, kind in (
        ("TargetEncoder", "target_train"),
        ("OrdinalEncoder", "ordinal"),
        ("OneHotEncoder", "onehot"),
    ):
        if name in classes:
            return kind
    return "onehot" if any(seen.calls_of("get_dummies")) else "none"


def _is_rate(seen: Trace, value: Value) -> bool:
    """A statistic of the target over all rows, by group, or an encoder fitted on them."""
    fitted = "TargetEncoder" in value.classes and "all" in value.fitted
    return fitted or (_whole_target(value) and seen.setting.time_index is None)


def _whole_target(value: Value) -> bool:
    return value.has("target", "of:all")


def _sees_future(seen: Trace, value: Value) -> bool:
    if value.has("target") and value.marks & {"centred", "ahead"}:
        return True
    return seen.setting.time_index is not None and _whole_target(value)


def _is_identifier(event: Event) -> bool:
    columns = event.args[0].columns
    return len(columns) == 1 and next(iter(columns)).endswith("_id")


def _is_domain(seen: Trace, event: Event) -> bool:
    """A column made of others by knowledge of the field: no flag, lag, rate, name or plain log."""
    value = event.args[0]
    if value.has("plain") or value.marks & {"missing", "present"}:
        return False
    rate = value.has("target") or "TargetEncoder" in value.classes
    return bool(value.columns) and not rate and not _is_identifier(event)
