"""Evaluation as the authors of the development corpus write it."""

from __future__ import annotations

from genie_synth.realisations.parts.metrics_evaluation import (
    classes,
    entry,
    numbers,
    shown,
    timed,
    zeros,
)

__all__ = ["REALISATIONS"]


REALISATIONS = (
    entry(
        "recall_and_precision_beside_base_rate",
        shown(
            "$pred = $model.predict($X_test)\n"
            "base_rate = $y_test.mean()\n"
            "pd.Series({\n"
            '    "precision": precision_score($y_test, $pred, zero_division=0),\n'
            '    "recall": recall_score($y_test, $pred, zero_division=0),\n'
            '    "precision when picked at random": base_rate,\n'
            '    "recall when half are picked at random": 0.5,\n'
            "}).round(3)",
            [
                '    "precision": precision_score($y_test, $pred, zero_division=0),\n'
                '    "recall": recall_score($y_test, $pred, zero_division=0),\n'
                '    "precision when picked at random": base_rate,'
            ],
            *("precision_score", "recall_score", "import pandas as pd"),
        ),
        classes,
        metrics=["precision", "recall"],
        baseline_compared=True,
    ),
    entry(
        "brier_and_auc_beside_constant",
        shown(
            "$proba = $model.predict_proba($X_test)[:, 1]\n"
            "constant = 0 * $proba + $y_train.mean()\n"
            'for name, values in [("model", $proba), ("constant", constant)]:\n'
            "    print(name, round(brier_score_loss($y_test, values), 4),\n"
            "          round(roc_auc_score($y_test, values), 3))",
            [
                'for name, values in [("model", $proba), ("constant", constant)]:\n'
                "    print(name, round(brier_score_loss($y_test, values), 4),\n"
                "          round(roc_auc_score($y_test, values), 3))"
            ],
            *("brier_score_loss", "roc_auc_score"),
        ),
        classes,
        metrics=["brier", "roc_auc"],
        baseline_compared=True,
    ),
    entry(
        "mcc_and_f1_beside_majority",
        shown(
            "$pred = $model.predict($X_test)\n"
            "majority = 0 * $pred + $y_train.mode()[0]\n"
            'macro_f1 = partial(f1_score, average="macro", zero_division=0)\n'
            'report = {"MCC": matthews_corrcoef, "macro F1": macro_f1}\n'
            "{name: (round(score($y_test, $pred), 3), round(score($y_test, majority), 3))\n"
            " for name, score in report.items()}",
            [
                'report = {"MCC": matthews_corrcoef, "macro F1": macro_f1}\n'
                "{name: (round(score($y_test, $pred), 3), round(score($y_test, majority), 3))"
            ],
            *("matthews_corrcoef", "f1_score", "from functools import partial"),
        ),
        classes,
        metrics=["mcc", "f1"],
        baseline_compared=True,
    ),
    entry(
        "errors_table_beside_average",
        shown(
            "$pred = $model.predict($X_test)\n"
            "average_guess = 0 * $pred + $y_train.mean()\n"
            "errors = pd.DataFrame({\n"
            '    "model": ($y_test - $pred).abs(), "average": ($y_test - average_guess).abs()\n'
            "})\n"
            'errors.agg(["mean", "median"]).round(2)  # «unit»',
            [
                '    "model": ($y_test - $pred).abs(), "average": ($y_test - average_guess).abs()',
                'errors.agg(["mean", "median"]).round(2)  # «unit»',
            ],
            "import pandas as pd",
        ),
        numbers,
        metrics=["mae", "median_ae"],
        baseline_compared=True,
    ),
    entry(
        "r2_and_mae_beside_average",
        shown(
            "$pred = $model.predict($X_test)\n"
            "error = mean_absolute_error($y_test, $pred)\n"
            "flat = ($y_test - $y_train.mean()).abs().mean()\n"
            'print(f"R2 {r2_score($y_test, $pred):.2f}, off by {error:.2f} «unit» on average;"\n'
            '      f" the average alone is off by {flat:.2f}")',
            [
                "flat = ($y_test - $y_train.mean()).abs().mean()\n"
                'print(f"R2 {r2_score($y_test, $pred):.2f}, off by {error:.2f} «unit» on average;"'
            ],
            *("mean_absolute_error", "r2_score"),
        ),
        numbers,
        metrics=["mae", "r2"],
        baseline_compared=True,
    ),
    entry(
        "skill_against_same_season",
        shown(
            "$pred = $model.predict($X_test)\n"
            'same = $X_test["«lag»"]  # what repeating the past would say\n'
            "mae, rmse = mean_absolute_error, root_mean_squared_error\n"
            'print(f"MAE {mae($y_test, $pred):.2f} against {mae($y_test, same):.2f}")\n'
            'print(f"RMSE {rmse($y_test, $pred):.2f} against {rmse($y_test, same):.2f}")',
            [
                'print(f"MAE {mae($y_test, $pred):.2f} against {mae($y_test, same):.2f}")\n'
                'print(f"RMSE {rmse($y_test, $pred):.2f} against {rmse($y_test, same):.2f}")'
            ],
            *("mean_absolute_error", "root_mean_squared_error"),
        ),
        timed,
        metrics=["mae", "rmse"],
        baseline_compared=True,
    ),
    entry(
        "share_correct",
        shown(
            "$pred = $model.predict($X_test)\n"
            'print("correct:", round(($pred == $y_test).mean(), 3))',
            ['print("correct:", round(($pred == $y_test).mean(), 3))'],
        ),
        classes,
        metrics=["accuracy"],
    ),
    entry(
        "accuracy_line",
        shown(
            "reached = accuracy_score($y_test, $model.predict($X_test))\n"
            'print(f"accuracy {reached:.2%} on {len($y_test)} «entities»")',
            "all",
            "accuracy_score",
        ),
        classes,
        metrics=["accuracy"],
    ),
    entry(
        "recall_and_precision_only",
        shown(
            "$pred = $model.predict($X_test)\n"
            "pd.Series({\n"
            '    "precision": precision_score($y_test, $pred, zero_division=0),\n'
            '    "recall": recall_score($y_test, $pred, zero_division=0),\n'
            "}).round(3)",
            [
                '    "precision": precision_score($y_test, $pred, zero_division=0),\n'
                '    "recall": recall_score($y_test, $pred, zero_division=0),'
            ],
            *("precision_score", "recall_score", "import pandas as pd"),
        ),
        classes,
        metrics=["precision", "recall"],
    ),
    entry(
        "brier_only",
        shown(
            "$proba = $model.predict_proba($X_test)[:, 1]\n"
            "round(brier_score_loss($y_test, $proba), 4)",
            ["round(brier_score_loss($y_test, $proba), 4)"],
            "brier_score_loss",
        ),
        classes,
        metrics=["brier"],
    ),
    entry(
        "estimator_score_r2",
        shown('print(f"R2 {$model.score($X_test, $y_test):.3f}")'),
        numbers,
        metrics=["r2"],
    ),
    entry(
        "errors_table_only",
        shown(
            "$pred = $model.predict($X_test)\n"
            "errors = ($y_test - $pred).abs()\n"
            'errors.agg(["mean", "median"]).round(2)  # «unit»',
            ['errors.agg(["mean", "median"]).round(2)  # «unit»'],
        ),
        numbers,
        metrics=["mae", "median_ae"],
    ),
    entry(
        "recall_and_precision_on_train",
        shown(
            "$pred = $model.predict($X_train)\n"
            "base_rate = $y_train.mean()\n"
            "pd.Series({\n"
            '    "precision": precision_score($y_train, $pred, zero_division=0),\n'
            '    "recall": recall_score($y_train, $pred, zero_division=0),\n'
            '    "precision when picked at random": base_rate,\n'
            "}).round(3)",
            [
                '    "precision": precision_score($y_train, $pred, zero_division=0),\n'
                '    "recall": recall_score($y_train, $pred, zero_division=0),'
            ],
            *("precision_score", "recall_score", "import pandas as pd"),
        ),
        classes,
        metrics=["precision", "recall"],
        scored_on="train",
        baseline_compared=True,
    ),
    entry(
        "brier_and_auc_on_train",
        shown(
            "$proba = $model.predict_proba($X_train)[:, 1]\n"
            "print(round(brier_score_loss($y_train, $proba), 4),\n"
            "      round(roc_auc_score($y_train, $proba), 3))",
            "all",
            *("brier_score_loss", "roc_auc_score"),
        ),
        classes,
        metrics=["brier", "roc_auc"],
        scored_on="train",
    ),
    entry(
        "errors_table_on_train",
        shown(
            "$pred = $model.predict($X_train)\n"
            "errors = ($y_train - $pred).abs()\n"
            'errors.agg(["mean", "median"]).round(2)  # «unit»',
            [
                "errors = ($y_train - $pred).abs()\n"
                'errors.agg(["mean", "median"]).round(2)  # «unit»'
            ],
        ),
        numbers,
        metrics=["mae", "median_ae"],
        scored_on="train",
    ),
    entry(
        "relative_errors_with_zeros",
        shown(
            "$pred = $model.predict($X_test)\n"
            "mape = mean_absolute_percentage_error($y_test, $pred)\n"
            "mae = mean_absolute_error($y_test, $pred)\n"
            'print(f"MAPE {100 * mape:.1f} %, MAE {mae:.1f} «unit»")',
            [
                "mape = mean_absolute_percentage_error($y_test, $pred)",
                'print(f"MAPE {100 * mape:.1f} %, MAE {mae:.1f} «unit»")',
            ],
            *("mean_absolute_percentage_error", "mean_absolute_error"),
        ),
        zeros,
        metrics=["mape", "mae"],
        zeros_in_target=True,
    ),
)
