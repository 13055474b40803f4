"""What raters say: per dimension and reason, what they saw and what follows from it.

Slots: `{where}` (the cell that shows it), `{code}` (a line of it), `{target}`, `{column}`,
`{number}`, `{file}`, `{new_file}`, `{rows}`, `{entities}`, `{domain}`, and for single dimensions
`{package}`, `{packages}`, `{metric}`, `{other}`, `{name}`, `{n_cells}`, `{metrics}`.
"""

from __future__ import annotations

from collections.abc import Mapping

from genie_synth.raters.phrases import (
    cell_organization,
    data_imputation,
    exploratory_data_analysis,
    feature_engineering,
    library_installation,
    metrics_evaluation,
    mlflow_logging,
    model_training,
    model_use,
)
from genie_synth.raters.phrases.kinds import LENIENT, STRICT, Phrases

__all__ = ["LENIENT", "PHRASES", "STRICT"]

PHRASES: Mapping[str, Phrases] = {
    "library_installation": library_installation.PHRASES,
    "exploratory_data_analysis": exploratory_data_analysis.PHRASES,
    "data_imputation": data_imputation.PHRASES,
    "feature_engineering": feature_engineering.PHRASES,
    "model_training": model_training.PHRASES,
    "model_use": model_use.PHRASES,
    "metrics_evaluation": metrics_evaluation.PHRASES,
    "mlflow_logging": mlflow_logging.PHRASES,
    "cell_organization": cell_organization.PHRASES,
}
"""dimension -> reason -> (what was seen, what follows)."""
