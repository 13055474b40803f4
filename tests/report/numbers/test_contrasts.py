from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hand_study import WriteStudy, hand_study
from made_report import analysis_of
from scipy.stats import permutation_test
from statsmodels.stats.multitest import multipletests

from memalign_bench.errors import RequestError
from memalign_bench.report.drawing.look import look_of
from memalign_bench.report.numbers import contrasts as module
from memalign_bench.report.numbers.contrasts import CONTRAST_COLUMNS, contrasts
from memalign_bench.report.numbers.paired_answers import paired_rows
from memalign_bench.report.numbers.readings import JudgeKey
from memalign_bench.report.page.verdict import verdict_of
from memalign_bench.report.sections.contrasts.tables import CONTRASTS
from memalign_bench.stats.resampling import units


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    return hand_study(tmp_path / "hand")


EXPERT = {"a1": 3, "a2": 1, "b1": 2, "b2": 3, "c1": 1}
NONE = {"a1": 3, "a2": 3, "b1": 3, "b2": "abstained", "c1": 3}
FULL = {"a1": 3, "a2": 1, "b1": 2, "b2": 3, "c1": 2}


def rows_of(judge: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [
        {"item_id": item, "expert_score": EXPERT[item], "judge": said, **more}
        for item, said in judge.items()
    ]


def contrasted(path: Path, **options: Any) -> pd.DataFrame:
    return contrasts(analysis_of(path, **{"n_resamples": 300, **options}))


def random_rows(seed: int, skill: float, dimension: str = "d1") -> list[dict[str, Any]]:
    """Ten cases of two items; the judge knows the grade with probability `skill`."""
    expert = np.random.default_rng(99).integers(1, 4, 20)
    draw = np.random.default_rng(seed)
    said = np.where(draw.random(20) < skill, expert, draw.integers(1, 4, 20))
    return [
        {
            "item_id": f"{'abcdefghij'[n // 2]}{n % 2}",
            "expert_score": int(expert[n]),
            "judge": int(said[n]),
            "dimension": dimension,
            "fold": n // 10,
        }
        for n in range(20)
    ]


def test_columns_are_those_of_the_design(write_study: WriteStudy) -> None:
    table = contrasted(write_study({"none": rows_of(NONE), "full": rows_of(FULL)}))
    assert tuple(table.columns) == CONTRAST_COLUMNS
    assert " ".join(CONTRAST_COLUMNS) == (
        "dimension metric reading variant alignment backend reference reference_backend n_items"
        " value_reference value improvement low high p_value p_holm significant reduction_pct note"
        " p_maxt q_value n_changed p_equivalent detectable cases_needed bound_low bound_high"
        " planned detectable_holm"
    )


def test_three_cases_by_hand(write_study: WriteStudy) -> None:
    table = contrasted(write_study({"none": rows_of(NONE), "full": rows_of(FULL)}))
    mae, spearman = table.to_dict("records")
    assert (mae["metric"], mae["reading"], mae["n_items"]) == ("mae", "raw", 5)
    assert mae["value_reference"] == pytest.approx(7 / 5)
    assert mae["value"] == pytest.approx(1 / 5)
    assert mae["improvement"] == pytest.approx(6 / 5)
    assert mae["reduction_pct"] == pytest.approx(100 * 6 / 7)
    # Gains by case 2, 3, 1: of 8 exchanges only all or none reach their sum.
    assert mae["p_value"] == mae["p_holm"] == 0.25
    assert mae["significant"] is False
    assert (
        "smallest attainable p after Holm is 0.25: the data cannot support a claim" in mae["note"]
    )
    assert "constant judge (none)" in mae["note"]
    assert "exploratory" not in mae["note"]
    # Three cases exclude nothing at 0.05: no interval is printed, and why is said.
    assert np.isnan([mae["low"], mae["high"]]).all()
    assert "3 cases; intervals are certified from 12 cases on" in mae["note"]
    assert mae["n_changed"] == 4
    # The missing answer on a 3 cost 2; had it been right, the reference would have erred by 1.
    assert (mae["bound_low"], mae["bound_high"]) == pytest.approx((1 - 1 / 5, 7 / 5 - 1 / 5))
    assert spearman["n_items"] == 4  # that both answered
    assert spearman["improvement"] == pytest.approx(spearman["value"] - spearman["value_reference"])
    assert np.isnan(spearman["reduction_pct"])
    assert np.isnan(spearman["p_holm"])
    assert "exploratory" in spearman["note"]


def test_p_equals_scipys_on_the_cases(write_study: WriteStudy) -> None:
    none, full = random_rows(1, 0.2), random_rows(2, 0.9)
    table = contrasted(write_study({"none": none, "full": full}))
    error = [[abs(row["judge"] - row["expert_score"]) for row in rows] for rows in (none, full)]
    by_case = np.array(error).reshape(2, 10, 2).sum(axis=2).astype(float)
    theirs = permutation_test(
        tuple(by_case),
        lambda x, y, axis: (x - y).mean(axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    line = table[table["metric"] == "mae"].iloc[0]
    assert line["p_value"] == pytest.approx(theirs.pvalue)
    assert line["improvement"] == pytest.approx(theirs.statistic / 2)
    assert theirs.pvalue < 0.05
    assert line["significant"]


def test_holm_is_over_the_dimensions_of_full_and_nothing_else(write_study: WriteStudy) -> None:
    def runs(skill: float) -> list[dict[str, Any]]:
        return [
            row
            for n, name in enumerate(["d1", "d2", "d3"])
            for row in random_rows(n + int(100 * skill), skill, name)
        ]

    path = write_study({"none": runs(0.1), "semantic": runs(0.5), "full": runs(0.8)})
    table = contrasted(path)
    family = table[table["p_holm"].notna()]
    assert len(family) == 3
    assert set(family["variant"] + family["metric"] + family["reading"]) == {"fullmaeraw"}
    expected = multipletests(family["p_value"], method="holm")[1]
    np.testing.assert_allclose(family["p_holm"], expected)
    assert (family["significant"] == (expected <= 0.05)).all()
    rest = table[table["p_holm"].isna()]
    assert rest["note"].str.contains("exploratory").all()
    assert (rest["p_value"] <= 0.05).any()
    assert not rest["significant"].any()  # no claim: a share of false discoveries instead
    for _, same in rest.groupby(["metric", "reading"]):
        q = multipletests(same["p_value"], method="fdr_bh")[1]
        np.testing.assert_allclose(same["q_value"], q)
    assert family["q_value"].isna().all()
    assert (family["p_maxt"] <= family["p_holm"] + 0.01).all()  # joint flips are sharper
    assert not family["note"].str.contains("exploratory").any()


def test_attainable_p_is_judged_after_holm(write_study: WriteStudy) -> None:
    """Six differing cases can give p = 1/32; after Holm over two such dimensions 1/16."""

    def rows(*, right: bool) -> list[dict[str, Any]]:
        return [
            {
                "item_id": f"{case}1",
                "expert_score": grade,
                "judge": grade if right else 4 - grade,
                "dimension": dimension,
            }
            for dimension in ("d1", "d2")
            for case, grade in zip("abcdef", (1, 3, 1, 3, 1, 3), strict=True)
        ]

    runs = {"none": rows(right=False), "full": rows(right=True), "semantic": rows(right=True)}
    table = contrasted(write_study(runs))
    mae = table[(table["metric"] == "mae") & (table["dimension"] == "d1")].set_index("variant")
    assert mae.loc["full", "p_value"] == 1 / 32
    assert not mae.loc["full", "significant"]
    assert "after Holm is 0.0625" in mae.loc["full", "note"]
    assert "cannot support" not in mae.loc["semantic", "note"]
    assert "rule of three" in mae.loc["full", "note"]  # every case gains alike


def test_each_backend_has_its_reference_and_the_model_free_all(write_study: WriteStudy) -> None:
    judges = {
        **{"none@a": NONE, "full@a": FULL, "none@b": FULL, "full@b": FULL},
        "median_label@none": dict.fromkeys(EXPERT, 2),
    }
    table = contrasted(write_study({name: rows_of(judge) for name, judge in judges.items()}))
    mae = table[table["metric"] == "mae"]
    found = mae[["variant", "backend", "reference_backend", "value_reference"]].round(2)
    assert sorted(found.itertuples(index=False, name=None)) == [
        ("full", "a", "a", 1.4),
        ("full", "b", "a", 0.2),
        ("full", "b", "b", 0.2),
        ("median_label", "none", "a", 1.4),
        ("median_label", "none", "b", 0.2),
        ("none", "b", "a", 1.4),
    ]
    both = (mae["variant"] == "full") & (mae["backend"] == "b")
    same = mae[both & (mae["reference_backend"] == "b")].iloc[0]
    assert (same["improvement"], same["p_value"]) == (0, 1)
    assert (same["low"], same["high"]) == pytest.approx((-2 * 0.6316, 2 * 0.6316), abs=1e-3)
    assert "all 3 cases alike" in same["note"]
    assert mae["p_holm"].notna().sum() == 2  # of both backends: one family


def test_of_one_variant_on_two_backends_the_constant_one_is_marked(
    write_study: WriteStudy,
) -> None:
    always_three = dict.fromkeys(EXPERT, 3)
    analysis = analysis_of(
        write_study({"none@a": rows_of(always_three), "none@b": rows_of(FULL)}), n_resamples=50
    )
    table = contrasts(analysis)
    assert "constant judge (none on a)" in table["note"].iloc[0]
    cells = CONTRASTS.table(analysis, table).lines[0].cells
    assert [cells[at].text for at in (2, 3, 4)] == ["none", "b", "none\N{DAGGER} on a"]


def test_a_swept_variant_meets_the_unaligned_judge_that_was_asked_likewise(
    write_study: WriteStudy,
) -> None:
    names = [
        *("none", "none,prompt.order=[item,rubric]", "full", "full,memory.k=2"),
        *("full,memory.k=2,prompt.order=[item,rubric]", "full,scoring=verdict"),
    ]
    table = contrasted(write_study({name: rows_of(FULL) for name in names}), n_resamples=20)
    pairs = dict(table[["variant", "reference"]].itertuples(index=False, name=None))
    plain, ordered = names[:2]
    assert pairs == {ordered: plain, "full": plain, names[3]: plain, names[4]: ordered} | {
        names[5]: plain
    }
    assert set(table.loc[table["p_holm"].notna(), "variant"]) == {"full"}


def test_without_a_plain_full_the_only_variant_of_it_is_the_family(
    write_study: WriteStudy,
) -> None:
    runs = {"none": rows_of(NONE), "full,memory.k=2": rows_of(FULL)}
    assert contrasted(write_study(runs))["p_holm"].notna().sum() == 1
    runs["full,memory.k=8"] = rows_of(FULL)
    table = contrasted(write_study(runs))
    assert table["p_holm"].isna().all()
    assert table["note"].str.contains("exploratory").all()


def test_readings_and_the_study_s_own(write_study: WriteStudy) -> None:
    none, full = rows_of(FULL), rows_of(FULL)
    for row, batch in zip(none, [1, 1, 1, 1, 1], strict=True):
        row["judge_score_batch"] = batch
    for row in full:
        row["judge_score_batch"] = row["expert_score"]
    runs = {"none": none, "full": full, "median_label@none": rows_of(dict.fromkeys(EXPERT, 2))}
    table = contrasted(write_study(runs), calibration="batch")
    mae = table[table["metric"] == "mae"].set_index(["variant", "reading"])
    assert mae.loc[("full", "raw"), "improvement"] == 0
    assert mae.loc[("full", "batch"), "improvement"] == pytest.approx(1)
    assert table.loc[table["p_holm"].notna(), "reading"].tolist() == ["batch"]
    assert mae.loc[("median_label", "batch"), "value_reference"] == pytest.approx(1)
    assert "one side has a single reading" in mae.loc[("median_label", "batch"), "note"]


def test_verdicts_have_one_reading(write_study: WriteStudy) -> None:
    path = write_study({"none": rows_of(NONE), "full": rows_of(FULL)})
    table = contrasted(path)
    assert set(table["reading"]) == {"raw"}
    assert table["p_holm"].notna().sum() == 1
    with pytest.raises(RequestError, match=r"calibration=batch: .*scoring=verdict"):
        contrasted(path, calibration="batch")


def test_repeated_seeds_and_repeats_are_no_new_evidence(write_study: WriteStudy) -> None:
    once = contrasted(write_study({"none": random_rows(1, 0.2), "full": random_rows(2, 0.7)}))
    runs = {}
    for seed in (0, 1):
        for name, rows in (("none", random_rows(1, 0.2)), ("full", random_rows(2, 0.7))):
            runs[f"{name}#{seed}"] = [
                row | {"fold_seed": seed, "repeat": repeat} for row in rows for repeat in (0, 1)
            ]
    pd.testing.assert_frame_equal(contrasted(write_study(runs)), once, rtol=1e-9)


def test_a_judge_without_a_model_answers_for_all_repeats(write_study: WriteStudy) -> None:
    repeated = [row | {"repeat": n} for n in (0, 1) for row in rows_of(NONE)]
    runs = {"none": repeated, "median_label@none": rows_of(dict.fromkeys(EXPERT, 2))}
    table = contrasted(write_study(runs))
    assert not table["note"].str.contains("paired on").any()
    assert table["value"].iloc[0] == pytest.approx(4 / 5)


@pytest.mark.parametrize("once_is_reference", [True, False])
def test_what_was_asked_once_holds_for_every_repeat_on_either_side(
    write_study: WriteStudy, *, once_is_reference: bool
) -> None:
    repeated = [row | {"repeat": n} for n in (0, 1) for row in rows_of(FULL)]
    median = rows_of(dict.fromkeys(EXPERT, 2))
    path = write_study({"full": repeated, "median_label@none": median})
    answers = analysis_of(path).answers
    once, often = (
        answers[JudgeKey("d1", *judge)]
        for judge in (("median_label", "none"), ("full", "scripted"))
    )
    sides = (once, often) if once_is_reference else (often, once)
    paired = paired_rows(*sides, ("one", "other"))
    assert not any("paired on" in note for note in paired.notes)
    assert len(paired.before.items) == len(paired.after.items) == 10
    assert (paired.before.items == paired.after.items).all()


def test_cases_needed_are_cases_where_groups_of_them_are_resampled(
    write_study: WriteStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(3)
    labels = draw.integers(1, 4, 240)
    runs = {
        name: [
            {
                "item_id": f"i{n}",
                "case_id": f"c{n // 2}",
                "expert_score": int(label),
                "judge": int(label if draw.random() < 0.5 else draw.integers(1, 4)),
            }
            for n, label in enumerate(labels)
        ]
        for name in ("none", "full")
    }
    path = write_study(runs)
    cases = contrasted(path).loc[0, "cases_needed"]
    monkeypatch.setattr(units, "MOST_UNITS", 30)
    analysis = analysis_of(path, n_resamples=300)
    assert len(set(next(iter(analysis.answers.values())).cases)) <= 30
    table = contrasts(analysis)
    # Thirty groups tell the spread less surely; they hold four cases each.
    assert table.loc[0, "cases_needed"] == pytest.approx(cases, rel=0.5)
    (group,) = verdict_of(analysis, table, look_of(analysis)).groups
    needed = int(table.loc[0, "cases_needed"])
    assert f"{2 * needed} labels ({needed} cases)" in group.findings[0].more


def test_one_grade_of_every_item_supports_no_claim(write_study: WriteStudy) -> None:
    """Whoever gives that grade more often errs less, whatever it is shown."""
    good, bad = (
        [{**row, "expert_score": 2, "judge": judge} for row in random_rows(1, 0.5)]
        for judge in (2, 3)
    )
    analysis = analysis_of(write_study({"none": bad, "full": good}), n_resamples=300)
    table = contrasts(analysis)
    mae = table[table["metric"] == "mae"].iloc[0]
    assert mae["improvement"] == 1
    assert not mae["significant"]
    assert mae[["p_value", "p_holm", "p_equivalent"]].isna().all()
    told = "the experts give one grade to every item (2): the data cannot support a claim"
    assert told in mae["note"]
    spearman = table[table["metric"] == "spearman"].iloc[0]
    assert spearman[["improvement", "p_value"]].isna().all()
    assert not spearman["significant"]
    assert "statistic undefined" in spearman["note"]
    (group,) = verdict_of(analysis, table, look_of(analysis)).groups
    assert (group.kind, told in group.findings[0].more) == ("open", True)
    # One item of another grade, and there is something to tell.
    good[0]["expert_score"] = bad[0]["expert_score"] = 1
    table = contrasted(write_study({"none": bad, "full": good}))
    assert table[table["metric"] == "mae"].iloc[0]["significant"]


def test_one_grade_of_every_item_and_a_missing_answer_are_both_told(
    write_study: WriteStudy,
) -> None:
    right = [{"item_id": f"{case}1", "expert_score": 3, "judge": 3} for case in "abcdefgh"]
    part = [*right[:-1], right[-1] | {"judge": "abstained"}]
    mae = contrasted(write_study({"none": part, "full": right})).iloc[0]
    assert mae[["p_value", "p_equivalent"]].isna().all()
    assert "the experts give one grade to every item (3)" in mae["note"]
    assert (mae["bound_low"], mae["bound_high"]) == (0.0, 0.25)
    assert "missing answers leave the improvement between 0.00 and +0.25" in mae["note"]


def test_rows_without_a_partner_are_left_out_and_said(write_study: WriteStudy) -> None:
    table = contrasted(write_study({"none": rows_of(NONE), "full": rows_of(FULL)[:3]}))
    assert table["n_items"].tolist() == [3, 3]
    assert table["note"].str.contains("paired on 3 of 5 rows").all()
    nothing = contrasted(write_study({"none": rows_of(NONE)[:2], "semantic": rows_of(FULL)[3:]}))
    assert nothing["n_items"].tolist() == [0, 0]
    assert nothing["significant"].tolist() == [False, False]
    assert nothing["note"].str.contains("no row in common").all()


def test_a_study_without_the_unaligned_judge_has_no_contrasts(write_study: WriteStudy) -> None:
    table = contrasted(write_study({"full": rows_of(FULL)}))
    assert tuple(table.columns) == CONTRAST_COLUMNS
    assert table.empty


def test_the_same_seed_gives_the_same_table(write_study: WriteStudy) -> None:
    path = write_study({"none": random_rows(1, 0.2), "full": random_rows(2, 0.7)})
    pd.testing.assert_frame_equal(contrasted(path), contrasted(path))
    # Ten cases are flipped in every way there is: no draw, no seed.
    pd.testing.assert_frame_equal(contrasted(path, seed=1), contrasted(path))


def test_a_judge_that_never_answers_leaves_nothing_to_compare(write_study: WriteStudy) -> None:
    path = write_study({"none": rows_of(NONE), "full": rows_of(dict.fromkeys(EXPERT, "failed"))})
    table = contrasted(path, missing="exclude")
    assert table["n_items"].tolist() == [0, 0]
    assert table["improvement"].isna().all()
    worst = contrasted(path).iloc[0]
    assert worst["value"] == pytest.approx((2 + 2 + 1 + 2 + 2) / 5)
    assert worst["improvement"] < 0


def test_other_folds_are_said(write_study: WriteStudy) -> None:
    path = write_study({"none": rows_of(NONE), "full,folds=2": rows_of(FULL, fold=1)})
    assert contrasted(path)["note"].str.contains("run on different folds").all()


def test_a_p_of_nothing_is_a_p(write_study: WriteStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    """A t far out underflows to 0, which is small and not missing."""
    path = write_study({"none": random_rows(1, 0.1), "full": random_rows(2, 0.9)})
    real = module.compare

    def certain(*args: Any, **more: Any) -> Any:
        return real(*args, **more)._replace(p_value=0.0, smallest_p=0.0)

    monkeypatch.setattr(module, "compare", certain)
    table = contrasted(path).set_index("metric")
    assert table.loc["mae", "significant"]
    assert table.loc["spearman", "q_value"] == 0


def test_equal_data_are_worked_out_once(write_study: WriteStudy) -> None:
    path = write_study({"none": rows_of(NONE), "full": rows_of(FULL)})
    analysis, made = analysis_of(path), []
    one, two = (answers for answers in analysis.answers.values())

    def work() -> int:
        made.append(None)
        return len(made)

    copy = replace(one, error=one.error.copy())
    assert [analysis.cached("n", ("a", side), work) for side in (one, copy, two)] == [1, 1, 2]
    changed = replace(one, error=one.error + 1)
    assert analysis.cached("n", ("a", changed), work) == 3
    assert analysis.cached("n", ("b", one), work) == 4
    assert analysis.cached("m", ("a", one), work) == 5


def test_joint_flips_are_as_many_as_are_asked_for(write_study: WriteStudy) -> None:
    """Of twenty cases not all are tried: a p is a share of those drawn and the observed one."""
    wrong = [
        {"item_id": f"{case}1", "expert_score": 1 + n % 2, "judge": 3}
        for n, case in enumerate("abcdefghijklmnopqrst")
    ]
    right = [row | {"judge": row["expert_score"]} for row in wrong]
    table = contrasted(write_study({"none": wrong, "full": right}), n_resamples=50)
    (p_value,) = table["p_maxt"].dropna()
    assert p_value == 1 / 51


def test_a_batch_reading_of_few_cases_claims_no_more_than_sign_flips_could(write_study) -> None:
    """Four cases that gain alike: no resample of them crosses 0, however many are drawn."""
    draw = np.random.default_rng(0)

    def rows(skill: float) -> list[dict[str, Any]]:
        made = []
        for n in range(40):
            expert = 1 + n % 3
            chances = (1 - skill) * draw.dirichlet([2, 2, 2]) + skill * (np.arange(1, 4) == expert)
            made.append({
                "item_id": f"{'abcd'[n // 10]}{n % 10}", "expert_score": expert, "fold": n // 10,
                "judge": int(chances.argmax()) + 1, "distribution": chances.tolist(),
            })  # fmt: skip
        return made

    runs = {"none": rows(0.0), "full": rows(0.6)}
    chosen = {name: {"calibration": "batch"} for name in runs}
    table = contrasted(write_study(runs, manifests=chosen), n_resamples=2_000)
    (line,) = table[(table["metric"] == "mae") & (table["reading"] == "batch")].to_dict("records")
    assert line["improvement"] > 0.5
    assert line["p_value"] == line["p_holm"] == 2.0 ** (1 - 4)
    assert not line["significant"]
    assert "smallest attainable p after Holm is 0.125" in line["note"]
