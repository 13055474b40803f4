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

    Raises:
        ValueError: If a distribution is none over these grades.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    grades_read = rows["judge_score_batch"].cast(pa.float64()).to_numpy().copy()
    expected = np.full(len(rows), np.nan)
    has_distribution = rows["distribution"].is_valid().to_numpy()
    scored = np.flatnonzero((rows["status"].to_numpy() == Status.SCORED) & has_distribution)
    distributions = rows["distribution"].take(scored).combine_chunks()
    if pc.any(pc.not_equal(pc.list_value_length(distributions), len(grades))).as_py():
        raise ValueError(f"a distribution has not {len(grades)} probabilities, one a grade")
    chances = distributions.flatten().to_numpy(zero_copy_only=False).reshape(-1, len(grades))
    dimensions = rows["dimension"].to_numpy()[scored]
    fold, repeat = (rows[name].to_numpy()[scored] for name in ("fold", "repeat"))
    fold_codes = fold * (1 + repeat.max(initial=0)) + repeat  # each repeat is a batch of its own
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
