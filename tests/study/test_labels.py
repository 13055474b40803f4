"""Fewer training labels, and wrong ones: nested, seeded, recorded, and never among the held-out."""

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memalign_bench.backends.simulated.scripted_judge import SimulatedJudge
from memalign_bench.errors import RequestError
from memalign_bench.study import records
from memalign_bench.study.labels import drawn_items, flipped_grades
from memalign_bench.study.plan import make_plan
from memalign_bench.study.running.runner import run
from memalign_bench.types import NOT_APPLICABLE

CASES = {f"i{n}": f"case {n // 2}" for n in range(10)}
SCORES = {f"i{n}": n % 4 or NOT_APPLICABLE for n in range(40)}  # ten of them do not apply


def test_samples_are_nested_and_take_cases_in_rounds():
    samples = [drawn_items(CASES, n, 0, "d", 1) for n in range(12)]
    assert [len(sample) for sample in samples] == [*range(11), 10]
    assert all(small <= large for small, large in pairwise(samples))
    assert {CASES[name] for name in samples[5]} == set(CASES.values())  # one of each case first


def test_samples_hang_on_seed_and_cell():
    draws = [drawn_items(CASES, 4, *key) for key in ((0, "d", 1), (1, "d", 1), (0, "d", 2))]
    assert draws[0] == drawn_items(dict(reversed(CASES.items())), 4, 0, "d", 1)
    assert draws[0] != draws[1]
    assert draws[0] != draws[2]


@settings(max_examples=30)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 50))
def test_flips_are_exact_nested_and_always_another_grade(one, other, seed):
    low, high = (
        flipped_grades(SCORES, (1, 2, 3), rate, seed, "d") for rate in sorted((one, other))
    )
    assert low.items() <= high.items()
    assert len(high) == round(max(one, other) * 30)
    assert all(SCORES[name] != grade and grade in (1, 2, 3) for name, grade in high.items())
    assert not any(SCORES[name] is NOT_APPLICABLE for name in high)


def test_the_other_grade_is_drawn_evenly():
    many = dict.fromkeys(map(str, range(3000)), 2)
    counts = Counter(flipped_grades(many, (1, 2, 3, 4), 1.0, 0, "d").values())
    assert counts.keys() == {1, 3, 4}
    assert all(abs(count - 1000) < 5 * (1000 * 2 / 3) ** 0.5 for count in counts.values())


def cells(spec):
    plan = make_plan(spec)
    return plan.cells(plan.row_keys())


def test_cells_train_on_the_sample_and_ask_all(spec_of):
    spec = spec_of()
    whole, eight = cells(spec), cells(replace(spec, n_train=8))
    assert [cell.test for cell in eight] == [cell.test for cell in whole]
    for cell, full in zip(eight, whole, strict=True):
        assert len(cell.train) == 8
        assert set(cell.train) <= set(full.train)
        assert cell.n_available == len(full.train)
    assert cells(replace(spec, n_train=1000))[0].train == whole[0].train
    assert [cell.train for cell in cells(replace(spec, n_train=0))] == [()] * 4


def test_only_grades_of_training_copies_are_flipped(spec_of):
    spec = spec_of()
    clean, noisy = cells(spec), cells(replace(spec, label_noise=0.2))
    wrong_in = {}
    for cell, before in zip(noisy, clean, strict=True):
        pairs = zip(cell.train, before.train, strict=True)
        changed = [(new, old) for new, old in pairs if new != old]
        assert sorted(new.shown.item_id for new, _ in changed) == list(cell.flipped)
        assert all(new.rationale == old.rationale for new, old in changed)
        wrong_in |= {new.shown.item_id: new.score for new, _ in changed}
    assert len(wrong_in) == round(0.2 * 60)  # each wrong in every fold that trains on it
    fewer = cells(replace(spec, label_noise=0.2, n_train=10))
    assert all(
        set(few.flipped) <= set(cell.flipped) for few, cell in zip(fewer, noisy, strict=True)
    )
    assert make_plan(replace(spec, label_noise=0.2)).gold == make_plan(spec).gold


def test_what_does_not_apply_is_no_label_where_that_is_given(spec_of):
    spec = spec_of("dataset=genie_synth", "dimensions=[data_imputation]", "n_train=9")
    for cell in cells(replace(spec, applicability="given")):
        assert all(item.score is not NOT_APPLICABLE for item in cell.train)
        assert len(cell.train) == 9
    asked = cells(replace(spec, applicability="judge"))
    assert any(item.score is NOT_APPLICABLE for cell in asked for item in cell.train)


