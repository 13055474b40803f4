"""The kinds of facts, and which calls belong to which.

A kind says what a line is about and nothing on whether that is well done. A view's YAML names the
kinds that a question is shown (`conf/view/facts.yaml`); the calls behind a kind stand here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

__all__ = ["ANY_DIMENSION", "KINDS", "Fact", "call_kind", "check_kinds"]

ANY_DIMENSION = "any"
"""Stands in a YAML for every dimension that is not named in it."""

KINDS: Mapping[str, str] = {
    "installs": "packages installed, by shell or magic lines",
    "imports": "what is imported",
    "names": "names that nothing before them defines, and imports whose name stands nowhere else",
    "reads": "files read",
    "splits": "rows set apart, by a split or by position, and how folds are cut",
    "searches": "settings tried, and cross-validation",
    "choices": "what is picked by scores, and the rows of those scores",
    "models": "estimators made, with their arguments",
    "fits": "what is fitted on which rows",
    "scores": "scores and metrics, and the rows they are computed on",
    "predictions": "predictions, for which rows and by what",
    "answers": "predictions shown or written, and in which form",
    "gaps": "looks for absent values",
    "fills": "absent values filled, and the rows that the filling values come from",
    "drops": "rows and columns left out",
    "columns": "columns made or changed",
    "lists": "lists of names, as of columns",
    "preparation": "encoders, scalers and pipelines made, with their arguments",
    "looks": "tables and statistics looked at",
    "plots": "what is drawn, with which labels",
    "tracking": "calls of experiment tracking",
    "prints": "what is printed, and outputs that nothing else claims",
    "outputs": "the first lines that a cell gave; after the code of the kinds that it shows",
    "errors": "cells whose recorded output ends in an error",
    "stores": "files written",
    "remarks": "comments in cells that also hold a fact of another chosen kind",
    "text": "text cells next to a cell that holds a fact of another chosen kind",
    "all_text": "all text cells",
    "layout": "how the notebook is cut into cells, and in which order they ran",
    "outline": "each cell in a line",
    "calls": "all other calls",
}
"""kind -> what it holds."""


class Fact(NamedTuple):
    """One plain line about one cell.

    Attributes:
        cell: The cell's index; -1 for what is said of the whole notebook.
        kinds: What it is about, most specific first.
        text: The line.
    """

    cell: int
    kinds: tuple[str, ...]
    text: str


_CALL_NAMES = (
    ("installs", r"system|run_line_magic"),
    ("reads", r"read_\w+|load_\w+|fetch_\w+|loadtxt|genfromtxt"),
    ("splits", r"train_test_split|\w*KFold|\w*Split|KFold|LeaveOne\w*|LeaveP\w*"),
    (
        "searches",
        r"\w+SearchCV|cross_val\w*|validation_curve|learning_curve|ParameterGrid|ParameterSampler"
        r"|create_study|optimize",
    ),
    ("predictions", r"predict\w*|forecast|decision_function|simulate"),
    ("fits", r"fit|fit_\w+|partial_fit|train"),
    (
        "scores",
        r"score|evaluate|\w+_(score|error|loss|report|matrix|curve|deviance)|accuracy|auc|corrcoef",
    ),
    ("gaps", r"isna|isnull|notna|notnull|isnan|missingno"),
    (
        "fills",
        r"\w*Imputer|fillna|ffill|bfill|pad|backfill|interpolate|nan_to_num|MissingIndicator"
        r"|combine_first|fill_null|fill_nan",
    ),
    ("drops", r"dropna|drop|drop_duplicates|drop_nulls|truncate"),
    (
        "preparation",
        r"\w*(Encoder|Scaler|Transformer|Binarizer|Discretizer|Vectorizer|Hasher|Features|Pipeline"
        r"|Union|Selector|PCA|SVD|Normalizer)|make_pipeline|make_column_transformer|make_union"
        r"|get_dummies|factorize|qcut|cut|SelectKBest|SMOTE|transform",
    ),
    (
        "models",
        r"\w*(Classifier|Regressor|Regression\w*|Ridge\w*|Lasso\w*|ElasticNet\w*|SVC|SVR|NB|CV"
        r"|Perceptron|Forest|KMeans|ARIMA\w*|Prophet|ExponentialSmoothing|Booster|Sequential|OLS"
        r"|GLM|Linear|Dense|Boost)",
    ),
    ("tracking", r"log_(param|params|metric|metrics|model|artifact\w*|figure|text|dict|table|image)"
                 r"|infer_signature|set_tracking_uri|start_run|end_run|autolog"),
    (
        "plots",
        r"\w*plot\w*|hist\w*|scatter\w*|bar|barh|pie|heatmap|boxplot|violin\w*|subplots?|figure"
        r"|title|suptitle|set_title|[xy]label|set_[xy]label|legend|savefig|imshow|errorbar|axhline"
        r"|axvline|from_predictions|from_estimator|fill_between",
    ),
    (
        "looks",
        r"head|tail|sample|describe|info|value_counts|nunique|unique|corr|groupby|crosstab"
        r"|pivot\w*|quantile|agg|nlargest|nsmallest|skew|kurt\w*|duplicated|memory_usage|glimpse",
    ),
    ("stores", r"to_(csv|parquet|json|excel|pickle|feather|sql|html)|dumps?|save\w*|write_text"),
    ("columns", r"assign|insert|rename|astype|to_numeric|to_datetime|replace|clip|shift|rolling"),
    ("prints", r"print|display|pprint"),
)  # fmt: skip

_CALL_PATTERNS = tuple((kind, re.compile(pattern)) for kind, pattern in _CALL_NAMES)

_TRACKERS = ("mlflow", "wandb", "neptune", "comet_ml", "dvclive", "aim", "clearml")


@lru_cache(maxsize=4096)
def call_kind(name: str) -> str:
    """The kind of a call by its dotted name; "" where none is known.

    >>> call_kind("model.predict_proba"), call_kind("mlflow.log_metric"), call_kind("len")
    ('predictions', 'tracking', '')
    """
    parts = name.split(".")
    if parts[0] in _TRACKERS:
        return "tracking"
    # The first kind that matches counts, so the order of `_CALL_NAMES` matters.
    return next((kind for kind, known in _CALL_PATTERNS if known.fullmatch(parts[-1])), "")


def check_kinds(chosen: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse kinds that do not exist, all at once.

    Raises:
        ValueError: With each dimension and the kinds that there are.
    """
    unknown = [
        f"{dimension}: {kind!r}"
        for dimension, kinds in chosen.items()
        for kind in kinds
        if kind not in KINDS
    ]
    empty = [f"{dimension}: none at all" for dimension, kinds in chosen.items() if not kinds]
    if unknown or empty:
        raise ValueError(
            f"view.facts: no such kinds of facts ({'; '.join(unknown + empty)}); there are"
            f" {', '.join(KINDS)}."
        )
