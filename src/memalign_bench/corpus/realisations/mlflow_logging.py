"""Tracking: what of a run is kept, under which name, and whether the run is closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from memalign_bench.corpus.sketch import Realisation, Sketch

__all__ = [
    "ALL",
    "PICKLE",
    "REALISATIONS",
    "Write",
    "autolog",
    "autolog_unnamed",
    "entry",
    "log",
    "metric_only",
    "misnamed",
    "prepared",
    "slug",
]

PICKLE = 'serialization_format="cloudpickle"'
"""MLflow's own default format refuses trees; this is what people set."""

Write = Callable[[Sketch], None]


class Metric(NamedTuple):
    """A metric: short name, rows it is computed on, source of its value, import line."""

    name: str
    rows: str
    value: str
    imported: str


METRICS = {
    "accuracy": ("accuracy_score", False),
    "balanced_accuracy": ("balanced_accuracy_score", False),
    "f1": ("f1_score", False),
    "precision": ("precision_score", False),
    "recall": ("recall_score", False),
    "roc_auc": ("roc_auc_score", True),
    "average_precision": ("average_precision_score", True),
    "mae": ("mean_absolute_error", False),
    "rmse": ("root_mean_squared_error", False),
    "mape": ("mean_absolute_percentage_error", False),
    "r2": ("r2_score", False),
}
"""Short name -> function of scikit-learn, and whether it takes probabilities."""


def _metric(sketch: Sketch) -> Metric:
    """The first metric that the notebook evaluates with, on the same rows."""
    facets = sketch.state.get("facets", {}).get("metrics_evaluation", {})
    usual = "accuracy" if sketch.case.task == "classification" else "mae"
    name = next((m for m in facets.get("metrics", ()) if m in METRICS), usual)
    function, takes_probability = METRICS[name]
    rows = "train" if facets.get("scored_on") == "train" else "test"
    called = f"$model.predict($X_{rows})"
    if takes_probability:
        called = f"$model.predict_proba($X_{rows})[:, 1]"
    value = f"{function}($y_{rows}, {called})"
    return Metric(name, rows, value, f"from sklearn.metrics import {function}")


def prepared(sketch: Sketch, *, tracked: bool = True) -> Metric:
    """The metric to log, its import asked for, and words for rationales."""
    metric = _metric(sketch)
    sketch.need(metric.imported)
    if tracked:
        sketch.need("import mlflow")
    sketch.detail(metric=metric.name, run=slug(sketch))
    return metric


def slug(sketch: Sketch) -> str:
    """The story in a form that can name a run."""
    return sketch.case.story.replace("-", "_")


def log(sketch: Sketch, lines: Sequence[str], shown: Sequence[str], *, stage: str = "log") -> None:
    """Add the cell that logs, with the lines that show it."""
    sketch.code(stage, "\n".join(lines), evidence=list(shown))


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


def autolog(start: str, name: str) -> Write:
    """Autologging switched on before the fit, inside a run with a name."""

    def write(sketch: Sketch) -> None:
        prepared(sketch)
        run = name.replace("{slug}", slug(sketch))
        line = f'mlflow.start_run(run_name="{run}")'
        sketch.code("prepare", f"{start}\n{line}", evidence=[start, line])
        sketch.code("log", "mlflow.end_run()", evidence="mlflow.end_run()")
        sketch.detail(run=run)

    return write


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


# --- a part --------------------------------------------------------------------------------------


def metric_only(form: str, *, named: bool = True) -> Write:
    """A metric and nothing else; `form` has `{rows}`, `{name}` and `{value}`."""

    def write(sketch: Sketch) -> None:
        metric = prepared(sketch)
        line = form.replace("{rows}", metric.rows).replace("{name}", metric.name)
        line = line.replace("{value}", metric.value)
        run = f'run_name="{slug(sketch)}"' if named else ""
        lines = [f"with mlflow.start_run({run}):", f"    {line}"]
        log(sketch, lines, ["\n".join(lines)])

    return write


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


def autolog_unnamed(call: str) -> Write:
    """Autologging switched on before the fit, and no run named."""

    def write(sketch: Sketch) -> None:
        prepared(sketch)
        sketch.code("prepare", call, evidence=call)
        line = "print(mlflow.last_active_run().info.status)"
        sketch.code("log", line, evidence=line)

    return write


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


