"""Training: where settings are picked, on which split, with or without a baseline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from genie_synth.realisations.estimators import Estimator, estimator
from genie_synth.realisations.realisation import Realisation
from genie_synth.realisations.splitting import Way, write_split
from genie_synth.sketch.case import Case
from genie_synth.sketch.sketch import Sketch
from genie_synth.sketch.writing import show_line

__all__ = ["Holdout", "Train", "numbers", "pair", "series_only", "single"]


class Holdout(NamedTuple):
    """How rows are held back.

    Attributes:
        share: Share of the rows, 0 to 1.
        seed: Of the draw, as it stands in the notebook.
    """

    share: float
    seed: int


Train = Callable[[Sketch, Estimator, Way], None]
"""Writes the train stage, the split being written."""


def numbers(chosen: Estimator) -> str:
    """Source of the list of settings that are tried."""
    return "[" + ", ".join(map(str, chosen.values)) + "]"


def series_only(case: Case) -> bool:
    """Whether rows are ordered in time."""
    return case.time_index is not None


def _tabular(case: Case) -> bool:
    return case.time_index is None


def _show_model(sketch: Sketch, chosen: Estimator) -> None:
    """Codes, identifiers and raw scales are judged by the model that gets them: show it."""
    features = sketch.state["facets"].get("feature_engineering", {})
    ordinal = features.get("encoding") == "ordinal"
    if ordinal or features.get("identifier_kept") or not features.get("scaled"):
        show_line(sketch, "train", chosen.name, "feature_engineering")


def _show_split(sketch: Sketch) -> None:
    """What was computed on all rows came before the split: show where that stands."""
    facets = sketch.state["facets"]
    rows = "cut =" if "cut =" in sketch.cells[-1].source else "train_test_split("
    if facets.get("data_imputation", {}).get("fit_scope") == "full_frame":
        show_line(sketch, "split", rows, "data_imputation")
    if "all_rows" in facets.get("feature_engineering", {}).get("encoding", ""):
        show_line(sketch, "split", rows, "feature_engineering")


def _writer(train: Train, way: Way, holdout: Holdout) -> Callable[[Sketch], None]:
    def write(sketch: Sketch) -> None:
        chosen = estimator(sketch)
        kept = way == "stratified" and sketch.case.task == "classification"
        sketch.fact(stratified=kept)
        sketch.detail(model=chosen.name, param=chosen.setting, values=numbers(chosen))
        write_split(sketch, way, share=holdout.share, seed=holdout.seed)
        _show_split(sketch)
        train(sketch, chosen, way)
        _show_model(sketch, chosen)

    return write


def pair(holdout: Holdout, name: str, train: Train, **facets: Any) -> tuple[Realisation, ...]:
    """The same training for tables (random, stratified split) and for series (by time).

    `folds=True` among the facets stands for the folds that go with the split.
    """
    folded = facets.pop("folds", False)
    table = {**facets, "split": "random", "stratified": True}
    series = {**facets, "split": "chronological"}
    if folded:
        table["folds"], series["folds"] = "kfold", "timeseries"
    return (
        Realisation(
            *(name, "model_training", table),
            *(_writer(train, "stratified", holdout), _tabular),
        ),
        Realisation(
            *(f"{name}_by_time", "model_training", series),
            *(_writer(train, "time", holdout), series_only),
        ),
    )


def single(
    holdout: Holdout,
    name: str,
    train: Train,
    way: Way,
    suits: Callable[[Case], bool],
    **facets: Any,
) -> Realisation:
    """A training that goes with one way of splitting."""
    return Realisation(*(name, "model_training", facets), *(_writer(train, way, holdout), suits))
