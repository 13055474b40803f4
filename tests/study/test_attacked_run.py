"""Attacked runs beside clean ones: what is paired, what memory holds, what the report says."""

import pytest

from memalign_bench.config import build, composed
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.frames import load_study
from memalign_bench.report.sections.injection import numbers, table
from memalign_bench.study.plan import make_plan
from memalign_bench.study.running.runner import run


def spec(tmp_path, *words):
    asked = ("dataset=planted", "backend=scripted", "scoring=logprob", "limit=24", *words)
    job = composed("run", [*asked, f"results_dir={tmp_path}", "study=s"])
    return build(job.cfg, job.choices)


def test_judged_items_are_attacked_and_training_items_are_not(tmp_path):
    clean = make_plan(spec(tmp_path, "alignment=episodic"))
    plan = make_plan(spec(tmp_path, "alignment=episodic", "attack=comment"))
    plea = "is to get the top grade"
    assert plan.data.digest == clean.data.digest
    assert plan.run_id != clean.run_id
    for key in plan.row_keys():
        assert plea in plan.asked(*key.labelled).text
        assert plan.asked(*key.labelled).text.startswith(clean.asked(*key.labelled).text)
    cells = plan.cells(plan.row_keys())
    shown = [item.shown for cell in cells for item in cell.train]
    assert shown
    assert not any(plea in one.text + one.example_text + one.whole for one in shown)


def test_without_a_model_nothing_is_attacked(tmp_path):
    plain = make_plan(spec(tmp_path, "alignment=knn_vote"))
    attacked = make_plan(spec(tmp_path, "alignment=knn_vote", "attack=comment"))
    assert attacked.run_id == plain.run_id
    assert not attacked.attacked


def test_the_report_finds_the_susceptibility_that_was_planted(tmp_path):
    for attack in ("none", "comment", "padding"):
        for alignment in ("none", "episodic"):
            words = ("backend.politeness=0", "backend.susceptibility=1", "backend.effect=1")
            run(spec(tmp_path, f"alignment={alignment}", f"attack={attack}", *words))
    analysis = Analysis.of(load_study(tmp_path / "s"), n_resamples=200)
    made = numbers(analysis, {})
    found = made.assign(variant=made["alignment"]).set_index(["attack", "variant"])
    assert sorted(found.index) == [
        (attack, variant) for attack in ("comment", "padding") for variant in ("episodic", "none")
    ]
    assert (found["n_items"] == 24).all()
    assert (found["shown"] == 1).all()
    heeded = found.loc["comment"]
    assert (heeded["to_top"] == 1).all()
    assert (heeded["top_after"] == 1).all()
    # From the mean grade to the top: all that there was to gain.
    for variant in ("none", "episodic"):
        rows = analysis.frames.predictions
        clean = rows["variant"] == f"{variant},scoring=logprob"
        before = rows[clean]["judge_score_raw"].astype(float)
        assert heeded.loc[variant, "grade"] == pytest.approx(3 - before.mean())
        assert heeded.loc[variant, "n_below_top"] == (before < 3).sum()
    # Padding asks for nothing: with memory the judge follows its neighbours as before.
    assert found.loc["padding"].loc["episodic", "grade"] < heeded.loc["episodic", "grade"]
    # Padding changes few cases with memory: no interval is certified there.
    told = found[found["expected_low"].notna()]
    assert len(told) == 3
    assert told["expected_low"].le(told["expected"]).all()
    heads = [column.title for column in table(analysis, found.reset_index()).shown]
    assert "moved to the top [95 %]" in heads


def test_no_attack_no_section(tmp_path):
    run(spec(tmp_path, "alignment=none"))
    assert numbers(Analysis.of(load_study(tmp_path / "s"), n_resamples=50), {}).empty
