"""Shipping a judge: the file scores as the judge in memory does, and MLflow loads what it can."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from memalign_bench import load_judge
from memalign_bench.alignment.base import AlignContext
from memalign_bench.backends.base import ChatRequest, Message
from memalign_bench.backends.simulated.scripted_judge import Scripted, SimulatedJudge
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.cli import main
from memalign_bench.config import build, composed
from memalign_bench.errors import DataError, MissingCallError, RecordError, RequestError
from memalign_bench.judging.judge import Judge
from memalign_bench.judging.relative import relative_to
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.frames import load_study
from memalign_bench.report.numbers.summary import summary
from memalign_bench.shipping.export import opened_models
from memalign_bench.study.plan import make_plan
from memalign_bench.study.running.runner import run

NOTES = ("The harbour was quiet, with amber lamps.", "A mill, some tallow and a wet rope.", "Jute.")
WORDS = ("dataset=planted", "backend=scripted", "limit=24", "study=s")
EXPORT = ("export_judge", "study=s", "stats.n_resamples=200", "tracker=none")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A study of three variants, and the exported judge of the best."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for more in (["scoring=logprob"], ["scoring=logprob", "memory.k=2"], ["n_train=8"]):
            run(_spec(folder, *more))
        run(_spec(folder, "alignment=knn_vote"))
        assert main([*EXPORT, "variant='full,scoring=logprob'"]) == 0
    return folder


def _spec(folder, *more):
    job = composed("run", [*WORDS, f"results_dir={folder}/results", *more])
    return build(job.cfg, job.choices)


def _file(place):
    return place / "results/s/judges/full,scoring=logprob,scripted/planted_quality.json"


SCORE = """
import json, sys
sys.modules["mlflow"] = None  # whoever imports it fails
from memalign_bench import load_judge
told = []
with load_judge(sys.argv[1]) as judge:
    for text in json.loads(sys.argv[2]):
        for reading in ("raw", "relative"):
            verdict = judge.score(text, reading=reading)
            near = [[one.item_id, one.similarity] for one in verdict.examples]
            told.append([verdict.score, list(verdict.distribution.values()), near])
