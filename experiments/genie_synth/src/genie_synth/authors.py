"""The people who seem to have written the notebooks: their names for things and their manner."""

from __future__ import annotations

from collections.abc import Mapping

from genie_synth.sketch.cells import AuthorStyle, Names
from genie_synth.sketch.sketch import Sketch

__all__ = ["AUTHORS", "write_load"]

AUTHORS: Mapping[int, tuple[tuple[Names, AuthorStyle], ...]] = {
    0: (
        (Names(), AuthorStyle("terse", True, '"')),
        (
            Names("data", "inputs", "target", "X_tr", "X_te", "y_tr", "y_te", "cols", "clf"),
            AuthorStyle("chatty", False, "'"),
        ),
        (
            Names(
                *("raw", "X", "y", "train_X", "test_X", "train_y", "test_y"),
                *("input_cols", "estimator", "grid", "dummy", "forecast", "scores", "upcoming"),
            ),
            AuthorStyle("formal", True, '"'),
        ),
        (
            Names(
                *("d", "X_all", "y_all", "Xtrain", "Xtest", "ytrain", "ytest"),
                *("predictors", "fit", "tuned", "naive", "yhat", "p", "fresh"),
            ),
            AuthorStyle("terse", False, "'"),
        ),
        (
            Names(
                *("table", "X", "y", "X_fit", "X_hold", "y_fit", "y_hold"),
                *("used", "pipe", "cv", "reference", "guess", "prob", "incoming"),
            ),
            AuthorStyle("chatty", True, '"'),
        ),
        (
            Names(
                *("sheet", "M", "v", "M_a", "M_b", "v_a", "v_b"),
                *("names", "engine", "hunt", "lazy", "answer", "odds", "arrivals"),
            ),
            AuthorStyle("terse", True, "'"),
        ),
        (
            Names(
                *("obs", "predict_from", "truth", "tr_x", "te_x", "tr_y", "te_y"),
                *("variables", "fitted", "sweep", "constant", "said", "chances", "next_rows"),
            ),
            AuthorStyle("formal", True, '"'),
        ),
        (
            Names(
                *("raw_df", "Z", "goal", "Z_train", "Z_test", "goal_train", "goal_test"),
                *("signals", "core", "explorer", "stub", "shot", "share", "pending"),
            ),
            AuthorStyle("chatty", False, '"'),
        ),
        (
            Names(
                *("cases", "given", "wanted", "given_1", "given_2", "wanted_1", "wanted_2"),
                *("taken", "machine", "picked", "simplest", "told", "belief", "coming"),
            ),
            AuthorStyle("formal", False, '"'),
        ),
        (
            Names(
                *("tab", "design", "resp", "d_tr", "d_te", "r_tr", "r_te"),
                *("regressors", "mod", "cvsearch", "null", "fit_values", "p_hat", "scoring_rows"),
            ),
            AuthorStyle("terse", False, '"'),
        ),
        (
            Names(
                *("log_df", "xs", "ys", "xs_past", "xs_late", "ys_past", "ys_late"),
                *("columns_used", "winner", "tryout", "yardstick", "call", "confidence", "todo"),
            ),
            AuthorStyle("chatty", True, "'"),
        ),
        (
            Names(
                *("frame", "features_df", "labels", "X_train", "X_val", "y_train", "y_val"),
                *("feature_cols", "best", "gs", "base", "preds", "probs", "batch"),
            ),
            AuthorStyle("formal", False, "'"),
        ),
    ),
    1: (
        (
            Names(*("df", "X", "y", "X_train", "X_test", "y_train", "y_test", "columns", "m")),
            AuthorStyle("chatty", True, "'"),
        ),
        (
            Names(
                *("records", "A", "b", "A_train", "A_test", "b_train", "b_test"),
                *("chosen", "regressor", "tuner", "floor", "estimate", "likelihood", "query"),
            ),
            AuthorStyle("terse", True, '"'),
        ),
        (
            Names(
                *("dataset", "X", "y", "Xtr", "Xte", "ytr", "yte"),
                *("keep", "mdl", "gridcv", "trivial", "out", "pr", "newdata"),
            ),
            AuthorStyle("formal", False, '"'),
        ),
        (
            Names(
                *("tbl", "x", "t", "x_train", "x_test", "t_train", "t_test"),
                *("inputs", "learner", "opt", "simple", "t_hat", "t_prob", "ahead"),
            ),
            AuthorStyle("terse", False, "'"),
        ),
        (
            Names(
                *("src", "F", "outcome", "F_learn", "F_check", "outcome_learn", "outcome_check"),
                *("fields", "predictor", "picker", "plain", "called", "chance", "later"),
            ),
            AuthorStyle("chatty", False, '"'),
        ),
        (
            Names(
                *("history", "X", "y", "X_dev", "X_eval", "y_dev", "y_eval"),
                *("feats", "final", "tuning", "null_model", "result", "risk", "to_score"),
            ),
            AuthorStyle("formal", True, "'"),
        ),
    ),
}
"""corpus -> (names, style) of its authors."""


def write_load(sketch: Sketch) -> None:
    """Write the cell that reads the data of the case, in one of several manners."""
    case, stamp = sketch.case, sketch.case.time_index
    sketch.need("import pandas as pd")
    dates = f', parse_dates=["{stamp}"]' if stamp else ""
    manners = _MANNERS[case.corpus]
    manner = manners[int(sketch.rng.integers(len(manners)))]
    if "Path(" in manner:
        sketch.need("from pathlib import Path")
    sketch.code("load", manner.replace("«file»", case.file).replace("«dates»", dates))


_MANNERS: Mapping[int, tuple[str, ...]] = {
    0: (
        '$df = pd.read_csv("«file»"«dates»)\nprint($df.shape)',
        '$df = pd.read_csv("«file»"«dates»)\n$df.shape',
        'path = "«file»"\n$df = pd.read_csv(path«dates»)\nlen($df)',
        'source = Path("«file»")\n$df = pd.read_csv(source«dates»)\nprint(source.name, $df.shape)',
        '$df = pd.read_csv("«file»"«dates»)\n$df.memory_usage(deep=True).sum() // 1024',
        'with open("«file»") as handle:\n    $df = pd.read_csv(handle«dates»)\n'
        'print(f"{len($df):,} rows")',
        '$df = pd.read_csv("«file»"«dates»).reset_index(drop=True)\n$df.columns.tolist()',
    ),
    1: (
        '$df = pd.read_csv("«file»"«dates»)\nprint(len($df), "rows,", $df.shape[1], "columns")',
        'DATA = "«file»"\n$df = pd.read_csv(DATA«dates»)\n$df.columns',
        '$df = pd.read_csv("«file»"«dates»)\nlist($df.columns), len($df)',
    ),
}
"""corpus -> ways to read a file."""
