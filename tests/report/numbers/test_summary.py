from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_study import WriteStudy, hand_study
from made_report import analysis_of
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score

from memalign_bench.report.numbers.summary import SUMMARY_COLUMNS, summary


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


EXPERT = {"a1": 3, "a2": 1, "b1": 2, "b2": 3, "c1": 1, "c2": 0}
NONE = {"a1": 3, "a2": 3, "b1": 3, "b2": "abstained", "c1": 3, "c2": "not_asked"}
FULL = {"a1": 3, "a2": 1, "b1": 2, "b2": 3, "c1": 2, "c2": "not_asked"}


def rows_of(judge: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [
        {"item_id": item, "expert_score": EXPERT[item], "judge": said, **more}
        for item, said in judge.items()
    ]


def summarised(path: Path, variant: str = "none", **options: Any) -> pd.Series:
    table = summary(analysis_of(path, n_resamples=500, **options))
    (line,) = table[table["variant"] == variant].to_dict("records")
    return pd.Series(line)


def test_columns_are_those_of_the_design(write_study: WriteStudy) -> None:
    table = summary(analysis_of(write_study({"none": rows_of(NONE)}), n_resamples=50))
    assert tuple(table.columns) == SUMMARY_COLUMNS
    assert " ".join(SUMMARY_COLUMNS) == (
        "dimension variant alignment backend n_items n_scored n_abstained n_failed"
        " n_distinct_grades mae mae_low mae_high mae_raw mae_batch mae_loo ceiling_loo bias"
        " exact_agreement kappa_quadratic spearman spearman_low spearman_high na_recall"
        " na_false_rate n_contradictory"
    )


@pytest.mark.usefixtures("every_interval")
def test_a_study_of_six_items_by_hand(write_study: WriteStudy) -> None:
    path = write_study({"none": rows_of(NONE), "full": rows_of(FULL)})
    line = summarised(path)
    counts = ["n_items", "n_scored", "n_abstained", "n_failed", "n_distinct_grades"]
    assert line[counts].tolist() == [5, 4, 1, 0, 1]
    # Errors 0, 2, 1, 2 and for the abstention on a 3 the worst, 2.
    assert line["mae"] == line["mae_raw"] == pytest.approx(7 / 5)
    assert np.isnan(line["mae_batch"])
    assert line["bias"] == pytest.approx((0 + 2 + 1 + 2) / 4)
    # Agreement and ranks are of the four answers given: 3 3 3 3 for 3 1 2 1.
    assert line["exact_agreement"] == pytest.approx(1 / 4)
    assert line["kappa_quadratic"] == line["spearman"] == 0
    full = summarised(path, "full")
    counted = [3, 1, 2, 3, 2], [3, 1, 2, 3, 1]
    assert full["kappa_quadratic"] == pytest.approx(
        cohen_kappa_score(*counted, weights="quadratic")
    )
    assert full["spearman"] == pytest.approx(spearmanr(*counted).statistic)
    assert line[["mae_loo", "ceiling_loo", "na_recall", "na_false_rate"]].isna().all()
    assert line["mae_low"] <= line["mae"] <= line["mae_high"]


def test_too_few_cases_have_no_interval_and_it_is_said_why(write_study: WriteStudy) -> None:
    table = summary(analysis_of(write_study({"full": rows_of(FULL)})))
    assert table[["mae_low", "mae_high", "spearman_low", "spearman_high"]].isna().all(axis=None)
    assert table["mae"].notna().all()
    for name in ("MAE", "rank correlation"):
        told = f"{name} interval, 3 cases; intervals are certified from 12 cases on"
        assert any(note.startswith(told) for note in table.attrs["notes"])


@pytest.mark.parametrize(
    ("missing", "mae"), [("worst", 7 / 5), ("exclude", 5 / 4), ("as_zero", 8 / 5)]
)
def test_missing_answers(write_study: WriteStudy, missing: str, mae: float) -> None:
    line = summarised(write_study({"none": rows_of(NONE)}), missing=missing)
    assert line["mae"] == line["mae_raw"] == pytest.approx(mae)
    assert line["n_abstained"] == 1
    assert line["bias"] == pytest.approx(5 / 4)  # of the answers given, whatever is missing


def test_staying_silent_never_pays(write_study: WriteStudy) -> None:
    silent = rows_of(NONE | dict.fromkeys(["a1", "a2", "b1", "c1"], "failed"))
    path = write_study({"none": rows_of(NONE), "full": silent})
    assert summarised(path, "full")["mae"] == pytest.approx((2 + 2 + 1 + 2 + 2) / 5)
    assert summarised(path, "full")["n_distinct_grades"] == 0


def test_folds_are_ranked_apart(write_study: WriteStudy) -> None:
    rows = rows_of(FULL)
    for row in rows:
        row["fold"] = int(row["item_id"] in ("a1", "b2", "c1"))
    line = summarised(write_study({"full": rows}), "full")
    # Fold 0: a2, b1 (rightly ordered); fold 1: experts 3, 3, 1 and the judge 3, 3, 2.
    assert line["spearman"] == pytest.approx((1 * 2 + 1 * 3) / 5)


def test_judge_and_raters_meet_the_same_targets(write_study: WriteStudy) -> None:
    raters = {"a1": [3, 3, 1], "a2": [1, 2], "b1": [2, 0], "b2": [3, 3, 3]}
    line = summarised(write_study({"none": rows_of(NONE)}, raters=raters))
    # a1: targets 2, 2, 3; a2: 2, 1; b1: one rater gave a grade; b2: 3, 3, 3; c1: one rater.
    assert line["ceiling_loo"] == pytest.approx((1 + 1 + 2 + 1 + 1 + 0) / 8)
    assert line["mae_loo"] == pytest.approx((1 + 1 + 0 + 1 + 2 + 2 * 3) / 8)


def test_what_does_not_apply_is_a_question_of_its_own(write_study: WriteStudy) -> None:
    judge = NONE | {"c2": "abstained"}
    extra = {"item_id": "d1", "expert_score": 0, "judge": 3}
    path = write_study(
        {"none": [*rows_of(judge), extra]}, manifests={"none": {"applicability": "judge"}}
    )
    line = summarised(path)
    assert line["na_recall"] == 0.5
    assert line["na_false_rate"] == pytest.approx(1 / 5)
    assert line["n_items"] == 5
    assert line["mae"] == pytest.approx(7 / 5)


def test_both_readings_stand_in_every_row(write_study: WriteStudy) -> None:
    rows = rows_of(FULL)[:5]
    for row in rows:
        row["judge_score_batch"] = 1
    path = write_study({"none": rows})
    raw, batch = summarised(path), summarised(path, calibration="batch")
    assert raw["mae_batch"] == batch["mae_batch"] == batch["mae"] == pytest.approx(5 / 5)
    assert raw["mae"] == raw["mae_raw"] == batch["mae_raw"] == pytest.approx(1 / 5)
    assert (raw["n_distinct_grades"], batch["n_distinct_grades"]) == (3, 1)


def test_repeated_seeds_are_rows_and_no_new_cases(write_study: WriteStudy) -> None:
    seeds = {f"none#{s}": rows_of(NONE, fold_seed=s) for s in range(4)}
    once = summarised(write_study({"none": rows_of(NONE)}))
    four = summarised(write_study(seeds))
    assert four["n_scored"] == 4 * once["n_scored"]
    same = [c for c in SUMMARY_COLUMNS if not c.startswith("n_") or c == "n_items"]
    pd.testing.assert_series_equal(four[same], once[same], rtol=1e-9, check_names=False)


def test_mae_is_that_of_an_independent_few_lines(write_study: WriteStudy) -> None:
    draw = np.random.default_rng(0)
    runs = {
        variant: [
            {
                "item_id": f"{case}{n}",
                "expert_score": int(draw.integers(0, 4)),
                "judge": draw.choice([1, 2, 3, 0]),
                "dimension": dimension,
            }
            for dimension in ("d1", "d2")
            for case in "abcdef"
            for n in range(3)
        ]
        for variant in ("none", "full")
    }
    for row in [row for rows in runs.values() for row in rows]:
        row["judge"] = int(row["judge"]) or "abstained"
    path = write_study(runs)
    table = summary(analysis_of(path, n_resamples=50))
    for (dimension, variant), mae in table.set_index(["dimension", "variant"])["mae"].items():
        rows = pd.read_parquet(path / "runs" / variant / "predictions.parquet")
        rows = rows[(rows.dimension == dimension) & (rows.expert_score > 0)]
        worst = np.maximum(rows.expert_score - 1, 3 - rows.expert_score)
        assert mae == pytest.approx(
            (rows.judge_score - rows.expert_score).abs().fillna(worst).mean()
        )


def test_degenerate_intervals_are_named(write_study: WriteStudy) -> None:
    table = summary(analysis_of(write_study({"none": rows_of(NONE | {"b2": 3})}), n_resamples=200))
    assert any(
        "rank correlation interval" in note
        and "zero variance" in note
        and "none of scripted" in note
        for note in table.attrs["notes"]
    )


def test_a_judge_that_never_answers_has_no_numbers_once_silence_is_excluded(
    write_study: WriteStudy,
) -> None:
    path = write_study({"none": rows_of(dict.fromkeys(EXPERT, "failed") | {"c2": "not_asked"})})
    line = summarised(path, missing="exclude")
    assert (line["n_items"], line["n_failed"], line["n_distinct_grades"]) == (5, 5, 0)
    shown = ["mae", "mae_low", "mae_raw", "bias", "exact_agreement", "spearman", "kappa_quadratic"]
    assert line[shown].isna().all()


def test_rationales_that_name_another_grade_are_counted(write_study: WriteStudy) -> None:
    said = ["The score is 1.", "The score is 3.", "The F1 score is 1.", None]
    rows = [
        {"item_id": f"{'abcd'[n]}0", "expert_score": 3, "judge": 3, "rationale": words}
        for n, words in enumerate(said)
    ]
    silent = [{**row, "rationale": None} for row in rows]
    table = summary(analysis_of(write_study({"none": rows, "full": silent})))
    counts = table.set_index("variant")["n_contradictory"]
    assert counts["none"] == 1
    assert counts.isna()["full"]  # no words: not known, and not 0


def test_answers_about_what_does_not_apply_are_in_the_mean_of_every_figure(write_study) -> None:
    """The judge grades four items of which the expert says N/A, and never as the others."""
    chances = [[0.1, 0.3, 0.6], [0.3, 0.4, 0.3], [0.2, 0.2, 0.6], [0.4, 0.35, 0.25]] * 3
    rows = [
        {"item_id": f"{'abcdefghijkl'[n]}1", "expert_score": 1 + n % 3, "judge": 1 + n % 3,
         "distribution": row}
        for n, row in enumerate(chances)
    ] + [
        {"item_id": f"{case}1", "expert_score": 0, "judge": 1, "distribution": [0.9, 0.05, 0.05]}
        for case in "mnop"
    ]  # fmt: skip
    chosen = {"full": {"calibration": "batch", "applicability": "judge"}}
    line = summarised(write_study({"full": rows}, manifests=chosen), "full")
    everything = np.array([row["distribution"] for row in rows])
    read = 1 + (everything / everything.mean(axis=0)).argmax(axis=1)[:12]
    expected = np.abs(read - [1 + n % 3 for n in range(12)]).mean()
    assert line["mae_batch"] == line["mae"] == pytest.approx(expected)
    alone = 1 + (everything[:12] / everything[:12].mean(axis=0)).argmax(axis=1)
    assert (alone != read).any()
