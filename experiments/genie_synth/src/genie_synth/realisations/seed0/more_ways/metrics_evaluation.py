"""More ways of evaluating in the reported corpus: tables, functions, loops, on which rows."""

from __future__ import annotations

from genie_synth.realisations.parts.metrics_evaluation import (
    classes,
    entry,
    numbers,
    shown,
)
from genie_synth.realisations.seed0.metrics_evaluation import CHANCE, NUMPY, PREDICT

__all__ = ["REALISATIONS"]

PANDAS = "import pandas as pd"


DUMMY = "from sklearn.dummy import DummyClassifier"


GUESS = "from sklearn.dummy import DummyRegressor"


def _errors(rows: str) -> str:
    """A function of errors in both units, called for some rows and for the trivial answer."""
    return (
        "def errors(true, said):\n"
        "    return mean_absolute_error(true, said), median_absolute_error(true, said)\n\n\n"
        f'print("model", np.round(errors($y_{rows}, $model.predict($X_{rows})), 2))'
    )


def _hits(rows: str) -> str:
    """Precision and recall as a function of the limit, on some rows."""
    return (
        f"chance = $model.predict_proba($X_{rows})[:, 1]\n"
        "for limit in (0.2, 0.35, 0.5):\n"
        "    called = chance > limit\n"
        f'    print(limit, "precision", round(precision_score($y_{rows}, called,'
        " zero_division=0), 3),\n"
        f'          "recall", round(recall_score($y_{rows}, called), 3))'
    )


def _report(rows: str) -> str:
    return (
        f"pd.Series({{\n"
        f'    "Matthews": matthews_corrcoef($y_{rows}, $model.predict($X_{rows})),\n'
        f'    "ROC AUC": roc_auc_score($y_{rows}, $model.predict_proba($X_{rows})[:, 1]),\n'
        "}).round(3)"
    )


def _spread(rows: str) -> str:
    return (
        f"missed = np.abs($y_{rows} - $model.predict($X_{rows}))\n"
        'print("MAE", round(missed.mean(), 2), "worst tenth above", round(missed.quantile(0.9), 2))'
    )


