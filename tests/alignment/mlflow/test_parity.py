"""Our `full`, configured like MLflow's MemAlign, against MLflow's: neighbours and what is sent.

experiments/mlflow_parity/README.md lists what differs, and why.
"""

from dataclasses import replace

import pytest

from memalign_bench.alignment.base import AlignContext, RunScope
from memalign_bench.backends.base import plain_text
from memalign_bench.backends.simulated.mlflow_prompts import read_guest_prompt
from memalign_bench.backends.simulated.prompt_reader import read_prompt
from memalign_bench.backends.simulated.scripted_judge import Scripted
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.judging.judge import Judge
from memalign_bench.study.plan import make_plan

pytestmark = pytest.mark.slow

LIKE_MLFLOW = ("embedder=backend", "prompt.order=[rubric,examples,guidelines,item]", "memory.k=4")


class Listening(StoredBackend):
    """Remembers what it was asked."""

    def chat(self, request):
        self.heard = [*getattr(self, "heard", []), request]
        return super().chat(request)


@pytest.fixture(scope="module")
def backend():
    with Listening(Scripted()) as made:
        yield made


@pytest.fixture
def scope():
    with RunScope() as made:
        yield made


@pytest.fixture
def cell(spec_of, backend):
    """A cell's training and held-out notes, and its unaligned judge."""
    spec = spec_of("alignment=full", *LIKE_MLFLOW)
    plan = make_plan(spec)
    first = plan.cells(plan.row_keys())[0]
    rubric = spec.rubric
    judge = Judge(rubric, rubric.dimensions[first.dimension], backend, spec.scoring, spec.prompt)
    held_out = [plan.shown[item, first.dimension] for item in first.test]
    # Ours shows others by a brief view, MLflow by what it embeds: here both by the whole one.
    train = [
        replace(item, shown=replace(item.shown, example_text=item.shown.text))
        for item in first.train
    ]
    return judge, train, held_out


def aligned_by(spec_of, cell, backend, scope, *words):
    judge, train, _ = cell
    alignment = spec_of(*words, *LIKE_MLFLOW).alignment
    return alignment.align(judge, train, AlignContext(0, backend, scope=scope))


def test_the_same_neighbours_are_found(spec_of, cell, backend, scope):
    ours = aligned_by(spec_of, cell, backend, scope, "alignment=full").judge
    theirs = aligned_by(
        spec_of, cell, backend, scope, "alignment=mlflow_memalign", "alignment.passed_as=outputs"
    ).judge
    clear = 0
    for item in cell[2]:
        mine = ours.retriever.nearest(item)
        found = theirs.score(item).examples
        assert [e.similarity for e in found] == pytest.approx(
            [e.similarity for e in mine], abs=2e-6
        )
        last = mine[-1].similarity + 1e-5  # of equals, each shows those that it meets first
        assert {e.item_id for e in found if e.similarity > last} == {
            e.item_id for e in mine if e.similarity > last
        }
        clear += mine[0].similarity > last
    assert clear > len(cell[2]) / 2


def test_one_call_holds_the_same_information(spec_of, cell, backend, scope):
    """With the same guidelines; each distils them in its own words."""
    judge, _, held_out = cell
    item = held_out[0]
    theirs = aligned_by(
        spec_of, cell, backend, scope, "alignment=mlflow_memalign", "alignment.passed_as=outputs"
    )
    ours = aligned_by(spec_of, cell, backend, scope, "alignment=full").judge
    ours = replace(ours, guidelines=theirs.distillation.guidelines)
    theirs.judge.score(item)
    asked_by_mlflow = backend.heard[-1]
    ours.score(item)
    asked_by_us = backend.heard[-1]
    guest, own = read_guest_prompt(asked_by_mlflow.messages), read_prompt(asked_by_us.messages)
    assert guest.item == item.text
    assert own.item.startswith(f"{item.text}\n\n")  # what is asked follows it
    assert len(own.examples) == 4
    assert _contents(guest) == _contents(own)
    assert guest.guidelines == own.guidelines
    assert len(own.guidelines) == len(theirs.distillation.guidelines) > 0
    rubric = [judge.dimension.question, *judge.dimension.levels.values()]
    for request in (asked_by_mlflow, asked_by_us):
        text = plain_text(request.messages)
        assert all(words in text for words in rubric)
        order = [
            text.index(part)
            for part in (rubric[0], own.examples[0].rationale, own.guidelines[0].text)
        ]
        assert order == sorted(order)
        assert text.rindex(item.text.split("\n")[-1]) > order[-1]


def _contents(prompt):
    return sorted((entry.text, entry.grade, entry.rationale) for entry in prompt.examples)


def test_as_inputs_mlflow_embeds_the_printed_example(spec_of, cell, backend, scope):
    """MLflow 3.17.2 reads `example.inputs`, which is a method of DSPy's. A release that mends it
    fails here: then this is no difference any more, and the table says so."""
    for passed_as, embeds_text in (("inputs", False), ("outputs", True)):
        words = ("alignment=mlflow_episodic", f"alignment.passed_as={passed_as}")
        aligned = aligned_by(spec_of, cell, backend, scope, *words)
        corpus = aligned.judge.judge._retriever.corpus
        texts = {item.shown.text for item in cell[1]}
        assert (set(corpus) == texts) is embeds_text
        if not embeds_text:
            assert all(text.startswith("<bound method Example.inputs of") for text in corpus)
            assert all("'rationale'" in text for text in corpus)
