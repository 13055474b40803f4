"""`memalign-bench label` on a real MLflow server; grades come by the route of its own pages."""

import csv
import dataclasses
import json
import re
import shlex
import shutil
import urllib.request
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from memalign_bench.cli import main
from memalign_bench.cli.loop.label import _words_for
from memalign_bench.config import composed, instance
from memalign_bench.datasets.bundled import bundled_path
from memalign_bench.datasets.export import export
from memalign_bench.datasets.mlflow_traces import MlflowSource
from memalign_bench.datasets.planted import PlantedSource
from memalign_bench.report.numbers.frames import load_study

DIMENSION = "planted_quality"
PAGE = Path(__file__).parents[2] / "experiments" / "loop" / "label.md"


def rubric_of(dataset):
    return instance(composed("run", [f"dataset={dataset}"]).cfg, "rubric")


@pytest.fixture
def server(shared_mlflow):
    return shared_mlflow


def label(action, server, experiment, *words):
    own = [] if any(word.startswith("dataset=") for word in words) else ["dataset=planted"]
    own = own if action == "push" else ["rubric=planted"]
    place = [f"server.uri={server}", f"server.experiment={experiment}"]
    return main(["label", f"action={action}", *own, *place, *words])


def asked(server, experiment):
    """The server's traces by item and rater."""
    from mlflow import MlflowClient

    client = MlflowClient(server)
    found = client.get_experiment_by_name(experiment)
    traces = client.search_traces(locations=[found.experiment_id], max_results=200)
    held = {(t.info.tags["item_id"], t.info.tags.get("rater", "")): t for t in traces}
    assert len(held) == len(traces)
    return held


def post(server, path, **body):
    return _sent(server, path, json.dumps(body).encode())


