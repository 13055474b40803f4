"""A real MLflow server, real traces, real feedback."""

import os
import warnings

import pytest

from memalign_bench.cli import main
from memalign_bench.config import composed, instance
from memalign_bench.datasets.mlflow_traces import MlflowSource, _readable_text
from memalign_bench.errors import DataError, RequestError
from memalign_bench.report.numbers.frames import load_study

pytestmark = pytest.mark.slow

PLANTED = instance(composed("run", ["dataset=planted"]).cfg, "rubric")

RUBRIC = """\
# One question about an answer, on a scale of five.
_target_: memalign_bench.types.Rubric
name: fives
artefact: answer
scale:
  _target_: memalign_bench.types.Scale
  grades: [1, 2, 3, 4, 5]
  words: [useless, poor, fair, good, perfect]
dimensions:
  helpful:
    _target_: memalign_bench.types.DimensionRubric
    name: helpful
    title: Helpfulness
    question: Does the answer help?
    levels: {5: It does., 4: Mostly., 3: In part., 2: Hardly., 1: Not at all.}
"""


@pytest.fixture(scope="module")
def experiment(shared_mlflow):
    """Twelve answers over six questions, two people each; one ungraded, one graded by a model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own; as errors they switch its tracing off
        _log_traces(shared_mlflow)
    return shared_mlflow


def _log_traces(server):
    import mlflow
    from mlflow.entities import AssessmentSource

    mlflow.set_tracking_uri(server)
    mlflow.set_experiment("answers")
    for number in range(13):
        with mlflow.start_span(name="answer") as span:
            span.set_inputs({"question": f"How do I mend number {number // 2}?"})
            span.set_outputs(f"Take part {number} and turn it {'left' if number % 2 else 'right'}.")
            tags = {"item_id": f"answer-{number:02d}", "case_id": f"question-{number // 2}"}
            mlflow.update_current_trace(tags=tags)
        mlflow.flush_trace_async_logging()
        given = [("friendly", 3, "HUMAN", "x"), ("helpful", 3, "LLM_JUDGE", "x")]
        for shift, rater in enumerate(("ann", "bob") if number < 12 else ()):
            given.append(("helpful", 1 + (2 * number + shift) % 5, "HUMAN", rater))
        for name, value, kind, rater in given:
            mlflow.log_feedback(
                trace_id=span.trace_id,
                name=name,
                value=value,
                rationale=f"{rater} on {number}: the turn {'is wrong' if number % 2 else 'fits'}.",
                source=AssessmentSource(kind, rater),
            )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "rubric").mkdir()
    (tmp_path / "rubric" / "fives.yaml").write_text(RUBRIC, encoding="utf-8")
    return tmp_path


def words(folder, address):
    return [
        *("rubric=fives", "dataset=mlflow", "dataset.experiment=answers"),
        *(f"dataset.tracking_uri={address}", f"hydra.searchpath=[file://{folder}]"),
    ]


def loaded(folder, address, **more):
    job = composed("run", words(folder, address))
    source = MlflowSource("mlflow", "answers", tracking_uri=address, **more)
    return source.load(instance(job.cfg, "rubric"))


def test_human_feedback_becomes_labels(experiment, folder):
    data = loaded(folder, experiment)
    assert list(data.item) == [f"answer-{number:02d}" for number in range(12)]
    item = data.item["answer-03"]
    assert (item.prompt, item.content) == (
        "How do I mend number 1?",
        "Take part 3 and turn it left.",
    )
    assert item.case_id == "question-1"
    mine = [label for label in data.label_list if label.item_id == "answer-03"]
    assert [(label.rater, label.score) for label in mine] == [("ann", 2), ("bob", 3)]
    assert mine[0].rationale == "ann on 3: the turn is wrong."
    assert data.notice == (
        "Left out: 1 trace without human feedback; 13 grades by judges or code; feedback of other"
        " names: friendly (13)."
    )
    assert loaded(folder, experiment).digest == data.digest


def test_feedback_is_found_under_its_own_name_and_off_the_scale_is_refused(experiment, folder):
    with pytest.raises(DataError, match=r"stands twice|this rater has graded") as caught:
        loaded(folder, experiment, item_key="case_id")
    assert len(caught.value.problems) > 6
    named = loaded(folder, experiment, dimensions={"friendly": "helpful", "helpful": "other"})
    assert {label.score for label in named.label_list} == {3}
    assert len(named.item) == 13


def test_a_notebook_without_a_word_is_refused_as_one_that_cannot_be_read_is(shared_mlflow, folder):
    import mlflow
    from mlflow.entities import AssessmentSource

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.set_tracking_uri(shared_mlflow)
        mlflow.set_experiment("blank")
        for outputs in ('{"cells": [], "metadata": {}, "nbformat": 4}', "no notebook"):
            with mlflow.start_span(name="answer") as span:
                span.set_outputs(outputs)
            mlflow.flush_trace_async_logging()
            person = AssessmentSource("HUMAN", "ann")
            mlflow.log_feedback(trace_id=span.trace_id, name="helpful", value=3, source=person)
    source = MlflowSource("mlflow", "blank", shared_mlflow, kind="notebook")
    with pytest.raises(DataError, match="no cell says anything") as told:
        source.load(instance(composed("run", words(folder, shared_mlflow)).cfg, "rubric"))
    assert len(told.value.problems) == 2


def test_wrong_names_and_addresses_are_told(experiment, folder):
    with pytest.raises(RequestError, match=r"there is none of this name; there are .*answers"):
        MlflowSource("mlflow", "nobody", tracking_uri=experiment).load(PLANTED)
    with pytest.raises(RequestError, match=r"mend dataset\.filter='team = search'\.") as told:
        MlflowSource("mlflow", "answers", experiment, filter="team = search").load(PLANTED)
    assert "start that server" not in str(told.value)


def test_what_is_nested_too_deeply_is_read_as_it_stands():
    assert _readable_text("[" * 100_000) == "[" * 100_000


def test_a_server_that_is_away_is_told_after_two_more_tries(monkeypatch):
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
    waited = []  # what MLflow would wait for each answer, at each pause between its tries

    def pause(self, response=None):
        waited.append(os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"])

    monkeypatch.setattr("urllib3.util.Retry.sleep", pause)
    away = MlflowSource("mlflow", "some", tracking_uri="http://ann:secret@127.0.0.1:9")
    with pytest.raises(
        RequestError, match=r"MLflow at http://127\.0\.0\.1:9 did not.*start"
    ) as told:
        away.load(PLANTED)
    assert "secret" not in str(told.value)
    assert waited == ["8", "8"]
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ


def test_the_study_runs_unchanged_on_traces(experiment, folder, monkeypatch):
    options = [
        *("run", "--config-dir", str(folder), *words(folder, experiment)[:-1]),
        *("backend=scripted", "gold=median", "folds=3", "study=traces", "tracker=none"),
        f"results_dir={folder}",
    ]
    assert main(options) == 0
    rows = load_study(folder / "traces").predictions
    assert len(rows) == 12
    assert set(rows["status"]) == {"scored"}
    assert rows["neighbour_ids"].map(len).min() == 4
    assert main(["report", "study=traces", f"results_dir={folder}", "tracker=none"]) == 0
    assert (folder / "traces" / "report.html").is_file()
