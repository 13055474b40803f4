"""What a user asked for, and the data they gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from memalign_bench.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DIMENSIONS", "Case", "Task"]

DIMENSIONS = (
    "library_installation",
    "exploratory_data_analysis",
    "data_imputation",
    "feature_engineering",
    "model_training",
    "model_use",
    "metrics_evaluation",
    "mlflow_logging",
    "cell_organization",
)
"""The nine dimensions, in the order of tables."""

Task = Literal["classification", "regression", "forecasting"]


@dataclass(frozen=True)
class Case:
    """What a user asked for, and the data they gave.

    Attributes:
        case_id: Slug, unique over both corpora.
        corpus: 0 (reported) or 1 (development).
        prompt: The request in a data scientist's words, one to three sentences.
        domain: Field of work ("aviation", "energy").
        task: What is predicted: a class, a number, or the next values of a series.
        target: Column to predict.
        numeric: Numeric input columns (without target, time index and identifier).
        nominal: Nominal input columns.
        file: Name of the data file ("flights.csv").
        frame: Makes the data from a generator, the same for the same generator state.
        time_index: Column with the time, None where rows are exchangeable.
        id_column: Column that only names a row, None where there is none.
        imbalanced: Whether one class is rare.
        missing: Columns with missing values -> why they are missing (words); may hold the target.
        new_rows: Makes fresh rows without the target; None where `wants_predictions` is false.
        new_file: Name of the file with the fresh rows ("flights_tomorrow.csv").
        rules_out_tracking: Whether the prompt says not to track the experiment.
        facts: Words and columns of the case that realisations may use (positive class, unit,
            a plausible domain feature as source code, ...), by key.
    """

    case_id: str
    corpus: int
    prompt: str
    domain: str
    task: Task
    target: str
    numeric: tuple[str, ...]
    nominal: tuple[str, ...]
    file: str
    frame: Callable[[np.random.Generator], pd.DataFrame]
    time_index: str | None = None
    id_column: str | None = None
    imbalanced: bool = False
    missing: Mapping[str, str] = field(default_factory=dict)
    new_rows: Callable[[np.random.Generator], pd.DataFrame] | None = None
    new_file: str | None = None
    rules_out_tracking: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def wants_predictions(self) -> bool:
        """Whether the prompt asks for predictions on new rows."""
        return self.new_rows is not None

    def applies(self, dimension: str) -> bool:
        """Whether the dimension can be graded at all for this case."""
        if dimension == "data_imputation":
            return bool(self.missing)
        if dimension == "model_use":
            return self.wants_predictions
        return dimension != "mlflow_logging" or not self.rules_out_tracking

    def data(self) -> pd.DataFrame:
        """The data of the case, always the same."""
        return self.frame(generator(self.corpus, "case", self.case_id, "frame"))

    def new_data(self) -> pd.DataFrame:
        """The fresh rows of the case, always the same.

        Raises:
            ValueError: If the prompt asks for no predictions.
        """
        if self.new_rows is None:
            raise ValueError(f"case {self.case_id!r} asks for no predictions: it has no new rows.")
        return self.new_rows(generator(self.corpus, "case", self.case_id, "new_rows"))
