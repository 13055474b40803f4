"""One sentence a dimension for the plain level: what is done, never whether it is good.

What a facet defines by silence (a model fitted again without a word, a metric under another name)
is not said here either: a sentence would change the facet. The code shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from genie_synth.facets import complete
from genie_synth.sketch.sketch import Sketch

__all__ = ["sentence", "tell"]

Facets = Mapping[str, Any]

_FILLED = {
    "mean": "the mean",
    "median": "the median",
    "mode": "the most frequent value",
    "group_median": "the median of the group",
    "knn": "values of the nearest rows",
    "iterative": "values predicted from other columns",
    "zero": "zero",
    "sentinel": "a fixed code",
    "forward_fill": "the value before",
    "backward_fill": "the value after",
    "interpolate": "interpolated values",
    "mixed": "a value by column",
}
_ENCODED = {
    "none": "none",
    "onehot": "one-hot",
    "ordinal": "ordinal numbers",
    "target_train": "the target's mean, fitted in the pipeline",
    "target_all_rows": "the target's mean over all rows",
    "aggregate_all_rows": "one-hot, beside the target's statistics by group over all rows",
    "hashing": "hashing",
}
_TUNED = {
    "none": "no setting is picked",
    "cv": "settings are picked by cross-validation on the training rows",
    "validation": "settings are picked on a validation part",
    "train": "settings are picked on the training rows",
    "test": "settings are picked on the test rows",
}
_FOLDS = {
    "none": "",
    "kfold": " in k folds",
    "shuffled": " in shuffled folds",
    "timeseries": " in folds by time",
}
_ROWS = {"new": "the new rows", "train": "training rows", "test": "test rows"}
_FAMILIES = {"tree": "is made of trees", "linear": "is linear", "distance": "goes by distances"}
_LOGGED = {"metric": "a metric", "params": "parameters", "model": "the model", "figure": "a figure"}
_INSTALLED = {
    "none": "No pip install",
    "pinned": "pip install with every version",
    "unpinned": "pip install without versions",
    "partly_pinned": "pip install with one of the versions",
}
_PLACED = {
    "first": ", before the imports",
    "after_imports": ", after the imports",
    "after_use": ", after the packages are used",
}
_SHOWN = {"head": "rows", "describe": "a describe table", "tables": "tables", "plots": "plots"}
_CUT = {"steps": "One cell a step", "big_cells": "A few large cells", "one_cell": "One code cell"}
_HEADED = {"none": "no headers", "bare": "headers only", "explained": "headers and text"}


def _imputation(facets: Facets) -> str:
    scope = {"train": ", fitted on the training rows", "full_frame": ", fitted on all rows"}
    if facets["method"] == "drop_rows":
        said = f"Rows with missing values are dropped, {facets['dropped_share']:.1%} of all"
    else:
        said = f"Missing values are imputed with {_FILLED[facets['method']]}"
        said += scope.get(facets["fit_scope"], "")
    said += ", in the pipeline" if facets["in_pipeline"] else ""
    said += "; a missing indicator is added" if facets["indicator"] else ""
    return said + ("; the target's too" if facets["imputed_target"] else "")


def _features(facets: Facets) -> str:
    parts = [f"Encoder: {_ENCODED[facets['encoding']]}"]
    parts.append("a scaler" if facets["scaled"] else "no scaler")
    parts.append(f"the model {_FAMILIES[facets['family']]}")
    if facets["domain_feature"]:
        parts.append("a feature of the field is added")
    if facets["identifier_kept"]:
        parts.append("the identifier is a feature")
    if facets["sees_future"]:
        parts.append("a feature takes in later rows")
    return "; ".join(parts)


def _training(facets: Facets) -> str:
    kept = ", stratified" if facets["stratified"] else ""
    checked = facets["folds"] != "none" and facets["tuned_on"] == "none"
    tuned = "cross-validation without tuning" if checked else _TUNED[facets["tuned_on"]]
    tuned += _FOLDS[facets["folds"]]
    tuned += "; scored on the training rows" if facets["scored_on"] == "train" else ""
    floor = "a baseline is fitted" if facets["baseline"] else "no baseline"
    way = "train_test_split" if facets["split"] == "random" else "cut ="
    return f"Test rows by `{way}`, {facets['split']}{kept}; {tuned}; {floor}"


def _use(facets: Facets) -> str:
    how = "as raw model output" if facets["answer"] == "raw" else "in the request's words"
    other = facets["preprocessing"] == "redone_differently"
    steps = ", prepared by other steps than in training" if other else ""
    return f"`.predict()` or `predict_proba` of {_ROWS[facets['rows']]}{steps}; answered {how}"


def _metrics(facets: Facets) -> str:
    names = ", ".join(name.replace("_", " ") for name in facets["metrics"])
    beside = "beside a baseline" if facets["baseline_compared"] else "without a baseline"
    rows = {"test": "test", "train": "training"}[facets["scored_on"]]
    return f"Metrics (as by `_score()`, `_error()`) on the {rows} rows, {beside}: {names}"


def _tracking(facets: Facets) -> str:
    if not facets["logged"]:
        return "MLflow logs nothing"
    said = f"MLflow logs {', '.join(_LOGGED.get(name, name) for name in facets['logged'])}"
    said += ", by autolog" if facets["autolog"] else ""
    said += ", with a signature or an example" if facets["signature"] else ""
    said += ", in a named run" if facets["named_run"] else ", in a run without a name"
    return said + (", no end_run" if facets["left_open"] else "")


def _exploration(facets: Facets) -> str:
    parts = [f"Complete list of what is looked at: {_SHOWN[facets['depth']]}"]
    parts += ["the target"] if facets["target_looked"] else []
    parts += ["missing values"] if facets["missing_looked"] else []
    said = ", ".join(parts)
    if facets["finding"] == "none":
        return f"{said}; nothing is said of it"
    return f"{said}; a finding is written down" + (" and acted on" if facets["acted_on"] else "")


def _library(facets: Facets) -> str:
    said = _INSTALLED[facets["install"]]
    said += _PLACED[facets["install_place"]] if facets["install"] != "none" else ""
    said += "; import lines on top" if facets["imports"] == "top" else "; import lines where used"
    said += "; one name is used without an import" if facets["missing_import"] else ""
    return said + ("; one import is not used" if facets["unused_large"] else "")


def _organization(facets: Facets) -> str:
    parts = [_CUT[facets["layout"]], _HEADED[facets["headers"]]]
    parts.append("a summary" if facets["summary"] else "no summary")
    parts += [name.replace("_", " ") for name in facets["leftovers"]]
    parts.append(f"run {facets['counts'].replace('_', ' ')}")
    return ", ".join(parts)


_SENTENCES: Mapping[str, Callable[[Facets], str]] = {
    "library_installation": _library,
    "exploratory_data_analysis": _exploration,
    "data_imputation": _imputation,
    "feature_engineering": _features,
    "model_training": _training,
    "model_use": _use,
    "metrics_evaluation": _metrics,
    "mlflow_logging": _tracking,
    "cell_organization": _organization,
}


def sentence(dimension: str, facets: Facets) -> str:
    """What is done, by the planted facets alone: the same facets give the same sentence.

    >>> sentence("model_training", {"tuned_on": "test"})
    'Test rows by `train_test_split`, random; settings are picked on the test rows; no baseline.'
    """
    return _SENTENCES[dimension](complete(dimension, facets)) + "."


def tell(sketch: Sketch, facets: Facets) -> None:
    """Put the current dimension's sentence ahead of what shows it first, below a header."""
    dimension = sketch.dimension
    shown = (
        cell.stage for cell in sketch.cells if any(owner == dimension for owner, _ in cell.evidence)
    )
    stage = "title" if dimension == "cell_organization" else next(shown)
    text = sentence(dimension, {**facets, **sketch.facts.get(dimension, {})})
    cell = sketch.text(stage, text, evidence=text)
    sketch.cells.remove(cell)
    below = (
        at
        for at, one in enumerate(sketch.cells)
        if one.stage == stage and not (one.kind == "markdown" and one.source.startswith("#"))
    )
    sketch.cells.insert(next(below, len(sketch.cells)), cell)
