"""`DualMemoryOptimizer` as a plain MLflow user meets it: a real server, real traces, real calls."""

import logging
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Literal

import dspy
import pytest
from dspy.clients.cache import Cache

import memalign_bench
from memalign_bench.alignment.mlflow.optimizer import _logged_errors
from memalign_bench.backends.gateway.accounts import Account
from memalign_bench.backends.gateway.server import Gateway
from memalign_bench.backends.simulated.scripted_judge import Scripted
from memalign_bench.backends.store.stored_backend import StoredBackend

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # MLflow's and LiteLLM's own

NOTES = [
    ("silk", "the silk came with thread and dye", "3"),
    ("jute", "the jute came in a sack and bale", "1"),
    ("amber", "the amber bead has resin in it", "3"),
    ("tallow", "the tallow candle lost its wick", "1"),
]


@pytest.fixture(scope="module")
def endpoint():
    with StoredBackend(Scripted(effect=1.0)) as backend, Gateway(backend) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def place(endpoint, shared_mlflow):
    """A tracking server with eight labelled traces, and the models' address in the environment."""
    import mlflow

    held = mlflow.get_tracking_uri()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        patch.setenv("LITELLM_PROXY_API_BASE", endpoint.base_url)
        patch.setenv("LITELLM_PROXY_API_KEY", endpoint.key)
        patch.setattr(dspy, "cache", Cache(False, False, None))
        mlflow.set_tracking_uri(shared_mlflow)
        mlflow.set_experiment("notes")
        _log_traces()
        yield shared_mlflow
        mlflow.set_tracking_uri(held)


def _log_traces():
    import mlflow
    from mlflow.entities import AssessmentSource

    for number in range(8):
        word, text, grade = NOTES[number % 4]
        with mlflow.start_span(name="note") as span:
            span.set_inputs({"ask": "A note, please."})
            span.set_outputs(f"Note {number}: {text}.")
        mlflow.flush_trace_async_logging()
        mlflow.log_feedback(
            trace_id=span.trace_id,
            name="sound",
            value=grade,
            rationale=f"The {word} decides it.",
            source=AssessmentSource("HUMAN", "ann"),
        )


@pytest.fixture
def traces(place):
    import mlflow

    found = mlflow.search_traces(return_type="list", order_by=["timestamp_ms ASC"])
    return [trace for trace in found if trace.info.assessments][:8]


@pytest.fixture
def judge(place):
    from mlflow.genai.judges import make_judge

    return make_judge(
        name="sound",
        instructions="Grade the note: {{ outputs }}",
        model="litellm_proxy:/judge",
        feedback_value_type=Literal["3", "2", "1"],
    )


def optimizer(**switches):
    models = {"reflection_lm": "litellm_proxy:/reflection", "embedding_model": "litellm_proxy:/e"}
    return memalign_bench.DualMemoryOptimizer(**{**models, "retrieval_k": 2, **switches})


def test_both_memories_teach_and_survive_registration(judge, traces):
    import mlflow
    from mlflow.genai.scorers import get_scorer

    aligned = judge.align(traces, optimizer())
    assert len(aligned._episodic_trace_ids) == 8
    assert len(aligned._semantic_memory) >= 2
    verdict = aligned(outputs="Note 9: the jute came in a bale.")
    assert verdict.value == "1"
    near = verdict.metadata["retrieved_example_trace_ids"]
    jute = {traces[1].info.trace_id, traces[5].info.trace_id}
    assert set(near) == jute
    result = mlflow.genai.evaluate(
        data=[{"inputs": {"ask": "?"}, "outputs": "Note 9: the silk came with dye."}],
        scorers=[aligned],
    )
    assert list(result.result_df["sound/value"]) == ["3"]
    aligned.register(name="sound")
    loaded = get_scorer(name="sound")
    again = loaded(outputs="Note 9: the jute came in a bale.")
    assert (again.value, again.metadata["retrieved_example_trace_ids"]) == ("1", near)
    fewer = loaded.unalign([traces[1], traces[5]])
    assert len(fewer._episodic_trace_ids) == 6
    assert not jute & set(fewer(outputs="the jute bale").metadata["retrieved_example_trace_ids"])
    assert "guideline" not in judge.instructions.lower()  # the judge that was given is as it was


