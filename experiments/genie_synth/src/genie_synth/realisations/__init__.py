"""Ways of writing notebook code that show a facet: by seed, then by dimension.

Every module below `seed0` and `seed1` (the reported and the development corpus) exposes
`REALISATIONS`, a tuple; they are found by `realisations()`, and there is no central list. `parts`
holds what the authors of both corpora write with.
"""

from __future__ import annotations

import importlib
import pkgutil

from genie_synth.realisations.realisation import Realisation

__all__ = ["WRITING_ORDER", "realisations"]

WRITING_ORDER = (
    "exploratory_data_analysis",
    "data_imputation",
    "feature_engineering",
    "model_training",
    "metrics_evaluation",
    "model_use",
    "mlflow_logging",
    "library_installation",
    "cell_organization",
)
"""The order in which realisations write; `library_installation` sees all imports needed,
`cell_organization` the finished list of cells."""


def realisations(dimension: str, seed: int) -> tuple[Realisation, ...]:
    """All realisations of a dimension in the corpus of a seed, sorted by name."""
    package = importlib.import_module(f"{__name__}.seed{seed}")
    found: list[Realisation] = []
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name.endswith(f".{dimension}"):
            found += importlib.import_module(module.name).REALISATIONS
    return tuple(sorted(found, key=lambda entry: entry.name))
