"""The runner on planted notes and the scripted judge: records, resuming, failures, leaks."""

import json
import random
import shutil
import signal
import sqlite3
import threading
import time
from dataclasses import dataclass, replace

import pytest
from tests.programs import completed, started
from tests.study.killing import stored

from memalign_bench.alignment.base import Aligned
from memalign_bench.errors import (
    AlignmentError,
    BackendError,
    FailedCallError,
    RecordError,
    RequestError,
)
from memalign_bench.study import records
from memalign_bench.study.running.pool import Progress
from memalign_bench.study.running.runner import run
from memalign_bench.types import NOT_APPLICABLE, CallCost, Example, Usage, Verdict

SCHEMA = records.predictions_schema()


def folder(spec, outcome):
    return spec.study_dir / "runs" / outcome.run_id


def rows(spec, outcome):
    return records.read_rows(folder(spec, outcome) / "predictions.parquet", SCHEMA)


def test_records_hold_every_row_and_what_memory_showed(spec_of):
    spec = spec_of("scoring=logprob")
    outcome = run(spec)
    held = rows(spec, outcome)
    assert len(held) == 60 == outcome.asked
    assert {row["status"] for row in held} == {"scored"}
    fold = {row["item_id"]: row["fold"] for row in held}
    for row in held:
        assert sum(row["distribution"]) == pytest.approx(1)
        expected = sum(g * p for g, p in zip((1, 2, 3), row["distribution"], strict=True))
        assert row["judge_expected"] == pytest.approx(expected)
        assert len(row["neighbour_ids"]) == 4
        assert all(fold[name] != row["fold"] for name in row["neighbour_ids"])
        assert row["neighbour_similarities"] == sorted(row["neighbour_similarities"])[::-1]
        assert row["n_guidelines"] > 0
        assert row["judge_score"] == row["judge_score_raw"]
        assert row["judge_score_batch"] in (1, 2, 3)
    memory = json.loads((folder(spec, outcome) / "memory.json").read_text())["cells"]
    assert [cell["fold"] for cell in memory] == [0, 1, 2, 3]
    for cell in memory:
        for guideline in cell["guidelines"]:
            assert all(fold[name] != cell["fold"] for name in guideline["sources"])


def test_the_manifest_says_where_numbers_come_from(spec_of):
    spec = spec_of("alignment=none")
    outcome = run(spec)
    text = (folder(spec, outcome) / "manifest.json").read_text()
    manifest = json.loads(text)
    assert manifest["counts"]["scored"] == 60
    assert manifest["dataset"]["items"] == 60
    assert manifest["versions"]["dspy"]
    assert manifest["predictions_sha256"] == records.sha256_of(
        folder(spec, outcome) / "predictions.parquet"
    )
    assert str(spec.results_dir) not in text, "no place of this machine belongs in a record"


def test_calibration_is_a_reading_and_no_other_run(spec_of):
    words = "scoring=logprob", "register=false"  # a plan would hold the reading
    plain, batch = spec_of(*words), spec_of(*words, "calibration=batch")
    first = run(plain)
    second = run(batch)
    assert second.run_id == first.run_id
    assert second.asked == 0
    assert all(row["judge_score"] == row["judge_score_batch"] for row in rows(batch, second))


def test_a_complete_run_asks_nothing_and_touches_nothing(spec_of):
    spec = spec_of()
    outcome = run(spec)
    before = {path: path.read_bytes() for path in folder(spec, outcome).iterdir()}
    again = run(spec)
    assert again.asked == 0
    assert {path: path.read_bytes() for path in folder(spec, outcome).iterdir()} == before


def test_a_deleted_row_is_made_again_to_the_byte(spec_of):
    spec = spec_of()
    outcome = run(spec)
    path = folder(spec, outcome) / "predictions.parquet"
    before = path.read_bytes()
    held = records.read_rows(path, SCHEMA)
    records.write_rows(path, held[:7] + held[8:], SCHEMA)
    assert path.read_bytes() != before
    run(spec)
    assert path.read_bytes() == before


