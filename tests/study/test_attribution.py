"""Leaving out one entry of memory: exactly that changes, and nothing is asked twice."""

import json
from dataclasses import replace

import pytest

from memalign_bench.backends.simulated.scripted_judge import SimulatedJudge
from memalign_bench.backends.store.call_store import CallStore
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.cli import main
from memalign_bench.errors import BackendError, FailedCallError, RecordError, RequestError
from memalign_bench.study import records
from memalign_bench.study.plan import make_plan
from memalign_bench.study.runfiles import RunFiles
from memalign_bench.study.running.aligning import Models, align_cell
from memalign_bench.study.running.attribution import FILE, AttributionOutcome, attribute
from memalign_bench.study.running.pool import Clock, Progress
from memalign_bench.study.running.rehearsal import forecast
from memalign_bench.study.running.runner import run

WORDS = ("scoring=logprob", "distiller=extractive", "folds=2", "limit=16", "memory.k=3")


def rows_of(spec, name=FILE, schema=records.attribution_schema):
    folder = spec.study_dir / "runs" / make_plan(spec).run_id
    return records.read_rows(folder / name, schema())


def predictions_of(spec):
    found = rows_of(spec, "predictions.parquet", records.predictions_schema)
    return {row["item_id"]: row for row in found}


@pytest.fixture
def sent(monkeypatch):
    """Every grade that a model was asked for."""
    grade, asked = SimulatedJudge.grade, []

    def listened(self, request):
        asked.append(request)
        return grade(self, request)

    monkeypatch.setattr(SimulatedJudge, "grade", listened)
    return asked


def judges(spec):
    """Cells with their aligned judges."""
    plan = make_plan(spec)
    with CallStore() as store, StoredBackend(spec.backend, store) as model:
        models = Models(model, model, model)
        cells = plan.cells(plan.row_keys())
        return plan, [(cell, align_cell(plan, cell, models).judge) for cell in cells]


def ids(judge, item):
    return [example.item_id for example in judge.retriever.nearest(item)]


def test_the_next_nearest_takes_the_place_of_what_is_left_out(spec_of):
    spec = spec_of(*WORDS, "attribute=true")
    run(spec)
    _, wider = judges(replace(spec, alignment=spec_of(*WORDS, "memory.k=4").alignment))
    plan, aligned = judges(spec)
    next_one = {}
    for (cell, judge), (_, wide) in zip(aligned, wider, strict=True):
        for name in cell.test:
            item = plan.shown[name, cell.dimension]
            four = ids(wide, item)
            assert ids(judge, item) == four[:3]
            next_one[name] = four[3]
            for out in four[:3]:
                assert ids(judge.without_example(out), item) == [x for x in four if x != out]
            assert ids(judge.without_example(four[3]), item) == four[:3]  # it was not shown
    rows = [row for row in rows_of(spec) if row["kind"] == "example"]
    assert len(rows) == 3 * 16
    assert all(row["instead"] == [next_one[row["item_id"]]] for row in rows)


def test_a_random_neighbour_is_drawn_anew_and_the_others_stay(spec_of):
    plan, aligned = judges(spec_of(*WORDS, "alignment=random_neighbours"))
    for cell, judge in aligned:
        for name in cell.test:
            item = plan.shown[name, cell.dimension]
            drawn = ids(judge, item)
            for out in drawn:
                other = ids(judge.without_example(out), item)
                assert len(set(other)) == 3
                assert set(drawn) - set(other) == {out}


def test_rows_say_what_was_with_and_without(spec_of):
    spec = spec_of(*WORDS, "attribute=true", "label_noise=0.2")
    run(spec)
    held, rows = predictions_of(spec), rows_of(spec)
    plan = make_plan(spec)
    cells = plan.cells(plan.row_keys())
    label = {(c.fold, one.shown.item_id): one.score for c in cells for one in c.train}
    for row in rows:
        shown = held[row["item_id"]]
        assert row["judge_expected"] == shown["judge_expected"]
        assert row["distribution"] == shown["distribution"]
        expert, without = shown["expert_score"], row["judge_expected_without"]
        effect = abs(without - expert) - abs(shown["judge_expected"] - expert)
        assert row["effect"] == pytest.approx(effect)
        grades = abs(row["judge_score_without"] - expert) - abs(shown["judge_score"] - expert)
        assert row["effect_grade"] == grades
        if row["kind"] == "example":
            assert row["entry"] == shown["neighbour_ids"][row["place"]]
            assert row["label"] == label[row["fold"], row["entry"]]  # as shown, wrong or not
    assert any(row["effect"] for row in rows)
    guidelines = [row for row in rows if row["kind"] == "guideline"]
    assert len(guidelines) == sum(row["n_guidelines"] for row in held.values()) > 0
    memory = json.loads((spec.study_dir / "runs" / plan.run_id / "memory.json").read_text())
    told = {cell["fold"]: cell["guidelines"] for cell in memory["cells"]}
    for row in guidelines:
        line = told[row["fold"]][row["place"]]
        assert (row["sources"], row["label"]) == (line["sources"], line["grade"])


