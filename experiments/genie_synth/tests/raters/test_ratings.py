import numpy as np
import pytest

from genie_synth.raters.ratings import NOISE, RATERS, USUAL, RatedItem, rate


def _items(n: int, score: int = 2, *, borderline: bool = True) -> list[RatedItem]:
    return [RatedItem(f"item-{i}", score, borderline) for i in range(n)]


def _moves(dimension: str, *, borderline: bool) -> np.ndarray:
    ratings = rate(7, dimension, _items(2000, borderline=borderline)).values()
    return np.array([[found.scores[rater] - 2 for rater in RATERS] for found in ratings])


def test_not_applicable_stays():
    ratings = rate(0, "model_use", _items(50, score=0)).values()
    assert {found.gold for found in ratings} == {0}
    assert {score for found in ratings for score in found.scores.values()} == {0}


def test_gold_is_the_median_of_the_raters():
    ratings = rate(1, "exploratory_data_analysis", _items(200)).values()
    assert all(found.gold == sorted(found.scores.values())[1] for found in ratings)
    assert {found.gold for found in ratings} == {1, 2, 3}


@pytest.mark.parametrize("start", [1, 3])
def test_scores_stay_on_the_scale(start):
    ratings = rate(0, "exploratory_data_analysis", _items(200, score=start)).values()
    inner = 2
    assert {score for found in ratings for score in found.scores.values()} == {start, inner}


def test_the_first_rater_is_stricter_than_the_last():
    moves = _moves("exploratory_data_analysis", borderline=True).mean(axis=0)
    assert moves[0] < moves[1] < moves[2]


@pytest.mark.parametrize("dimension", ["model_use", "exploratory_data_analysis"])
def test_clear_evidence_moves_raters_less(dimension):
    clear = np.abs(_moves(dimension, borderline=False)).mean()
    assert 0 < clear < np.abs(_moves(dimension, borderline=True)).mean() / 2


def test_exploration_is_the_noisiest():
    noisy = np.abs(_moves("exploratory_data_analysis", borderline=True)).mean()
    assert noisy > 2 * np.abs(_moves("model_use", borderline=True)).mean()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("dimension", ["mlflow_logging", "exploratory_data_analysis"])
def test_no_rater_moves_more_than_the_bounded_share(seed, dimension):
    ratings = rate(seed, dimension, _items(12)).values()
    most = NOISE.get(dimension, USUAL).most
    for rater in RATERS:
        assert sum(found.scores[rater] != 2 for found in ratings) <= most * 12
