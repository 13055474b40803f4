"""MLflow's optimisers through the real runner, with the simulated judge behind the gateway."""

import dataclasses
import os
import threading

import dspy
import pytest
from tests.backends.loopback import Provider, serving

from memalign_bench.alignment.base import AlignContext, MemorySettings, RunScope
from memalign_bench.alignment.mlflow.memalign import MlflowMemAlign, _check_distillation
from memalign_bench.alignment.mlflow.rewriting import MlflowRewriting
from memalign_bench.backends.base import ChatAnswer
from memalign_bench.backends.gateway.accounts import Account
from memalign_bench.backends.http.openai_compatible import OpenAICompatible
from memalign_bench.backends.simulated.scripted_judge import Scripted
from memalign_bench.backends.store.call_store import CallStore
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.errors import AlignmentError, FailedCallError, MissingCallError
from memalign_bench.judging.judge import Judge, LabelledItem, ShownItem
from memalign_bench.judging.prompt import PromptLayout
from memalign_bench.judging.scoring import VerdictScoring
from memalign_bench.memory.embedders import TfidfEmbedder
from memalign_bench.study import records
from memalign_bench.study.running.rehearsal import forecast
from memalign_bench.study.running.runner import run
from memalign_bench.types import NOT_APPLICABLE, DimensionRubric, Rubric, Scale, Usage

pytestmark = pytest.mark.slow

QUICK = {
    "mlflow_simba": ("alignment.options.max_steps=1", "alignment.options.num_candidates=2"),
    "mlflow_gepa": ("alignment.options.max_metric_calls=20",),
}
NAMES = ("mlflow_memalign", "mlflow_semantic", "mlflow_episodic", "mlflow_simba", "mlflow_gepa")


def records_of(spec):
    outcome = run(spec)
    folder = spec.study_dir / "runs" / outcome.run_id
    rows = records.read_rows(folder / "predictions.parquet", records.predictions_schema())
    return folder, rows, records.read_json(folder / "memory.json")["cells"]


def error(rows):
    return sum(abs(row["judge_score"] - row["expert_score"]) for row in rows) / len(rows)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_complete_and_the_same_again_with_nothing_sent(
    spec_of, tmp_path, monkeypatch, name
):
    monkeypatch.setenv("LITELLM_PROXY_API_KEY", "mine")
    words = (f"alignment={name}", "limit=24", "folds=2", *QUICK.get(name, ()))
    folder, rows, cells = records_of(spec_of(*words))
    assert [row["status"] for row in rows] == ["scored"] * 24
    assert all(row["distribution"] is None and row["prompt_tokens"] > 0 for row in rows)
    assert all(row["rationale"] for row in rows)
    fold = {row["item_id"]: row["fold"] for row in rows}
    remembers = name in ("mlflow_memalign", "mlflow_episodic")
    distils = name in ("mlflow_memalign", "mlflow_semantic")
    for row in rows:
        assert len(row["neighbour_ids"]) == (4 if remembers else 0)
        assert all(fold[item] != row["fold"] for item in row["neighbour_ids"])
        near = row["neighbour_similarities"]
        assert list(near) == sorted(near, reverse=True)
    for cell in cells:
        assert cell["n_examples"] == (12 if remembers else 0)
        assert "a verdict, whatever scoring says" in cell["notes"][0]
        sources = {item for entry in cell["guidelines"] for item in entry["sources"]}
        assert all(fold[item] != cell["fold"] for item in sources)
        if distils:
            assert (cell["distillation"]["status"], bool(sources)) == ("ok", True)
            assert cell["distillation"]["prompt_tokens"] > 0
        if name == "mlflow_episodic":
            assert cell["distillation"]["status"] == "none"
    replay = ("backend.mode=replay", f"call_store={folder.parents[1]}/calls.sqlite")
    again, _, _ = records_of(spec_of(*words, *replay, f"results_dir={tmp_path}/again"))
    one, other = (place / "predictions.parquet" for place in (folder, again))
    assert one.read_bytes() == other.read_bytes()
    assert (folder / "memory.json").read_bytes() == (again / "memory.json").read_bytes()
    assert os.environ["LITELLM_PROXY_API_KEY"] == "mine"
    assert "LITELLM_PROXY_API_BASE" not in os.environ
    assert dspy.cache.enable_memory_cache
    assert not [thread for thread in threading.enumerate() if "_worker)" in thread.name]


