"""From a notebook to facets, and from facets to a score by the experts' policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from memalign_bench.corpus.oracle import (
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
from memalign_bench.corpus.oracle.setting import read_setting
from memalign_bench.corpus.oracle.walked import Walked, walk
from memalign_bench.corpus.policy import Ruling, expert
from memalign_bench.corpus.sketch import DIMENSIONS
from memalign_bench.notebooks.parse import read_notebook

__all__ = ["facets", "ruling", "rulings"]

_READERS: Mapping[str, Callable[[Walked], dict[str, Any]]] = {
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


def facets(dimension: str, seen: Walked) -> dict[str, Any]:
    """What a notebook shows of one dimension, in the words of `corpus.facets`."""
    return _READERS[dimension](seen)


def ruling(dimension: str, seen: Walked) -> Ruling:
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
    seen = walk(read_notebook(content, where), read_setting(prompt, context))
    return {dimension: ruling(dimension, seen) for dimension in DIMENSIONS}