def test_a_changed_value_is_not_trusted(spec_of):
    spec = spec_of()
    outcome = run(spec)
    path = folder(spec, outcome) / "predictions.parquet"
    before = path.read_bytes()
    perfect = [
        {**row, "judge_score_raw": row["expert_score"]} for row in records.read_rows(path, SCHEMA)
    ]
    records.write_rows(path, perfect, SCHEMA)
    run(spec)
    assert path.read_bytes() == before


@pytest.mark.parametrize("lost", ["memory.json", "timings.parquet", "manifest.json"])
def test_a_file_that_was_never_written_is_made_again(spec_of, lost):
    spec = spec_of()
    place = folder(spec, run(spec))
    memory = (place / "memory.json").read_bytes()
    before = (place / "predictions.parquet").read_bytes()
    (place / lost).unlink()
    run(spec)
    assert (place / "memory.json").read_bytes() == memory
    assert (place / "predictions.parquet").read_bytes() == before
    assert len(records.read_rows(place / "timings.parquet", records.timings_schema())) == 60


def test_records_of_another_study_are_not_taken_over(spec_of):
    spec = spec_of("study=one")
    outcome = run(spec)
    shutil.copytree(spec.study_dir, spec.study_dir.with_name("two"))
    other = spec_of("study=two")
    run(other)
    assert {row["study"] for row in rows(other, outcome)} == {"two"}


def test_without_its_call_store_a_run_still_gives_the_same_bytes(spec_of):
    spec = spec_of()
    path = folder(spec, run(spec)) / "predictions.parquet"
    before = path.read_bytes()
    path.unlink()
    spec.store_path.unlink()
    assert run(spec).asked == 60
    assert path.read_bytes() == before


@pytest.mark.parametrize("concurrency", [1, 7])
def test_predictions_do_not_hang_on_concurrency(spec_of, concurrency):
    usual = spec_of("study=usual")
    other = spec_of("study=usual", f"backend.max_concurrency={concurrency}", "results_dir=other")
    other = replace(other, results_dir=usual.results_dir / "elsewhere")
    first, second = run(usual), run(other)
    assert first.run_id == second.run_id
    assert rows(usual, first) == rows(other, second)


def test_killed_at_random_moments_it_ends_the_same_and_pays_once(spec_of, tmp_path):
    whole = spec_of("study=whole")
    expected = rows(whole, run(whole))
    words = [
        *("run", "dataset=planted", "backend=scripted", "backend.delay_s=0.1"),
        *("backend.max_concurrency=2", "study=killed", "tracker=none", f"results_dir={tmp_path}"),
    ]
    said = tmp_path / "said.txt"
    draw = random.Random(0)
    for _ in range(3):
        before = stored(tmp_path)
        process = started(words, said)
        # Among its calls, however long this machine takes to get there.
        while stored(tmp_path) == before and process.is_alive():
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.3))
        process.kill()
        assert completed(process) == -signal.SIGKILL
        assert before < stored(tmp_path) < 64
    assert completed(started(words, said)) == 0
    cut = spec_of("study=killed")
    found = rows(cut, run(cut))
    assert [{**row, "study": "whole"} for row in found] == expected
    with sqlite3.connect(cut.store_path) as calls:
        assert calls.execute("SELECT COUNT(*), COUNT(DISTINCT request) FROM calls").fetchone() == (
            64,
            64,
        ), "60 verdicts and 4 distillations, each asked for once"


@dataclass(frozen=True)
class Broken:
    """An alignment that fails, leaks, or makes judges that fail, by fold and item."""

    kind: str
    name: str = "broken"
    needs_model: bool = True
    keys: frozenset[str] = frozenset()

    def align(self, judge, train, context):
        fails = self.kind == "align" and "note-00-a" not in {item.shown.item_id for item in train}
        if fails:
            raise AlignmentError("no luck", CallCost(Usage(70, 30, cost_usd=0.5)))
        return Aligned(BrokenJudge(self.kind))


@dataclass(frozen=True)
class BrokenJudge:
    kind: str

    def score(self, item, repeat=0):
        if self.kind == "score" and item.item_id in ("note-00-a", "note-05-b"):
            raise FailedCallError("the answer was cut off")
        leaked = (Example("note-00-a", "", 1, "", 1.0),) if self.kind == "leak" else ()
        return Verdict(score=NOT_APPLICABLE if item.item_id == "note-01-a" else 2, examples=leaked)