def _sent(server, path, data=None):
    request = urllib.request.Request(
        f"{server}/ajax-api/3.0/mlflow/{path}", data, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def grade(server, trace, value, rationale="", *, who="default", kind="HUMAN", name=DIMENSION):
    """Feedback as the review page sends it."""
    told = {
        "assessment_name": name,
        "trace_id": trace.info.trace_id,
        "source": {"source_type": kind, "source_id": who},
        "feedback": {"value": value},
        "rationale": rationale,
    }
    return post(server, f"traces/{trace.info.trace_id}/assessments", assessment=told)


def queued(server, experiment_id):
    """Queue -> the traces in it."""
    found = _sent(server, f"review-queues/list?experiment_id={experiment_id}")["review_queues"]
    pages = {
        queue["name"]: _sent(server, f"review-queues/items/list?queue_id={queue['queue_id']}")
        for queue in found
    }
    return {
        name: [item["item_id"] for item in page.get("review_queue_items", page.get("items", []))]
        for name, page in pages.items()
    }


@pytest.mark.slow
def test_a_push_is_whole_after_a_kill_and_never_doubles(server, monkeypatch, capsys):
    from mlflow.tracing.client import TracingClient

    logged = TracingClient.log_spans

    def killed(self, location, spans):
        logged(self, location, spans[:2])
        raise KeyboardInterrupt

    words = ("relabel=true", "n=5")
    monkeypatch.setattr(TracingClient, "log_spans", killed)
    assert label("push", server, "whole", *words) == 130
    monkeypatch.undo()
    assert label("push", server, "whole", *words) == 0
    first = asked(server, "whole")
    assert len(first) == 5
    assert all(trace.data.response for trace in first.values())
    assert label("push", server, "whole", *words) == 0
    assert "0 traces with texts of 'planted' (5 are there)" in capsys.readouterr().err
    assert label("push", server, "whole", "relabel=true", "n=7") == 0
    traces = asked(server, "whole")
    assert set(first) < set(traces)
    assert len(traces) == 7
    trace = next(iter(traces.values()))
    queues = queued(server, trace.info.experiment_id)
    assert sorted(queues[DIMENSION]) == sorted(t.info.trace_id for t in traces.values())
    tags = trace.info.tags
    assert tags["dimension"] == DIMENSION
    assert {"case_id", "dataset_digest", "view_digest"} <= set(tags)
    assert "**3 (good)**: The note is good." in trace.info.request_preview
    assert "How good is the note?" in trace.info.request_preview
    text = json.loads(trace.data.response)
    assert text.split()[-1] in trace.info.response_preview
    schemas = _sent(server, f"label-schemas/list?experiment_id={trace.info.experiment_id}")
    [schema] = [one for one in schemas["label_schemas"] if one["name"] == DIMENSION]
    assert schema["input"]["categorical"]["options"] == ["3", "2", "1"]
    assert "2 (average): The note is average." in schema["instruction"]


@pytest.mark.slow
def test_what_two_raters_say_comes_back_and_is_run(server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ("relabel=true", "n=60", "raters=[ann,bob]", "dataset.cases=6")
    assert label("push", server, "pair", *words) == 0
    assert "ann: planted_quality, 12 items: http" in capsys.readouterr().out
    for place, ((item_id, rater), trace) in enumerate(sorted(asked(server, "pair").items())):
        grade(server, trace, str(1 + place // 2 % 3), f"{rater} on {item_id}: a note like that.")
        if place == 0:
            grade(server, trace, "3", "at second sight")
            grade(server, trace, 1, kind="LLM_JUDGE", who="judge")
            grade(server, trace, "well done", name="Feedback")  # MLflow's own question
    assert label("pull", server, "pair") == 0
    told = capsys.readouterr().out
    ways = [shlex.split(line)[1:] for line in told.splitlines() if line.startswith("memalign-")]
    assert "12 items, 24 grades (ann 12, bob 12), 24 with a reason" in told
    assert "1 grade by judges or code; 1 grade replaced later; feedback of other names: Fe" in told
    folder = tmp_path / "results" / "labels" / "pair"
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["rater"] for row in rows) == {"ann": 12, "bob": 12}
    assert (rows[0]["score"], rows[0]["rationale"]) == ("3", "at second sight")
    mine = MlflowSource("mlflow", "pair", tracking_uri=server).load(rubric_of("planted"))
    assert main(ways[0]) == 0
    assert "Items of planted, graded in MLflow." in capsys.readouterr().out
    read = ways[1][1:-1]
    there = ["dataset=mlflow", "dataset.experiment=pair", f"dataset.tracking_uri={server}"]
    for study, way in (("files", read), ("traces", [*there, "rubric=planted", "gold=median"])):
        more = [f"study={study}", "backend=scripted", "tracker=none", "folds=3"]
        assert main(["run", *way, *more]) == 0
        frames = load_study(tmp_path / "results" / study)
        assert set(frames.predictions["status"]) == {"scored"}
        [manifest] = frames.manifests.values()
        assert manifest["dataset"]["digest"] == mine.digest
    assert label("pull", server, "pair") == 0  # its own folder is written anew
    mended = (folder / "labels.csv").read_text("utf-8").replace("at second sight", "I mended this")
    (folder / "labels.csv").write_text(mended, "utf-8")
    capsys.readouterr()
    assert label("pull", server, "pair") == 2
    assert "labels.csv' was changed after it was pulled" in capsys.readouterr().err
    assert (folder / "labels.csv").read_text("utf-8") == mended
    (folder / "pulled.json").unlink()
    assert label("pull", server, "pair") == 2
    assert "that pull did not write" in capsys.readouterr().err


@pytest.mark.slow
def test_every_wrong_grade_is_told_at_once_with_its_page(server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert label("push", server, "wrong", "relabel=true", "n=4") == 0
    traces = list(asked(server, "wrong").values())
    assert label("pull", server, "wrong") == 2
    assert "nobody has graded anything yet" in capsys.readouterr().err
    grade(server, traces[0], "7")
    grade(server, traces[1], "splendid")
    grade(server, traces[2], "3", name="qualty")
    grade(server, traces[3], "N/A")
    grade(server, traces[3], "2", who="eve")
    capsys.readouterr()
    assert label("pull", server, "wrong") == 2
    told = capsys.readouterr().err
    assert "4 problems" in told
    for trace in traces:
        assert f"traces?selectedEvaluationId={trace.info.trace_id}" in told
    assert "score 7 is no grade; a grade is 1, 2 or 3" in told
    assert "dataset.grades={word: grade}" in told
    assert "dataset.dimensions={qualty: planted_quality}" in told
    assert "says N/A, and the rubric does not say when" in told
    assert not (tmp_path / "results").exists()
    words = [f"dataset.tracking_uri={server}", "dataset.experiment=wrong", "dataset=mlflow"]
    words += ["dataset.grades={splendid: 3, 7: 3, N/A: 1}", "rubric=planted"]
    words += ["dataset.dimensions={qualty: planted_quality}", "action=pull"]
    assert main(["label", *words]) == 0


@pytest.mark.slow
def test_records_choose_and_unlabelled_items_can_be_pushed(server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sweep = ["alignment=none,full", "scoring=logprob", "study=mine", "tracker=none"]
    assert main(["run", "-m", "dataset=planted", "backend=scripted", *sweep]) == 0
    rows = load_study(tmp_path / "results" / "mine").predictions
    said = rows.pivot_table(index="item_id", columns="variant", values="judge_expected")
    apart = (
        (said["none,scoring=logprob"] - said["full,scoring=logprob"])
        .abs()
        .sort_values(ascending=False)
    )
    records = ("relabel=true", "study=mine", "n=6")
    assert label("push", server, "apart", "select=disagreement", *records) == 0
    chosen = {item_id for item_id, _ in asked(server, "apart")}
    assert apart[sorted(chosen)].min() >= apart.drop(sorted(chosen)).max()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    capsys.readouterr()
    assert label("push", server, "apart", "select=disagreement", "n=9", *records[:2],
                 "variants='full,scoring=logprob'") == 2  # fmt: skip
    assert "two judges' grades of none of the 54 items" in capsys.readouterr().err
    names = [f"i{n}" for n in range(8)]
    table = pd.DataFrame({"item_id": names, "content": [f"the note of {n}" for n in names]})
    table.to_csv("bare.csv", index=False)
    words = ["dataset=files", "dataset.path=bare.csv", "rubric=planted"]
    assert main(["validate", *words]) == 2  # a study needs labels
    assert label("push", server, "bare", *words, "n=3", "select=diversity") == 0
    assert {trace.info.tags["case_id"] for trace in asked(server, "bare").values()} <= set(
        table["item_id"]
    )


@pytest.mark.slow
def test_the_page_on_labelling_works_as_written(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    blocks = re.findall(r"^```\n(.*?)^```$", PAGE.read_text("utf-8"), flags=re.DOTALL | re.M)
    push, pull, validate = (shlex.split(line) for text in blocks for line in text.splitlines())
    assert main(push[1:]) == 0
    traces = asked(server, "experts")
    assert len(traces) == 6
    for place, trace in enumerate(traces.values()):
        grade(server, trace, str(1 + place % 3), "so it is", name="model_training")
    assert main(pull[1:]) == 0
    assert main(validate[1:]) == 0
    there = MlflowSource("mlflow", "experts").load(rubric_of("genie_synth"))
    usual = instance(composed("run", ["dataset=genie_synth"]).cfg, "dataset")
    whole = usual.load(rubric_of("genie_synth"))
    assert all(whole.item[item_id] == item for item_id, item in there.item.items())


def test_what_pull_says_to_go_on_with_is_read_back_as_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    notice = 'Items of Ann\'s "$HOME" set, graded in MLflow.'
    data = PlantedSource("planted", cases=2).load(rubric_of("planted"))
    data = dataclasses.replace(data, notice=f"{notice} Left out: nothing.")
    out = Path("ann's labels, all")
    export(data, "files", out)
    line = shlex.join(_words_for(out, data, "planted"))
    assert main(["validate", *shlex.split(line), "folds=2"]) == 0
    assert notice in capsys.readouterr().out


def test_generated_notebooks_are_items_without_labels(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine"
    mine.mkdir()
    source = next(iter(sorted((bundled_path(0) / "notebooks").glob("ad-clicks-*.ipynb"))))
    shutil.copy(source, mine / "ad-clicks.ipynb")
    (mine / "bakery-sales.ipynb").write_text("no notebook", encoding="utf-8")
    words = ["agent=folder", f"agent.path={mine}", "only.ids=[ad-clicks,bakery-sales]"]
    assert main(["generate", *words]) == 0
    [run] = (tmp_path / "results" / "loop" / "generated").iterdir()
    job = composed("label", ["action=push", "dataset=generated", f"dataset.path={run}"])
    data = instance(job.cfg, "dataset").load(instance(job.cfg, "rubric"))
    [item] = data.item_list
    assert (item.item_id, item.case_id, item.kind) == ("ad-clicks-0", "ad-clicks", "notebook")
    assert "click" in item.prompt
    assert main(["validate", "dataset=generated", f"dataset.path={run}"]) == 2
    assert "no label at all; experts can give some" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_store_in_a_file_is_made_for_what_there_is_to_push_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    store = "sqlite:///new.sqlite"
    assert label("push", store, "mine") == 2
    assert "nothing to label" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert label("push", store, "mine", "relabel=true", "n=2") == 0
    told = capsys.readouterr()
    assert "2 traces with texts of 'planted' (0 are there)" in told.err
    assert "planted_quality, 2 items: queue 'planted_quality'" in told.out
    assert f"mlflow server --backend-store-uri {store}" in told.out


def test_an_address_without_http_is_told_as_such(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert label("push", "localhost:5000", "mine", "relabel=true") == 2
    assert "a server is http://localhost:5000" in capsys.readouterr().err
    assert label("pull", "localhost:5000", "mine") == 2
    assert "a server is http://localhost:5000" in capsys.readouterr().err
    words = ["dataset=planted", "backend=scripted", "study=mine", "tracker.uri=localhost:5000"]
    assert main(["run", *words]) == 2
    assert "tracker.uri: 'localhost:5000' is a folder" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_a_request_that_cannot_be_met_sends_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("urllib3.util.Retry.sleep", lambda self, response=None: None)
    away = "http://ann:secret@127.0.0.1:9"
    assert "raters must" not in (label("push", away, "x", "raters=ann"), capsys.readouterr().err)[1]
    words = ("raters=[ann,ann]", "select=uncertainty", "n=0", "seed=-1")
    assert label("push", away, "x", *words) == 2
    told = capsys.readouterr().err
    assert "n must be a whole number >= 1, got 0" in told
    assert "seed must be a whole number >= 0, got -1" in told
    assert "raters must be different names" in told
    assert "set one of study=NAME" in told
    pd.DataFrame({"item_id": ["a"], "content": ["mine alone"]}).to_csv("own.csv", index=False)
    own = ("dataset=files", "dataset.path=own.csv", "rubric=planted", "dataset.texts=private")
    assert label("push", away, "x", *own) == 2
    assert "private and go to no server. If they are yours" in capsys.readouterr().err
    assert label("push", away, "x", *own[:3]) == 2
    told = capsys.readouterr().err
    assert "MLflow at http://127.0.0.1:9" in told
    assert "secret" not in told
    assert "goes on where it stopped" in told


def test_what_is_always_private_names_no_key_that_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    load = PlantedSource.load
    monkeypatch.setattr(
        PlantedSource,
        "load",
        lambda self, rubric: dataclasses.replace(load(self, rubric), texts="private"),
    )
    assert label("push", "sqlite:///new.sqlite", "x", "relabel=true") == 2
    told = capsys.readouterr().err
    assert told.endswith("the texts of 'planted' are private and go to no server.\n")
