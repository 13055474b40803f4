"""What of a study counts as planned."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fake_study import fake_study
from made_report import analysis_of, report_of
from planned_study import STATS, planned_study

from memalign_bench.report.drawing.look import look_of, own_contrasts
from memalign_bench.report.numbers.claims import claims_of
from memalign_bench.report.numbers.contrasts import all_pairs, contrasts
from memalign_bench.report.page.verdict import verdict_of
from memalign_bench.stats.fold_reading import MIN_FOLD_ROWS
from memalign_bench.study import records
from memalign_bench.study.registered.study_plan import Contrast


def sentence_of(path: Path, **options: Any) -> str:
    analysis = analysis_of(path, **{"n_resamples": 50, **options})
    return claims_of(analysis, all_pairs(analysis)).sentence(analysis.frames.dimensions)


def claims_in(path: Path, **options: Any) -> pd.DataFrame:
    table = contrasts(analysis_of(path, **{"n_resamples": 50, **options}))
    return table[table["p_holm"].notna()]


def test_a_study_without_a_plan_keeps_its_claims_and_says_so(tmp_path: Path) -> None:
    path = fake_study(tmp_path / "fake", dimensions=2, n_cases=8)
    made = report_of(path, n_resamples=50)
    table = made.made["contrasts"]
    assert set(table["planned"]) == {"no plan"}
    assert table["p_holm"].notna().sum() == 2
    assert "No plan was registered" in made.page()
    assert "No plan was registered" in " ".join(made.table("contrasts").notes)


def test_what_the_plan_names_is_planned_and_nothing_else(tmp_path: Path) -> None:
    path = planned_study(tmp_path / "fake", dimensions=("library_installation",))
    table = contrasts(analysis_of(path, n_resamples=50))
    planned = table[table["planned"] == "planned"]
    assert planned[["dimension", "variant", "reference", "backend", "metric", "reading"]].to_numpy(
    ).tolist() == [["library_installation", "full", "none", "embedded", "mae", "raw"]]  # fmt: skip
    assert set(table["planned"]) == {"planned", "not planned"}
    assert planned["p_holm"].notna().all()
    rest = table[table["planned"] == "not planned"]
    assert rest["p_holm"].isna().all()
    assert not rest["significant"].any()
    assert rest["note"].str.contains("exploratory").all()


def test_a_plan_without_a_claim_is_told_as_one(tmp_path: Path) -> None:
    path = planned_study(tmp_path / "fake", contrasts=())
    assert sentence_of(path).startswith("Planned: that there is no claim was registered before")
    page = report_of(path, n_resamples=50).page()
    assert "This study makes no claim: its plan names none." in page
    assert "the claims were registered" not in page


def test_other_contrasts_and_metrics_can_be_claims(tmp_path: Path) -> None:
    sides = (Contrast("full", "semantic"), Contrast("full", "none"))
    path = planned_study(tmp_path / "fake", contrasts=sides, metrics=("mae", "spearman"))
    claims = claims_in(path)
    assert len(claims) == 2 * 2 * 2
    assert set(zip(claims["variant"], claims["reference"], strict=True)) == set(sides)
    assert (claims["p_holm"] >= claims["p_value"]).all()
    assert claims["p_maxt"].isna().all(), "ranks are no sum over cases"
    analysis = analysis_of(path, n_resamples=50)
    look, table = look_of(analysis), contrasts(analysis)
    verdict = verdict_of(analysis, table, look)
    told = [finding for group in verdict.groups for finding in group.findings]
    assert len(told) == len(claims)
    assert all("planned" in finding.more for finding in told)
    assert any("full against semantic" in finding.where for finding in told)
    drawn = own_contrasts(table, look, "mae")
    assert set(drawn["reference"]) == {"none"}, "the figure is of gains over unaligned judges"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"margin": 0.2}, "margin is 0.2, planned was 0.1"),
        ({"missing": "exclude"}, "missing is exclude, planned was worst"),
        ({"calibration": "batch"}, "reading is batch, planned was raw"),
    ],
)
def test_a_reading_that_was_not_planned_is_said(
    tmp_path: Path, options: dict[str, Any], told: str
) -> None:
    path = planned_study(tmp_path / "fake", n_cases=MIN_FOLD_ROWS * 4)  # a batch reading there is
    table = contrasts(analysis_of(path, n_resamples=50, **options))
    assert set(table["planned"]) == {"not planned"}
    assert told in sentence_of(path, **options)


@pytest.mark.parametrize("margin", [0.1, 1 / 30])
def test_a_margin_is_planned_in_steps_of_the_scale(tmp_path: Path, margin: float) -> None:
    stats = STATS | {"margin": margin}
    path = planned_study(tmp_path / "fake", grades=(3, 6, 9), stats=stats)
    assert set(claims_in(path, margin=margin)["planned"]) == {"planned"}
    assert "margin is 0.2, planned was" in sentence_of(path, margin=0.2)


def test_a_plan_that_no_run_was_made_under_counts_for_nothing(tmp_path: Path) -> None:
    claims = claims_in(planned_study(tmp_path / "fake", manifests=False))
    assert set(claims["planned"]) == {"not planned"}


def test_a_plan_changed_or_lost_after_the_runs_is_said(tmp_path: Path) -> None:
    path = planned_study(tmp_path / "fake")
    held = records.read_json(path / "plan.json")
    records.write_json(path / "plan.json", held | {"backends": ["embedded", "other"]})
    claims = claims_in(path)
    assert set(claims["planned"]) == {"not planned"}
    assert len(claims) == 4, "the usual claims stay"
    (path / "plan.json").unlink()
    assert "plan.json is missing" in sentence_of(path)


def test_what_was_planned_and_not_run_is_said(tmp_path: Path) -> None:
    sides = (Contrast("full", "none"), Contrast("episodic", "none"))
    told = sentence_of(planned_study(tmp_path / "fake", contrasts=sides))
    assert "Planned, but not run: episodic against none on embedded" in told
