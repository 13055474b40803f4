"""A run's models, opened, and its cells, aligned by them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from memalign_bench.alignment.base import AlignContext, Aligned, RunScope
from memalign_bench.backends.base import Backend, BackendSpec
from memalign_bench.backends.prices import Budget
from memalign_bench.backends.store.call_store import CallStore
from memalign_bench.backends.store.stored_backend import StoredBackend
from memalign_bench.errors import RecordError
from memalign_bench.judging.cumulative import learnt_checklist
from memalign_bench.judging.judge import Judge
from memalign_bench.judging.relative import relative_to
from memalign_bench.judging.scoring import shows_examples
from memalign_bench.judging.structured import adding_earlier_cost
from memalign_bench.seeding import child_seed
from memalign_bench.study.plan import Plan, RunCell
from memalign_bench.study.spec import RunSpec
from memalign_bench.types import NOT_APPLICABLE, CallCost

__all__ = ["Models", "align_cell", "check_leak", "opened_models", "unaligned_judge"]


class Models(NamedTuple):
    """The models of a run, each behind the call store; often one and the same.

    `scope` holds what the run's cells share besides.
    """

    judge: Backend
    reflection: Backend
    embedding: Backend
    scope: RunScope | None = None


@contextmanager
def opened_models(spec: RunSpec, store: CallStore) -> Iterator[Models]:
    """The models of a run behind its call store, under its budget; closed at the end."""
    # What the store's earlier calls cost counts against the budget.
    budget = None if spec.budget_usd is None else Budget(spec.budget_usd, store.spent())
    with ExitStack() as stack:

        def open_model(backend_spec: BackendSpec) -> Backend:
            return stack.enter_context(
                StoredBackend(backend_spec, store, spec.backend.mode, budget)
            )

        # Roles without a model of their own share the judge's, and its limit.
        backend = open_model(spec.backend)
        reflection = open_model(spec.reflection) if spec.reflection else backend
        embedding = open_model(spec.embedding) if spec.embedding else backend
        yield Models(backend, reflection, embedding, stack.enter_context(RunScope()))


def unaligned_judge(spec: RunSpec, dimension: str, backend: Backend) -> Judge:
    """A run's judge of one dimension as it is before it is aligned."""
    return Judge(
        rubric=spec.rubric,
        dimension=spec.rubric.dimensions[dimension],
        backend=backend,
        scoring=spec.scoring,
        layout=spec.prompt,
        ask_applicability=spec.applicability == "judge",
    )


def align_cell(plan: Plan, cell: RunCell, models: Models) -> Aligned:
    """Align the run's judge on a cell's training items.

    Raises:
        AlignmentError: If the training items do not allow it.
        FailedCallError: If a call that the alignment needs gave no usable answer.
    """
    spec = plan.spec
    judge = unaligned_judge(spec, cell.dimension, models.judge)
    # The seed depends on the cell alone, so the order in which cells are aligned does not matter.
    seed = child_seed(spec.fold_seed, "alignment", cell.dimension, cell.fold)
    context = AlignContext(
        seed,
        models.reflection,
        spec.n_train,
        models.embedding,
        lambda name: plan.train_on(name, cell.fold),
        models.scope,
    )
    aligned = spec.alignment.align(judge, cell.train, context)
    # A scoring without examples in its prompt makes episodic memory idle: say so in the records.
    if aligned.n_examples and not shows_examples(spec.scoring):
        note = f"scoring={spec.scoring.name} shows none of the {aligned.n_examples} examples."
        aligned = aligned._replace(notes=(*aligned.notes, note))
    applicable = [item.shown for item in cell.train if item.score is not NOT_APPLICABLE]
    # A later step that fails must still report what distilling cost.
    with adding_earlier_cost(aligned.distillation.cost if aligned.distillation else CallCost()):
        if spec.learns_criteria:
            learnt = learnt_checklist(aligned.judge, cell.train, spec.rubric.scale)
            aligned = aligned._replace(judge=learnt)
        if spec.prior == "none":
            return aligned
        return aligned._replace(judge=relative_to(aligned.judge, spec.prior, applicable))


def check_leak(plan: Plan, dimension: str, fold: int, item_ids: Iterable[str]) -> None:
    """Refuse a judge whose memory holds a held-out item: every number would be worthless.

    Raises:
        RecordError: If one of the items is held out, or unknown.
    """
    # An item without a fold counts as held out.
    leaked = sorted({name for name in item_ids if plan.fold.get(name, fold) == fold})
    if leaked:
        raise RecordError(
            f"{dimension}, fold {fold}: the judge's memory holds held-out (or unknown) items"
            f" {leaked}; the run stops, since its scores would be worthless. A fault of the"
            f" alignment {plan.spec.alignment.name!r}."
        )
