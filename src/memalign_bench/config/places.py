"""Where classes of this package stood once: records and YAMLs that name them keep working."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["MOVED", "OWN", "at_present_places"]

OWN = "memalign_bench."
"""What every class of this package begins with."""

MOVED: Mapping[str, str] = {
    "alignment.knn_vote": "alignment.baselines.knn_vote",
    "alignment.label_calibration": "alignment.baselines.label_calibration",
    "alignment.median_label": "alignment.baselines.median_label",
    "alignment.ridge": "alignment.baselines.ridge",
    "alignment.empty_wrapper": "alignment.controls.empty_wrapper",
    "alignment.length_filler": "alignment.controls.length_filler",
    "alignment.no_labels": "alignment.controls.no_labels",
    "alignment.no_rationales": "alignment.controls.no_rationales",
    "alignment.other_guidelines": "alignment.controls.other_guidelines",
    "alignment.raters_apart": "alignment.controls.raters_apart",
    "alignment.shuffled_labels": "alignment.controls.shuffled_labels",
    "alignment.mlflow_memalign": "alignment.mlflow.memalign",
    "alignment.mlflow_rewriting": "alignment.mlflow.rewriting",
    "backends.embedded": "backends.local.embedded",
    "backends.weights": "backends.local.weights",
    "backends.endpoint": "backends.http.openai_compatible",
    "backends.hosted": "backends.http.providers",
    "backends.scripted": "backends.simulated.scripted_judge",
}
"""Modules of classes that a YAML could name, below this package: then -> now."""


def at_present_places(node: Any) -> Any:
    """A configuration with every `_target_` of this package as it is spelled today.

    >>> at_present_places({"_target_": "memalign_bench.backends.hosted.HostedModel", "model": "m"})
    {'_target_': 'memalign_bench.backends.http.providers.HostedModel', 'model': 'm'}
    """
    if isinstance(node, Mapping):
        return {
            key: _present_target(value) if key == "_target_" else at_present_places(value)
            for key, value in node.items()
        }
    return [at_present_places(entry) for entry in node] if isinstance(node, list) else node


def _present_target(target: Any) -> Any:
    # "memalign_bench.backends.hosted.HostedModel" -> "backends.hosted" and "HostedModel".
    module, _, name = str(target).removeprefix(OWN).rpartition(".")
    moved = MOVED.get(module) if str(target).startswith(OWN) else None
    return target if moved is None else f"{OWN}{moved}.{name}"
