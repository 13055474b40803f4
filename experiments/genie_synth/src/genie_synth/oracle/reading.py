"""From a notebook to facets, and from facets to a score by the experts' policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from genie_synth.oracle.readers import (
    exploration,
    features,
    imputation,
    library,
    metrics,
    organization,
    tracking,
    training,
    use,
)
from genie_synth.oracle.setting import read_setting
from genie_synth.oracle.trace import Trace, trace
from genie_synth.policy import Ruling, expert
from genie_synth.sketch.case import DIMENSIONS
from memalign_bench.notebooks.parse import read_notebook

__all__ = ["facets", "ruling", "rulings"]

_READERS: Mapping[str, Callable[[Trace], dict[str, Any]]] = {
    "library_installation": library.read,
    "exploratory_data_analysis": exploration.read,
    "data_imputation": imputation.read,
    "feature_engineering": features.read,
    "model_training": training.read,
    "model_use": use.read,
    "metrics_evaluation": metrics.read,
    "mlflow_logging": tracking.read,
    "cell_organization": organization.read,
}


def facets(dimension: str, seen: Trace) -> dict[str, Any]:
    """What a notebook shows of one dimension, in the words of `genie_synth.facets`."""
    return _READERS[dimension](seen)


def ruling(dimension: str, seen: Trace) -> Ruling:
    """Score and reason of one dimension."""
    return expert(dimension, facets(dimension, seen), seen.setting)


def rulings(content: str, prompt: str, context: str, where: str = "notebook") -> dict[str, Ruling]:
    """Scores and reasons of all nine dimensions.

    Args:
        content: The notebook's JSON.
        prompt: What was asked for.
        context: The line on the data.
        where: How error messages name the notebook.

    Raises:
        DataError: If the text is no notebook.
    """
    seen = trace(read_notebook(content, where), read_setting(prompt, context))
    return {dimension: ruling(dimension, seen) for dimension in DIMENSIONS}
