"""Tracking as the authors of the reported corpus do it."""

from __future__ import annotations

from genie_synth.realisations.parts.mlflow_logging import (
    ALL,
    PICKLE,
    Write,
    autolog,
    entry,
    log,
    metric_only,
    misnamed,
    prepared,
    slug,
)
from genie_synth.sketch.sketch import Sketch

__all__ = ["REALISATIONS"]

# --- everything that is needed -------------------------------------------------------------------


def _with_signature(sketch: Sketch) -> None:
    metric = prepared(sketch)
    sketch.need("from mlflow.models import infer_signature")
    shown = [
        f'with mlflow.start_run(run_name="{slug(sketch)}"):',
        '    mlflow.log_params({"n_features": len($features), "model": type($model).__name__})',
        f'    mlflow.log_metric("{metric.rows}_{metric.name}", {metric.value})',
        f"    mlflow.sklearn.log_model($model, signature=signature, {PICKLE})",
    ]
    first = "signature = infer_signature($X_test, $model.predict($X_test))"
    log(sketch, [first, *shown], ["\n".join(shown)])


def _with_example(sketch: Sketch) -> None:
    metric = prepared(sketch)
    shown = [
        'mlflow.log_param("rows", len($X_train))',
        f'mlflow.log_metric("{metric.rows}_{metric.name}", {metric.value})',
        f"mlflow.sklearn.log_model($model, input_example=$X_train.head(3), {PICKLE})",
    ]
    start = f'mlflow.start_run(run_name="{slug(sketch)}_final")'
    log(sketch, [start, *shown, "mlflow.end_run()"], ["\n".join(shown), "mlflow.end_run()"])


def _dictionaries(sketch: Sketch) -> None:
    metric = prepared(sketch)
    lines = [
        'settings = {"features": len($features), "train_rows": len($X_train)}',
        f'results = {{"{metric.rows}_{metric.name}": {metric.value}}}',
        f'with mlflow.start_run(run_name="{sketch.case.target} model"):',
        "    mlflow.log_params(settings)",
        "    mlflow.log_metrics(results)",
        "    example = $X_test.iloc[:2]",
        f"    mlflow.sklearn.log_model($model, input_example=example, {PICKLE})",
    ]
    log(sketch, lines, ["\n".join(lines[3:])])


def _no_signature(name: str) -> Write:
    def write(sketch: Sketch) -> None:
        metric = prepared(sketch)
        shown = [
            f'    mlflow.log_metric("{metric.rows}_{metric.name}", {metric.value})',
            f'    mlflow.sklearn.log_model($model, name="{name}", {PICKLE})',
        ]
        lines = [
            f'with mlflow.start_run(run_name="{slug(sketch)}"):',
            '    mlflow.log_param("n_features", len($features))',
            *shown,
        ]
        log(sketch, lines, ["\n".join(lines[1:])])

    return write


def _no_model(sketch: Sketch) -> None:
    metric = prepared(sketch)
    lines = [
        f'with mlflow.start_run(run_name="{slug(sketch)}_v1"):',
        '    mlflow.log_params({"inputs": ",".join($features)[:200], "rows": len($X_train)})',
        f'    mlflow.log_metric("{metric.rows}_{metric.name}", {metric.value})',
    ]
    log(sketch, lines, ["\n".join(lines)])


def _never_ended(sketch: Sketch) -> None:
    """A run is started and never ended; what is logged is complete."""
    metric = prepared(sketch)
    lines = [
        f'run = mlflow.start_run(run_name="{slug(sketch)}")',
        'mlflow.log_params({"features": len($features)})',
        f'mlflow.log_metric("{metric.rows}_{metric.name}", {metric.value})',
        f"mlflow.sklearn.log_model($model, input_example=$X_test.head(2), {PICKLE})",
    ]
    log(sketch, lines, ["\n".join(lines)])


# --- nothing, or under the wrong name ------------------------------------------------------------


def _kept_in_json(sketch: Sketch) -> None:
    metric = prepared(sketch, tracked=False)
    sketch.need("import json", "from pathlib import Path")
    value = f"float({metric.value})"
    line = f'Path("results.json").write_text(json.dumps({{"{metric.name}": {value}}}))'
    log(sketch, [line], [line])


def _printed_only(sketch: Sketch) -> None:
    metric = prepared(sketch, tracked=False)
    line = f'print("final {metric.name}:", round({metric.value}, 3))'
    log(sketch, [line], [line])


def _empty_run(sketch: Sketch) -> None:
    metric = prepared(sketch)
    lines = [
        f'with mlflow.start_run(run_name="{slug(sketch)}"):',
        f"    score = {metric.value}",
        "    print(round(score, 3))",
    ]
    log(sketch, lines, ["\n".join(lines)])


REALISATIONS = (
    entry("signature", _with_signature, *ALL, signature=True, named_run=True),
    entry("input_example", _with_example, *ALL, signature=True, named_run=True),
    entry("dictionaries", _dictionaries, *ALL, signature=True, named_run=True),
    entry(
        "autolog_named",
        autolog("mlflow.sklearn.autolog()", "{slug}autolog"),
        *ALL,
        autolog=True,
        named_run=True,
    ),
    entry(
        "metric_only",
        metric_only('mlflow.log_metric("{rows}_{name}", {value})'),
        "metric",
        named_run=True,
    ),
    entry(
        "one_metric_unnamed",
        metric_only('mlflow.log_metric("{name}", round({value}, 4))', named=False),
        "metric",
    ),
    entry("model_without_signature", _no_signature("model"), *ALL, named_run=True),
    entry("never_ended", _never_ended, *ALL, signature=True, named_run=True, left_open=True),
    entry("params_and_metric", _no_model, "params", "metric", named_run=True),
    entry("results_json", _kept_in_json),
    entry("printed_score", _printed_only),
    entry("run_without_log", _empty_run, named_run=True),
    entry(
        "test_as_val",
        misnamed("val", with_model=True),
        *ALL,
        signature=True,
        named_run=True,
        misnamed_metric=True,
    ),
)
