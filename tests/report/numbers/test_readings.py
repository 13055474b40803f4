from pathlib import Path
from typing import Any

import pytest
from hand_study import WriteStudy, hand_study

from memalign_bench.errors import RecordError, RequestError
from memalign_bench.report.numbers.frames import load_study
from memalign_bench.report.numbers.readings import (
    graded_rows,
    parse_missing,
    study_reading,
    variants,
)
from memalign_bench.stats.fold_reading import MIN_FOLD_ROWS

CHANCES = [0.1, 0.2, 0.7]


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


def one(item: str, expert: int, judge: Any, **more: Any) -> dict[str, Any]:
    return {"item_id": item, "expert_score": expert, "judge": judge, **more}


@pytest.mark.parametrize(
    ("missing", "errors"), [("worst", [1, 2, 2, 1]), ("as_zero", [1, 3, 1, 2]), ("exclude", [1])]
)
def test_what_a_missing_answer_costs(
    write_study: WriteStudy, missing: Any, errors: list[int]
) -> None:
    rows = [one("a1", 3, 2), one("a2", 3, "abstained"), one("b1", 1, "failed")]
    rows += [one("b2", 2, "abstained"), one("c1", 0, "abstained"), one("c2", 0, 3)]
    frames = load_study(write_study({"none": rows}))
    numbers = graded_rows(frames.predictions, frames.scale, "raw", missing)
    assert numbers["error"].tolist() == errors
    assert numbers["value"].dropna().tolist() == [2]  # a missing answer is ranked nowhere
    assert numbers["grade"].dropna().tolist() == [2]


def test_ranks_come_from_expected_grades_where_there_is_a_distribution(
    write_study: WriteStudy,
) -> None:
    spread = {"judge_expected": 2.6, "distribution": [0.1, 0.2, 0.7]}
    rows = [one(f"a{n:02}", 3, 3, **spread) for n in range(20)]
    rows[-1]["distribution"] = [0.2, 0.2, 0.6]  # twice the others' chance of the lowest grade
    rows.append(one("b1", 3, 2))
    frames = load_study(write_study({"none": rows}))
    raw = graded_rows(frames.predictions, frames.scale, "raw", "worst")
    assert raw["value"].tolist()[-2:] == [2.6, 2]
    batch = graded_rows(frames.predictions, frames.scale, "batch", "worst")
    assert batch["grade"].tolist()[-2:] == [1, 2]  # without a distribution there is one reading
    # Over the fold's mean 0.105, 0.2, 0.695.
    ratio = [0.2 / 0.105, 1, 0.6 / 0.695]
    expected = (ratio[0] + 2 * ratio[1] + 3 * ratio[2]) / sum(ratio)
    assert batch["value"].tolist()[-2:] == pytest.approx([expected, 2])


def test_the_reading_is_the_one_the_manifests_name(write_study: WriteStudy) -> None:
    rows = [one(f"a{n}", 3, 3, distribution=CHANCES) for n in range(MIN_FOLD_ROWS)]
    batch = {"calibration": "batch"}
    runs = {"none": rows, "full": rows, "median_label@none": rows, "none@large": rows}
    manifests = {"none": batch, "full": batch, "none@large": {"scoring": "verdict"}}
    frames = load_study(write_study(runs, manifests=manifests))
    assert study_reading(frames) == "batch"
    assert study_reading(frames, "none") == "raw"
    with pytest.raises(RequestError, match="calibration='raw' is none of none, batch"):
        study_reading(frames, "raw")


def test_manifests_that_disagree_ask_for_a_choice(write_study: WriteStudy) -> None:
    rows = [one(f"a{n}", 3, 3, distribution=CHANCES) for n in range(MIN_FOLD_ROWS)]
    path = write_study({"none": rows, "full": rows}, manifests={"full": {"calibration": "batch"}})
    frames = load_study(path)
    with pytest.raises(RequestError, match="batch in full; none in none"):
        study_reading(frames)
    assert study_reading(frames, "batch") == "batch"


def test_a_study_of_small_folds_is_read_raw_and_called_so(write_study: WriteStudy) -> None:
    rows = [one(f"a{n}", 3, 3, distribution=CHANCES) for n in range(MIN_FOLD_ROWS - 1)]
    frames = load_study(write_study({"none": rows}, manifests={"none": {"calibration": "batch"}}))
    assert study_reading(frames) == "raw"
    with pytest.raises(RequestError, match="fold of ten answers or more"):
        study_reading(frames, "batch")
    numbers = graded_rows(frames.predictions, frames.scale, "batch", "worst")
    assert not numbers["distribution"].map(bool).any()  # nothing to be read anew in a resample


def test_variants_stand_in_one_order(write_study: WriteStudy) -> None:
    names = ["full", "median_label@none", "none@b", "semantic", "full,memory.k=2", "none", "knn@b"]
    frames = load_study(write_study({name: [one("a1", 3, 3)] for name in names}))
    assert [f"{v}@{b}" for v, _, b in variants(frames)] == [
        *("none@b", "knn@b", "none@scripted", "semantic@scripted", "full@scripted"),
        *("full,memory.k=2@scripted", "median_label@none"),
    ]


def test_a_scored_row_without_a_grade_is_refused(write_study: WriteStudy) -> None:
    row = one("a1", 3, 3, judge_score_raw=None, judge_score=None)
    frames = load_study(write_study({"none": [row]}))
    with pytest.raises(RecordError, match="item a1: status is scored but there is no grade"):
        graded_rows(frames.predictions, frames.scale, "raw", "worst")


def test_an_unknown_treatment_of_missing_answers_is_refused() -> None:
    with pytest.raises(RequestError, match="'zero' is none of worst, exclude, as_zero"):
        parse_missing("zero")
