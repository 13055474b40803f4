"""Runs that grade by checklist, through the records."""

import json

import pytest

from memalign_bench.config import build, composed
from memalign_bench.errors import RequestError
from memalign_bench.study.records import read_json
from memalign_bench.study.running.runner import run


def spec(tmp_path, *words):
    asked = ("dataset=planted", "backend=scripted", "scoring=checklist", "limit=24", *words)
    job = composed("run", [*asked, f"results_dir={tmp_path}", "study=s"])
    return build(job.cfg, job.choices)


def test_the_record_holds_every_criterions_chance_and_names_idle_ones(tmp_path):
    # A polite judge says yes to all: every note is bad, and every note is good.
    one = spec(tmp_path, "alignment=full", "backend.politeness=1", "distiller=extractive")
    outcome = run(one)
    folder = one.study_dir / "runs" / outcome.run_id
    cells = read_json(folder / "memory.json")["cells"]
    answers = {name: met for cell in cells for name, met in cell["criteria"].items()}
    assert len(answers) == 24
    assert all(met == pytest.approx([0.1, 0.9]) for met in answers.values())
    assert all("shows none of the" in cell["notes"][0] for cell in cells)
    assert not any("examples_left_out" in cell for cell in cells)
    told = read_json(folder / "manifest.json")["criteria"]
    assert [(entry["n_met"], entry["note"]) for entry in told] == [
        (0, "no item meets it"),
        (24, "every item meets it"),
    ]
    assert one.variant == "full,distiller=extractive,scoring=checklist"


def test_what_is_learnt_hangs_on_training_labels_and_no_others(tmp_path):
    one = spec(tmp_path, "alignment=none", "scoring.combine=learnt", "backend.politeness=0")
    assert one.variant == "none,scoring=checklist,scoring.combine=learnt"
    fewer = spec(tmp_path, "alignment=none", "scoring.combine=learnt", "n_train=4")
    assert fewer.n_train == 4
    assert "n_train" in fewer.decides
    assert spec(tmp_path, "alignment=none", "n_train=4").n_train is None
    outcome = run(one)
    assert outcome.counts["scored"] == 24
    told = json.dumps(read_json(one.study_dir / "runs" / outcome.run_id / "memory.json"))
    assert "failed" not in told


def test_a_model_without_probabilities_is_refused(tmp_path):
    with pytest.raises(RequestError, match="scoring=checklist needs probabilities"):
        spec(tmp_path, "backend=anthropic")


def test_criteria_of_each_fold_are_distilled_recorded_and_told_where_idle(tmp_path):
    one = spec(tmp_path, "alignment=criteria", "distiller=extractive", "backend.politeness=1")
    outcome = run(one)
    assert outcome.counts["scored"] == 24
    folder = one.study_dir / "runs" / outcome.run_id
    cells = read_json(folder / "memory.json")["cells"]
    asked = [{entry["question"] for entry in cell["asked_criteria"]} for cell in cells]
    assert all(asked)
    assert len({frozenset(some) for some in asked}) > 1
    assert all('Could one say of this note: "' in text for some in asked for text in some)
    for cell in cells:
        test_items = set(cell["criteria"])
        assert not test_items & {name for entry in cell["guidelines"] for name in entry["sources"]}
    told = read_json(folder / "manifest.json")["criteria"]
    assert len(told) == sum(len(cell["asked_criteria"]) for cell in cells)
    assert {entry["note"] for entry in told} == {"no item meets it", "every item meets it"}
    assert {entry["fold"] for entry in told} == {0, 1, 2, 3}
    assert one.variant == "criteria,distiller=extractive,scoring=checklist"


def test_distilled_criteria_are_weighed_by_labels_too(tmp_path):
    words = ("alignment=criteria", "distiller=extractive", "scoring.combine=learnt")
    outcome = run(spec(tmp_path, *words, "backend.politeness=0"))
    assert outcome.counts["scored"] == 24


def test_distilled_criteria_without_a_checklist_are_refused(tmp_path):
    with pytest.raises(RequestError, match="scoring=logprob asks none; say scoring=checklist"):
        spec(tmp_path, "alignment=criteria", "scoring=logprob")
