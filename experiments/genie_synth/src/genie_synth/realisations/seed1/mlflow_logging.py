"""Tracking as the authors of the development corpus do it."""

from __future__ import annotations

from genie_synth.realisations.parts.mlflow_logging import (
    ALL,
    PICKLE,
    autolog,
    autolog_unnamed,
    entry,
    log,
    metric_only,
    misnamed,
    prepared,
    slug,
)
from genie_synth.sketch.sketch import Sketch

__all__ = ["REALISATIONS"]


def _experiment_and_figure(sketch: Sketch) -> None:
    metric = prepared(sketch)
    shown = [
        "    mlflow.log_params($model.get_params(deep=False))",
        f'    mlflow.log_metric("{metric.rows}_{metric.name}", {metric.value})',
        f'    mlflow.sklearn.log_model($model, name="model", signature=sig, {PICKLE})',
    ]
    sketch.need("from mlflow.models.signature import infer_signature")
    lines = [
        f'mlflow.set_experiment("{slug(sketch)}")',
        "sig = infer_signature($X_train, $model.predict($X_train))",
        "with mlflow.start_run():",
        *shown,
        '    mlflow.log_text($X_test.head().to_csv(index=False), "holdout_head.csv")',
    ]
    log(sketch, lines, ["\n".join(shown)])


def _by_parts(sketch: Sketch) -> None:
    metric = prepared(sketch)
    shown = [
        f'    mlflow.log_metric("{metric.name}", float({metric.value}))',
        "    mlflow.sklearn.log_model(",
        "        $model,",
        "        input_example=$X_train.sample(3, random_state=1),",
        f"        {PICKLE},",
        "    )",
    ]
    lines = [
        f'with mlflow.start_run(run_name="{sketch.case.domain}-final") as run:',
        '    for key, value in {"inputs": len($features), "rows": len($X_train)}.items():',
        "        mlflow.log_param(key, value)",
        *shown,
    ]
    log(sketch, lines, ["\n".join(lines[1:3]), "\n".join(shown)])


def _open_at_the_end(sketch: Sketch) -> None:
    """The run is opened before the fit and nothing closes it."""
    metric = prepared(sketch)
    sketch.need("from mlflow.models import infer_signature")
    opened = f'mlflow.start_run(run_name="{slug(sketch)}-run")'
    sketch.code("prepare", f"{opened};", evidence=opened)
    lines = [
        'mlflow.log_param("inputs", len($features))',
        f'mlflow.log_metrics({{"{metric.rows}_{metric.name}": {metric.value}}})',
        "described = infer_signature($X_train, $model.predict($X_train))",
        f"mlflow.sklearn.log_model($model, signature=described, {PICKLE})",
        "print(mlflow.active_run().info.status)",
    ]
    log(sketch, lines, ["\n".join(lines[:2]), "\n".join(lines[3:])])


def _experiment_only(sketch: Sketch) -> None:
    metric = prepared(sketch)
    lines = [
        f'mlflow.set_experiment("{slug(sketch)}");',
        f"final_score = {metric.value}",
        "final_score",
    ]
    log(sketch, lines, ["\n".join(lines)])


def _kept_in_table(sketch: Sketch) -> None:
    metric = prepared(sketch, tracked=False)
    sketch.need("import pandas as pd")
    lines = [
        f'row = {{"model": type($model).__name__, "{metric.name}": {metric.value}}}',
        "log = pd.DataFrame([row])",
        'log.to_csv("runs.csv", index=False)',
        "log",
    ]
    log(sketch, lines, ["\n".join(lines[:3])])


def _kept_in_list(sketch: Sketch) -> None:
    metric = prepared(sketch, tracked=False)
    lines = ["tracked = []", f'tracked.append(("{metric.name}", {metric.value}))', "tracked"]
    log(sketch, lines, ["\n".join(lines)])


REALISATIONS = (
    entry("experiment_signature", _experiment_and_figure, *ALL, signature=True),
    entry("by_parts", _by_parts, *ALL, signature=True, named_run=True),
    entry(
        "autolog_in_named_run",
        autolog("mlflow.autolog(log_datasets=False)", "{slug} training"),
        *ALL,
        autolog=True,
        named_run=True,
    ),
    entry(
        "autolog_with_examples",
        autolog("mlflow.sklearn.autolog(log_input_examples=True)", "fit-{slug}"),
        *ALL,
        autolog=True,
        named_run=True,
        signature=True,
    ),
    entry(
        "metrics_dictionary",
        metric_only('mlflow.log_metrics({"{name}": {value}})'),
        "metric",
        named_run=True,
    ),
    entry(
        "float_metric_unnamed",
        metric_only('mlflow.log_metric("score_{name}", float({value}))', named=False),
        "metric",
    ),
    entry(
        "autolog_no_name",
        autolog_unnamed("mlflow.sklearn.autolog(log_models=False)"),
        "params",
        "metric",
        autolog=True,
    ),
    entry(
        "open_at_the_end",
        _open_at_the_end,
        *ALL,
        signature=True,
        named_run=True,
        left_open=True,
    ),
    entry("table_to_csv", _kept_in_table),
    entry("list_of_scores", _kept_in_list),
    entry("experiment_set_only", _experiment_only),
    entry(
        "test_as_cv",
        misnamed("cv", with_model=False),
        "params",
        "metric",
        named_run=True,
        misnamed_metric=True,
    ),
    entry(
        "test_as_validation",
        misnamed("validation", with_model=True),
        *ALL,
        signature=True,
        named_run=True,
        misnamed_metric=True,
    ),
)
