"""Reads how gaps in the data were closed."""

from __future__ import annotations

from typing import Any

from genie_synth.facets import FACETS
from genie_synth.oracle.dataflow.events import Event
from genie_synth.oracle.dataflow.values import NOTHING, Value
from genie_synth.oracle.trace import IMPUTERS, TRANSFORMERS, Trace

__all__ = ["read"]

_METHODS = FACETS["data_imputation"]["method"].values or ()
_ORDER = {"ffill": "forward_fill", "bfill": "backward_fill", "interpolate": "interpolate"}


def read(seen: Trace) -> dict[str, Any]:
    """Facets of data_imputation."""
    facets: dict[str, Any] = {"indicator": _has_indicator(seen)}
    for event in seen.events:
        # The last thing done to the gaps is what counts.
        facets |= _fill_facets(seen, event) or {}
    if "method" not in facets:
        facets |= _pipeline_facets(seen) or _drop_facets(seen) or {}
    return facets


def _has_indicator(seen: Trace) -> bool:
    """A flag in the imputer, or a column of zeros and ones that says where a value was missing."""
    for event in seen.calls_of("MissingIndicator", *IMPUTERS):
        asked = event.keywords.get("add_indicator", NOTHING).constant is True
        if event.kind.endswith("MissingIndicator") or asked:
            return True
    return any(
        event.args[0].marks & {"missing", "present"}
        and not event.args[0].has("statistic")
        and event.label not in seen.setting.missing
        and not event.args[1].marks
        for event in seen.events_of("column")
    )


def _pipeline_facets(seen: Trace) -> dict[str, Any] | None:
    """An imputer inside what is fitted as a model."""
    imputers = list(seen.calls_of(*IMPUTERS))
    if not imputers:
        return None
    arguments = imputers[0].keywords
    strategy = next(iter(arguments.get("strategy", NOTHING).strings), "mean")
    kind = imputers[0].kind.rpartition(".")[2]
    method = {"KNNImputer": "knn", "IterativeImputer": "iterative"}.get(kind, strategy)
    facets: dict[str, Any] = {"in_pipeline": True, "fit_scope": "train"}
    if strategy == "constant":
        fill = arguments.get("fill_value", NOTHING).number
        return facets | {"method": "sentinel" if fill else "zero", "fit_scope": "none"}
    method_name = {"most_frequent": "mode"}.get(method, method)
    return facets | {"method": method_name if method_name in _METHODS else "mixed"}


def _fill_facets(seen: Trace, event: Event) -> dict[str, Any] | None:
    """What an event says of gaps being closed in the frame itself."""
    name = event.kind.removeprefix(".")
    if event.kind in (".ffill", ".bfill", ".interpolate") and _has_gaps(seen, event.receiver):
        return {"method": _ORDER[name], "fit_scope": "none"}
    if event.kind in (".fit", ".fit_transform") and _is_bare_imputer(event.receiver):
        rows = event.arg(0).rows
        return {"method": "mean", "fit_scope": "full_frame" if "all" in rows else "train"}
    filler = _filler(seen, event, name)
    return None if filler is None else _facets_of_filler(filler)


def _filler(seen: Trace, event: Event, name: str) -> Value | None:
    """What an event puts where values are missing; None where it does no such thing."""
    if event.kind == ".fillna" and _has_gaps(seen, event.receiver):
        return event.arg(0, "value")
    if event.kind == ".where" and event.arg(0).has("present"):
        return event.arg(1, "other")
    if event.kind == "column" and event.args[1].has("missing"):
        return event.args[0]
    if name.endswith("where") and event.arg(0).has("missing") and len(event.args) == 3:
        flag = {event.args[1].number, event.args[2].number} == {0.0, 1.0}
        return None if flag else event.args[1]
    return None


def _has_gaps(seen: Trace, value: Value) -> bool:
    return bool(value.rows) and (
        not value.columns or bool(value.columns & set(seen.setting.missing))
    )


def _is_bare_imputer(value: Value) -> bool:
    return bool(value.classes & IMPUTERS) and not value.classes & TRANSFORMERS


def _facets_of_filler(value: Value) -> dict[str, Any]:
    """A gap filled with a number, or with a statistic of some rows."""
    numbers = [value.number, *(entry.number for entry in value.keys.values())]
    known = [number for number in numbers if number is not None]
    if known:
        return {"method": "zero" if known[0] == 0 else "sentinel", "fit_scope": "none"}
    of = {mark.removeprefix("of:") for mark in value.marks if mark.startswith("of:")}
    scope = "full_frame" if (of or value.rows) & {"all", "test"} else "train"
    return {"method": "median", "fit_scope": scope}


def _drop_facets(seen: Trace) -> dict[str, Any] | None:
    """Rows left out because of gaps, and what share of them."""
    for event in seen.events:
        if event.kind == ".dropna" and event.receiver.rows and not event.receiver.columns:
            asked = event.keywords.get("subset", NOTHING).strings
            columns = set(asked or seen.setting.missing)
        elif event.kind == "rows" and event.args[0].has("present") and "all" in event.receiver.rows:
            columns = set(event.args[0].columns or seen.setting.missing)
        else:
            continue
        shares = [s for name, s in seen.setting.missing.items() if name in columns]
        if columns - {seen.setting.target} and shares:
            return {"method": "drop_rows", "dropped_share": sum(shares)}
    return None