def test_memory_has_its_known_answer_through_mlflow_too(spec_of):
    unaligned = error(records_of(spec_of("alignment=none"))[1])
    both = error(records_of(spec_of("alignment=mlflow_memalign"))[1])
    null = error(records_of(spec_of("alignment=mlflow_memalign", "backend.effect=0"))[1])
    assert both < unaligned / 2
    assert null > unaligned * 0.8


def test_what_one_cell_cannot_do_is_named_and_others_go_on(spec_of):
    """The folds of thirty cases leave 44 or 46 training notes: 45 neighbours are found in two."""
    _, rows, cells = records_of(spec_of("alignment=mlflow_episodic", "memory.k=45"))
    sizes = {cell["fold"]: cell["n_train"] for cell in cells}
    assert set(sizes.values()) == {44, 46}
    for row in rows:
        assert row["status"] == ("scored" if sizes[row["fold"]] == 46 else "failed")
        if row["status"] == "failed":
            assert "memory.k=45 neighbours, but only 44 training items" in row["error"]


def test_a_distillation_that_mlflow_swallows_is_a_failed_cell(spec_of):
    _, rows, cells = records_of(
        spec_of("alignment=mlflow_semantic", "alignment.max_tokens=20", "folds=2", "limit=24")
    )
    assert {row["status"] for row in rows} == {"failed"}
    assert "MLflow cannot read the reflection model's answer (it was cut off" in rows[0]["error"]
    assert {cell["distillation"]["status"] for cell in cells} == {"failed"}
    assert all(cell["distillation"]["prompt_tokens"] > 0 for cell in cells), "it was paid"


@pytest.mark.parametrize(
    ("answer", "n_invented"),
    [
        ("{}", 0),
        ('{"guidelines": [{"guideline_text": "Be fair."}]}', 0),
        ('{"guidelines": [{"guideline_text": "", "source_trace_ids": [9]}]}', 0),
        ('{"guidelines": [{"guideline_text": "Be fair.", "source_trace_ids": ["1", 7]}]}', 1),
    ],
)
def test_what_mlflow_reads_as_nothing_new_is_no_failure(answer, n_invented):
    reflection = Account("reflection")
    reflection.answers.append(ChatAnswer(answer, "stop"))
    assert _check_distillation(reflection, 2) == n_invented


def test_small_contexts_get_smaller_batches_and_it_is_said(spec_of):
    words = ("alignment=mlflow_semantic", "folds=2", "limit=40", "backend.context=3000")
    _, rows, cells = records_of(spec_of(*words, "alignment.max_tokens=600"))
    assert {row["status"] for row in rows} == {"scored"}
    for cell in cells:
        assert "batches of at most" in cell["notes"][1]
        assert "MLflow alone: 1" in cell["notes"][1]
        assert cell["distillation"]["status"] == "ok"


def test_a_call_that_is_to_be_replayed_and_is_not_stored_ends_the_run(spec_of):
    spec = spec_of("alignment=mlflow_semantic", "backend.mode=replay", "limit=24")
    with pytest.raises(MissingCallError, match=r"mlflow_semantic, planted_quality, fold \d, align"):
        run(spec)
    whole = spec_of("alignment=mlflow_episodic", "limit=24", "study=other")
    run(whole)
    part = spec_of("alignment=mlflow_episodic", "backend.mode=replay", "memory.k=3", "limit=24",
                   f"call_store={whole.store_path}")  # fmt: skip
    with pytest.raises(MissingCallError, match=r"mlflow_episodic,memory\.k=3, planted_qual"):
        run(part)


def test_fewer_items_than_simba_and_gepa_need_are_told_before_anything_is_asked(spec_of):
    for name in ("mlflow_simba", "mlflow_gepa"):
        spec = spec_of(f"alignment={name}", "limit=12", "folds=2")
        _, rows, _ = records_of(spec)
        assert f"{name} needs 10 labelled training items" in rows[0]["error"]
        assert "there are 6" in rows[0]["error"]
        with CallStore(spec.store_path) as store:
            assert store.count() == 0


def test_a_dry_run_counts_what_mlflow_would_ask(spec_of):
    spec = spec_of("alignment=mlflow_memalign", "limit=24", "folds=2", "embedder=backend")
    (told,) = forecast(spec)
    assert told.n_calls == 24 + 2 + 2 * 12 + 24  # verdicts, distillations, index, queries
    assert told.n_unread == 2


