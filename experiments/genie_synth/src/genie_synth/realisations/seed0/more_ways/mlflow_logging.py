"""More ways of tracking in the reported corpus: functions, tags, handlers, and what never runs."""

from __future__ import annotations

from genie_synth.realisations.parts.mlflow_logging import (
    ALL,
    PICKLE,
    Write,
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


def _function(*, called: bool) -> Write:
    """Everything is logged in a function; without the call nothing is."""

    def write(sketch: Sketch) -> None:
        metric = prepared(sketch)
        sketch.need("from mlflow.models import infer_signature")
        lines = [
            "def track(run_name):",
            "    described = infer_signature($X_test, $model.predict($X_test))",
            "    with mlflow.start_run(run_name=run_name):",
            '        mlflow.log_params({"inputs": len($features), "rows": len($X_train)})',
            f'        mlflow.log_metric("{metric.rows}_{metric.name}", {metric.value})',
            f"        mlflow.sklearn.log_model($model, signature=described, {PICKLE})",
            "",
            "",
            f'track("{slug(sketch)}")' if called else "track",
        ]
        log(sketch, lines, [lines[0], "\n".join(lines[4:6]), lines[-1]])

    return write


def _tagged(sketch: Sketch) -> None:
    metric = prepared(sketch)
    lines = [
        f'with mlflow.start_run(run_name="{slug(sketch)}-tagged"):',
        f'    mlflow.set_tag("data", "{sketch.case.file}")',
        '    mlflow.log_param("inputs", ", ".join($features)[:250])',
        f'    mlflow.log_metrics({{"{metric.rows}_{metric.name}": {metric.value}}})',
        f"    mlflow.sklearn.log_model($model, input_example=$X_test.head(1), {PICKLE})",
    ]
    log(sketch, lines, ["\n".join(lines[2:])])


def _guarded(sketch: Sketch) -> None:
    """The run is closed whatever happens."""
    metric = prepared(sketch)
    lines = [
        f'mlflow.start_run(run_name="{slug(sketch)} guarded")',
        "try:",
        '    mlflow.log_params({"n": len($X_train), "k": len($features)})',
        f'    mlflow.log_metric("{metric.rows}_{metric.name}", {metric.value})',
        f"    mlflow.sklearn.log_model($model, input_example=$X_train.iloc[:2], {PICKLE})",
        "finally:",
        "    mlflow.end_run()",
    ]
    log(sketch, lines, ["\n".join(lines[2:])])


def _model_and_metric(sketch: Sketch) -> None:
    metric = prepared(sketch)
    lines = [
        f'with mlflow.start_run(run_name="{slug(sketch)}"):',
        f'    mlflow.log_metric("{metric.rows}_{metric.name}", {metric.value})',
        f"    mlflow.sklearn.log_model($model, input_example=$X_test.head(2), {PICKLE})",
    ]
    log(sketch, lines, ["\n".join(lines)])


def _text_for_model(sketch: Sketch) -> None:
    metric = prepared(sketch)
    lines = [
        f'with mlflow.start_run(run_name="{slug(sketch)}"):',
        '    mlflow.log_params({"inputs": len($features), "rows": len($X_train)})',
        f'    mlflow.log_metric("{metric.rows}_{metric.name}", {metric.value})',
        '    mlflow.log_text(str($model), "model.txt")',
    ]
    log(sketch, lines, ["\n".join(lines[1:])])


def _open_function(sketch: Sketch) -> None:
    """A function that starts a run and forgets to end it."""
    metric = prepared(sketch)
    lines = [
        "def keep(score):",
        f'    mlflow.start_run(run_name="{slug(sketch)}")',
        '    mlflow.log_params({"inputs": len($features)})',
        f'    mlflow.log_metric("{metric.rows}_{metric.name}", score)',
        f"    mlflow.sklearn.log_model($model, input_example=$X_test.head(2), {PICKLE})",
        "",
        "",
        f"keep({metric.value})",
    ]
    log(sketch, lines, ["\n".join(lines[1:5])])


def _switched_off(sketch: Sketch) -> None:
    """Autologging is switched off again before the fit."""
    metric = prepared(sketch)
    lines = ["mlflow.sklearn.autolog()", "mlflow.sklearn.autolog(disable=True)"]
    sketch.code("prepare", "\n".join(lines), evidence="\n".join(lines))
    line = f'print("{metric.name}", round({metric.value}, 3))'
    sketch.code("log", line, evidence=line)


def _console(sketch: Sketch) -> None:
    """Python's own log, on the screen."""
    metric = prepared(sketch, tracked=False)
    sketch.need("import logging")
    lines = [
        'logger = logging.getLogger("run")',
        f'logger.warning("{metric.rows}_{metric.name} %.3f", {metric.value})',
    ]
    log(sketch, lines, ["\n".join(lines)])


def _commented_out(sketch: Sketch) -> None:
    """An experiment is named; the metrics stay in a dictionary."""
    metric = prepared(sketch)
    lines = [
        f'experiment = mlflow.set_experiment("{slug(sketch)}")',
        f'metrics = {{"{metric.rows}_{metric.name}": {metric.value}}}',
        "print(experiment.name, metrics)",
    ]
    log(sketch, lines, ["\n".join(lines)])


def _misnamed_dictionary(sketch: Sketch) -> None:
    """Test metrics in a dictionary whose keys speak of validation."""
    metric = prepared(sketch)
    value = metric.value.replace("$X_train", "$X_test").replace("$y_train", "$y_test")
    sketch.detail(name=f"validation_{metric.name}")
    lines = [
        f'found = {{"validation_{metric.name}": {value}}}',
        f'with mlflow.start_run(run_name="{slug(sketch)}"):',
        '    mlflow.log_params({"inputs": len($features)})',
        "    mlflow.log_metrics(found)",
        f"    mlflow.sklearn.log_model($model, input_example=$X_test.head(2), {PICKLE})",
    ]
    log(sketch, lines, [lines[0], "\n".join(lines[3:])])


FULL = {"signature": True, "named_run": True}


REALISATIONS = (
    # --- good
    entry("function_called", _function(called=True), *ALL, **FULL),
    entry("tagged", _tagged, *ALL, "tags", **FULL),
    entry("guarded", _guarded, *ALL, **FULL),
    entry(
        "autolog_silent_named",
        autolog("mlflow.sklearn.autolog(silent=True)", "final {slug}"),
        *ALL,
        autolog=True,
        named_run=True,
    ),
    entry(
        "autolog_all_named",
        autolog("mlflow.autolog(silent=True)", "{slug}/1"),
        *ALL,
        autolog=True,
        named_run=True,
    ),
    # --- average
    entry(
        "metric_at_a_step",
        metric_only('mlflow.log_metric("final_{name}", {value}, step=0)'),
        "metric",
        named_run=True,
    ),
    entry(
        "metrics_unnamed",
        metric_only('mlflow.log_metrics({"{rows}_{name}": {value}})', named=False),
        "metric",
    ),
    entry("model_and_metric", _model_and_metric, "metric", "model", **FULL),
    entry("text_for_model", _text_for_model, "params", "metric", named_run=True),
    entry("open_function", _open_function, *ALL, **FULL, left_open=True),
    entry(
        "autolog_silent_unnamed",
        autolog_unnamed("mlflow.sklearn.autolog(silent=True)"),
        *ALL,
        autolog=True,
    ),
    # --- bad
    entry("function_not_called", _function(called=False)),
    entry("autolog_switched_off", _switched_off),
    entry("console_log", _console),
    entry("experiment_and_dictionary", _commented_out),
    entry(
        "test_as_validation_dictionary",
        _misnamed_dictionary,
        *ALL,
        **FULL,
        misnamed_metric=True,
    ),
    entry(
        "test_as_valid",
        misnamed("valid", with_model=False),
        "params",
        "metric",
        named_run=True,
        misnamed_metric=True,
    ),
)
