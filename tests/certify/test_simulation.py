import math

import numpy as np
import pytest

from memalign_bench.certify import errors, memories, ranks, readings
from memalign_bench.certify.design import N_CASES, Cell, Draw, Finding, draw_values
from memalign_bench.certify.simulation import (
    HEADLINE,
    MIN_CHANGED,
    QUANTITIES,
    _tallies,
    cells,
    simulate,
)


def drawn(quantity: str, regime: str, effect: str, n_cases: int, draws: int) -> list[Draw]:
    cell = Cell(quantity, regime, effect, n_cases, draws, 0)
    return list(QUANTITIES[quantity].simulator(cell))


def test_an_items_value_has_the_chances_given_and_goes_with_its_case() -> None:
    cases = np.repeat(np.arange(20_000), 2)
    gains = draw_values({-1: 0.1, 0: 0.7, 2: 0.2}, cases, np.random.default_rng(0))
    assert [np.mean(gains == kind) for kind in (-1, 0, 2)] == pytest.approx(
        [0.1, 0.7, 0.2], abs=0.01
    )
    assert np.corrcoef(gains.reshape(-1, 2).T)[0, 1] == pytest.approx(0.36, abs=0.02)


def test_regimes_are_what_their_names_say() -> None:
    for effects in errors.GAINS.values():
        assert [sum(chances.values()) for chances in effects.values()] == pytest.approx([1, 1])
        assert sum(gain * chance for gain, chance in effects["none"].items()) == pytest.approx(0)
        assert effects["none"][0] == effects["some"][0]
    assert (errors.UNCHANGED["unchanged_68"], errors.UNCHANGED["unchanged_88"]) == (0.68, 0.88)


@pytest.mark.parametrize(
    ("quantity", "regime"),
    [("improvement", "unequal_cases"), ("improvement", "three_seeds"), ("level", "few_errors"),
     ("rank", "grades_only"), ("rank_difference", "level_shift"), ("memories", "regression"),
     ("reading", "sure_unequal_cases")],
)  # fmt: skip
def test_the_estimates_are_around_the_truth(quantity, regime) -> None:
    studies = drawn(quantity, regime, "some", 50, 60)
    away = np.array([study.point - study.truth for study in studies])
    assert abs(away.mean()) < 4 * away.std() / math.sqrt(60) + 0.01
    assert set(HEADLINE[quantity].split()) <= set(studies[0].findings)


def test_without_an_effect_the_reading_favours_neither_judge() -> None:
    away = np.array([study.point for study in drawn("reading", "sure", "none", 30, 40)])
    assert abs(away.mean()) < 4 * away.std() / math.sqrt(40)
    assert np.mean([study.point for study in drawn("reading", "unsure", "some", 30, 40)]) > 0.1


def test_the_sign_flip_test_has_its_size_and_power_where_a_swap_of_ranks_has_none() -> None:
    none, some = (
        {tally.method: tally for tally in simulate(cell)}
        for cell in (
            Cell("rank_difference", "level_shift", "none", 30, 40, 0),
            Cell("rank_difference", "level_shift", "some", 30, 40, 0),
        )
    )
    assert none["jackknife_t"].rejects <= 0.15
    assert some["jackknife_t"].rejects > some["swap"].rejects + 0.2
    [flips, *_] = simulate(Cell("improvement", "even", "none", 16, 200, 0))
    assert (flips.method, flips.least_changed) == ("sign_flips", 0)
    assert 0.01 < flips.rejects < 0.1


def test_tallies_by_hand() -> None:
    cell = Cell("improvement", "even", "none", 12, 3, 0)
    findings = [
        {"sign_flips": Finding(-1.0, 1.0, 0.4), "bca": Finding(0.1, 0.3)},
        {"sign_flips": Finding(0.2, 1.2, 0.05)},
        {"sign_flips": Finding(np.nan, np.nan, 0.03)},
    ]
    studies = [Draw(0.0, 0.0, said, k) for said, k in zip(findings, (3, 4, 12), strict=True)]
    tallies = {(t.method, t.least_changed): t for t in _tallies(cell, studies)}
    flips = tallies["sign_flips", 0]
    assert flips[:4] == ("improvement", "even", "none", 12)
    assert (flips.draws, flips.coverage, flips.width) == (3, 0.5, pytest.approx(1.5))
    assert flips.rejects == pytest.approx(2 / 3)
    assert (tallies["sign_flips", 4].draws, tallies["sign_flips", 4].coverage) == (2, 0.0)
    assert math.isnan(tallies["sign_flips", 12].coverage)
    assert (tallies["bca", 0].draws, tallies["bca", 0].rejects) == (1, 1.0)
    assert {least for method, least in tallies if method == "bca"} == {0}


def test_the_method_on_other_labels_is_held_against_the_mean_truth() -> None:
    cell = Cell("memories", "regression", "some", 12, 2, 0)
    studies = [Draw(t, t, {"sign_flips": Finding(t - 0.1, t + 0.1, 1.0)}) for t in (0.0, 1.0)]
    tallies = {t.target: t for t in _tallies(cell, studies)}
    assert (tallies["memories"].coverage, tallies["method"].coverage) == (1.0, 0.0)


def test_a_cell_is_the_same_whenever_it_is_drawn() -> None:
    cell = Cell("level", "even", "some", 12, 20, 0)
    assert simulate(cell) == simulate(cell)
    assert simulate(cell) != simulate(cell._replace(seed=1))


def test_all_cells_have_names_of_their_own_and_all_sizes_are_there() -> None:
    every = cells(2_000, 0)
    assert len({cell.name for cell in every}) == len(every)
    assert {cell.n_cases for cell in every} == set(N_CASES) == {12, 16, 20, 25, 30, 50, 100}
    assert {cell.quantity for cell in every} == set(QUANTITIES) == set(HEADLINE)
    assert MIN_CHANGED[0] == 0
    known = [
        errors.IMPROVEMENTS,
        [*errors.LEVELS],
        ranks.RANKS,
        readings.READINGS,
        memories.MEMORIES,
    ]
    assert {cell.regime for cell in every} == set().union(*known)
