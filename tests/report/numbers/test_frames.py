from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_study import WriteStudy, hand_study

from memalign_bench.errors import RecordError, RequestError
from memalign_bench.report.numbers.frames import load_study
from memalign_bench.study.records import (
    predictions_schema,
    read_json,
    read_rows,
    write_json,
    write_rows,
)


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


def one(item: str = "a1", expert: int = 3, judge: Any = 2, **more: Any) -> dict[str, Any]:
    return {"item_id": item, "expert_score": expert, "judge": judge, **more}


def test_a_folder_without_runs_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="do `memalign-bench run study=empty` first"):
        load_study(tmp_path / "empty")


def test_records_come_with_their_types(write_study: WriteStudy) -> None:
    path = write_study({"full": [one("a1"), one("b1", judge="failed", dimension="d2")]})
    frames = load_study(str(path))
    assert frames.path == path
    assert frames.grades == (1, 2, 3)
    assert frames.scale.words == ("bad", "average", "good")
    assert dict(frames.dimensions) == {"d2": "Title of d2", "d1": "Title of d1"}
    assert list(frames.dimensions) == ["d2", "d1"]  # the rubric's order
    assert str(frames.predictions["judge_score"].dtype) == "Int64"
    assert frames.predictions["judge_score"].isna().tolist() == [False, True]
    assert frames.predictions["fold"].dtype == "int64"
    assert frames.memory[0] == {
        **{"dimension": "d1", "fold": 0, "fold_seed": 0, "run_id": "full"},
        **{"variant": "full", "alignment": "full", "backend": "scripted"},
    }
    assert {"run_id", "variant", "backend"} <= set(frames.timings)


def test_a_name_that_rows_share_is_held_once(write_study: WriteStudy) -> None:
    """So a row of a large study takes some bytes a name, not its letters; they sort as texts do."""
    path = write_study({"semantic": [one("b1"), one("a1")], "full": [one("b1"), one("a10")]})
    predictions = load_study(path).predictions
    for name in ("run_id", "study", "dataset", "item_id", "case_id", "model"):
        assert isinstance(predictions[name].dtype, pd.CategoricalDtype), name
        names = predictions[name].cat.categories.tolist()
        assert names == sorted(set(predictions[name].astype(str))), name
    assert predictions["item_id"].tolist() == ["a10", "b1", "a1", "b1"]
    # What people may want to put together or change stays free.
    assert (predictions["variant"] + "/" + predictions["backend"]).iloc[0] == "full/scripted"
    predictions.loc[0, "status"] = "failed"
    predictions.loc[0, "judge_score"] = None
    predictions.loc[0, "prompt_tokens"] = 7
    assert predictions["status"].tolist() == ["failed", *["scored"] * 3]


def test_whole_grades_and_real_ones_are_pooled(write_study: WriteStudy) -> None:
    """A run stores reals where its rubric may not apply and the scale has no number for that."""
    path = write_study({"full": [one()], "none": [one(judge=3), one("b1", judge="abstained")]})
    file = path / "runs/none/predictions.parquet"
    rows = read_rows(file, predictions_schema())
    digest = write_rows(file, rows, predictions_schema(whole=False))
    manifest = file.with_name("manifest.json")
    write_json(manifest, read_json(manifest) | {"predictions_sha256": digest})
    predictions = load_study(path).predictions
    assert predictions["judge_score"].dtype == pd.Int64Dtype()
    assert predictions["judge_score"].tolist() == [2, 3, pd.NA]


@pytest.mark.parametrize(
    "odd", [[[0.5, 0.5], [0.1, 0.2, 0.3, 0.4]], [[0.5, 0.5]], [[-0.1, 0.6, 0.5]]]
)
def test_distributions_over_other_grades_are_refused(
    write_study: WriteStudy, odd: list[list[float]]
) -> None:
    """Two of which one is too short and one too long hold as many numbers as two sound ones."""
    sound = [one(f"b{n}", distribution=[0.1, 0.8, 0.1]) for n in range(9)]
    rows = [one(f"a{n}", distribution=row) for n, row in enumerate(odd)]
    with pytest.raises(RecordError, match=r"predictions.parquet: .*delete this run and run again"):
        load_study(write_study({"full": [*rows, *sound]}))


def test_the_batch_reading_of_a_fold_hangs_on_that_fold_alone(write_study: WriteStudy) -> None:
    """A memory has seen the labels of the other folds: their answers must not come back."""

    def read(other: list[float]) -> list[list[float]]:
        own = [[0.1, 0.2, 0.7]] * 5 + [[0.1, 0.1, 0.8]] * 5
        chances = [(0, row) for row in own] + [(1, other)] * 10
        rows = [
            one(f"a{n}", judge=3, distribution=row, fold=fold, judge_score_batch=1)
            for n, (fold, row) in enumerate(chances)
        ]
        frame = load_study(write_study({"full": rows})).predictions
        mine = frame[frame["fold"] == 0]
        return mine[["judge_score_batch", "judge_expected_batch"]].astype(float).to_numpy().tolist()

    assert read([0.1, 0.2, 0.7]) == read([0.9, 0.05, 0.05])
    assert {grade for grade, _ in read([0.1, 0.2, 0.7])} == {2.0, 3.0}  # not the recorded 1