def test_failed_questions_are_rows_and_the_rest_goes_on(spec_of):
    spec = replace(spec_of(), alignment=Broken("score"))
    outcome = run(spec)
    held = {row["item_id"]: row for row in rows(spec, outcome)}
    assert outcome.counts == {
        "rows": 60, "scored": 57, "abstained": 1, "failed": 2, "not_asked": 0
    }  # fmt: skip
    assert held["note-00-a"]["error"] == "the answer was cut off"
    assert held["note-00-a"]["judge_score"] is None
    assert held["note-01-a"]["status"] == "abstained"
    assert held["note-01-a"]["judge_score"] is None
    assert len(outcome.failures) == 2
    assert run(spec).asked == 2, "only what failed is asked again"


def test_examples_that_a_context_has_no_room_for_are_left_out_and_recorded(spec_of):
    words = ("scoring=logprob", "alignment=episodic", "prompt.examples=turns", "memory.k=4")
    small = spec_of(*words, "backend.context=400")
    outcome = run(small)
    assert not outcome.failures
    memory = json.loads((folder(small, outcome) / "memory.json").read_text())
    told = {k: n for cell in memory["cells"] for k, n in cell["examples_left_out"].items()}
    shown = {row["item_id"]: len(row["neighbour_ids"]) for row in rows(small, outcome)}
    assert told == {name: 4 - count for name, count in shown.items() if count < 4}
    assert told
    # A row made again in a later sitting leaves what the record says of the others as it was.
    path = folder(small, outcome) / "predictions.parquet"
    before = path.read_bytes()
    path.unlink()
    run(small)
    assert path.read_bytes() == before
    assert json.loads((folder(small, outcome) / "memory.json").read_text()) == memory
    roomy = run(spec_of(*words, "backend.context=40000"))
    whole = json.loads((folder(small, roomy) / "memory.json").read_text())
    assert all("examples_left_out" not in cell for cell in whole["cells"])


def test_a_context_that_holds_no_example_fails_the_question_and_names_the_number(spec_of):
    outcome = run(spec_of("scoring=logprob", "alignment=episodic", "backend.context=150"))
    assert len(outcome.failures) == 60
    assert all("no example fits the context of 150 tokens" in line for line in outcome.failures)


def test_a_failed_alignment_fails_its_cell_alone(spec_of):
    spec = replace(spec_of(), alignment=Broken("align"))
    outcome = run(spec)
    held = rows(spec, outcome)
    failed = [row for row in held if row["status"] == "failed"]
    assert {row["fold"] for row in failed} == {next(iter({r["fold"] for r in failed}))}
    assert {row["error"] for row in failed} == {"alignment failed: no luck"}
    cells = json.loads((folder(spec, outcome) / "memory.json").read_text())["cells"]
    assert sorted(cell["distillation"]["status"] for cell in cells) == [
        "failed", "none", "none", "none"
    ]  # fmt: skip
    [told] = [c["distillation"] for c in cells if c["distillation"]["status"] == "failed"]
    assert (told["error"], told["prompt_tokens"], told["completion_tokens"]) == ("no luck", 70, 30)
    assert told["cost_usd"] == 0.5


def test_seconds_of_distilling_stand_in_the_manifest_and_outlive_a_sitting(spec_of):
    words = ["alignment=semantic", "scoring=logprob", "backend.delay_s=0.02", "limit=12"]
    words += ["register=false"]  # a plan would hold the reading
    spec = spec_of(*words)
    outcome = run(spec)
    path = folder(spec, outcome) / "manifest.json"
    told = json.loads(path.read_text())["alignment_seconds"]
    assert [cell["fold"] for cell in told] == [0, 1, 2, 3]
    assert all(cell["latency_s"] >= 0.02 for cell in told)
    memory = (folder(spec, outcome) / "memory.json").read_text()
    assert "latency" not in memory, "memory.json is compared to the byte"
    (folder(spec, outcome) / "predictions.parquet").unlink()
    run(spec)  # from the call store, which knows what the calls took
    assert json.loads(path.read_text())["alignment_seconds"] == told
    assert run(spec_of(*words, "calibration=batch")).asked == 0
    written_again = json.loads(path.read_text())
    assert written_again["calibration"] == "batch"
    assert written_again["alignment_seconds"] == told


