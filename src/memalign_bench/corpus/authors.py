"""The people who seem to have written the notebooks: their names for things and their manner."""

from __future__ import annotations

from collections.abc import Mapping

from memalign_bench.corpus.sketch import Names, Sketch, Style

__all__ = ["AUTHORS", "write_load"]

AUTHORS: Mapping[int, tuple[tuple[Names, Style], ...]] = {
    0: (
        (Names(), Style("terse", True, '"')),
        (
            Names("data", "inputs", "target", "X_tr", "X_te", "y_tr", "y_te", "cols", "clf"),
            Style("chatty", False, "'"),
        ),
        (
            Names(
                *("raw", "X", "y", "train_X", "test_X", "train_y", "test_y"),
                *("input_cols", "estimator", "grid", "dummy", "forecast", "scores", "upcoming"),
            ),
            Style("formal", True, '"'),
        ),
        (
            Names(
                *("d", "X_all", "y_all", "Xtrain", "Xtest", "ytrain", "ytest"),
                *("predictors", "fit", "tuned", "naive", "yhat", "p", "fresh"),
            ),
            Style("terse", False, "'"),
        ),
        (
            Names(
                *("table", "X", "y", "X_fit", "X_hold", "y_fit", "y_hold"),
                *("used", "pipe", "cv", "reference", "guess", "prob", "incoming"),
            ),
            Style("chatty", True, '"'),
        ),
        (
            Names(
                *("frame", "features_df", "labels", "X_train", "X_val", "y_train", "y_val"),
                *("feature_cols", "best", "gs", "base", "preds", "probs", "batch"),
            ),
            Style("formal", False, "'"),
        ),
    ),
    1: (
        (
            Names(*("df", "X", "y", "X_train", "X_test", "y_train", "y_test", "columns", "m")),
            Style("chatty", True, "'"),
        ),
        (
            Names(
                *("records", "A", "b", "A_train", "A_test", "b_train", "b_test"),
                *("chosen", "regressor", "tuner", "floor", "estimate", "likelihood", "query"),
            ),
            Style("terse", True, '"'),
        ),
        (
            Names(
                *("dataset", "X", "y", "Xtr", "Xte", "ytr", "yte"),
                *("keep", "mdl", "gridcv", "trivial", "out", "pr", "newdata"),
            ),
            Style("formal", False, '"'),
        ),
        (
            Names(
                *("tbl", "x", "t", "x_train", "x_test", "t_train", "t_test"),
                *("inputs", "learner", "opt", "simple", "t_hat", "t_prob", "ahead"),
            ),
            Style("terse", False, "'"),
        ),
        (
            Names(
                *("src", "F", "outcome", "F_learn", "F_check", "outcome_learn", "outcome_check"),
                *("fields", "predictor", "picker", "plain", "called", "chance", "later"),
            ),
            Style("chatty", False, '"'),
        ),
        (
            Names(
                *("history", "X", "y", "X_dev", "X_eval", "y_dev", "y_eval"),
                *("feats", "final", "tuning", "null_model", "result", "risk", "to_score"),
            ),
            Style("formal", True, "'"),
        ),
    ),
}
"""corpus -> (names, style) of its authors."""


def write_load(sketch: Sketch) -> None:
    """Write the cell that reads the data of the case, in one of several manners."""
    case, stamp = sketch.case, sketch.case.time_index
    sketch.need("import pandas as pd")
    manner = int(sketch.rng.integers(3)) + 3 * case.corpus
    dates = f', parse_dates=["{stamp}"]' if stamp else ""
    read = f'pd.read_csv("{case.file}"{dates})'
    if manner == 0:
        sketch.code("load", f"$df = {read}\nprint($df.shape)")
    elif manner == 1:
        sketch.code("load", f"$df = {read}\n$df.shape")
    elif manner == 2:
        sketch.code("load", f'path = "{case.file}"\n$df = pd.read_csv(path{dates})\nlen($df)')
    elif manner == 3:
        sketch.code("load", f'$df = {read}\nprint(len($df), "rows,", $df.shape[1], "columns")')
    elif manner == 4:
        sketch.code("load", f'DATA = "{case.file}"\n$df = pd.read_csv(DATA{dates})\n$df.columns')
    else:
        sketch.code("load", f"$df = {read}\nlist($df.columns), len($df)")
