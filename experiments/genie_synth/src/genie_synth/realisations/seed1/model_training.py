"""Training as the authors of the development corpus write it."""

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

__all__ = ["REALISATIONS"]

HOLDOUT = Holdout(0.2, 42)


N_FOLDS = 5


def _made(sketch: Sketch, source: str) -> str:
    sketch.need("from sklearn.pipeline import make_pipeline")
    return f"make_pipeline(prep, {source})"


def _key(chosen: Estimator) -> str:
    return f"{chosen.name.lower()}__{chosen.setting}"


def _settings(rows: str) -> Train:
    """All settings of a grid, each scored on `rows`; the winner is fitted once more."""

    def train(sketch: Sketch, chosen: Estimator, way: Way) -> None:
        sketch.need("from sklearn.model_selection import ParameterGrid")
        body = (
            f"$model = {_made(sketch, chosen.plain)}\n"
            "ranking = []\n"
            f'for setting in ParameterGrid({{"{_key(chosen)}": {numbers(chosen)}}}):\n'
            "    $model.set_params(**setting).fit($X_train, $y_train)\n"
            f"    ranking.append(($model.score($X_{rows}, $y_{rows}), setting))\n"
            "ranking.sort(key=lambda pair: pair[0], reverse=True)\n"
            "$model.set_params(**ranking[0][1]).fit($X_train, $y_train)\n"
            "print([(round(float(mark), 3), setting) for mark, setting in ranking])"
        )
        marks = [
            f"    ranking.append(($model.score($X_{rows}, $y_{rows}), setting))",
            "$model.set_params(**ranking[0][1]).fit($X_train, $y_train)",
        ]
        put(sketch, "train", body, marks)

    return train


def _candidates(rows: str) -> Train:
    """Two candidates side by side, the better one on `rows` is kept."""

    def train(sketch: Sketch, chosen: Estimator, way: Way) -> None:
        first, last = chosen.values[0], chosen.values[-1]
        body = (
            "candidates = [\n"
            f"    {_made(sketch, chosen.at(first))}.fit($X_train, $y_train),\n"
            f"    {_made(sketch, chosen.at(last))}.fit($X_train, $y_train),\n"
            "]\n"
            f"marks = [one.score($X_{rows}, $y_{rows}) for one in candidates]\n"
            "$model = candidates[marks.index(max(marks))]\n"
            "print([round(mark, 3) for mark in marks])"
        )
        shown = (
            f"marks = [one.score($X_{rows}, $y_{rows}) for one in candidates]\n"
            "$model = candidates[marks.index(max(marks))]"
        )
        put(sketch, "train", body, [shown])

    return train


def _validated(*, baseline: bool) -> Train:
    """The training rows are cut once more; the smaller part ranks the settings."""

    def train(sketch: Sketch, chosen: Estimator, way: Way) -> None:
        put(sketch, "train", _inner_split(sketch, way), "all")
        sketch.need("from sklearn.model_selection import ParameterGrid")
        if baseline:
            source = trivial(sketch)
            line = f"$baseline = {source}.fit($X_train.loc[fit_rows], $y_train.loc[fit_rows])"
            report = (
                'print("trivial:", $baseline.score($X_train.loc[val_rows], $y_train.loc[val_rows]))'
            )
            put(sketch, "train", f"{line}\n{report}", [line])
        body = (
            f"$model = {_made(sketch, chosen.plain)}\n"
            "ranking = []\n"
            f'for setting in ParameterGrid({{"{_key(chosen)}": {numbers(chosen)}}}):\n'
            "    $model.set_params(**setting).fit($X_train.loc[fit_rows], $y_train.loc[fit_rows])\n"
            "    mark = $model.score($X_train.loc[val_rows], $y_train.loc[val_rows])\n"
            "    ranking.append((mark, setting))\n"
            "ranking.sort(key=lambda pair: pair[0], reverse=True)\n"
            "$model.set_params(**ranking[0][1]).fit($X_train, $y_train)\n"
            "print([(round(float(mark), 3), setting) for mark, setting in ranking])"
        )
        marks = [
            "    mark = $model.score($X_train.loc[val_rows], $y_train.loc[val_rows])\n"
            "    ranking.append((mark, setting))",
            "$model.set_params(**ranking[0][1]).fit($X_train, $y_train)",
        ]
        put(sketch, "train", body, marks)

    return train


def _inner_split(sketch: Sketch, way: Way) -> str:
    sketch.need("from sklearn.model_selection import train_test_split")
    if way == "time":
        return (
            "fit_rows, val_rows = train_test_split(\n"
            "    $X_train.index, test_size=0.2, shuffle=False\n)"
        )
    kept = way == "stratified" and sketch.case.task == "classification"
    stratify = ", stratify=$y_train" if kept else ""
    return (
        "fit_rows, val_rows = train_test_split(\n"
        f"    $X_train.index, test_size=0.2{stratify}, random_state=42\n)"
    )


def _grid(*, baseline: bool, fold_way: Way | None = None) -> Train:
    """`GridSearchCV` with the folds written into the call."""

    def train(sketch: Sketch, chosen: Estimator, way: Way) -> None:
        sketch.need("from sklearn.model_selection import GridSearchCV")
        cv, by = folds(sketch, fold_way or way, n=N_FOLDS), scoring(sketch)
        body = (
            f'space = {{"{_key(chosen)}": {numbers(chosen)}}}\n'
            f"$search = GridSearchCV({_made(sketch, chosen.plain)}, space,\n"
            f'    cv={cv}, scoring="{by}")\n'
            "$model = $search.fit($X_train, $y_train).best_estimator_\n"
            'print(f"{$search.best_score_:.3f} with {$search.best_params_}")'
        )
        marks = [f'    cv={cv}, scoring="{by}")\n$model = $search.fit($X_train, $y_train)']
        put(sketch, "train", body, marks)
        if baseline:
            _judged_baseline(sketch, cv, by)

    return train