print(json.dumps(told))
"""


def test_the_file_scores_as_the_judge_in_memory_to_the_bit_without_mlflow(place):
    words = [sys.executable, "-c", SCORE, str(_file(place)), json.dumps(NOTES)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    spec = _spec(place, "scoring=logprob")
    plan = make_plan(spec)
    everything = plan.train_on("planted_quality", -1)
    assert len(everything) == 24
    told = []
    with StoredBackend(spec.backend) as backend:
        asked = Judge(
            spec.rubric,
            spec.rubric.dimensions["planted_quality"],
            backend,
            spec.scoring,
            spec.prompt,
            ask_applicability=True,
        )
        judge = spec.alignment.align(asked, everything, AlignContext(0, backend)).judge
        relative = relative_to(judge, "train", [item.shown for item in everything])
        loaded = load_judge(_file(place))
        for text in NOTES:
            item = loaded.shown(_text_item(text))
            for one in (judge, relative):
                verdict = one.score(item)
                near = [[example.item_id, example.similarity] for example in verdict.examples]
                told.append([verdict.score, list(verdict.distribution.values()), near])
    assert json.loads(done.stdout) == told
    assert all(len(near) == 4 for _, _, near in told)
    assert told[0][1] != told[1][1], "the habit changes the distribution"


def test_a_string_is_a_text_and_an_empty_item_is_refused(place, tmp_path):
    (tmp_path / "note.txt").write_text("A note.")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "old.txt").write_bytes("naïve".encode("latin-1"))
    (tmp_path / "none.IPYNB").write_text('{"cells": [], "metadata": {}, "nbformat": 4}')
    with load_judge(_file(place)) as judge:
        notebook = (tmp_path / "none.IPYNB").read_text()
        note = str(tmp_path / "note.txt")
        for text in (note, f" {note}\n", "nb.ipynb", "gone/NB.IPYNB\n", str(tmp_path), notebook):
            with pytest.raises(RequestError, match=r"pathlib\.Path"):
                judge.score(text)
        for nothing in ("", " \n", "\u200b", tmp_path / "empty.txt", tmp_path / "none.IPYNB"):
            with pytest.raises(DataError, match="nothing to judge"):
                judge.score(nothing)
        with pytest.raises(DataError, match="not UTF-8"):
            judge.score(tmp_path / "old.txt")
        first, second = judge.score(tmp_path / "note.txt"), judge.score("A note.")
        assert replace(first, cost=second.cost) == second
        # JSON can spell half of a character, which no prompt can hold.
        halved = judge.score("A \ud83d note.", request="Why \ud83d?", context="\ud83d")
        whole = judge.score("A ? note.", request="Why ??", context="?")
        assert replace(halved, cost=whole.cost) == whole


def test_the_call_store_is_closed_with_the_judge(place, tmp_path):
    with load_judge(_file(place), call_store=tmp_path / "calls.sqlite") as judge:
        judge.score("A note.")
        store = judge.backends[0].store
        assert store.count()
    with pytest.raises(RecordError):
        store.count()


def test_a_model_that_was_asked_is_let_go_of_where_the_file_turns_out_to_be_none(
    place, tmp_path, monkeypatch
):
    record = json.loads(_file(place).read_bytes())
    memory = record["judge"]["memory"]
    # Without vectors the examples are embedded anew, so the model is asked before the view is read.
    memory["embedder"] = {"kind": "backend", "settings": {}}
    for example in memory["examples"]:
        example["vector"] = None
    path = tmp_path / "judge.json"
    path.write_text(json.dumps({**record, "view": {"nonsense": 1}}))
    closed = iter(["once"])
    monkeypatch.setattr(SimulatedJudge, "close", lambda _: next(closed))
    with pytest.raises(DataError, match="nonsense"):
        load_judge(path)
    assert not list(closed)


def _text_item(text):
    from memalign_bench.types import Item

    return Item("new", "new", "", "", "text", text)


def test_the_file_says_where_it_comes_from_and_is_the_same_again(place, monkeypatch):
    record = json.loads(_file(place).read_bytes())
    frames = load_study(place / "results/s")
    table = summary(Analysis.of(frames, n_resamples=200))
    line = table[table["variant"] == "full,scoring=logprob"].iloc[0]
    scores = record["scores"]
    for key in ("mae", "mae_low", "mae_high", "spearman", "spearman_low", "spearman_high"):
        assert scores[key] == pytest.approx(line[key]), key
    (run_id,) = record["runs"]
    manifest = frames.manifests[run_id]
    assert (manifest["variant"], record["study"]) == ("full,scoring=logprob", "s")
    assert record["data"]["digest"] == manifest["dataset"]["digest"]
    assert record["backend"]["identity"] == manifest["identity"]["models"]["backend"]
    assert "_target_" not in _file(place).read_text()
    monkeypatch.chdir(place)
    assert main([*EXPORT, "variant='full,scoring=logprob'", "out=twin"]) == 0
    assert Path("twin/planted_quality.json").read_bytes() == _file(place).read_bytes()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["alignment=full"], "3 variants.*(\n.*)*variant='full,memory.k=2,scoring=logprob'"),
        (["alignment=semantic"], "no variants.*(\n.*)*variant='full,n_train=8' backend=scripted"),
        (["alignment=knn_vote"], "asks no model"),
        (["variant='full,n_train=8'"], "fewer or wrong labels"),
        (["study=gone"], "no runs in results/gone"),
        (["variant='full,scoring=logprob'", "dimensions=[style]"], "these were: planted_quality"),
        (["passed_as=trace", "habit=some"], "habit must be(.|\n)*passed_as must be"),
    ],
)
def test_a_wrong_request_is_named_and_exits_2(place, monkeypatch, capsys, words, told):
    import re

    monkeypatch.chdir(place)
    assert main([*EXPORT, *words]) == 2
    assert re.search(told, capsys.readouterr().err)


def test_private_texts_and_changed_data_are_refused(place, monkeypatch, capsys, tmp_path):
    import shutil

    shutil.copytree(place / "results/s/runs", tmp_path / "results/s/runs")
    monkeypatch.chdir(tmp_path)
    words = [*EXPORT, "variant='full,scoring=logprob'"]
    (path,) = [
        file
        for file in Path("results/s/runs").glob("*/manifest.json")
        if json.loads(file.read_bytes())["variant"] == "full,scoring=logprob"
    ]
    manifest = json.loads(path.read_bytes())
    for change, told in (
        ({"texts": "private"}, "the texts of planted are private"),
        ({"config": {**manifest["config"], "limit": 20}}, "cannot be made again: data, limit"),
        ({"config": {**manifest["config"], "view": {"_target_": "os.system"}}}, "os.system, which"),
    ):
        path.write_text(json.dumps(manifest | change))
        assert main(words) == 2
        assert told in capsys.readouterr().err
    path.write_text("{}")
    assert main(words) == 1
    said = capsys.readouterr().err
    assert f"{path} lacks run_id, variant, " in said
    assert "Traceback" not in said
    assert not Path("results/s/judges").exists()


def test_a_file_that_is_no_judge_or_another_models_is_refused(place, tmp_path):
    record = json.loads(_file(place).read_bytes())
    path = tmp_path / "judge.json"

    def loads(changed, error, told):
        path.write_text(json.dumps(changed))
        with pytest.raises(error, match=told):
            load_judge(path)

    loads({**record, "format": 9}, DataError, "format must be 1, got 9")
    loads({key: record[key] for key in record if key != "view"}, DataError, "'view' is missing")
    for name in ("backend", "embedding", "judge", "view"):
        loads({**record, name: "x"}, DataError, f"{name!r} must be an object, got 'x'")
        loads({**record, name: []}, DataError, f"{name!r} must be an object, got")
    for name in ("backend", "embedding"):
        loads({**record, name: {}}, DataError, f"{name!r} lacks 'name'")
        part = record["backend"]
        loads({**record, name: {**part, "identity": 3}}, DataError, "'identity' of .* an object")
        loads({**record, name: {**part, "name": []}}, DataError, f"'name' of '{name}' must be a t")
    loads({**record, "backend": None}, DataError, "'backend' must be an object, got None")
    path.write_text("[" * 100_000)
    with pytest.raises(DataError, match="it is not JSON"):
        load_judge(path)
    judge = record["judge"]
    scoring = {"kind": "os.system", "settings": {}}
    loads({**record, "judge": {**judge, "scoring": scoring}}, DataError, "unknown scoring")
    memory = judge["memory"]
    for grade in (7, "xx", None, [1]):
        examples = [{**memory["examples"][0], "grade": grade}, *memory["examples"][1:]]
        changed = {**judge, "memory": {**memory, "examples": examples}}
        loads({**record, "judge": changed}, DataError, r"grade .* is not 1, 2 or 3")
    changed = {**judge, "memory": {**memory, "neighbours": "far"}}
    loads({**record, "judge": changed}, DataError, "neighbours must be nearest or random")
    loads({**record, "backend": {**record["backend"], "name": "nobody"}}, RequestError, "backend=")
    with pytest.raises(RequestError, match="aligned for"):
        load_judge(_file(place), Scripted(effect=0.1))
    with pytest.raises(RequestError, match="not its name, got 'scripted'"):
        load_judge(_file(place), "scripted")
    with load_judge(_file(place), Scripted()) as loaded, pytest.raises(RequestError, match="gone"):
        loaded.score(Path("gone.ipynb"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_mlflow_loads_rubric_guidelines_and_scores(place, monkeypatch, capsys, shared_mlflow):
    import mlflow
    from mlflow.genai.scorers import Scorer, get_scorer

    monkeypatch.chdir(place)
    held = mlflow.get_tracking_uri()
    register = Scorer.register

    def registered_twice(self, **words):
        ours = register(self, **words)
        register(self, **words)  # by another process, right after
        return ours

    monkeypatch.setattr(Scorer, "register", registered_twice)
    words = [*EXPORT[:-1], "variant='full,scoring=logprob'"]
    where = [f"tracker.uri={shared_mlflow}", "tracker.experiment=shipped"]
    assert main([*words, *where]) == 0
    told = capsys.readouterr().err
    assert "registered as 'planted_quality', version 1" in told
    assert "left behind, in the file only: its 24 examples, grade probabilities" in told
    assert main([*words, *where]) == 0
    assert "was registered as 'planted_quality', version 1" in capsys.readouterr().err
    record = json.loads(_file(place).read_bytes())
    mlflow.set_tracking_uri(shared_mlflow)
    experiment = mlflow.set_experiment("shipped")
    loaded = get_scorer(name="planted_quality")
    assert record["judge"]["guidelines"]
    for entry in record["judge"]["guidelines"]:
        assert entry["text"] in loaded.instructions
    assert f"MAE {record['scores']['mae']:.3f}" in loaded.description
    assert record["data"]["digest"] in loaded.description
    assert loaded.model == "openai:/scripted"
    tag = json.loads(experiment.tags["memalign_bench.judge.planted_quality"])
    assert (tag["version"], tag["origin"]) == (1, loaded.description)
    logged = mlflow.get_run(tag["mlflow_run_id"])
    assert logged.data.metrics["mae"] == pytest.approx(record["scores"]["mae"])
    kept = mlflow.artifacts.load_dict(f"{logged.info.artifact_uri}/judge/planted_quality.json")
    assert kept == record
    mlflow.set_tracking_uri(held)


def test_a_replay_sends_nothing_to_the_model_that_distils_either(tmp_path):
    words = ["dataset=planted", "rubric=planted", "alignment=semantic", "study=s"]
    for role, name in (("backend", "m"), ("reflection", "r")):
        words += [f"{role}=openai_compatible", f"{role}.model={name}"]
        words += [f"{role}.base_url=http://127.0.0.1:9/v1"]
    job = composed("run", [*words, "backend.mode=replay", f"results_dir={tmp_path}"])
    plan = make_plan(build(job.cfg, job.choices))
    with opened_models(plan) as models:
        for model in (models.judge, models.reflection):
            with pytest.raises(MissingCallError):
                model.chat(ChatRequest((Message("user", "hello"),), 8))
