"""The planted facts, by dimension: which keys there are, what they mean, what they may say.

A realisation declares the facets it shows; the policies (`policy.py`) turn facets and case into
scores. A key that a realisation leaves out has its default. Values are JSON values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FACETS", "Facet", "check_facets", "complete"]


@dataclass(frozen=True)
class Facet:
    """One planted fact.

    Attributes:
        meaning: What it says of the notebook.
        default: What holds when a realisation does not say.
        values: Its allowed values; None for any number (shares) or, with a list default, any list.
    """

    meaning: str
    default: Any
    values: tuple[Any, ...] | None = (False, True)


def _flag(meaning: str) -> Facet:
    return Facet(meaning, default=False)


FACETS: Mapping[str, Mapping[str, Facet]] = {
    "library_installation": {
        "install": Facet(
            "how packages are installed", "none", ("none", "pinned", "unpinned", "partly_pinned")
        ),
        "install_place": Facet(
            "where the install cell stands", "first", ("first", "after_imports", "after_use")
        ),
        "imports": Facet("where imports stand", "top", ("top", "scattered")),
        "missing_import": _flag("a name is used that was never imported"),
        "unused_large": _flag("a large library is imported and never used"),
    },
    "exploratory_data_analysis": {
        "depth": Facet(
            "what is shown of the data", "tables", ("head", "describe", "tables", "plots")
        ),
        "target_looked": _flag("the target's distribution or behaviour is looked at"),
        "missing_looked": _flag("missing values are counted"),
        "finding": Facet("what is said in words", "none", ("none", "stated", "wrong")),
        "acted_on": _flag("a later cell does something about the finding"),
    },
    "data_imputation": {
        "method": Facet(
            "how gaps are closed",
            "median",
            (
                *("mean", "median", "mode", "group_median", "knn", "iterative", "zero"),
                *("sentinel", "drop_rows", "forward_fill", "backward_fill", "interpolate", "mixed"),
            ),
        ),
        "fit_scope": Facet(
            "which rows the statistics come from (none: no statistic is fitted)",
            "none",
            ("none", "train", "full_frame"),
        ),
        "indicator": _flag("a column says where a value was missing"),
        "in_pipeline": _flag("imputation is a step of the fitted pipeline"),
        "dropped_share": Facet("share of rows dropped for missing values, 0 to 1", 0.0, None),
        "imputed_target": _flag("missing targets are filled in instead of left out"),
    },
    "feature_engineering": {
        "encoding": Facet(
            "how nominal columns become numbers",
            "onehot",
            (
                *("none", "onehot", "ordinal", "target_train", "target_all_rows"),
                *("aggregate_all_rows", "hashing"),
            ),
        ),
        "family": Facet("kind of estimator fed", "tree", ("tree", "linear", "distance")),
        "identifier_kept": _flag("a column that only names a row is an input"),
        "scaled": _flag("numeric inputs are brought to one scale"),
        "in_pipeline": _flag("encoders and scalers are steps of the fitted pipeline"),
        "domain_feature": _flag("a feature that needs knowledge of the field was added"),
        "sees_future": _flag("a lag, window or aggregate uses rows later than its own"),
    },
    "model_training": {
        "split": Facet("how the test rows were set apart", "random", ("random", "chronological")),
        "stratified": _flag("split and folds keep the share of classes"),
        "folds": Facet(
            "folds of the search or of cross-validation",
            "none",
            ("none", "kfold", "shuffled", "timeseries"),
        ),
        "tuned_on": Facet(
            "where settings were picked", "none", ("none", "cv", "validation", "train", "test")
        ),
        "scored_on": Facet("rows of the score that is trusted", "test", ("test", "train")),
        "baseline": _flag("a trivial model is fitted beside the model"),
    },
    "model_use": {
        "rows": Facet("rows predicted", "new", ("new", "train", "test")),
        "preprocessing": Facet(
            "how new rows are prepared", "reused", ("reused", "redone_differently")
        ),
        "refit": _flag("the model is fitted again before predicting, without a word"),
        "threshold_unsaid": _flag("a rare class is called at 0.5 without a word"),
        "answer": Facet("how the answer is given", "in_terms", ("in_terms", "raw")),
    },
    "metrics_evaluation": {
        "metrics": Facet("metrics shown, by their usual short names", [], None),
        "scored_on": Facet("rows they are computed on", "test", ("test", "train")),
        "baseline_compared": _flag("the same metric of a trivial answer stands beside"),
        "zeros_in_target": _flag("the target has zeros, and a percentage error is used"),
    },
    "mlflow_logging": {
        "logged": Facet("what is logged: metric, params, model, figure, tags", [], None),
        "signature": _flag("the model carries a signature or an input example"),
        "autolog": _flag("autologging is on"),
        "named_run": _flag("the run has a name"),
        "left_open": _flag("a run is started and never ended"),
        "misnamed_metric": _flag("the test metric is logged under a validation metric's name"),
    },
    "cell_organization": {
        "layout": Facet(
            "how steps are cut into cells", "steps", ("steps", "big_cells", "one_cell")
        ),
        "headers": Facet("markdown above the steps", "none", ("none", "bare", "explained")),
        "summary": _flag("the notebook closes with a summary in words"),
        "leftovers": Facet(
            "what was not tidied up: repeated_head, commented_code, scratch, empty_cells", [], None
        ),
        "counts": Facet("execution counts", "in_order", ("in_order", "out_of_order")),
    },
}
"""dimension -> key -> `Facet`."""


def check_facets(dimension: str, facets: Mapping[str, Any]) -> list[str]:
    """Problems of a set of facets: unknown keys and values that are not allowed.

    >>> check_facets("model_training", {"split": "alphabetical"})
    ["model_training: split='alphabetical'; it may be random, chronological"]
    """
    known = FACETS[dimension]
    problems = [
        f"{dimension}: unknown facet {key!r}; there are {', '.join(known)}"
        for key in facets
        if key not in known
    ]
    for key, value in facets.items():
        allowed = known[key].values if key in known else None
        if allowed is not None and value not in allowed:
            choices = ", ".join(map(str, allowed))
            problems.append(f"{dimension}: {key}={value!r}; it may be {choices}")
    return problems


def complete(dimension: str, facets: Mapping[str, Any]) -> dict[str, Any]:
    """The facets with the defaults of what was left out.

    Raises:
        ValueError: If a key or value is not known.
    """
    if problems := check_facets(dimension, facets):
        raise ValueError("; ".join(problems))
    return {key: facets.get(key, facet.default) for key, facet in FACETS[dimension].items()}