DIMENSION = DimensionRubric("q", "Q", "Sound?", {1: "No.", 2: "So.", 3: "Yes."}, "Never.")
RUBRIC = Rubric("r", "note", Scale((1, 2, 3), ("bad", "average", "good")), {"q": DIMENSION})
FEEDBACK = [(1, "it is odd"), (2, "so so"), (3, "it is fine"), (NOT_APPLICABLE, "")] * 3
TRAIN = [
    LabelledItem(ShownItem(f"i{n:02d}", f"word{n} {{{{ braces }}}} in text", f"w{n}"), grade, why)
    for n, (grade, why) in enumerate(FEEDBACK)
]


@pytest.fixture
def backend():
    with CallStore() as store, StoredBackend(Scripted(), store) as made:
        yield made


def judge_of(backend, **changes):
    return dataclasses.replace(
        Judge(RUBRIC, DIMENSION, backend, VerdictScoring(), PromptLayout()), **changes
    )


def memalign(*, semantic=True, episodic=True, **more):
    memory = MemorySettings(k=more.pop("k", 2))
    return MlflowMemAlign("m", semantic, episodic, memory, TfidfEmbedder(), **more)


def test_words_applicability_and_repeats_go_through(backend):
    judge = judge_of(backend, layout=PromptLayout(grades="words"), ask_applicability=True)
    before = dataclasses.astuple(dataclasses.replace(judge, backend=None))
    with RunScope() as scope:
        aligned = memalign().align(judge, TRAIN, AlignContext(0, backend, scope=scope))
        assert aligned.n_examples == 12
        asked = backend.store.count()
        verdicts = [aligned.judge.score(TRAIN[0].shown, repeat) for repeat in (0, 1, 0)]
        assert backend.store.count() == asked + 2  # the same question twice is one call
    assert {verdict.score for verdict in verdicts} <= {NOT_APPLICABLE, 1, 2, 3}
    assert [verdict.cost.from_store for verdict in verdicts] == [False, False, True]
    assert verdicts[0].cost.usage.prompt_tokens > 0
    assert {e.item_id for e in verdicts[0].examples} <= {item.shown.item_id for item in TRAIN}
    assert dataclasses.astuple(dataclasses.replace(judge, backend=None)) == before


def test_a_question_that_fails_says_why_and_is_not_asked_again(backend):
    with (
        serving(Provider(faults={"over_context": 1.0})) as provider,
        StoredBackend(OpenAICompatible(base_url=f"{provider.base_url}/v1", model="m")) as small,
        RunScope() as scope,
    ):
        aligned = memalign(semantic=False).align(
            judge_of(small), TRAIN, AlignContext(0, backend, scope=scope)
        )
        assert provider.requests == []
        with pytest.raises(FailedCallError, match="context"):
            aligned.judge.score(TRAIN[0].shown)
        assert len(provider.requests) <= 2  # LiteLLM alone would have tried thirty times


class Nine:
    """A model that answers with what is no grade."""

    context_tokens = None

    def chat(self, request):
        return ChatAnswer('{"result": "9", "rationale": "Nine."}', "stop", Usage(10, 5))


def test_an_answer_that_is_no_grade_was_paid_all_the_same(backend):
    with RunScope() as scope:
        aligned = memalign(semantic=False).align(
            judge_of(Nine()), TRAIN, AlignContext(0, backend, scope=scope)
        )
        with pytest.raises(FailedCallError) as caught:
            aligned.judge.score(TRAIN[0].shown)
    assert caught.value.cost.usage.prompt_tokens >= 10


@pytest.mark.parametrize(
    ("alignment", "train", "told"),
    [
        (memalign(), TRAIN[3:4], "no training item of 'q' can be remembered"),
        (memalign(k=5), TRAIN[:4], "memory.k=5 neighbours, but only 3"),
        (
            memalign(),
            [dataclasses.replace(item, rationale=" ") for item in TRAIN],
            "no training item of 'q' has a rationale",
        ),
        (MlflowRewriting("s", "simba", {}), TRAIN, "s needs 10 labelled training items of 'q'"),
    ],
)
def test_training_items_that_do_not_do_are_named(backend, alignment, train, told):
    with RunScope() as scope, pytest.raises(AlignmentError, match=told):
        alignment.align(judge_of(backend), train, AlignContext(0, backend, scope=scope))
    assert backend.store.count() == 0


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="max_records must lie in 1 to 50"):
        memalign(max_records=51)
    with pytest.raises(ValueError, match="passed_as must be inputs or outputs"):
        memalign(passed_as="trace")
    with pytest.raises(ValueError, match="optimizer must be simba or gepa"):
        MlflowRewriting("x", "mipro", {})
