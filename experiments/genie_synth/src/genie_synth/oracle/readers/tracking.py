"""Reads what MLflow was told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from genie_synth.oracle.dataflow.events import Event
from genie_synth.oracle.dataflow.values import NOTHING, Value
from genie_synth.oracle.trace import Trace

__all__ = ["read"]

_VALIDATION = re.compile(r"(?:^|_)(?:val|valid|validation|dev|cv|fold|oof)(?:_|$)")

_KINDS = {
    "log_metric": "metric",
    "log_metrics": "metric",
    "log_param": "params",
    "log_params": "params",
    "log_model": "model",
    "log_figure": "figure",
    "set_tag": "tags",
    "set_tags": "tags",
}


def read(seen: Trace) -> dict[str, Any]:
    """Facets of mlflow_logging."""
    calls = [event for event in seen.events_of("mlflow.*") if event.kind.startswith("mlflow.")]
    logged = {_KINDS[last] for event in calls if (last := _last(event)) in _KINDS}
    started = [event for event in calls if _last(event) == "start_run"]
    closed = any(_last(event) == "end_run" for event in calls)
    inside = sum(event.kind == "run closed" for event in seen.events)
    switches = [event for event in calls if _last(event) == "autolog"]
    models = [event for event in calls if _last(event) == "log_model"]
    autolog = bool(switches) and switches[-1].keywords.get("disable", NOTHING).constant is not True
    return {
        "logged": sorted(logged),
        "signature": any({"signature", "input_example"} & set(e.keywords) for e in models),
        "autolog": autolog,
        "named_run": any("run_name" in event.keywords for event in started),
        "left_open": len(started) > inside and not closed,
        "misnamed_metric": any(_is_misnamed(name, value) for name, value in _metrics(calls)),
    }


def _last(event: Event) -> str:
    return event.kind.rpartition(".")[2]


def _metrics(calls: list[Event]) -> Iterator[tuple[str, Value]]:
    """Name and value of every metric logged."""
    for event in calls:
        if _last(event) == "log_metric":
            for name in event.arg(0, "key").strings:
                yield name, event.arg(1, "value")
        elif _last(event) == "log_metrics":
            yield from event.arg(0, "metrics").keys.items()


def _is_misnamed(name: str, value: Value) -> bool:
    """A test score under a name that says validation."""
    return _VALIDATION.search(name.lower()) is not None and "test" in value.rows
