"""More ways of picking settings in the reported corpus: folds by hand, dictionaries, curves."""

from __future__ import annotations

from genie_synth.realisations.estimators import Estimator, trivial
from genie_synth.realisations.parts.model_training import (
    Train,
    numbers,
    pair,
)
from genie_synth.realisations.seed0.model_training import (
    HOLDOUT,
    N_FOLDS,
    pipeline,
)
from genie_synth.realisations.splitting import Way, folds, scoring
from genie_synth.sketch.sketch import Sketch
from genie_synth.sketch.writing import put

__all__ = ["REALISATIONS"]


def _floor(sketch: Sketch) -> None:
    """A trivial model, fitted beside the model and scored on the rows held out."""
    source = trivial(sketch)
    line = f"$baseline = {source}.fit($X_train, $y_train)"
    told = 'print("trivial model:", round($baseline.score($X_test, $y_test), 3))'
    put(sketch, "evaluate", f"{line}\n{told}", [line])


def _by_hand(*, baseline: bool) -> Train:
    """The folds of a splitter, one after the other, for every setting."""

    def train(sketch: Sketch, chosen: Estimator, way: Way) -> None:
        cv = folds(sketch, way, n=N_FOLDS)
        sketch.need("import numpy as np")
        body = (
            "marks = {}\n"
            f"for value in {numbers(chosen)}:\n"
            "    marks[value] = []\n"
            f"    for inner, outer in {cv}.split($X_train, $y_train):\n"
            f"        attempt = {pipeline(sketch, chosen.at('value'))}\n"
            "        attempt.fit($X_train.iloc[inner], $y_train.iloc[inner])\n"
            "        marks[value].append(\n"
            "            attempt.score($X_train.iloc[outer], $y_train.iloc[outer])\n"
            "        )\n"
            "setting = max(marks, key=lambda value: np.mean(marks[value]))\n"
            f"$model = {pipeline(sketch, chosen.at('setting'))}.fit($X_train, $y_train)\n"
            "print({value: round(float(np.mean(found)), 3) for value, found in marks.items()})"
        )
        shown = [
            f"    for inner, outer in {cv}.split($X_train, $y_train):",
            "            attempt.score($X_train.iloc[outer], $y_train.iloc[outer])",
            "setting = max(marks, key=lambda value: np.mean(marks[value]))",
        ]
        put(sketch, "train", body, shown)
        if baseline:
            _floor(sketch)

    return train


def _means(rows: str, *, baseline: bool) -> Train:
    """A dictionary of cross-validated means; with `rows` "all" the test rows are among them."""
    part = "$X, $y" if rows == "all" else "$X_train, $y_train"

    def train(sketch: Sketch, chosen: Estimator, way: Way) -> None:
        sketch.need("from sklearn.model_selection import cross_val_score")
        cv, by = folds(sketch, way, n=N_FOLDS), scoring(sketch)
        body = (
            "means = {\n"
            "    value: cross_val_score(\n"
            f"        {pipeline(sketch, chosen.at('value'))},\n"
            f'        {part}, cv={cv}, scoring="{by}"\n'
            "    ).mean()\n"
            f"    for value in {numbers(chosen)}\n"
            "}\n"
            "setting = max(means, key=means.get)\n"
            f"$model = {pipeline(sketch, chosen.at('setting'))}.fit($X_train, $y_train)\n"
            "print(setting, round(means[setting], 3))"
        )
        shown = [
            f'        {part}, cv={cv}, scoring="{by}"',
            "setting = max(means, key=means.get)",
        ]
        put(sketch, "train", body, shown)
        if baseline:
            _floor(sketch)

    return train


def _curve(side: str, *, baseline: bool) -> Train:
    """A validation curve; the best mean on `side` ("seen" or "unseen" rows) decides."""

    def train(sketch: Sketch, chosen: Estimator, way: Way) -> None:
        sketch.need("from sklearn.model_selection import validation_curve")
        cv, by = folds(sketch, way, n=N_FOLDS), scoring(sketch)
        body = (
            f"tried = {numbers(chosen)}\n"
            "seen, unseen = validation_curve(\n"
            f"    {pipeline(sketch, chosen.plain)}, $X_train, $y_train,\n"
            f'    param_name="model__{chosen.setting}", param_range=tried,\n'
            f'    cv={cv}, scoring="{by}",\n'
            ")\n"
            f"setting = tried[int({side}.mean(axis=1).argmax())]\n"
            f"$model = {pipeline(sketch, chosen.at('setting'))}.fit($X_train, $y_train)\n"
            f"print(setting, {side}.mean(axis=1).round(3))"
        )
        shown = [
            f'    cv={cv}, scoring="{by}",',
            f"setting = tried[int({side}.mean(axis=1).argmax())]",
        ]
        put(sketch, "train", body, shown)
        if baseline:
            _floor(sketch)

    return train


REALISATIONS = (
    *pair(
        HOLDOUT,
        "folds_by_hand_with_baseline",
        _by_hand(baseline=True),
        folds=True,
        tuned_on="cv",
        baseline=True,
    ),
    *pair(
        HOLDOUT,
        "fold_means_with_baseline",
        _means("train", baseline=True),
        folds=True,
        tuned_on="cv",
        baseline=True,
    ),
    *pair(
        HOLDOUT,
        "validation_curve_with_baseline",
        _curve("unseen", baseline=True),
        folds=True,
        tuned_on="cv",
        baseline=True,
    ),
    *pair(HOLDOUT, "folds_by_hand_alone", _by_hand(baseline=False), folds=True, tuned_on="cv"),
    *pair(
        HOLDOUT,
        "validation_curve_alone",
        _curve("unseen", baseline=False),
        folds=True,
        tuned_on="cv",
    ),
    *pair(
        HOLDOUT,
        "fold_means_over_all_rows",
        _means("all", baseline=True),
        folds=True,
        tuned_on="test",
        baseline=True,
    ),
    *pair(
        HOLDOUT,
        "training_curve_decides",
        _curve("seen", baseline=True),
        folds=True,
        tuned_on="train",
        scored_on="train",
        baseline=True,
    ),
)
