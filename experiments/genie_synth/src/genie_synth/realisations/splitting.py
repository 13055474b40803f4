"""How the test rows are set apart, and which folds go with that."""

from __future__ import annotations

from typing import Literal

from genie_synth.sketch.sketch import Sketch
from genie_synth.sketch.writing import put

__all__ = ["Way", "folds", "scoring", "write_split"]

Way = Literal["stratified", "plain", "time", "mixed"]
"""stratified: random, classes kept (where there are classes); plain: random; time: the last rows
of a series; mixed: random rows of a series."""


def write_split(sketch: Sketch, way: Way, *, share: float, seed: int) -> None:
    """Write the cell that makes `$X_train` to `$y_test`.

    Args:
        sketch: The notebook.
        way: See `Way`.
        share: Share of the rows that are tested on.
        seed: Random state of a random split.
    """
    inputs = '$X, $y = $df[$features], $df["«target»"]'
    if way == "time":
        rows = [
            f"cut = int(len($df) * {1 - share:.2f})  # the most recent rows are the test set",
            "$X_train, $X_test = $X.iloc[:cut], $X.iloc[cut:]",
            "$y_train, $y_test = $y.iloc[:cut], $y.iloc[cut:]",
        ]
        put(sketch, "split", "\n".join([inputs, *rows]), ["\n".join(rows[:2])])
        return
    sketch.need("from sklearn.model_selection import train_test_split")
    kept = way == "stratified" and sketch.case.task == "classification"
    stratify = ", stratify=$y" if kept else ""
    call = (
        "$X_train, $X_test, $y_train, $y_test = train_test_split(\n"
        f"    $X, $y, test_size={share}{stratify}, random_state={seed}\n)"
    )
    put(sketch, "split", f"{inputs}\n{call}", [call])


def folds(sketch: Sketch, way: Way, *, n: int) -> str:
    """Source of the folds that go with a split ("mixed" and "plain": shuffled)."""
    if way == "time":
        sketch.need("from sklearn.model_selection import TimeSeriesSplit")
        return f"TimeSeriesSplit(n_splits={n})"
    if way == "stratified" and sketch.case.task == "classification":
        sketch.need("from sklearn.model_selection import StratifiedKFold")
        return f"StratifiedKFold({n}, shuffle=True, random_state=0)"
    sketch.need("from sklearn.model_selection import KFold")
    return f"KFold({n}, shuffle=True, random_state=0)"


def scoring(sketch: Sketch) -> str:
    """Name of the score that folds are compared by."""
    if sketch.case.task != "classification":
        return "neg_mean_absolute_error"
    return "roc_auc" if sketch.case.imbalanced else "accuracy"
