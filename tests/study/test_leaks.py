"""No label of a held-out item reaches a model: canaries in every rationale, over all alignments."""

from dataclasses import dataclass, replace

import pytest

from memalign_bench.backends.store.call_store import CallStore, canonical_json
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.config import config_dir
from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.study.plan import make_plan
from memalign_bench.study.running.aligning import Models
from memalign_bench.study.running.runner import rehearse
from memalign_bench.types import DimensionRubric, Label, Rubric

ALIGNMENTS = sorted(path.stem for path in (config_dir() / "alignment").glob("*.yaml"))
WORDLESS = {
    "none", "median_label", "knn_vote", "ridge", "label_calibration", "empty_wrapper",
    "length_filler", "no_rationales", "mlflow_gepa",
}  # fmt: skip
"""Alignments that show no model a word of an expert's, not even of training items."""


SHORT = {
    "mlflow_gepa": ["alignment.options.max_metric_calls=20"],
    "mlflow_simba": ["alignment.options.max_steps=2"],
    "criteria": ["scoring=checklist"],
}
"""Optimisers that ask the judge a thousand times a cell, cut short; and what criteria need."""


@dataclass(frozen=True)
class Canaried:
    """Planted notes, labelled by several raters on two dimensions, a canary in every rationale."""

    source: object
    name: str = "canaried"

    def load(self, rubric):
        planted = Rubric("planted", "note", rubric.scale, dict(list(rubric.dimensions.items())[:1]))
        data = self.source.load(planted)
        labels = [
            Label(label.item_id, dimension, rater, label.score,
                  f"{label.rationale} {canary(label.item_id)}")
            for label in data.label_list for dimension in rubric.dimensions
            for rater in (label.rater, "second", "third")
        ]  # fmt: skip
        return LabelledDataset.of(self.name, list(data.item.values()), labels)


def canary(item_id):
    return f"canary{item_id.replace('-', '')}".lower()


def with_canaries(spec):
    [name] = spec.rubric.dimensions
    asked = spec.rubric.dimensions[name]
    other = DimensionRubric("other", "Other", "Is it another?", asked.levels)
    rubric = Rubric("two", "note", spec.rubric.scale, {name: asked, "other": other})
    return replace(spec, rubric=rubric, dataset=Canaried(spec.dataset))


def requests(plan, fold):
    """Everything that the cells of one fold send to a model, as one text."""
    keys = [key for key in plan.row_keys() if plan.fold[key.item_id] == fold]
    with CallStore(run_id="fold") as store, StoredBackend(plan.spec.backend, store) as backend:
        rehearse(plan, keys, Models(backend, backend, backend))
        sent = [canonical_json(call.request) for call in store.calls_of(["fold"])]
    return "\n".join(sent).lower()


@pytest.mark.parametrize("name", ALIGNMENTS)
def test_canaries_of_held_out_items_are_nowhere_and_those_of_training_items_are_found(
    spec_of, name
):
    words = (
        f"alignment={name}",
        "distiller=extractive",
        *SHORT.get(name, ()),
    )
    plan = make_plan(with_canaries(spec_of(*words)))
    held_out = [item for item, fold in plan.fold.items() if fold == 1]
    training = [item for item, fold in plan.fold.items() if fold != 1]
    assert held_out
    sent = requests(plan, 1)
    assert [item for item in held_out if canary(item) in sent] == []
    found = [item for item in training if canary(item) in sent]
    assert bool(found) == (name not in WORDLESS)


def test_the_search_would_find_a_leak(spec_of):
    """The same search over another fold's requests meets the very canaries that must be absent."""
    plan = make_plan(with_canaries(spec_of("alignment=full", "distiller=extractive")))
    held_out = [item for item, fold in plan.fold.items() if fold == 1]
    sent = requests(plan, 2)
    assert any(canary(item) in sent for item in held_out)


@pytest.mark.parametrize("name", ["semantic", "full", "no_labels"])
def test_guidelines_that_a_model_writes_carry_no_canary_of_the_held_out(spec_of, name):
    plan = make_plan(with_canaries(spec_of(f"alignment={name}", "distiller=llm")))
    sent = requests(plan, 1)
    assert [i for i, fold in plan.fold.items() if fold == 1 and canary(i) in sent] == []
    assert any(canary(i) in sent for i, fold in plan.fold.items() if fold != 1)


@pytest.mark.parametrize("scoring", ["logprob", "verdict"])
@pytest.mark.parametrize("name", ["episodic", "full", "random_neighbours", "raters_apart"])
def test_examples_as_turns_carry_no_canary_of_the_held_out(spec_of, name, scoring):
    turns = ("prompt.examples=turns", "view.example_tokens=null", f"scoring={scoring}")
    words = (f"alignment={name}", "distiller=extractive", *turns)
    plan = make_plan(with_canaries(spec_of(*words)))
    sent = requests(plan, 1)
    assert [i for i, fold in plan.fold.items() if fold == 1 and canary(i) in sent] == []
    assert any(canary(i) in sent for i, fold in plan.fold.items() if fold != 1)
