"""Runs that grade by checklist, through the records."""

import json

import pytest

from memalign_bench.config import build, composed
from memalign_bench.errors import RequestError
from memalign_bench.study.records import read_json
from memalign_bench.study.runner import run


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
