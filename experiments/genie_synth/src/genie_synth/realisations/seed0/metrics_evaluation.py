"""Evaluation as the authors of the reported corpus write it."""

from __future__ import annotations

from genie_synth.realisations.parts.metrics_evaluation import (
    classes,
    entry,
    numbers,
    shown,
    timed,
    zeros,
)

__all__ = ["CHANCE", "NUMPY", "PREDICT", "REALISATIONS"]

PREDICT = "$pred = $model.predict($X_test)\n"


CHANCE = "$proba = $model.predict_proba($X_test)[:, 1]\n"


NUMPY = "import numpy as np"


REALISATIONS = (
    entry(
        "f1_and_auc_beside_flag_all",
        shown(
            PREDICT + CHANCE + 'print("F1", round(f1_score($y_test, $pred, zero_division=0), 3))\n'
            'print("ROC AUC", round(roc_auc_score($y_test, $proba), 3))\n'
            "flag_all = np.ones(len($y_test))\n"
            'print("flagging all: F1", round(f1_score($y_test, flag_all), 3), "ROC AUC 0.5")',
            [
                'print("F1", round(f1_score($y_test, $pred, zero_division=0), 3))\n'
                'print("ROC AUC", round(roc_auc_score($y_test, $proba), 3))',
                'print("flagging all: F1", round(f1_score($y_test, flag_all), 3), "ROC AUC 0.5")',
            ],
            *("f1_score", "roc_auc_score", NUMPY),
        ),
        classes,
        metrics=["f1", "roc_auc"],
        baseline_compared=True,
    ),
    entry(
        "precision_and_auc_beside_prevalence",
        shown(
            CHANCE + 'print(f"average precision {average_precision_score($y_test, $proba):.3f},"\n'
            '      f" at random {$y_test.mean():.3f}")\n'
            'print(f"ROC AUC {roc_auc_score($y_test, $proba):.3f}, at random 0.500")',
            "all",
            *("average_precision_score", "roc_auc_score"),
        ),
        classes,
        metrics=["average_precision", "roc_auc"],
        baseline_compared=True,
    ),
    entry(
        "log_loss_and_balanced_beside_prior",
        shown(
            CHANCE + "prior = np.full(len($y_test), $y_train.mean())\n"
            'print("log loss", round(log_loss($y_test, $proba), 3),\n'
            '      "with the base rate alone", round(log_loss($y_test, prior), 3))\n'
            'print("balanced accuracy",\n'
            "      round(balanced_accuracy_score($y_test, $proba > $y_train.mean()), 3),\n"
            '      "against 0.5")',
            "all",
            *("log_loss", "balanced_accuracy_score", NUMPY),
        ),
        classes,
        metrics=["log_loss", "balanced_accuracy"],
        baseline_compared=True,
    ),
    entry(
        "mae_and_rmse_beside_mean",
        shown(
            PREDICT + "guess_mean = np.full(len($y_test), $y_train.mean())\n"
            'for name, values in {"model": $pred, "training mean": guess_mean}.items():\n'
            "    print(name, round(mean_absolute_error($y_test, values), 2),\n"
            "          round(root_mean_squared_error($y_test, values), 2))",
            [
                'for name, values in {"model": $pred, "training mean": guess_mean}.items():\n'
                "    print(name, round(mean_absolute_error($y_test, values), 2),\n"
                "          round(root_mean_squared_error($y_test, values), 2))"
            ],
            *("mean_absolute_error", "root_mean_squared_error", NUMPY),
        ),
        numbers,
        metrics=["mae", "rmse"],
        baseline_compared=True,
    ),
    entry(
        "mae_and_r2_beside_median",
        shown(
            PREDICT + "typical_value = np.full(len($y_test), $y_train.median())\n"
            'print(f"MAE {mean_absolute_error($y_test, $pred):.2f} «unit»,"\n'
            '      f" always the median {mean_absolute_error($y_test, typical_value):.2f}")\n'
            'print(f"R2 {r2_score($y_test, $pred):.3f}")',
            [
                'print(f"MAE {mean_absolute_error($y_test, $pred):.2f} «unit»,"\n'
                '      f" always the median {mean_absolute_error($y_test, typical_value):.2f}")\n'
                'print(f"R2 {r2_score($y_test, $pred):.3f}")'
            ],
            *("mean_absolute_error", "r2_score", NUMPY),
        ),
        numbers,
        metrics=["mae", "r2"],
        baseline_compared=True,
    ),
    entry(
        "mae_and_rmse_beside_last_season",
        shown(
            PREDICT + 'before = $X_test["«lag»"]\n'
            'print("MAE", round(mean_absolute_error($y_test, $pred), 2),\n'
            '      "repeated", round(mean_absolute_error($y_test, before), 2))\n'
            'print("RMSE", round(root_mean_squared_error($y_test, $pred), 2),\n'
            '      "repeated", round(root_mean_squared_error($y_test, before), 2))',
            [
                'print("MAE", round(mean_absolute_error($y_test, $pred), 2),\n'
                '      "repeated", round(mean_absolute_error($y_test, before), 2))\n'
                'print("RMSE", round(root_mean_squared_error($y_test, $pred), 2),'
            ],
            *("mean_absolute_error", "root_mean_squared_error"),
        ),
        timed,
        metrics=["mae", "rmse"],
        baseline_compared=True,
    ),
    entry(
        "accuracy_score_alone",
        shown(
            PREDICT + 'print("accuracy", round(accuracy_score($y_test, $pred), 3))',
            ['print("accuracy", round(accuracy_score($y_test, $pred), 3))'],
            "accuracy_score",
        ),
        classes,
        metrics=["accuracy"],
    ),
    entry(
        "estimator_score_accuracy",
        shown('print(f"{$model.score($X_test, $y_test):.1%} of the test rows are right")'),
        classes,
        metrics=["accuracy"],
    ),
    entry(
        "f1_and_auc_alone",
        shown(
            PREDICT + CHANCE + 'print("F1", round(f1_score($y_test, $pred, zero_division=0), 3))\n'
            'print("ROC AUC", round(roc_auc_score($y_test, $proba), 3))',
            [
                'print("F1", round(f1_score($y_test, $pred, zero_division=0), 3))\n'
                'print("ROC AUC", round(roc_auc_score($y_test, $proba), 3))'
            ],
            *("f1_score", "roc_auc_score"),
        ),
        classes,
        metrics=["f1", "roc_auc"],
    ),
    entry(
        "auc_alone",
        shown(
            CHANCE + 'print(f"ROC AUC on the test rows: {roc_auc_score($y_test, $proba):.3f}")',
            ['print(f"ROC AUC on the test rows: {roc_auc_score($y_test, $proba):.3f}")'],
            "roc_auc_score",
        ),
        classes,
        metrics=["roc_auc"],
    ),
    entry(
        "r2_score_alone",
        shown(
            PREDICT + 'print("R2", round(r2_score($y_test, $pred), 3))',
            ['print("R2", round(r2_score($y_test, $pred), 3))'],
            "r2_score",
        ),
        numbers,
        metrics=["r2"],
    ),
    entry(
        "mae_and_rmse_alone",
        shown(
            PREDICT + 'print("MAE", round(mean_absolute_error($y_test, $pred), 2))\n'
            'print("RMSE", round(root_mean_squared_error($y_test, $pred), 2))',
            [
                'print("MAE", round(mean_absolute_error($y_test, $pred), 2))\n'
                'print("RMSE", round(root_mean_squared_error($y_test, $pred), 2))'
            ],
            *("mean_absolute_error", "root_mean_squared_error"),
        ),
        numbers,
        metrics=["mae", "rmse"],
    ),
    entry(
        "f1_and_auc_on_train",
        shown(
            "$pred = $model.predict($X_train)\n$proba = $model.predict_proba($X_train)[:, 1]\n"
            'print("F1", round(f1_score($y_train, $pred, zero_division=0), 3))\n'
            'print("ROC AUC", round(roc_auc_score($y_train, $proba), 3))',
            [
                'print("F1", round(f1_score($y_train, $pred, zero_division=0), 3))\n'
                'print("ROC AUC", round(roc_auc_score($y_train, $proba), 3))'
            ],
            *("f1_score", "roc_auc_score"),
        ),
        classes,
        metrics=["f1", "roc_auc"],
        scored_on="train",
    ),
    entry(
        "log_loss_on_train",
        shown(
            "$proba = $model.predict_proba($X_train)[:, 1]\n"
            "prior = np.full(len($y_train), $y_train.mean())\n"
            'print("log loss", round(log_loss($y_train, $proba), 3),\n'
            '      "with the base rate alone", round(log_loss($y_train, prior), 3))\n'
            'print("average precision", round(average_precision_score($y_train, $proba), 3))',
            [
                'print("log loss", round(log_loss($y_train, $proba), 3),',
                'print("average precision", round(average_precision_score($y_train, $proba), 3))',
            ],
            *("log_loss", "average_precision_score", NUMPY),
        ),
        classes,
        metrics=["log_loss", "average_precision"],
        scored_on="train",
        baseline_compared=True,
    ),
    entry(
        "mae_and_rmse_on_train",
        shown(
            "$pred = $model.predict($X_train)\n"
            'print("MAE", round(mean_absolute_error($y_train, $pred), 2))\n'
            'print("RMSE", round(root_mean_squared_error($y_train, $pred), 2))',
            [
                'print("MAE", round(mean_absolute_error($y_train, $pred), 2))\n'
                'print("RMSE", round(root_mean_squared_error($y_train, $pred), 2))'
            ],
            *("mean_absolute_error", "root_mean_squared_error"),
        ),
        numbers,
        metrics=["mae", "rmse"],
        scored_on="train",
    ),
    entry(
        "percentage_error_with_zeros",
        shown(
            PREDICT + 'print(f"MAPE {mean_absolute_percentage_error($y_test, $pred):.1%}")\n'
            'print("MAE", round(mean_absolute_error($y_test, $pred), 2))',
            ['print(f"MAPE {mean_absolute_percentage_error($y_test, $pred):.1%}")'],
            *("mean_absolute_percentage_error", "mean_absolute_error"),
        ),
        zeros,
        metrics=["mape", "mae"],
        zeros_in_target=True,
    ),
)
