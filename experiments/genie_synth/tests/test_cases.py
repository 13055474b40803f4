"""Cases: what they say of their data is true of their data."""

import pytest

from genie_synth.cases import CASES
from genie_synth.sketch.case import Case

ALL = [entry for cases in CASES.values() for entry in cases]
NAMES = [entry.case_id for entry in ALL]
by_case = pytest.mark.parametrize("entry", ALL, ids=NAMES)


def test_names_are_unique_over_both_corpora() -> None:
    assert len(set(NAMES)) == len(NAMES) == 37


MIX = {0: (12, 6, 7), 1: (6, 3, 3)}
"""Corpus -> classification, regression and forecasting cases."""


@pytest.mark.parametrize("corpus", [0, 1])
def test_a_corpus_has_the_mix_that_was_asked_for(corpus: int) -> None:
    cases = CASES[corpus]
    tasks = [entry.task for entry in cases]
    kinds = ("classification", "regression", "forecasting")
    assert tuple(tasks.count(kind) for kind in kinds) == MIX[corpus]
    assert all(entry.corpus == corpus for entry in cases)
    assert len({entry.domain for entry in cases}) >= 8
    assert sum(entry.imbalanced for entry in cases) >= 3
    assert sum(bool(entry.missing) for entry in cases) == (13 if corpus == 0 else 6)
    assert sum(not entry.wants_predictions for entry in cases) == (6 if corpus == 0 else 3)
    assert sum(entry.rules_out_tracking for entry in cases) == (3 if corpus == 0 else 2)
    assert not {entry.file for entry in CASES[0]} & {entry.file for entry in CASES[1]}


def test_sizes_reach_from_a_hundred_rows_to_a_hundred_thousand() -> None:
    sizes = sorted(len(entry.data()) for entry in CASES[0])
    assert 100 <= sizes[0] < 200
    assert sizes[-1] == 100_000
    assert sum(5000 <= size < 30_000 for size in sizes) >= 3


@by_case
def test_the_data_are_what_the_case_says(entry: Case) -> None:
    frame = entry.data()
    columns = [*entry.numeric, *entry.nominal, entry.target]
    extra = [name for name in (entry.id_column, entry.time_index) if name]
    assert set(frame.columns) == {*columns, *extra}
    assert 100 <= len(frame) <= 100_000
    assert frame.equals(entry.data())
    missing = frame.isna().any()
    assert set(missing[missing].index) == set(entry.missing)
    share = frame.isna().any(axis=1).mean()
    low, high = {"": (0, 0), "few": (1e-6, 0.0099), "many": (0.051, 0.3)}[entry.facts["gaps"]]
    assert low <= share <= high
    if entry.task == "classification":
        rate = frame[entry.target].mean()
        assert set(frame[entry.target].dropna().unique()) == {0, 1}
        assert (rate < 0.2) if entry.imbalanced else (0.3 < rate < 0.7)
    else:
        assert (frame[entry.target] == 0).any() == entry.facts.get("zeros", False)
    if entry.id_column:
        assert frame[entry.id_column].is_unique
    if entry.time_index:
        assert frame[entry.time_index].is_monotonic_increasing
        assert frame[entry.time_index].is_unique


@by_case
def test_new_rows_go_with_the_data_and_hide_the_target(entry: Case) -> None:
    if not entry.wants_predictions:
        assert entry.new_file is None
        return
    frame, fresh = entry.data(), entry.new_data()
    assert set(fresh.columns) == set(frame.columns) - {entry.target}
    assert not fresh.isna().any().any()
    assert entry.new_file in entry.prompt
    for column in entry.nominal:
        assert set(fresh[column]) <= set(frame[column])
    if entry.id_column:
        assert not set(fresh[entry.id_column]) & set(frame[entry.id_column])
    if entry.time_index:
        assert fresh[entry.time_index].min() > frame[entry.time_index].max()
        assert len(fresh) == entry.facts["season"]


@by_case
def test_the_inputs_carry_signal(entry: Case) -> None:
    frame = entry.data().dropna()
    numeric = frame[[*entry.numeric]].corrwith(frame[entry.target]).abs().max()
    past = frame[entry.target].autocorr(entry.facts["season"]) if entry.time_index else 0.0
    assert max(numeric, past) > (0.1 if entry.imbalanced else 0.2)


@by_case
def test_domain_features_can_be_computed_before_imputation(entry: Case) -> None:
    frame = entry.data()
    for name, source, why in entry.facts["domain"]:
        assert name not in frame.columns
        assert why.endswith(".")
        assert all(f'"{column}"' not in source for column in entry.missing)
        values = eval(source.replace("{d}", "frame"), {"frame": frame})
        assert len(values) == len(frame)
        assert values.nunique() > 1
        assert values.isna().sum() <= 2