def test_expected_grades_after_calibration_are_per_run_and_dimension(
    write_study: WriteStudy,
) -> None:
    chances = [[0.1, 0.2, 0.7]] * 10 + [[0.1, 0.0, 0.9]] * 10
    rows = [one(f"a{n}", judge=3, distribution=row) for n, row in enumerate(chances)]
    few = [one(f"a{n}", dimension="d2", judge=3, distribution=chances[0]) for n in range(9)]
    frame = load_study(write_study({"full": [*rows, *few]})).predictions
    first = frame[(frame["dimension"] == "d1") & (frame["item_id"] == "a0")]
    # mean 0.1, 0.1, 0.8: the ratios are 1, 2, 0.875
    expected = (1 * 1 + 2 * 2 + 3 * 0.875) / 3.875
    assert first["judge_expected_batch"].tolist() == [pytest.approx(expected)]
    assert frame.loc[frame["dimension"] == "d2", "judge_expected_batch"].isna().all()


def test_rows_that_two_runs_share_count_once(write_study: WriteStudy) -> None:
    shared = one("a1", distribution=[0.1, 0.8, 0.1])
    path = write_study({"full": [shared], "full#wider": [shared, one("b1")]})
    frame = load_study(path).predictions
    assert frame["item_id"].tolist() == ["a1", "b1"]
    assert frame["run_id"].tolist() == ["full", "full#wider"]


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"judge_score_raw": 3}, "judge_score_raw 2 and 3"),
        ({"distribution": [0.1, 0.8, 0.1]}, "distribution None and"),
        ({"expert_score": 2}, "expert_score"),
        ({"fold": 1}, "fold"),
        ({"status": "failed"}, "status"),
    ],
)
def test_rows_that_contradict_one_another_are_refused(
    write_study: WriteStudy, change: dict[str, Any], column: str
) -> None:
    path = write_study({"full": [one()], "full#wider": [one() | change, one("b1")]})
    with pytest.raises(RecordError, match=column) as caught:
        load_study(path)
    message = str(caught.value)
    assert "runs full and full#wider" in message
    assert "item_id=a1" in message
    assert "1 row(s)" in message


def test_other_seeds_repeats_and_backends_are_other_rows(write_study: WriteStudy) -> None:
    path = write_study(
        {
            "full": [one(), one(repeat=1, judge=1)],
            "full#seed": [one(fold_seed=1, judge=3)],
            "full@other": [one(judge=1)],
        }
    )
    assert len(load_study(path).predictions) == 4


def test_a_file_that_was_tampered_with_is_refused(write_study: WriteStudy) -> None:
    path = write_study({"full": [one(), one("b1")]})
    manifest = path / "runs/full/manifest.json"
    write_json(manifest, read_json(manifest) | {"predictions_sha256": "0" * 64})
    with pytest.raises(RecordError, match="not the file that its manifest names"):
        load_study(path)


def test_runs_of_other_gold_or_scale_do_not_mix(write_study: WriteStudy) -> None:
    other = {"dataset": {"name": "planted", "digest": "abc", "gold": "majority"}}
    path = write_study({"full": [one()], "none": [one()]}, manifests={"none": other})
    with pytest.raises(RecordError, match=r"dataset.gold: 'adjudicated' in \['full'\], 'majority'"):
        load_study(path)


def test_a_rubric_keeps_its_text_over_the_runs_that_ask_the_same(write_study: WriteStudy) -> None:
    def rubric(**changes: Any) -> dict[str, Any]:
        dimensions = [{"name": n, "title": n} for n in ("d1", "d2")]
        words = ["bad", "average", "good"]
        return {
            "rubric": {
                **{"name": "hand", "digest": "1", "grades": [1, 2, 3], "words": words},
                **{"dimensions": dimensions, **changes},
            }
        }

    fewer, both = [one()], [one(), one(dimension="d2")]
    runs = {"none": fewer, "none#wider": both, "none,rubric=other": fewer}
    manifests = {
        **{"none": rubric(), "none#wider": rubric(digest="2")},
        "none,rubric=other": rubric(name="other", digest="3"),
    }
    assert len(load_study(write_study(runs, manifests=manifests)).predictions) == 3
    manifests["none,rubric=other"] = rubric(digest="3")
    with pytest.raises(RecordError, match=r"text of rubric 'hand' for \['d1'\]: '1' in \['none'\]"):
        load_study(write_study(runs, manifests=manifests))
    manifests["none,rubric=other"] = rubric(words=["low", "mid", "high"])
    with pytest.raises(RecordError, match=r"rubric.words"):
        load_study(write_study(runs, manifests=manifests))


def test_two_models_under_one_name_are_not_pooled(write_study: WriteStudy) -> None:
    path = write_study({"full": [one()], "none": [one(model="another")]})
    with pytest.raises(RecordError, match="scripted is another, model of scripted"):
        load_study(path)


def test_manifests_name_all_that_is_missing(write_study: WriteStudy) -> None:
    path = write_study({"full": [one()]})
    write_json(path / "runs/full/manifest.json", {"run_id": "fuller", "rubric": {}})
    with pytest.raises(RecordError) as caught:
        load_study(path)
    for word in ("'variant'", "'backend'", "'dataset'", "belongs to run 'fuller'"):
        assert word in str(caught.value)


def test_an_incomplete_run_is_named(write_study: WriteStudy) -> None:
    path = write_study({"full": [one()]})
    (path / "runs/full/memory.json").write_text('{"cells": [3]}')
    with pytest.raises(RecordError, match=r"full/memory.json is no memory of a run"):
        load_study(path)
    (path / "runs/full/memory.json").unlink()
    with pytest.raises(RecordError, match=r"full/memory.json is missing; run the study again"):
        load_study(path)
    (path / "runs/full/predictions.parquet").unlink()
    with pytest.raises(RecordError, match=r"predictions.parquet is missing; run the study again"):
        load_study(path)


def test_missing_scores_are_not_zero(write_study: WriteStudy) -> None:
    frame = load_study(write_study({"none": [one(judge="abstained")]})).predictions
    assert np.isnan(frame["judge_expected"].iloc[0])
    assert frame["judge_score_raw"].isna().all()
