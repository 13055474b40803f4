"""Tracking: what of a run is kept, under which name, and whether the run is closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from genie_synth.realisations.realisation import Realisation
from genie_synth.sketch.sketch import Sketch

__all__ = [
    "ALL",
    "PICKLE",
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
    return sketch.case.case_id.replace("-", "_")


def log(sketch: Sketch, lines: Sequence[str], shown: Sequence[str], *, stage: str = "log") -> None:
    """Add the cell that logs, with the lines that show it."""
    sketch.code(stage, "\n".join(lines), evidence=list(shown))


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


def autolog_unnamed(call: str) -> Write:
    """Autologging switched on before the fit, and no run named."""

    def write(sketch: Sketch) -> None:
        prepared(sketch)
        sketch.code("prepare", call, evidence=call)
        line = "print(mlflow.last_active_run().info.status)"
        sketch.code("log", line, evidence=line)

    return write


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


def entry(name: str, write: Write, *logged: str, **facets: Any) -> Realisation:
    """A realisation of mlflow_logging; `logged` and the keywords are its facets."""
    planted = {"logged": list(logged), **facets}
    return Realisation(f"track_{name}", "mlflow_logging", planted, write)


ALL = ("params", "metric", "model")
