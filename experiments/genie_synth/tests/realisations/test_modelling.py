"""Realisations of the five modelling dimensions: they run, and show what they plant."""

import contextlib
import io
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from genie_synth.authors import AUTHORS, write_load
from genie_synth.cases import CASES
from genie_synth.policy import expert
from genie_synth.realisations import WRITING_ORDER, realisations
from genie_synth.realisations.realisation import Realisation
from genie_synth.sketch.case import Case
from genie_synth.sketch.sketch import Sketch

MODELLING = (
    "data_imputation",
    "feature_engineering",
    "model_training",
    "metrics_evaluation",
    "model_use",
)
both = pytest.mark.parametrize("corpus", [0, 1])
each_dimension = pytest.mark.parametrize("dimension", MODELLING)


def fitting(entry: Realisation, corpus: int) -> list[Case]:
    cases = CASES[corpus]
    return [case for case in cases if case.applies(entry.dimension) and entry.suits(case)]


def written(case: Case, choices: dict[str, Realisation], author: int = 0) -> Sketch:
    names, style = AUTHORS[case.corpus][author]
    sketch = Sketch(case, names, style, item_id=f"{case.case_id}-a")
    sketch.state["facets"] = {key: dict(entry.facets) for key, entry in choices.items()}
    write_load(sketch)
    for dimension in WRITING_ORDER:
        if dimension in choices:
            sketch.begin(dimension)
            choices[dimension].write(sketch)
    return sketch


def run(
    sketch: Sketch, folder: Path, monkeypatch: pytest.MonkeyPatch, rows: int = 300
) -> dict[str, object]:
    case = sketch.case
    monkeypatch.chdir(folder)
    frame = case.data()
    frame = frame.tail(rows) if case.time_index else frame.head(rows)
    frame.to_csv(case.file, index=False)
    if case.new_file:
        case.new_data().to_csv(case.new_file, index=False)
    space: dict[str, object] = {}
    exec("\n".join(sketch.imports), space)
    for cell in sketch.ordered():
        if cell.kind == "code":
            with contextlib.redirect_stdout(io.StringIO()):
                exec(cell.source, space)
    return space


def drawn(corpus: int, seed: int) -> list[tuple[Case, dict[str, Realisation], int]]:
    """Notebooks that together use every realisation once or more."""
    rng = np.random.default_rng(seed)
    used: set[str] = set()
    plans = []
    for dimension in MODELLING:
        for entry in realisations(dimension, corpus):
            if entry.name in used:
                continue
            cases = fitting(entry, corpus)
            case = cases[rng.integers(len(cases))]
            choices = {}
            for other in MODELLING:
                if case.applies(other):
                    pool = [one for one in realisations(other, corpus) if one.suits(case)]
                    fresh = [one for one in pool if one.name not in used] or pool
                    choices[other] = fresh[rng.integers(len(fresh))]
            choices[dimension] = entry
            used |= {one.name for one in choices.values()}
            plans.append((case, choices, int(rng.integers(6))))
    return plans


@pytest.mark.archive
@both
def test_every_realisation_runs_without_a_warning(
    corpus: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for case, choices, author in drawn(corpus, 0):
        sketch = written(case, choices, author)
        space = run(sketch, tmp_path, monkeypatch)
        names = sketch.names
        model, held = space[names.model], space[names.X_test]
        assert len(model.predict(held)) == len(held)  # type: ignore[attr-defined, arg-type]


@both
@each_dimension
def test_every_score_has_its_realisations(corpus: int, dimension: str) -> None:
    scores = defaultdict(set)
    for entry in realisations(dimension, corpus):
        for case in fitting(entry, corpus):
            scores[expert(dimension, entry.facets, case).score].add(entry.name)
    assert set(scores) == {1, 2, 3}
    assert min(len(names) for names in scores.values()) >= (8 if corpus == 0 else 4)


@both
@each_dimension
def test_every_applicable_case_can_have_every_score(corpus: int, dimension: str) -> None:
    for case in CASES[corpus]:
        if case.applies(dimension):
            suiting = [entry for entry in realisations(dimension, corpus) if entry.suits(case)]
            found = {expert(dimension, entry.facets, case).score for entry in suiting}
            assert found == {1, 2, 3}, case.case_id


@each_dimension
def test_the_corpora_share_no_realisation(dimension: str) -> None:
    one, two = (realisations(dimension, corpus) for corpus in (0, 1))
    assert not {entry.name for entry in one} & {entry.name for entry in two}
    assert not {id(entry.write) for entry in one} & {id(entry.write) for entry in two}


@both
def test_evidence_is_short_and_every_dimension_has_some(corpus: int) -> None:
    for case, choices, author in drawn(corpus, 1):
        sketch = written(case, choices, author)
        for dimension in choices:
            parts = [
                part for cell in sketch.cells for owner, part in cell.evidence if owner == dimension
            ]
            assert parts, (case.case_id, dimension)
            assert sum(map(len, parts)) < 900, (choices[dimension].name, parts)
            assert sum(part.count("\n") + 1 for part in parts) <= 16, choices[dimension].name


@both
def test_facets_found_while_writing_do_not_change_the_score(corpus: int) -> None:
    for case, choices, author in drawn(corpus, 2):
        sketch = written(case, choices, author)
        for dimension, entry in choices.items():
            found = {**entry.facets, **sketch.facts[dimension]}
            planned = expert(dimension, entry.facets, case)
            assert expert(dimension, found, case) == planned, (case.case_id, entry.name)


@both
def test_no_gap_of_a_template_is_left_and_no_verdict_is_written(corpus: int) -> None:
    telling = re.compile(r"«|»|leak|honest|cheat|wrong|overfit|mistake", re.IGNORECASE)
    for case, choices, author in drawn(corpus, 3):
        for cell in written(case, choices, author).cells:
            assert not telling.search(cell.source), cell.source


@both
def test_series_have_good_and_bad_training(corpus: int) -> None:
    series = [case for case in CASES[corpus] if case.time_index]
    reasons = {
        expert("model_training", entry.facets, case).reason
        for case in series
        for entry in realisations("model_training", corpus)
        if entry.suits(case)
    }
    assert {
        "random_split_on_series",
        "shuffled_folds_on_series",
        "tuned_on_test",
        "search_and_baseline",
    } <= reasons


def test_lags_of_a_forecast_reach_back_at_least_the_horizon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = next(case for case in CASES[0] if case.case_id == "energy-demand")
    choices = {}
    for dimension, name in (
        ("data_imputation", "forward_fill_sorted"),
        ("feature_engineering", "onehot_tree_plain_columns"),
        ("model_training", "default_holdout_by_time"),
        ("model_use", "fitted_table"),
    ):
        pool = {entry.name: entry for entry in realisations(dimension, 0)}
        choices[dimension] = pool[name]
    space = run(written(case, choices), tmp_path, monkeypatch)
    frame, fresh = space["df"], space["new"]
    assert len(fresh) == 7  # type: ignore[arg-type]
    assert fresh["lag_7"].tolist() == frame["demand_mwh"].tail(7).tolist()  # type: ignore[index]
    assert space["X_train"].index.max() < space["X_test"].index.min()  # type: ignore[attr-defined]