def _judged_baseline(sketch: Sketch, cv: str, by: str) -> None:
    sketch.need("from sklearn.model_selection import cross_validate")
    body = (
        f"$baseline = {trivial(sketch)}\n"
        "reached = cross_validate(\n"
        f'    $baseline, $X_train, $y_train, cv={cv}, scoring="{by}"\n)["test_score"]\n'
        "$baseline.fit($X_train, $y_train)\n"
        'print(f"a trivial model reaches {reached.mean():.3f}")'
    )
    marks = [
        f"$baseline = {trivial(sketch)}",
        'print(f"a trivial model reaches {reached.mean():.3f}")',
    ]
    put(sketch, "train", body, marks)


def _hand_folds(*, baseline: bool) -> Train:
    """`cross_val_score` for every setting of a grid."""

    def train(sketch: Sketch, chosen: Estimator, way: Way) -> None:
        sketch.need(
            "from sklearn.model_selection import ParameterGrid",
            "from sklearn.model_selection import cross_val_score",
        )
        cv, by = folds(sketch, way, n=N_FOLDS), scoring(sketch)
        call = f'cross_val_score($model, $X_train, $y_train, cv=parts, scoring="{by}")'
        body = (
            f"parts = {cv}\n$model = {_made(sketch, chosen.plain)}\n"
            "ranking = []\n"
            f'for setting in ParameterGrid({{"{_key(chosen)}": {numbers(chosen)}}}):\n'
            "    $model.set_params(**setting)\n"
            f"    mark = {call}.mean()\n"
            "    ranking.append((mark, setting))\n"
            "ranking.sort(key=lambda pair: pair[0], reverse=True)\n"
            "$model.set_params(**ranking[0][1]).fit($X_train, $y_train)\n"
            "print([(round(float(mark), 3), setting) for mark, setting in ranking])"
        )
        put(sketch, "train", body, [f"parts = {cv}", f"    mark = {call}.mean()"])
        if baseline:
            _judged_baseline(sketch, cv, by)

    return train


def _default(sketch: Sketch, chosen: Estimator, way: Way) -> None:
    body = (
        f"$model = {_made(sketch, chosen.plain)}.fit($X_train, $y_train)\n"
        'print("held out:", round($model.score($X_test, $y_test), 3))'
    )
    put(sketch, "train", body, "all")


def _default_validated(sketch: Sketch, chosen: Estimator, way: Way) -> None:
    sketch.need("from sklearn.model_selection import cross_validate")
    cv, by = folds(sketch, way, n=N_FOLDS), scoring(sketch)
    body = (
        f"$model = {_made(sketch, chosen.at(chosen.values[1]))}\n"
        "reached = cross_validate(\n"
        f'    $model, $X_train, $y_train, cv={cv}, scoring="{by}"\n)["test_score"]\n'
        "$model.fit($X_train, $y_train)\n"
        'print(f"{reached.mean():.3f} +- {reached.std():.3f}")'
    )
    put(sketch, "train", body, "all")


def _rare(case: Case) -> bool:
    return case.imbalanced


REALISATIONS = (
    *pair(HOLDOUT, "ranking_on_test", _settings("test"), tuned_on="test"),
    *pair(HOLDOUT, "candidates_on_test", _candidates("test"), tuned_on="test"),
    *pair(HOLDOUT, "ranking_on_train", _settings("train"), tuned_on="train", scored_on="train"),
    *pair(
        HOLDOUT, "candidates_on_train", _candidates("train"), tuned_on="train", scored_on="train"
    ),
    single(
        HOLDOUT,
        "inline_grid_mixed_rows",
        _grid(baseline=True),
        "mixed",
        series_only,
        split="random",
        folds="shuffled",
        tuned_on="cv",
        baseline=True,
    ),
    single(
        HOLDOUT,
        "inline_grid_mixed_folds",
        _grid(baseline=True, fold_way="mixed"),
        "time",
        series_only,
        split="chronological",
        folds="shuffled",
        tuned_on="cv",
        baseline=True,
    ),
    *pair(HOLDOUT, "one_fit_holdout", _default),
    *pair(HOLDOUT, "one_setting_validated", _default_validated, folds=True),
    *pair(HOLDOUT, "inline_grid_alone", _grid(baseline=False), folds=True, tuned_on="cv"),
    *pair(HOLDOUT, "hand_folds_alone", _hand_folds(baseline=False), folds=True, tuned_on="cv"),
    *pair(HOLDOUT, "inner_part_alone", _validated(baseline=False), tuned_on="validation"),
    single(
        HOLDOUT,
        "inline_grid_baseline_plain_split",
        _grid(baseline=True),
        "plain",
        _rare,
        split="random",
        folds="kfold",
        tuned_on="cv",
        baseline=True,
    ),
    *pair(
        HOLDOUT,
        "inline_grid_baseline",
        _grid(baseline=True),
        folds=True,
        tuned_on="cv",
        baseline=True,
    ),
    *pair(
        HOLDOUT,
        "hand_folds_baseline",
        _hand_folds(baseline=True),
        folds=True,
        tuned_on="cv",
        baseline=True,
    ),
    *pair(
        HOLDOUT,
        "inner_part_baseline",
        _validated(baseline=True),
        tuned_on="validation",
        baseline=True,
    ),
)