def test_guidelines_alone_need_no_embedding_model(judge, traces, endpoint):
    from mlflow.genai.scorers import get_scorer

    embedder = Account("never")  # refuses to embed
    endpoint.admit(embedder)
    aligned = judge.align(traces, optimizer(episodic=False, embedding_model="litellm_proxy:/never"))
    assert aligned._episodic_trace_ids == []
    verdict = aligned(outputs="the jute bale")
    assert verdict.value == "1"
    assert "retrieved_example_trace_ids" not in verdict.metadata
    kept = aligned.unalign([trace for trace in traces if _grade(trace) == "1"])
    assert {entry.guideline_text.split()[1] for entry in kept._semantic_memory} == {"3"}
    aligned.register(name="guided")
    loaded = get_scorer(name="guided")
    assert loaded.instructions == aligned.instructions
    assert loaded(outputs="the jute bale").value == "1"


def _grade(trace):
    return next(a.feedback.value for a in trace.info.assessments if a.name == "sound")


def test_examples_alone_need_no_reflection_model(judge, traces, endpoint):
    model = Account("dumb")  # refuses to chat
    endpoint.admit(model)
    aligned = judge.align(traces, optimizer(semantic=False, reflection_lm="litellm_proxy:/dumb"))
    assert aligned._semantic_memory == []
    assert aligned(outputs="the jute bale").value == "1"


def test_extracted_guidelines_are_rationales_with_their_traces(judge, traces, endpoint):
    model = Account("mute")
    endpoint.admit(model)
    aligned = judge.align(
        traces,
        optimizer(
            episodic=False,
            distiller="extractive",
            max_guidelines=2,
            reflection_lm="litellm_proxy:/mute",
        ),
    )
    told = [entry.guideline_text for entry in aligned._semantic_memory]
    assert {text.split(":")[0] for text in told} == {"Rated 1", "Rated 3"}
    assert all("decides it." in text for text in told)
    known = {trace.info.trace_id for trace in traces}
    assert {name for e in aligned._semantic_memory for name in e.source_trace_ids} <= known


def test_what_cannot_be_aligned_is_an_error(judge, traces, endpoint):
    from mlflow.exceptions import MlflowException

    broken = Account("broken")
    endpoint.admit(broken)
    with pytest.raises(MlflowException, match="distillation failed"):
        judge.align(traces, optimizer(episodic=False, reflection_lm="litellm_proxy:/broken"))
    with pytest.raises(MlflowException, match="none were given"):
        judge.align([], optimizer())
    for trace in traces:
        for assessment in trace.info.assessments:
            assessment.rationale = None
    with pytest.raises(MlflowException, match="nothing to distil"):
        judge.align(traces, optimizer(episodic=False))
    traces[0].info.assessments = []
    with pytest.raises(MlflowException, match=f"1 of 8 .*{traces[0].info.trace_id}"):
        judge.align(traces, optimizer())
    with pytest.raises(MlflowException, match=r"both off.*retrieval_k must be a whole number >= 1"):
        optimizer(semantic=False, episodic=False, retrieval_k=0)


def test_two_alignments_at_once_hear_their_own_errors_only():
    both = threading.Barrier(2, timeout=0.3)

    def errors_of(name):
        with _logged_errors("memalign_bench.test") as errors:
            # One that listens while another does meets it here; alone it waits in vain.
            with suppress(threading.BrokenBarrierError):
                both.wait()
            logging.getLogger("memalign_bench.test").error(name)
            with suppress(threading.BrokenBarrierError):
                both.wait()
        return errors

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(errors_of, ("one", "two"))) == [["one"], ["two"]]