def test_nothing_is_asked_twice_and_no_prediction_moves(spec_of, sent):
    plain = spec_of(*WORDS)
    outcome = run(plain)
    assert outcome.attributed is None
    folder = plain.study_dir / "runs" / outcome.run_id
    before, n_before = (folder / "predictions.parquet").read_bytes(), len(sent)
    spec = spec_of(*WORDS, "attribute=true")
    assert spec.variant == plain.variant
    again = run(spec)
    rows = rows_of(spec)
    assert again.run_id == outcome.run_id
    assert (again.asked, again.attributed) == (0, AttributionOutcome(len(rows), len(rows)))
    assert len(sent) == n_before + len({request.messages for request in sent[n_before:]})
    assert (folder / "predictions.parquet").read_bytes() == before
    data, n_asked = (folder / FILE).read_bytes(), len(sent)
    assert run(spec).attributed == AttributionOutcome(len(rows))  # complete: not even aligned
    (folder / FILE).write_bytes(data[:-1])
    assert run(spec).attributed.asked == len(rows)
    assert (folder / FILE).read_bytes() == data
    assert len(sent) == n_asked


def test_failures_are_recorded_and_asked_again(spec_of, sent, monkeypatch):
    run(spec_of(*WORDS))
    spec, n_before = spec_of(*WORDS, "attribute=true"), len(sent)
    listened = SimulatedJudge.grade

    def failing(self, request):
        if len(sent) >= n_before + 40:
            raise FailedCallError("no more today")
        return listened(self, request)

    monkeypatch.setattr(SimulatedJudge, "grade", failing)
    outcome = run(spec)
    failed = [row for row in rows_of(spec) if row["status"] == "failed"]
    assert len(failed) == len(outcome.attributed.failures) > 0
    assert not outcome.failures
    assert "without" in outcome.attributed.failures[0]
    assert all(row["effect"] is None and "no more today" in row["error"] for row in failed)
    monkeypatch.setattr(SimulatedJudge, "grade", listened)
    n_sent = len(sent)
    assert not run(spec).attributed.failures
    assert 0 < len(sent) - n_sent <= len(failed)
    assert all(row["status"] == "scored" for row in rows_of(spec))


def test_time_that_is_over_leaves_the_predictions_and_is_gone_on_from(spec_of):
    run(spec_of(*WORDS))
    spec = spec_of(*WORDS, "attribute=true")
    with pytest.raises(BackendError, match="max_minutes=1e-09 is over"):
        run(replace(spec, max_minutes=1e-9))
    assert run(spec).attributed.n_rows == len(rows_of(spec))


@pytest.mark.parametrize("scoring", ["logprob", "verdict"])
def test_a_dry_run_counts_what_is_asked(spec_of, scoring):
    spec = spec_of(*WORDS, f"scoring={scoring}", "attribute=true")
    [before] = forecast(spec)
    assert not spec.study_dir.exists()
    run(spec)
    with CallStore(spec.store_path) as store:
        assert store.count() == before.n_calls > 16 * 4
    [after] = forecast(spec)
    assert after.n_calls == 0
    assert {row["effect"] is None for row in rows_of(spec)} == {scoring == "verdict"}


@pytest.mark.parametrize(
    "name", ["none", "label_calibration", "median_label", "empty_wrapper", "knn_vote"]
)
def test_without_memory_there_is_nothing_to_attribute(spec_of, name):
    outcome = run(spec_of(*WORDS, f"alignment={name}", "attribute=true"))
    assert outcome.attributed == AttributionOutcome(0)


def test_the_command_says_what_it_attributed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["run", "dataset=planted", "backend=scripted", "tracker=none", *WORDS, "attribute=true"]
    assert main([*words, "alignment=none"]) == 0
    assert "nothing to attribute" in capsys.readouterr().err
    assert main([*words, "alignment=episodic"]) == 0
    assert "attribution asked 48: 48 answers" in capsys.readouterr().err


def test_labels_that_were_withheld_are_not_told(spec_of):
    spec = spec_of(*WORDS, "alignment=no_labels", "attribute=true")
    run(spec)
    examples = [row for row in rows_of(spec) if row["kind"] == "example"]
    assert {row["label"] for row in examples} == {None}


def test_another_memory_than_that_of_the_predictions_is_refused(spec_of):
    spec = spec_of(*WORDS)
    run(spec)
    files = RunFiles(make_plan(spec))
    rows = files.kept_rows().rows
    for row in rows.values():
        row["neighbour_ids"] = row["neighbour_ids"][::-1]
    with pytest.raises(RecordError, match=r"were made with the examples .* memory now holds"):
        attribute(files, rows, Clock(), Progress())


def test_it_is_true_or_false(spec_of):
    with pytest.raises(RequestError, match="attribute must be true or false"):
        spec_of("attribute=some")
