"""The batch reading of a study's records, taken anew within folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from memalign_bench.stats.fold_reading import calibrate_in_folds, grades_in_folds
from memalign_bench.types import Grade, Status

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["with_batch_reading"]


def with_batch_reading(rows: pd.DataFrame, grades: Sequence[Grade]) -> pd.DataFrame:
    """Take the batch reading within folds, whatever reading of it the records hold.

    Records made before it was read within folds hold the one over all folds, which carries an
    item's own label back to it.
    """
    import pandas as pd

    grades_read = rows["judge_score_batch"].to_numpy(dtype=float, na_value=np.nan, copy=True)
    expected = np.full(len(rows), np.nan)
    scored = ((rows["status"] == Status.SCORED) & rows["distribution"].notna()).to_numpy()
    dimensions, distributions = rows["dimension"].to_numpy(), rows["distribution"].to_numpy()
    folds = (rows["fold"].astype(str) + "/" + rows["repeat"].astype(str)).to_numpy()
    # Each dimension is calibrated alone, within the folds of one repeat.
    for name in dict.fromkeys(dimensions[scored]):
        positions = np.flatnonzero(scored & (dimensions == name))
        chances = np.array(distributions[positions].tolist(), dtype=float)
        grades_read[positions] = grades_in_folds(chances, folds[positions], grades)
        expected[positions] = calibrate_in_folds(chances, folds[positions]) @ np.asarray(
            grades, float
        )
    return rows.assign(
        judge_score_batch=pd.Series(grades_read, rows.index).astype(
            rows["judge_score_batch"].dtype
        ),
        judge_expected_batch=expected,
    )
