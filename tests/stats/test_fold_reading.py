import numpy as np
import pytest

from memalign_bench.stats.calibration import batch_calibrate
from memalign_bench.stats.fold_reading import (
    MIN_FOLD_ROWS,
    calibrate_in_folds,
    grades_in_folds,
    reread_error,
)
from memalign_bench.stats.resampling.bootstrap import CaseResampler, cluster_mean, jackknife_weights

GRADES = (1, 2, 3)
N_FOLDS = 4


def frequencies(expert: np.ndarray, folds: np.ndarray, judge: np.ndarray) -> np.ndarray:
    """A memory that teaches label frequencies alone: odds times how often each grade occurs."""
    taught = np.array([
        [np.mean(expert[folds != fold] == grade) for grade in GRADES] for fold in range(N_FOLDS)
    ])  # fmt: skip
    odds = judge * taught[folds]
    return odds / odds.sum(axis=1, keepdims=True)


def study(seed: int, n: int = 48) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    judge = draw.dirichlet([3, 3, 6], n)
    return draw.integers(1, 4, n), np.arange(n) % N_FOLDS, judge


def pooled_grades(judge: np.ndarray) -> np.ndarray:
    """The reading over all folds at once, which carries labels back."""
    return grades_in_folds(judge, np.zeros(len(judge)), GRADES)


def test_hand_computed() -> None:
    rows = np.array([[0.1, 0.2, 0.7]] * 5 + [[0.1, 0.0, 0.9]] * 5)
    read = calibrate_in_folds(np.tile(rows, (2, 1)), np.repeat([0, 1], 10))
    # mean of either fold: 0.1, 0.1, 0.8; first row over mean: 1, 2, 0.875
    np.testing.assert_allclose(read[0], np.array([1, 2, 0.875]) / 3.875)
    np.testing.assert_allclose(read[15], np.array([1, 0, 1.125]) / 2.125)


def test_one_fold_is_the_pooled_reading() -> None:
    _, _, judge = study(0)
    np.testing.assert_allclose(calibrate_in_folds(judge, np.zeros(48)), batch_calibrate(judge))


def test_a_fold_with_too_few_rows_has_no_second_reading() -> None:
    _, _, judge = study(1)
    folds = np.array([0] * (MIN_FOLD_ROWS - 1) + [1] * (49 - MIN_FOLD_ROWS))
    said = grades_in_folds(judge, folds, GRADES)
    assert np.isnan(said[folds == 0]).all()
    assert not np.isnan(said[folds == 1]).any()
    assert not np.isnan(grades_in_folds(judge, folds, GRADES, min_rows=2)).any()


def test_labels_of_one_fold_reach_no_grade_of_that_fold() -> None:
    """The canary: relabel a fold, and with it all that the other folds' memories learnt."""
    moved = 0
    for seed in range(20):
        expert, folds, judge = study(seed)
        other = expert.copy()
        mine = folds == 1
        other[mine] = 1
        before, after = (frequencies(labels, folds, judge) for labels in (expert, other))
        np.testing.assert_array_equal(before[mine], after[mine])
        assert not np.allclose(before[~mine], after[~mine])
        read = [grades_in_folds(chances, folds, GRADES)[mine] for chances in (before, after)]
        np.testing.assert_array_equal(*read)
        pooled = [pooled_grades(chances)[mine] for chances in (before, after)]
        moved += int((pooled[0] != pooled[1]).sum())
    assert moved > 0  # the pooled reading does carry them back


def test_given_the_distributions_no_label_moves_any_grade_of_another_fold() -> None:
    _, folds, judge = study(3)
    changed = judge.copy()
    changed[folds == 1] = np.random.default_rng(9).dirichlet([1, 1, 1], (folds == 1).sum())
    before, after = (grades_in_folds(chances, folds, GRADES) for chances in (judge, changed))
    np.testing.assert_array_equal(before[folds != 1], after[folds != 1])
    assert (before[folds == 1] != after[folds == 1]).any()
    assert (pooled_grades(judge) != pooled_grades(changed))[folds != 1].any()


def test_a_memory_of_frequencies_alone_costs_nothing_within_folds() -> None:
    pooled, within = [], []
    for seed in range(400):
        expert, folds, judge = study(seed, 24)
        taught = frequencies(expert, folds, judge)
        for costs, read in (
            (pooled, pooled_grades),
            (within, lambda rows, at=folds: grades_in_folds(rows, at, GRADES, min_rows=2)),
        ):
            gap = np.abs(read(taught) - expert) - np.abs(read(judge) - expert)
            costs.append(gap.mean())
    assert np.mean(pooled) > 0.05
    assert abs(np.mean(within)) < 0.02