REALISATIONS = (
    # --- sound
    entry(
        "limits_beside_flag_everybody",
        shown(
            _hits("test") + '\nprint("flagging everybody: precision", round($y_test.mean(), 3),'
            ' "recall 1.0")',
            [
                '    print(limit, "precision", round(precision_score($y_test, called,'
                " zero_division=0), 3),",
                'print("flagging everybody: precision", round($y_test.mean(), 3), "recall 1.0")',
            ],
            *("precision_score", "recall_score"),
        ),
        classes,
        metrics=["precision", "recall"],
        baseline_compared=True,
    ),
    entry(
        "matthews_beside_dummy",
        shown(
            "lazy_one = DummyClassifier().fit($X_train, $y_train)\n"
            'for name, one in {"model": $model, "majority": lazy_one}.items():\n'
            "    print(name, round(matthews_corrcoef($y_test, one.predict($X_test)), 3),\n"
            "          round(roc_auc_score($y_test, one.predict_proba($X_test)[:, 1]), 3))",
            "all",
            *("matthews_corrcoef", "roc_auc_score", DUMMY),
        ),
        classes,
        metrics=["matthews", "roc_auc"],
        baseline_compared=True,
    ),
    entry(
        "mean_and_median_error_beside_dummy",
        shown(
            _errors("test") + "\nalways = DummyRegressor().fit($X_train, $y_train)\n"
            'print("always the mean", np.round(errors($y_test, always.predict($X_test)), 2))',
            [
                'print("model", np.round(errors($y_test, $model.predict($X_test)), 2))',
                'print("always the mean", np.round(errors($y_test, always.predict($X_test)), 2))',
            ],
            *("mean_absolute_error", "median_absolute_error", GUESS, NUMPY),
        ),
        numbers,
        metrics=["mae", "median_absolute_error"],
        baseline_compared=True,
    ),
    entry(
        "error_table_beside_median",
        shown(
            "table_of = {}\n"
            'for name, said in {"model": $model.predict($X_test),'
            ' "median": np.full(len($y_test), $y_train.median())}.items():\n'
            "    off = np.abs($y_test - said)\n"
            '    table_of[name] = {"MAE": off.mean(), "RMSE": (off ** 2).mean() ** 0.5}\n'
            "pd.DataFrame(table_of).round(2)",
            [
                ' "median": np.full(len($y_test), $y_train.median())}.items():',
                '    table_of[name] = {"MAE": off.mean(), "RMSE": (off ** 2).mean() ** 0.5}',
            ],
            *(NUMPY, PANDAS),
        ),
        numbers,
        metrics=["mae", "rmse"],
        baseline_compared=True,
    ),
    # --- average
    entry(
        "limits_alone",
        shown(
            _hits("test"),
            [
                '    print(limit, "precision", round(precision_score($y_test, called,'
                " zero_division=0), 3),"
            ],
            *("precision_score", "recall_score"),
        ),
        classes,
        metrics=["precision", "recall"],
    ),
    entry(
        "matthews_and_auc_alone",
        shown(_report("test"), "all", "matthews_corrcoef", "roc_auc_score", PANDAS),
        classes,
        metrics=["matthews", "roc_auc"],
    ),
    entry(
        "mean_and_median_error_alone",
        shown(
            _errors("test"),
            ['print("model", np.round(errors($y_test, $model.predict($X_test)), 2))'],
            *("mean_absolute_error", "median_absolute_error", NUMPY),
        ),
        numbers,
        metrics=["mae", "median_absolute_error"],
    ),
    entry(
        "mae_and_worst_tenth_alone",
        shown(_spread("test"), "all", NUMPY),
        numbers,
        metrics=["mae", "quantile"],
    ),
    entry(
        "log_loss_and_auc_alone",
        shown(
            CHANCE + 'print("log loss", round(log_loss($y_test, $proba), 3),'
            ' "ROC AUC", round(roc_auc_score($y_test, $proba), 3))',
            [
                'print("log loss", round(log_loss($y_test, $proba), 3), "ROC AUC",'
                " round(roc_auc_score($y_test, $proba), 3))"
            ],
            *("log_loss", "roc_auc_score"),
        ),
        classes,
        metrics=["log_loss", "roc_auc"],
    ),
    # --- harmful
    entry(
        "limits_on_train",
        shown(
            _hits("train") + '\nprint("flagging everybody: precision", round($y_train.mean(), 3),'
            ' "recall 1.0")',
            [
                "chance = $model.predict_proba($X_train)[:, 1]",
                '    print(limit, "precision", round(precision_score($y_train, called,'
                " zero_division=0), 3),",
            ],
            *("precision_score", "recall_score"),
        ),
        classes,
        metrics=["precision", "recall"],
        scored_on="train",
        baseline_compared=True,
    ),
    entry(
        "matthews_and_auc_on_train",
        shown(_report("train"), "all", "matthews_corrcoef", "roc_auc_score", PANDAS),
        classes,
        metrics=["matthews", "roc_auc"],
        scored_on="train",
    ),
    entry(
        "errors_on_train_beside_dummy",
        shown(
            _errors("train") + "\nalways = DummyRegressor().fit($X_train, $y_train)\n"
            'print("always the mean", np.round(errors($y_train, always.predict($X_train)), 2))',
            [
                'print("model", np.round(errors($y_train, $model.predict($X_train)), 2))',
                'print("always the mean", np.round(errors($y_train, always.predict($X_train)), 2))',
            ],
            *("mean_absolute_error", "median_absolute_error", GUESS, NUMPY),
        ),
        numbers,
        metrics=["mae", "median_absolute_error"],
        scored_on="train",
        baseline_compared=True,
    ),
    entry(
        "worst_tenth_on_train",
        shown(_spread("train"), "all", NUMPY),
        numbers,
        metrics=["mae", "quantile"],
        scored_on="train",
    ),
    entry(
        "r2_and_mae_on_train",
        shown(
            PREDICT.replace("test", "train") + 'print(f"R2 {r2_score($y_train, $pred):.3f},'
            ' MAE {mean_absolute_error($y_train, $pred):.2f} «unit»")',
            [
                'print(f"R2 {r2_score($y_train, $pred):.3f},'
                ' MAE {mean_absolute_error($y_train, $pred):.2f} «unit»")'
            ],
            *("r2_score", "mean_absolute_error"),
        ),
        numbers,
        metrics=["r2", "mae"],
        scored_on="train",
    ),
)