def test_memory_says_how_many_were_drawn_and_which_are_wrong(spec_of):
    spec = spec_of("n_train=20", "label_noise=0.5")
    place = spec.study_dir / "runs" / run(spec).run_id
    for cell in json.loads((place / "memory.json").read_text())["cells"]:
        assert (cell["n_train"], cell["n_examples"]) == (20, 20)
        assert cell["n_available"] > 20
        assert 0 < cell["n_flipped"] == len(cell["flipped"]) <= 20
    held = records.read_rows(place / "predictions.parquet", records.predictions_schema())
    plan = make_plan(spec)
    assert {row["item_id"]: row["expert_score"] for row in held} == {
        key[0]: gold.score for key, gold in plan.gold.items()
    }
    usual = replace(spec, n_train=None, label_noise=0.0, study="usual")
    text = (usual.study_dir / "runs" / run(usual).run_id / "memory.json").read_text()
    assert "flipped" not in text  # records of ordinary runs stay as they were


@pytest.mark.parametrize("name", ["full", "semantic", "episodic"])
def test_without_labels_the_prompt_is_the_unaligned_one(spec_of, monkeypatch, name):
    asked = {}
    grade = SimulatedJudge.grade

    def listened(self, request):
        asked.setdefault(current, set()).add(request.messages)
        return grade(self, request)

    monkeypatch.setattr(SimulatedJudge, "grade", listened)
    for current in ("none", name):
        spec = spec_of(
            f"alignment={current}", "n_train=0", "scoring=logprob", f"study={current}", "limit=12"
        )
        outcome = run(spec)
        assert not outcome.failures
    assert asked[name] == asked["none"]
    place = spec.study_dir / "runs" / outcome.run_id
    for cell in json.loads((place / "memory.json").read_text())["cells"]:
        assert (cell["n_train"], cell["n_examples"], cell["guidelines"]) == (0, 0, [])
        assert cell["distillation"]["status"] == ("none" if name == "episodic" else "empty")


@pytest.mark.parametrize("name", ["median_label", "knn_vote"])
def test_what_cannot_do_without_labels_fails_cell_by_cell(spec_of, name):
    outcome = run(spec_of(f"alignment={name}", "n_train=0", "limit=12"))
    assert len(outcome.failures) == 12
    assert all(f"alignment={name} cannot do without" in line for line in outcome.failures)
    assert "set n_train above 0" in outcome.failures[0]


def test_fewer_labels_than_neighbours_are_named(spec_of):
    outcome = run(spec_of("n_train=3", "limit=12"))
    assert "memory.k=4 neighbours, but only 3 training items" in outcome.failures[0]


@pytest.mark.parametrize(
    ("overrides", "variant"),
    [
        (("n_train=8",), "full,n_train=8"),
        (("n_train=0", "label_noise=0"), "full,n_train=0"),
        (("n_train=null", "label_noise=1"), "full,label_noise=1.0"),
        (("alignment=median_label", "n_train=8"), "median_label,n_train=8"),
        (("alignment=none", "n_train=8", "label_noise=0.1"), "none"),
        (("alignment=knn_vote", "memory.k=2"), "knn_vote,memory.k=2"),
    ],
)
def test_labels_are_part_of_the_variant_where_they_are_used(spec_of, overrides, variant):
    spec = spec_of(*overrides)
    assert spec.variant == variant
    if spec.alignment.name == "none":
        assert (spec.n_train, spec.label_noise) == (None, 0)


def test_labels_are_part_of_the_run_id_where_they_are_used(spec_of):
    def run_id(*overrides):
        spec = spec_of(*overrides)
        return spec.run_id(spec.dataset.load(spec.rubric))

    ids = {run_id(*more) for more in ((), ("n_train=8",), ("label_noise=0.1",))}
    assert len(ids) == 3
    assert run_id("label_noise=0.0") in ids
    assert run_id("alignment=none", "n_train=8") == run_id("alignment=none")
    knn = "alignment=knn_vote"
    assert run_id(knn, "memory.k=2") != run_id(knn) == run_id(knn, "memory.k=4")


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("n_train=-1", "n_train must be a whole number >= 0"),
        ("n_train=2.5", "n_train must be a whole number >= 0"),
        ("label_noise=1.2", "label_noise must be a number from 0 to 1, got 1.2"),
        ("label_noise=some", "label_noise must be a number from 0 to 1, got 'some'"),
    ],
)
def test_labels_that_make_no_sense_are_refused(spec_of, override, told):
    with pytest.raises(RequestError, match=told):
        spec_of(override)
