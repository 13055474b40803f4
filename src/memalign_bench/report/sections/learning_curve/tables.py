"""Error against the number of training labels."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.curves import (
    ALL_DIMENSIONS,
    CURVE_COLUMNS,
    curve_rows,
    find_sweeps,
    n_training_labels,
    silent_note,
)
from memalign_bench.report.numbers.readings import JudgeKey
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.tables.columns import count, interval, judge_columns, real, word
from memalign_bench.report.tables.table import Table
from memalign_bench.stats.curves import PowerLaw, fit_power_law

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["COLUMNS", "curve_of", "numbers", "table"]


_NAMES = {"setting": "n_train", "x": "n_labels"}
_KEY = ["dimension", "variant", "backend"]
_FIT = ("fit_a", "fit_b", "fit_c", "fit_rmse", "fit_note")
COLUMNS = (*(_NAMES.get(name, name) for name in CURVE_COLUMNS), *_FIT)


def numbers(analysis: Analysis, made: SectionNumbers) -> pd.DataFrame:
    """One row per dimension, judge and `n_train`, and the mean over dimensions.

    `n_labels` is what a cell trained on in the mean over folds: `n_train`, or all that the other
    folds hold where that is less. The fit is `stats.curves.fit_power_law` of the MAE, a + b (n +
    1)^-c, unweighted, over the distinct numbers of labels; it stands in each row of its curve.

    Returns:
        `COLUMNS`; no row where no judge was run with two numbers of labels.
    """

    # Computed once a judge: the mean over dimensions asks for it once more.
    @cache
    def place(value: str, variant: str, backend: str, dimension: str) -> float:
        judge = JudgeKey(dimension, variant, backend)
        n_train = np.inf if value == "all" else float(value)
        return n_training_labels(analysis.frames, judge, n_train)

    sweeps = find_sweeps(analysis.frames, "n_train", "all")
    points = curve_rows(analysis, made["summary"], sweeps, place)
    rows = points.rename(columns=_NAMES)
    fits = {key: _fit_curve(group) for key, group in rows.groupby(_KEY)}
    # Plain tuples, as `groupby` names its groups.
    fitted = [fits[key] for key in rows[_KEY].itertuples(index=False, name=None)]
    # Objects, since the note is a text; the reshape keeps five columns where there is no row.
    rows[list(_FIT)] = np.array([[*fit] for fit in fitted], dtype=object).reshape(-1, len(_FIT))
    rows = rows.astype(dict.fromkeys(_FIT[:-1], "float64"))
    rows.attrs = points.attrs
    return rows


def _fit_curve(curve: pd.DataFrame) -> PowerLaw:
    # Two values of n_train that train on equally many labels are one point.
    distinct = curve.groupby("n_labels")["mae"].mean().dropna()
    return fit_power_law(distinct.index.to_numpy(dtype=float), distinct.to_numpy())


def curve_of(row: Mapping[str, Any]) -> PowerLaw:
    """The fit that a row of the table names."""
    return PowerLaw(*(row[name] for name in _FIT))


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """The table for people."""
    columns = [
        *judge_columns(analysis.frames.dimensions),
        word("n_train", "n_train"),
        real("labels", "n_labels", 1, help="what a cell trained on, in the mean over folds"),
        count("items", "n_items"),
        interval("MAE", "mae", unit="grades"),
        interval("rank corr.", "spearman"),
        *(real(name, f"fit_{name}", help="of a + b (n + 1)^-c") for name in "abc"),
        real("residual", "fit_rmse", 3, help="root mean square error of the fitted curve"),
        word("note", "fit_note"),
    ]
    notes = [
        "Labels: what a cell trained on, in the mean over folds; a fold may hold fewer than n_train"
        " asks for. Smaller samples lie within larger ones. Intervals over cases (logit-t, of"
        " ranks jackknife-t), given the labels that were drawn.",
        "a + b (n + 1)^-c is fitted to the MAE by least squares, one point a number of labels;"
        " c = 0 stands for a - b ln(n + 1), where no end is in sight. It says nothing beyond the"
        " largest number.",
        f"{ALL_DIMENSIONS.capitalize()}: the mean over those that have every n_train.",
        *silent_note(numbers),
    ]
    return Table(numbers, columns, notes)
