"""Training: where settings are picked, on which split, with or without a baseline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from memalign_bench.corpus.estimators import Estimator, estimator, trivial
from memalign_bench.corpus.sketch import Case, Realisation, Sketch
from memalign_bench.corpus.splitting import Way, folds, scoring, write_split
from memalign_bench.corpus.writing import put, show_line

__all__ = ["REALISATIONS", "Train", "pair", "series_only", "single"]

Train = Callable[[Sketch, Estimator, Way], None]
"""Writes the train stage, the split being written."""

N_FOLDS = 4


def _pipeline(sketch: Sketch, source: str) -> str:
    sketch.need("from sklearn.pipeline import Pipeline")
    return f'Pipeline([("prep", prep), ("model", {source})])'


def _numbers(chosen: Estimator) -> str:
    return "[" + ", ".join(map(str, chosen.values)) + "]"


def _loop(rows: str) -> Train:
    """Fit every setting on the training rows and keep the one that scores best on `rows`."""

    def train(sketch: Sketch, chosen: Estimator, way: Way) -> None:
        held = f"$X_{rows}, $y_{rows}"
        body = (
            "top = None\n"
            f"for value in {_numbers(chosen)}:\n"
            f"    candidate = {_pipeline(sketch, chosen.at('value'))}\n"
            "    candidate.fit($X_train, $y_train)\n"
            f"    score = candidate.score({held})\n"
            f'    print("{chosen.setting}", value, round(score, 3))\n'
            "    if top is None or score > top:\n"
            "        top, $model = score, candidate"
        )
        put(
            sketch,
            "train",
            body,
            [f"for value in {_numbers(chosen)}:", f"    score = candidate.score({held})"],
        )

    return train


def _table(rows: str) -> Train:
    """The same as a dictionary of scores, and the best setting fitted once more."""

    def train(sketch: Sketch, chosen: Estimator, way: Way) -> None:
        body = (
            "trials = {}\n"
            f"for value in {_numbers(chosen)}:\n"
            f"    candidate = {_pipeline(sketch, chosen.at('value'))}.fit($X_train, $y_train)\n"
            f"    trials[value] = candidate.score($X_{rows}, $y_{rows})\n"
            "setting = max(trials, key=trials.get)\n"
            f"$model = {_pipeline(sketch, chosen.at('setting'))}.fit($X_train, $y_train)\n"
            "print({value: round(mark, 3) for value, mark in trials.items()})"
        )
        marks = [
            f"    trials[value] = candidate.score($X_{rows}, $y_{rows})\n"
            "setting = max(trials, key=trials.get)"
        ]
        put(sketch, "train", body, marks)

    return train


def _validated(*, baseline: bool) -> Train:
    """A third part, cut from the training rows, picks the setting."""

    def train(sketch: Sketch, chosen: Estimator, way: Way) -> None:
        sketch.need("from sklearn.model_selection import train_test_split")
        kept = way == "stratified" and sketch.case.task == "classification"
        how = ", shuffle=False" if way == "time" else ", random_state=3"
        how += ", stratify=$y_train" if kept else ""
        third = (
            "X_learn, X_valid, y_learn, y_valid = train_test_split(\n"
            f"    $X_train, $y_train, test_size=0.25{how}\n)"
        )
        put(sketch, "train", third, "all")
        if baseline:
            put(
                sketch,
                "train",
                f"$baseline = {trivial(sketch)}.fit(X_learn, y_learn)\n"
                'print("baseline", round($baseline.score(X_valid, y_valid), 3))',
                [f"$baseline = {trivial(sketch)}.fit(X_learn, y_learn)"],
            )
        body = (
            "trials = {}\n"
            f"for value in {_numbers(chosen)}:\n"
            f"    candidate = {_pipeline(sketch, chosen.at('value'))}.fit(X_learn, y_learn)\n"
            "    trials[value] = candidate.score(X_valid, y_valid)\n"
            "setting = max(trials, key=trials.get)\n"
            f"$model = {_pipeline(sketch, chosen.at('setting'))}.fit($X_train, $y_train)\n"
            "print({value: round(mark, 3) for value, mark in trials.items()})"
        )
        marks = [
            "    trials[value] = candidate.score(X_valid, y_valid)\n"
            "setting = max(trials, key=trials.get)"
        ]
        put(sketch, "train", body, marks)

    return train


def _search(kind: str, *, baseline: bool, fold_way: Way | None = None) -> Train:
    """A search over folds of the training part; `fold_way` where folds do not follow the split."""

    def train(sketch: Sketch, chosen: Estimator, way: Way) -> None:
        cv, by = folds(sketch, fold_way or way, n=N_FOLDS), scoring(sketch)
        if baseline:
            _folded_baseline(sketch, cv, by)
        sketch.need(f"from sklearn.model_selection import {kind}")
        drawn = "" if kind == "GridSearchCV" else ", n_iter=2, random_state=0"
        call = (
            f"$search = {kind}(\n"
            f"    {_pipeline(sketch, chosen.plain)},\n"
            f'    {{"model__{chosen.setting}": {_numbers(chosen)}}},\n'
            f'    cv=splitter, scoring="{by}"{drawn},\n)'
        )
        ahead = "" if baseline else f"splitter = {cv}\n"
        body = (
            f"{ahead}{call}\n$search.fit($X_train, $y_train)\n$model = $search.best_estimator_\n"
            "print($search.best_params_, round($search.best_score_, 3))"
        )
        marks = [
            *([] if baseline else [f"splitter = {cv}"]),
            f'    cv=splitter, scoring="{by}"{drawn},\n)\n$search.fit($X_train, $y_train)',
        ]
        put(sketch, "train", body, marks)

    return train


def _folded_baseline(sketch: Sketch, cv: str, by: str) -> None:
    """The folds, and what a trivial model reaches on them."""
    sketch.need("from sklearn.model_selection import cross_val_score")
    source = trivial(sketch)
    put(
        sketch,
        "train",
        f"splitter = {cv}\n$baseline = {source}\n"
        "floor_scores = cross_val_score(\n"
        f'    $baseline, $X_train, $y_train, cv=splitter, scoring="{by}"\n)\n'
        'print("baseline", round(floor_scores.mean(), 3))',
        [
            f"splitter = {cv}\n$baseline = {source}",
            'print("baseline", round(floor_scores.mean(), 3))',
        ],
    )


def _default(sketch: Sketch, chosen: Estimator, way: Way) -> None:
    put(
        sketch,
        "train",
        f"$model = {_pipeline(sketch, chosen.plain)}\n$model = $model.fit($X_train, $y_train)",
        "all",
    )


def _default_checked(sketch: Sketch, chosen: Estimator, way: Way) -> None:
    sketch.need("from sklearn.model_selection import cross_val_score")
    cv, by = folds(sketch, way, n=N_FOLDS), scoring(sketch)
    body = (
        f"$model = {_pipeline(sketch, chosen.plain)}\n"
        "fold_scores = cross_val_score(\n"
        f'    $model, $X_train, $y_train, cv={cv}, scoring="{by}"\n)\n'
        "$model.fit($X_train, $y_train)\n"
        "print(fold_scores.round(3))"
    )
    put(sketch, "train", body, "all")


def series_only(case: Case) -> bool:
    """Whether rows are ordered in time."""
    return case.time_index is not None


def _tabular(case: Case) -> bool:
    return case.time_index is None


def _rare(case: Case) -> bool:
    return case.imbalanced


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


def _writer(train: Train, way: Way, share: float, seed: int) -> Callable[[Sketch], None]:
    def write(sketch: Sketch) -> None:
        chosen = estimator(sketch)
        kept = way == "stratified" and sketch.case.task == "classification"
        sketch.fact(stratified=kept)
        sketch.detail(model=chosen.name, param=chosen.setting, values=_numbers(chosen))
        write_split(sketch, way, share=share, seed=seed)
        _show_split(sketch)
        train(sketch, chosen, way)
        _show_model(sketch, chosen)

    return write


def pair(corpus: int, name: str, train: Train, **facets: Any) -> tuple[Realisation, ...]:
    """The same training for tables (random, stratified split) and for series (by time).

    `folds=True` among the facets stands for the folds that go with the split.
    """
    folded = facets.pop("folds", False)
    share, seed = (0.25, 7) if corpus == 0 else (0.2, 42)
    table = {**facets, "split": "random", "stratified": True}
    series = {**facets, "split": "chronological"}
    if folded:
        table["folds"], series["folds"] = "kfold", "timeseries"
    return (
        Realisation(
            *(name, "model_training", corpus, table),
            *(_writer(train, "stratified", share, seed), _tabular),
        ),
        Realisation(
            *(f"{name}_by_time", "model_training", corpus, series),
            *(_writer(train, "time", share, seed), series_only),
        ),
    )


def single(
    corpus: int, name: str, train: Train, way: Way, suits: Callable[[Case], bool], **facets: Any
) -> Realisation:
    """A training that goes with one way of splitting."""
    share, seed = (0.25, 7) if corpus == 0 else (0.2, 42)
    return Realisation(
        *(name, "model_training", corpus, facets), *(_writer(train, way, share, seed), suits)
    )


REALISATIONS = (
    *pair(0, "loop_over_test", _loop("test"), tuned_on="test"),
    *pair(0, "table_over_test", _table("test"), tuned_on="test"),
    *pair(0, "loop_over_train", _loop("train"), tuned_on="train", scored_on="train"),
    *pair(0, "table_over_train", _table("train"), tuned_on="train", scored_on="train"),
    single(
        0,
        "grid_on_mixed_rows",
        _search("GridSearchCV", baseline=True),
        "mixed",
        series_only,
        split="random",
        folds="shuffled",
        tuned_on="cv",
        baseline=True,
    ),
    single(
        0,
        "grid_on_mixed_folds",
        _search("GridSearchCV", baseline=True, fold_way="mixed"),
        "time",
        series_only,
        split="chronological",
        folds="shuffled",
        tuned_on="cv",
        baseline=True,
    ),
    *pair(0, "default_holdout", _default),
    *pair(0, "default_with_folds", _default_checked, folds=True),
    *pair(
        0,
        "grid_alone",
        _search("GridSearchCV", baseline=False),
        folds=True,
        tuned_on="cv",
    ),
    *pair(
        0,
        "random_search_alone",
        _search("RandomizedSearchCV", baseline=False),
        folds=True,
        tuned_on="cv",
    ),
    *pair(0, "valid_part_alone", _validated(baseline=False), tuned_on="validation"),
    single(
        0,
        "grid_with_baseline_plain_split",
        _search("GridSearchCV", baseline=True),
        "plain",
        _rare,
        split="random",
        folds="kfold",
        tuned_on="cv",
        baseline=True,
    ),
    *pair(
        0,
        "grid_with_baseline",
        _search("GridSearchCV", baseline=True),
        folds=True,
        tuned_on="cv",
        baseline=True,
    ),
    *pair(
        0,
        "random_search_with_baseline",
        _search("RandomizedSearchCV", baseline=True),
        folds=True,
        tuned_on="cv",
        baseline=True,
    ),
    *pair(
        0,
        "valid_part_with_baseline",
        _validated(baseline=True),
        tuned_on="validation",
        baseline=True,
    ),
)
