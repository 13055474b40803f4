import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from memalign_bench.stats.rank import _ranks, spearman_within_folds

SAMPLE = st.integers(1, 8).flatmap(
    lambda n: st.tuples(
        st.lists(st.sampled_from([0.0, 0.5, 1.25, 2.0, 3.0]), min_size=n, max_size=n),
        st.lists(st.sampled_from([1, 2, 3]), min_size=n, max_size=n),
        st.lists(st.lists(st.integers(0, 4), min_size=n, max_size=n), min_size=1, max_size=4),
    )
)


def expanded(values: list[float], weights: list[int]) -> np.ndarray:
    return np.repeat(np.array(values, dtype=float), weights)


@given(SAMPLE)
def test_spearman_equals_scipy_on_the_expanded_resample(sample: tuple) -> None:
    judge, expert, resamples = sample
    found = spearman_within_folds(judge, expert, np.zeros(len(judge)), resamples)
    for rho, weights in zip(found, resamples, strict=True):
        x, y = expanded(judge, weights), expanded(expert, weights)
        if len(set(y)) < 2:
            assert np.isnan(rho)
        elif len(set(x)) < 2:
            assert rho == 0
        else:
            assert rho == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


@given(SAMPLE, st.lists(st.integers(0, 2), min_size=8, max_size=8))
def test_folds_are_averaged_by_their_size(sample: tuple, fold_of: list[int]) -> None:
    judge, expert, resamples = (np.array(part) for part in sample)
    folds = np.array(fold_of[: len(judge)])
    found = spearman_within_folds(judge, expert, folds, resamples)
    for rho, weights in zip(found, resamples, strict=True):
        parts = []
        for fold in set(folds.tolist()):
            inside = folds == fold
            x, y = (expanded(side[inside], weights[inside]) for side in (judge, expert))
            if len(set(y)) > 1:
                parts.append((spearmanr(x, y).statistic if len(set(x)) > 1 else 0.0, len(y)))
        if parts:
            values, sizes = zip(*parts, strict=True)
            assert rho == pytest.approx(np.average(values, weights=sizes), abs=1e-12)
        else:
            assert np.isnan(rho)


def test_pooling_folds_would_punish_a_judge_whose_level_moves_with_the_fold() -> None:
    expert, folds = [1, 2, 3, 1, 2, 3], [0, 0, 0, 1, 1, 1]
    judge = [1, 2, 3, 11, 12, 13]
    assert spearman_within_folds(judge, expert, folds).tolist() == [1.0]
    assert spearmanr(judge, expert).statistic < 0.8


def test_a_constant_judge_ranks_nothing_and_a_constant_expert_asks_nothing() -> None:
    assert spearman_within_folds([3, 3, 3], [1, 2, 3], [0, 0, 0])[0] == 0
    assert np.isnan(spearman_within_folds([1, 2, 3], [3, 3, 3], [0, 0, 0])[0])
    # Four items rank rightly, the fold of two is left out: its expert says 2 to both.
    both = spearman_within_folds([1, 2, 3, 4, 5, 6], [1, 1, 2, 3, 2, 2], list("aaaabb"))
    assert both[0] == pytest.approx(spearmanr([1, 2, 3, 4], [1, 1, 2, 3]).statistic)


def test_chunks_do_not_change_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    judge, expert = draw.random(30), draw.integers(1, 4, 30)
    folds, weights = draw.integers(0, 3, 30), draw.integers(0, 3, (50, 30))
    whole = spearman_within_folds(judge, expert, folds, weights)
    monkeypatch.setattr("memalign_bench.stats.rank._CHUNK", 70)
    np.testing.assert_array_equal(spearman_within_folds(judge, expert, folds, weights), whole)


def test_lengths_must_match() -> None:
    with pytest.raises(ValueError, match="one length"):
        spearman_within_folds([1, 2], [1, 2], [0, 0], [[1, 1, 1]])


def test_a_missing_value_moves_no_other_rank() -> None:
    drawn = np.array([[1.0, 1, 1, 1], [3, 2, 0, 1]])
    ranks = _ranks(np.array([2.0, np.nan, 1.0, np.nan]), np.zeros(4, dtype=np.intp), drawn.T).T
    np.testing.assert_array_equal(ranks[:, [0, 2]], [[2, 1], [2, 0.5]])
    np.testing.assert_array_equal(ranks[:, [1, 3]], 0.5)


def test_many_resamples_are_ranked_as_one_at_a_time() -> None:
    draw = np.random.default_rng(0)
    judge, expert = draw.random(300), draw.integers(1, 6, 300)
    folds, weights = draw.integers(0, 12, 300), draw.integers(0, 4, (200, 300))
    whole = spearman_within_folds(judge, expert, folds, weights)
    each = [spearman_within_folds(judge, expert, folds, row[None])[0] for row in weights]
    np.testing.assert_array_equal(whole, each)
