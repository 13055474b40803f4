"""Training as the authors of the reported corpus write it."""

from __future__ import annotations

from genie_synth.realisations.estimators import Estimator, trivial
from genie_synth.realisations.parts.model_training import (
    Holdout,
    Train,
    numbers,
    pair,
    series_only,
    single,
)
from genie_synth.realisations.splitting import Way, folds, scoring
from genie_synth.sketch.case import Case
from genie_synth.sketch.sketch import Sketch
from genie_synth.sketch.writing import put

__all__ = ["HOLDOUT", "N_FOLDS", "REALISATIONS", "pipeline"]

HOLDOUT = Holdout(0.25, 7)

N_FOLDS = 4


def pipeline(sketch: Sketch, source: str) -> str:
    """Source of the preparation and an estimator behind one another."""
    sketch.need("from sklearn.pipeline import Pipeline")
    return f'Pipeline([("prep", prep), ("model", {source})])'


def _loop(rows: str) -> Train:
    """Fit every setting on the training rows and keep the one that scores best on `rows`."""

    def train(sketch: Sketch, chosen: Estimator, way: Way) -> None:
        held = f"$X_{rows}, $y_{rows}"
        body = (
            "top = None\n"
            f"for value in {numbers(chosen)}:\n"
            f"    candidate = {pipeline(sketch, chosen.at('value'))}\n"
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
            [f"for value in {numbers(chosen)}:", f"    score = candidate.score({held})"],
        )

    return train


def _table(rows: str) -> Train:
    """The same as a dictionary of scores, and the best setting fitted once more."""

    def train(sketch: Sketch, chosen: Estimator, way: Way) -> None:
        body = (
            "trials = {}\n"
            f"for value in {numbers(chosen)}:\n"
            f"    candidate = {pipeline(sketch, chosen.at('value'))}.fit($X_train, $y_train)\n"
            f"    trials[value] = candidate.score($X_{rows}, $y_{rows})\n"
            "setting = max(trials, key=trials.get)\n"
            f"$model = {pipeline(sketch, chosen.at('setting'))}.fit($X_train, $y_train)\n"
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
            f"for value in {numbers(chosen)}:\n"
            f"    candidate = {pipeline(sketch, chosen.at('value'))}.fit(X_learn, y_learn)\n"
            "    trials[value] = candidate.score(X_valid, y_valid)\n"
            "setting = max(trials, key=trials.get)\n"
            f"$model = {pipeline(sketch, chosen.at('setting'))}.fit($X_train, $y_train)\n"
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
            f"    {pipeline(sketch, chosen.plain)},\n"
            f'    {{"model__{chosen.setting}": {numbers(chosen)}}},\n'
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
        f"$model = {pipeline(sketch, chosen.plain)}\n$model = $model.fit($X_train, $y_train)",
        "all",
    )


def _default_checked(sketch: Sketch, chosen: Estimator, way: Way) -> None:
    sketch.need("from sklearn.model_selection import cross_val_score")
    cv, by = folds(sketch, way, n=N_FOLDS), scoring(sketch)
    body = (
        f"$model = {pipeline(sketch, chosen.plain)}\n"
        "fold_scores = cross_val_score(\n"
        f'    $model, $X_train, $y_train, cv={cv}, scoring="{by}"\n)\n'
        "$model.fit($X_train, $y_train)\n"
        "print(fold_scores.round(3))"
    )
    put(sketch, "train", body, "all")


def _rare(case: Case) -> bool:
    return case.imbalanced


REALISATIONS = (
    *pair(HOLDOUT, "loop_over_test", _loop("test"), tuned_on="test"),
    *pair(HOLDOUT, "table_over_test", _table("test"), tuned_on="test"),
    *pair(HOLDOUT, "loop_over_train", _loop("train"), tuned_on="train", scored_on="train"),
    *pair(HOLDOUT, "table_over_train", _table("train"), tuned_on="train", scored_on="train"),
    single(
        HOLDOUT,
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
        HOLDOUT,
        "grid_on_mixed_folds",
        _search("GridSearchCV", baseline=True, fold_way="mixed"),
        "time",
        series_only,
        split="chronological",
        folds="shuffled",
        tuned_on="cv",
        baseline=True,
    ),
    *pair(HOLDOUT, "default_holdout", _default),
    *pair(HOLDOUT, "default_with_folds", _default_checked, folds=True),
    *pair(
        HOLDOUT,
        "grid_alone",
        _search("GridSearchCV", baseline=False),
        folds=True,
        tuned_on="cv",
    ),
    *pair(
        HOLDOUT,
        "random_search_alone",
        _search("RandomizedSearchCV", baseline=False),
        folds=True,
        tuned_on="cv",
    ),
    *pair(HOLDOUT, "valid_part_alone", _validated(baseline=False), tuned_on="validation"),
    single(
        HOLDOUT,
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
        HOLDOUT,
        "grid_with_baseline",
        _search("GridSearchCV", baseline=True),
        folds=True,
        tuned_on="cv",
        baseline=True,
    ),
    *pair(
        HOLDOUT,
        "random_search_with_baseline",
        _search("RandomizedSearchCV", baseline=True),
        folds=True,
        tuned_on="cv",
        baseline=True,
    ),
    *pair(
        HOLDOUT,
        "valid_part_with_baseline",
        _validated(baseline=True),
        tuned_on="validation",
        baseline=True,
    ),
)