@dataclass(frozen=True)
class Waiting:
    """An alignment that, after the first cell, waits until a question was asked."""

    asked: threading.Event
    name: str = "waiting"
    needs_model: bool = True
    keys: frozenset[str] = frozenset()

    def align(self, judge, train, context):
        later = "note-00-a" in {item.shown.item_id for item in train}
        if later and not self.asked.wait(20):
            raise AlignmentError("no question was asked meanwhile")
        return Aligned(AskedJudge(self.asked))


@dataclass(frozen=True)
class AskedJudge:
    asked: threading.Event

    def score(self, item, repeat=0):
        self.asked.set()
        return Verdict(score=2)


def test_an_aligned_cell_is_asked_about_while_others_are_aligned(spec_of):
    spec = spec_of("backend.max_concurrency=1", "folds=2")
    waiting = Waiting(threading.Event())
    assert run(replace(spec, alignment=waiting)).counts["scored"] == 60


def test_a_held_out_neighbour_stops_the_run(spec_of):
    with pytest.raises(
        RecordError, match=r"memory holds held-out \(or unknown\) items \['note-00-a'\]"
    ):
        run(replace(spec_of(), alignment=Broken("leak")))


def test_a_study_has_one_gold(spec_of):
    run(spec_of("study=one", "dataset.seed=0"))
    with pytest.raises(RecordError, match="A study has one data set and one gold"):
        run(spec_of("study=one", "dataset.seed=1"))


class Counted(Progress):
    def __init__(self):
        self.seen = []

    def start(self, total, label):
        self.seen.append(total)

    def advance(self, *, failed):
        self.seen.append(failed)

    def finish(self):
        self.seen.append("end")


def test_progress_is_told_of_every_question(spec_of):
    progress = Counted()
    run(spec_of("limit=12"), progress)
    assert progress.seen == [12, *[False] * 12, "end"]


def test_repeats_are_rows_of_their_own(spec_of):
    spec = spec_of("repeats=2", "limit=12")
    held = rows(spec, run(spec))
    assert [row["repeat"] for row in held[:4]] == [0, 1, 0, 1]
    assert len(held) == 24


def test_batch_reading_needs_ten_distributions_of_a_fold(spec_of):
    spec = spec_of("scoring=logprob", "limit=18", "calibration=batch")
    held = rows(spec, run(spec))
    assert {row["judge_score_batch"] for row in held} == {None}
    assert all(row["judge_score"] == row["judge_score_raw"] for row in held)


def test_a_backend_that_never_answers_a_store_hit_is_not_connected(spec_of, monkeypatch):
    spec = spec_of()
    path = folder(spec, run(spec)) / "predictions.parquet"
    path.unlink()

    def connect(self):
        raise AssertionError("the call store holds every answer")

    monkeypatch.setattr(type(spec.backend), "connect", connect)
    assert run(spec).asked == 60


def test_a_sitting_ends_when_its_time_is_over_and_the_next_goes_on(spec_of):
    words = [
        "scoring=logprob",
        "alignment=none",
        "backend.delay_s=0.05",
        "backend.max_concurrency=2",
    ]
    with pytest.raises(BackendError, match=r"max_minutes=0.01 is over: \d+ questions"):
        run(spec_of(*words, "max_minutes=0.01"))
    outcome = run(spec_of(*words))
    assert outcome.counts["scored"] == 60
    undisturbed = run(spec_of(*words, "study=other"))
    assert undisturbed.run_id == outcome.run_id


@pytest.mark.parametrize("value", ["0", "-1", "soon", "true"])
def test_a_time_that_is_none_is_refused(spec_of, value):
    with pytest.raises(RequestError, match="max_minutes must be a number > 0 or null"):
        spec_of(f"max_minutes={value}")
