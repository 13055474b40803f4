"""A study leaves as one file and comes back from it, with nothing asked."""

import json
import re
import shutil

import pytest

from memalign_bench.backends.store.call_store import CallStore, call_key
from memalign_bench.cli import main

RUN = ("run", "dataset=planted", "tracker=none", "study=a")
SWEEP = ("run", "-m", *RUN[1:], "alignment=none,full,median_label", "backend=scripted")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _predictions(folder):
    return {p.parent.name: p.read_bytes() for p in folder.glob("runs/*/predictions.parquet")}


def test_a_study_is_replayed_from_its_cassette(here, capsys):
    assert main([*SWEEP, "scoring=logprob"]) == 0
    before = _predictions(here / "results/a")
    assert main(["cassette", "study=a"]) == 0
    shutil.rmtree(here / "results/a/runs")
    (here / "results/a/calls.sqlite").unlink()
    assert main(["cassette", "action=import", "study=a"]) == 0
    assert main([*SWEEP, "scoring=logprob", "backend.mode=replay"]) == 0
    assert _predictions(here / "results/a") == before
    assert len(before) == 3
    first = (here / "results/a/cassette.jsonl").read_bytes()
    assert main(["cassette", "study=a"]) == 0
    assert (here / "results/a/cassette.jsonl").read_bytes() == first
    capsys.readouterr()
    for study in ("study=a", "study=elsewhere"):
        path = "path=results/a/cassette.jsonl"
        assert main(["cassette", study, path, "action=verify"]) == 0
        told = capsys.readouterr().err
        assert "asking scripted\n20 calls asked again, 20 the same to the bit" in told


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: {},
        lambda answer: {**answer, "text": 5},
        lambda answer: {key: answer[key] for key in ("text", "finish")},
        lambda answer: {**answer, "usage": {"prompt_tokens": "many"}},
        lambda answer: {**answer, "usage": {"tokens": 3}},
        lambda answer: {"probabilities": [0.5, None], "mass": 1.0, "usage": {}},
        lambda answer: {"vector": "far", "usage": {}},
    ],
)
def test_an_answer_that_no_replay_could_read_comes_into_no_store(here, capsys, change):
    assert main([*RUN, "backend=scripted", "alignment=none"]) == 0
    assert main(["cassette", "study=a"]) == 0
    path = here / "results/a/cassette.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[3]["answer"] = change(lines[3]["answer"])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for action, study in (("import", "b"), ("verify", "a")):
        words = ("cassette", f"action={action}", f"study={study}", f"path={path}")
        assert main([*words]) == 2
        assert f"call {lines[3]['key'][:12]}: its answer is none" in capsys.readouterr().err
    assert not (here / "results/b/calls.sqlite").exists()


def test_a_line_nested_too_deeply_is_no_call(here, capsys):
    (here / "c.jsonl").write_text("[" * 100_000)
    assert main(["cassette", "action=import", "study=a", "path=c.jsonl"]) == 2
    assert "line 1: " in capsys.readouterr().err


@pytest.mark.parametrize("action", ["export", "import", "verify"])
def test_a_folder_is_no_cassette(here, capsys, action):
    assert main([*RUN, "backend=scripted", "alignment=none"]) == 0
    (here / "folder").mkdir()
    assert main(["cassette", f"action={action}", "study=a", "path=folder"]) == 2
    assert "path=folder is a folder; name a file in it" in capsys.readouterr().err


def test_a_missing_call_names_its_cell(here, capsys):
    assert main([*RUN, "backend=scripted", "alignment=none"]) == 0
    shutil.rmtree(here / "results/a/runs")
    with CallStore(here / "results/a/calls.sqlite") as store:
        store._execute("DELETE FROM calls WHERE key = (SELECT key FROM calls LIMIT 1)")
    assert main([*RUN, "backend=scripted", "alignment=none", "backend.mode=replay"]) == 1
    told = capsys.readouterr().err
    assert "none, planted_quality, fold" in told
    assert "note-" in told
    assert "cassette action=import" in told


