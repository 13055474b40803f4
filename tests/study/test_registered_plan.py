"""A study's plan: written before the first call, hashed into every run, fixed from then on."""

import json
from dataclasses import replace

import pytest

from memalign_bench.cli import main
from memalign_bench.errors import RequestError
from memalign_bench.study import records
from memalign_bench.study.registered.registering import read_plan, register
from memalign_bench.study.registered.study_plan import StudyPlan, plan_of
from memalign_bench.study.running.runner import run

SMALL = ("limit=12", "scoring=logprob")


def manifest_of(spec, outcome):
    return records.read_json(spec.study_dir / "runs" / outcome.run_id / "manifest.json")


def test_a_plan_stands_before_the_first_call_and_in_every_manifest(spec_of, monkeypatch):
    spec = spec_of(*SMALL, "alignment=none")
    seen = []
    monkeypatch.setattr(
        "memalign_bench.study.running.runner._answer_missing",
        lambda *args: seen.append((spec.study_dir / "plan.json").is_file()) or 1 / 0,
    )
    with pytest.raises(ZeroDivisionError):
        run(spec)
    assert seen == [True]
    monkeypatch.undo()
    plan = read_plan(spec.study_dir)
    assert manifest_of(spec, run(spec))["plan"] == plan.digest
    later = spec_of(*SMALL, "alignment=full")
    assert manifest_of(later, run(later))["plan"] == plan.digest
    assert StudyPlan.from_json(plan.as_json()) == plan


def test_a_plan_decides_no_run_id(spec_of, tmp_path):
    ids = [
        run(replace(spec_of(*SMALL, "alignment=none", word), study=f"s{n}")).run_id
        for n, word in enumerate(("register=true", "register=false", "claims.metrics=[spearman]"))
    ]
    assert len(set(ids)) == 1
    assert not (tmp_path / "s1/plan.json").exists()


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("stats.margin=0.2", "stats.margin is 0.1 in the plan, 0.2 here"),
        ("stats.missing=exclude", "stats.missing is worst in the plan, exclude here"),
        ("calibration=batch", "calibration is none in the plan, batch here"),
        ("claims.metrics=[mae,spearman]", "claims.metrics"),
        ("claims.contrasts=[[semantic,none]]", "claims.contrasts"),
        ("claims.backends=[scripted,embedded]", "claims.backends is scripted in the plan"),
        ("claims.dimensions=[planted_quality]", "claims.dimensions is all in the plan"),
    ],
)
def test_a_plan_changed_after_the_first_call_is_refused(spec_of, word, told):
    spec = spec_of(*SMALL, "alignment=none")
    run(spec)
    before = (spec.study_dir / "plan.json").read_bytes()
    with pytest.raises(RequestError) as caught:
        run(spec_of(*SMALL, "alignment=full", word))
    assert told in str(caught.value)
    assert "study=NAME" in str(caught.value)
    assert (spec.study_dir / "plan.json").read_bytes() == before
    assert run(spec).asked == 0, "what was computed stays"


def test_what_a_run_without_distributions_says_of_the_reading_changes_nothing(spec_of):
    run(spec_of(*SMALL, "alignment=none", "calibration=batch"))
    outcome = run(spec_of("limit=12", "alignment=median_label"))
    assert outcome.asked == 12


def test_before_the_first_call_a_plan_may_change(spec_of):
    spec = spec_of(*SMALL, "alignment=none")
    register([spec])
    register([spec_of(*SMALL, "alignment=none", "stats.margin=0.3")])
    assert read_plan(spec.study_dir).stats["margin"] == 0.3


def test_a_study_begun_without_a_plan_gets_none(spec_of):
    spec = spec_of(*SMALL, "alignment=none", "register=false")
    run(spec)
    later = spec_of(*SMALL, "alignment=full")
    [told] = register([later], whole=True)
    assert "begun without a registered plan" in told
    assert "plan" not in manifest_of(later, run(later))
    assert not (spec.study_dir / "plan.json").exists()


def test_a_plan_edited_by_hand_is_refused(spec_of):
    spec = spec_of(*SMALL, "alignment=none")
    run(spec)
    path = spec.study_dir / "plan.json"
    held = records.read_json(path)
    held["backends"].append("embedded")
    records.write_json(path, held)
    with pytest.raises(RequestError, match="is not the plan that runs of study"):
        run(spec)


def test_jobs_of_one_study_that_want_two_plans_are_refused(spec_of):
    jobs = [spec_of(*SMALL, word) for word in ("calibration=none", "calibration=batch")]
    others = [spec_of(*SMALL, f"claims.backends=[{name}]") for name in ("scripted", "embedded")]
    with pytest.raises(RequestError, match=r"do not agree on claims\.backends"):
        register(others)
    with pytest.raises(RequestError, match="do not agree on calibration"):
        register(jobs)
    assert not (jobs[0].study_dir / "plan.json").exists()


def test_an_alignment_stands_for_the_only_variant_that_is_run(spec_of):
    none, two = spec_of("alignment=none"), spec_of("alignment=full", "memory.k=2")
    assert plan_of([none, two]).contrasts == (("full,memory.k=2", "none"),)
    plain = spec_of("alignment=full")
    assert plan_of([none, two, plain]).contrasts == (("full", "none"),)
    asked = spec_of("alignment=none", "scoring=logprob")
    assert plan_of([asked]).contrasts == (("full,scoring=logprob", "none,scoring=logprob"),)


def test_the_judge_without_memory_is_meant_without_the_settings_of_one(spec_of):
    """Else a study that begins with `full` would plan a reference that no command can run."""
    shared = ("folds=3", "memory.k=2", "distiller=extractive", "n_train=8")
    full, none = (spec_of(f"alignment={name}", *shared) for name in ("full", "none"))
    assert none.variant == "none,folds=3"
    assert plan_of([full]).contrasts == ((full.variant, none.variant),)


PLANTED = ("dataset=planted", "backend=scripted", "tracker=none", "limit=12", "study=s")


def test_a_sweep_shares_one_plan_with_its_words(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my plan.md").write_text("Full before none, on notes.\n")
    sweep = ["run", "-m", *PLANTED, "alignment=none,full", "plan=my plan.md"]
    assert main(sweep) == 0
    assert "full against none on scripted" in capsys.readouterr().err
    held = json.loads((tmp_path / "results/s/plan.json").read_text())
    assert held["words"]["name"] == "my plan.md"
    assert (tmp_path / "results/s/plan.md").read_text() == "Full before none, on notes.\n"
    text = "".join(path.read_text() for path in tmp_path.glob("results/s/runs/*/manifest.json"))
    assert text.count('"plan": "') == 2
    assert str(tmp_path) not in text
    assert main(sweep[:-1]) == 0, "not said again is not changed"
    (tmp_path / "my plan.md").write_text("Full behind none.\n")
    assert main(sweep) == 2
    assert "plan (in words) is my plan.md" in capsys.readouterr().err
    assert main(["run", *PLANTED, "alignment=none", "plan=gone.md"]) == 2
    assert "'gone.md' cannot be read as text" in capsys.readouterr().err


def test_a_dry_run_registers_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["run", *PLANTED, "alignment=none", "dry_run=true"]) == 0
    assert not (tmp_path / "results").exists()