def plain_error(judge, expert, folds, drawn, otherwise) -> float:
    """One resample, written out row by row."""
    rows = np.repeat(np.arange(len(judge)), drawn)
    errors = []
    for row in rows:
        mates = [at for at in rows if folds[at] == folds[row]]
        if len(set(np.flatnonzero(folds == folds[row]))) < MIN_FOLD_ROWS:
            errors.append(otherwise[row])
            continue
        ratio = judge[row] / judge[mates].mean(axis=0)
        errors.append(abs(GRADES[int(np.argmax(ratio))] - expert[row]))
    return float(np.mean(errors))


def test_the_reading_is_taken_anew_in_every_resample() -> None:
    expert, _, judge = study(5)
    folds = np.array([0] * 20 + [1] * 20 + [2] * 8)  # the last is too small to be read
    codes, otherwise = np.arange(48) // 2, np.full(48, 1.5)
    error = reread_error(judge, expert, folds, codes, grades=GRADES, otherwise=otherwise)
    weights = np.random.default_rng(0).multinomial(24, np.full(24, 1 / 24), size=6)
    expected = [
        plain_error(judge, expert, folds, drawn[codes], otherwise)
        for drawn in np.vstack([np.ones((1, 24), dtype=int), weights])
    ]
    found = error(np.vstack([np.ones((1, 24)), weights]))
    np.testing.assert_allclose(found, expected)
    said = grades_in_folds(judge, folds, GRADES)
    plain = np.where(np.isnan(said), otherwise, np.abs(said - expert))
    assert found[0] == pytest.approx(plain.mean())
    fixed = cluster_mean(plain, codes, weights)
    assert (np.abs(found[1:] - fixed) > 1e-9).any()


def test_rows_without_an_answer_cost_what_is_said() -> None:
    expert, folds, judge = study(6)
    silent = judge.copy()
    silent[:4] = np.nan
    otherwise = np.full(48, 2.0)
    error = reread_error(silent, expert, folds, np.arange(48), grades=GRADES, otherwise=otherwise)
    kept = reread_error(
        judge[4:], expert[4:], folds[4:], np.arange(44), grades=GRADES, otherwise=otherwise[4:]
    )
    whole, part = error(np.ones((1, 48)))[0], kept(np.ones((1, 44)))[0]
    assert whole == pytest.approx((4 * 2 + 44 * part) / 48)
    assert np.isfinite(error(jackknife_weights(48))).all()


def test_an_interval_that_rereads_is_wider_than_one_that_takes_the_reading_as_known() -> None:
    wider = []
    for seed in range(10):
        expert, folds, judge = study(seed, 40)
        names = [f"{n:02}" for n in range(40)]
        error = reread_error(
            judge, expert, folds, np.arange(40), grades=GRADES, otherwise=np.zeros(40)
        )
        fixed = np.abs(grades_in_folds(judge, folds, GRADES) - expert)
        resampler = CaseResampler(400)
        anew = resampler.estimate(error, names, method="percentile").interval
        known = resampler.estimate(
            lambda w, e=fixed: cluster_mean(e, np.arange(40), w), names, method="percentile"
        ).interval
        wider.append((anew.high - anew.low) / (known.high - known.low))
    assert np.mean(wider) > 1.05


def test_ties_are_broken_as_in_the_reading_itself() -> None:
    """Rows that are all alike calibrate to nothing: their own largest probability decides."""
    rows = np.tile([0.2, 0.4, 0.4], (12, 1))
    rows[:3] = [0.5, 0.25, 0.25]
    expert, folds = np.full(12, 1.0), np.zeros(12, dtype=int)
    error = reread_error(rows, expert, folds, np.arange(12), grades=GRADES, otherwise=expert)
    alone = np.zeros((1, 12))
    alone[0, 3:] = 1.0
    assert error(alone).tolist() == [1.0]  # grade 2, the lower of the two that are tied
    said = grades_in_folds(rows, folds, GRADES)
    assert error(np.ones((1, 12)))[0] == pytest.approx(np.abs(said - expert).mean())


def test_rows_that_count_no_error_stay_in_the_mean_that_a_fold_is_read_by() -> None:
    expert, _, judge = study(7, 40)
    folds, counts = np.repeat([0, 1], 20), np.arange(40) % 5 != 0
    said = grades_in_folds(judge, folds, GRADES)
    beside = np.array([judge[~counts & (folds == fold)].sum(axis=0) / 16 for fold in folds[counts]])
    error = reread_error(
        judge[counts], expert[counts], folds[counts], np.arange(32) // 2,
        grades=GRADES, otherwise=np.zeros(32), beside=beside,
    )  # fmt: skip
    plain = np.abs(said - expert)[counts].mean()
    assert error(np.ones((1, 16)))[0] == pytest.approx(plain)
    alone = reread_error(
        judge[counts], expert[counts], folds[counts], np.arange(32) // 2,
        grades=GRADES, otherwise=np.zeros(32),
    )  # fmt: skip
    assert alone(np.ones((1, 16)))[0] != pytest.approx(plain)