def test_a_changed_prompt_is_not_replayed_and_leaves_nothing_to_report(here, capsys):
    judge = ("backend=scripted", "alignment=none")
    assert main([*RUN, *judge]) == 0
    capsys.readouterr()
    other = [word if word != "study=a" else "study=b" for word in RUN]
    store = ("call_store=results/a/calls.sqlite", "backend.mode=replay")
    assert main([*other, *judge, *store, "prompt.grades=words"]) == 1
    told = capsys.readouterr().err
    assert "does not hold this call (this prompt, to this model" in told
    assert "ask as the recorded study did" in told
    assert "To see it" not in told


def test_a_distillation_that_is_not_there_names_its_cell(here, capsys):
    assert main([*RUN, "backend=scripted", "alignment=full", "backend.mode=replay"]) == 1
    told = capsys.readouterr().err
    assert re.search(r"full, planted_quality, fold \d, alignment: call store", told)


def test_drift_is_found(here, capsys):
    assert main([*RUN, "backend=scripted", "alignment=none", "scoring=logprob"]) == 0
    assert main(["cassette", "study=a"]) == 0
    path = here / "results/a/cassette.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["answer"]["probabilities"] = line["answer"]["probabilities"][::-1]
        line["model"] = "an older one"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["cassette", "study=a", "action=verify", "backend=scripted", "sample=5"]) == 1
    told = capsys.readouterr().err
    assert "5 calls asked again" in told
    assert "model served was 'an older one', is 'scripted'" in told


def test_another_model_is_not_asked(here, capsys):
    assert main([*RUN, "backend=scripted", "alignment=none"]) == 0
    assert main(["cassette", "study=a"]) == 0
    words = ["cassette", "study=a", "action=verify", "backend=scripted", "backend.seed=9"]
    assert main(words) == 2
    assert "Choose with backend=NAME" in capsys.readouterr().err


def test_verify_asks_the_model_as_the_study_had_it_and_of_two_wants_one_named(here, capsys):
    assert main([*RUN, "backend=scripted", "backend.seed=9", "alignment=none"]) == 0
    assert main(["cassette", "study=a"]) == 0
    verify = ["cassette", "study=a", "action=verify"]
    assert main(verify) == 0
    assert main([*RUN, "backend=scripted", "alignment=episodic"]) == 0
    assert main(["cassette", "study=a"]) == 0
    capsys.readouterr()
    assert main(verify) == 2
    assert "Choose with backend=NAME" in capsys.readouterr().err
    assert main([*verify, "backend=scripted"]) == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["action=play", "study=a"], "action must be export, import or verify"),
        (["study=gone"], "no runs in"),
        (["action=import", "study=gone"], "no cassette at"),
        (["study=a", "call_store=other.sqlite"], "no call store at"),
    ],
)
def test_a_wrong_request_says_what_to_do(here, capsys, words, told):
    assert main([*RUN, "backend=scripted", "alignment=none"]) == 0
    assert main(["cassette", *words]) == 2
    assert told in capsys.readouterr().err


def test_a_store_that_does_not_know_the_run_is_told(here, capsys):
    assert main([*RUN, "backend=scripted", "alignment=none"]) == 0
    with CallStore(here / "results/a/calls.sqlite") as store:
        store._execute("DELETE FROM uses")
    assert main(["cassette", "study=a"]) == 1
    assert "does not know which calls the runs" in capsys.readouterr().err


def test_private_texts_reach_no_cassette(here, capsys):
    words = ("backend=scripted", "alignment=full", "scoring=logprob", "tracker=none", "study=a")
    words = (*words, "dataset.texts=private", "limit=8", "dimensions=[model_training]")
    assert main(["run", *words]) == 0
    assert main(["cassette", "study=a"]) == 0
    lines = (here / "results/a/cassette.jsonl").read_text().splitlines()
    calls = [json.loads(line) for line in lines]
    assert calls
    assert all(set(call) == {"answer", "key", "model"} for call in calls)
    assert all("text" not in call["answer"] for call in calls)
    capsys.readouterr()
    assert main(["cassette", "study=a", "action=verify"]) == 2
    told = "memalign-bench: this cassette does not say what was asked (private texts).\n"
    assert capsys.readouterr().err == told


def test_the_hash_of_what_was_asked_is_the_key(here):
    assert main([*RUN, "backend=scripted", "alignment=none"]) == 0
    assert main(["cassette", "study=a", "path=elsewhere/tape.jsonl"]) == 0
    for line in (here / "elsewhere/tape.jsonl").read_text().splitlines():
        call = json.loads(line)
        assert call_key(call["request"]) == call["key"]
