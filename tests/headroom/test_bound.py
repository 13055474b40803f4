"""What labels of other folds make of what a judge shows."""

import numpy as np
import pytest

from memalign_bench.errors import RequestError
from memalign_bench.headroom.bound import NOTHING, TOGETHER, check_sources, predictions, scaled
from memalign_bench.types import Scale

SCALE = Scale((1, 2, 3), ("bad", "average", "good"))
GRADES = np.tile([1, 2, 3], 12)
FOLDS = np.repeat([0, 1, 2, 3], 9)


def test_what_tells_the_grades_is_found_and_what_does_not_is_no_better_than_nothing():
    telling = scaled(np.column_stack([GRADES >= 2, GRADES >= 3]).astype(float) * 8)
    noise = scaled(np.random.default_rng(0).normal(size=(36, 2)))
    found = predictions({"facts": telling, "grades": noise}, GRADES, FOLDS, SCALE)
    assert list(found) == [NOTHING, "facts", "grades", TOGETHER]
    assert found["facts"].tolist() == GRADES.tolist()
    errors = {name: np.abs(made - GRADES).mean() for name, made in found.items()}
    assert errors[NOTHING] == pytest.approx(2 / 3)  # the median, 2
    assert errors["grades"] > 0.5
    assert errors[TOGETHER] < 0.2


def test_labels_of_a_fold_do_not_reach_its_own_predictions():
    held, other = GRADES.copy(), GRADES.copy()
    other[FOLDS == 0] = 3
    block = {"facts": scaled(np.random.default_rng(1).normal(size=(36, 3)))}
    before, after = (predictions(block, grades, FOLDS, SCALE) for grades in (held, other))
    assert before["facts"][FOLDS == 0].tolist() == after["facts"][FOLDS == 0].tolist()
    assert before["facts"][FOLDS != 0].tolist() != after["facts"][FOLDS != 0].tolist()


def test_unknown_sources_are_refused():
    assert check_sources(["embedding", "facts"]) == ("facts", "embedding")
    with pytest.raises(RequestError, match=r"\['guesses'\] is none of facts, grades"):
        check_sources(["guesses"])