def misnamed(prefix: str, *, with_model: bool) -> Write:
    """The score of the test rows goes under the name of a validation score."""

    def write(sketch: Sketch) -> None:
        metric = prepared(sketch)
        value = metric.value.replace("$X_train", "$X_test").replace("$y_train", "$y_test")
        line = f'    mlflow.log_metric("{prefix}_{metric.name}", {value})'
        lines = [
            f'with mlflow.start_run(run_name="{slug(sketch)}"):',
            '    mlflow.log_param("features", len($features))',
            line,
        ]
        shown = [line.strip()]
        if with_model:
            kept = f"    mlflow.sklearn.log_model($model, input_example=$X_test.head(2), {PICKLE})"
            lines.append(kept)
            shown.append(kept.strip())
        sketch.detail(name=f"{prefix}_{metric.name}")
        log(sketch, lines, shown)

    return write


def entry(corpus: int, name: str, write: Write, *logged: str, **facets: Any) -> Realisation:
    """A realisation of mlflow_logging; `logged` and the keywords are its facets."""
    planted = {"logged": list(logged), **facets}
    return Realisation(f"track_{name}", "mlflow_logging", corpus, planted, write)


ALL = ("params", "metric", "model")

REALISATIONS = (
    # reported corpus
    entry(0, "signature", _with_signature, *ALL, signature=True, named_run=True),
    entry(0, "input_example", _with_example, *ALL, signature=True, named_run=True),
    entry(0, "dictionaries", _dictionaries, *ALL, signature=True, named_run=True),
    entry(
        0,
        "autolog_named",
        autolog("mlflow.sklearn.autolog()", "{slug}autolog"),
        *ALL,
        autolog=True,
        named_run=True,
    ),
    entry(
        0,
        "metric_only",
        metric_only('mlflow.log_metric("{rows}_{name}", {value})'),
        "metric",
        named_run=True,
    ),
    entry(
        0,
        "one_metric_unnamed",
        metric_only('mlflow.log_metric("{name}", round({value}, 4))', named=False),
        "metric",
    ),
    entry(0, "model_without_signature", _no_signature("model"), *ALL, named_run=True),
    entry(0, "never_ended", _never_ended, *ALL, signature=True, named_run=True, left_open=True),
    entry(0, "params_and_metric", _no_model, "params", "metric", named_run=True),
    entry(0, "results_json", _kept_in_json),
    entry(0, "printed_score", _printed_only),
    entry(0, "run_without_log", _empty_run, named_run=True),
    entry(
        0,
        "test_as_val",
        misnamed("val", with_model=True),
        *ALL,
        signature=True,
        named_run=True,
        misnamed_metric=True,
    ),
    # development corpus
    entry(1, "experiment_signature", _experiment_and_figure, *ALL, signature=True),
    entry(1, "by_parts", _by_parts, *ALL, signature=True, named_run=True),
    entry(
        1,
        "autolog_in_named_run",
        autolog("mlflow.autolog(log_datasets=False)", "{slug} training"),
        *ALL,
        autolog=True,
        named_run=True,
    ),
    entry(
        1,
        "autolog_with_examples",
        autolog("mlflow.sklearn.autolog(log_input_examples=True)", "fit-{slug}"),
        *ALL,
        autolog=True,
        named_run=True,
        signature=True,
    ),
    entry(
        1,
        "metrics_dictionary",
        metric_only('mlflow.log_metrics({"{name}": {value}})'),
        "metric",
        named_run=True,
    ),
    entry(
        1,
        "float_metric_unnamed",
        metric_only('mlflow.log_metric("score_{name}", float({value}))', named=False),
        "metric",
    ),
    entry(
        1,
        "autolog_no_name",
        autolog_unnamed("mlflow.sklearn.autolog(log_models=False)"),
        "params",
        "metric",
        autolog=True,
    ),
    entry(
        1,
        "open_at_the_end",
        _open_at_the_end,
        *ALL,
        signature=True,
        named_run=True,
        left_open=True,
    ),
    entry(1, "table_to_csv", _kept_in_table),
    entry(1, "list_of_scores", _kept_in_list),
    entry(1, "experiment_set_only", _experiment_only),
    entry(
        1,
        "test_as_cv",
        misnamed("cv", with_model=False),
        "params",
        "metric",
        named_run=True,
        misnamed_metric=True,
    ),
    entry(
        1,
        "test_as_validation",
        misnamed("validation", with_model=True),
        *ALL,
        signature=True,
        named_run=True,
        misnamed_metric=True,
    ),
)
