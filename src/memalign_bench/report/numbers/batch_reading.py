"""The batch reading of a study's records, taken anew within folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from memalign_bench.stats.fold_reading import calibrate_in_folds, grades_in_folds
from memalign_bench.types import Grade, Status

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["with_batch_reading"]


def with_batch_reading(rows: pa.Table, grades: Sequence[Grade]) -> pa.Table:
    """Predictions of a run with the batch reading taken within folds, whatever the records hold.

    Records made before it was read within folds hold the one over all folds, which carries an
    item's own label back to it.

    Returns:
        The table with `judge_score_batch` anew, and `judge_expected_batch` added.
    """
    import pyarrow as pa

    grades_read = rows["judge_score_batch"].cast(pa.float64()).to_numpy().copy()
    expected = np.full(len(rows), np.nan)
    has_distribution = rows["distribution"].is_valid().to_numpy()
    scored = np.flatnonzero((rows["status"].to_numpy() == Status.SCORED) & has_distribution)
    every = rows["distribution"].take(scored).combine_chunks().flatten().to_numpy()
    chances = every.reshape(-1, len(grades))
    dimensions = rows["dimension"].to_numpy()[scored]
    # The folds of one repeat.
    folds = np.stack([rows[name].to_numpy()[scored] for name in ("fold", "repeat")])
    _, fold_codes = np.unique(folds, axis=1, return_inverse=True)
    # Each dimension is calibrated alone.
    for name in dict.fromkeys(dimensions):
        inside = np.flatnonzero(dimensions == name)
        own = chances[inside], fold_codes[inside]
        grades_read[scored[inside]] = grades_in_folds(*own, grades)
        expected[scored[inside]] = calibrate_in_folds(*own) @ np.asarray(grades, float)
    place = rows.schema.get_field_index("judge_score_batch")
    field = rows.schema.field(place)
    read = pa.array(grades_read, from_pandas=True).cast(field.type)
    return rows.set_column(place, field, read).append_column(
        "judge_expected_batch", pa.array(expected)
    )
