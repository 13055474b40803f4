"""MLflow's optimisers that rewrite a judge's instructions: SIMBA and GEPA, unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from memalign_bench.alignment.base import AlignContext, Aligned, items_to_learn_from
from memalign_bench.alignment.mlflow.guest_judge import (
    ALWAYS_VERDICT,
    GuestJudge,
    RememberedItem,
    align_guest,
    make_guest,
    trace_of,
)
from memalign_bench.alignment.mlflow.session import session_of, uri_of
from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import Judge, LabelledItem
from memalign_bench.memory.distillers import Distillation
from memalign_bench.types import Guideline

__all__ = ["MlflowRewriting"]


@dataclass(frozen=True)
class MlflowRewriting:
    """MLflow's `SIMBAAlignmentOptimizer` or `GEPAAlignmentOptimizer` through `judge.align`.

    Both ask the judge about training items, have the reflection model rewrite its instructions, and
    keep what agrees with the labels most often (as equal or not: a miss by one grade counts like a
    miss by two). The record holds the new instructions as one guideline, with the training items
    whose text they quote (SIMBA's demonstrations) as its sources.

    Attributes:
        name: Name of the YAML choice.
        optimizer: Which of the two.
        options: Keywords for DSPy's optimiser of that name, those left null not passed.
        include_na: Whether items that do not apply are learnt from; null follows `applicability`.
        max_tokens: Tokens that one answer of the reflection model may take.
    """

    name: str
    optimizer: Literal["simba", "gepa"]
    options: dict[str, Any]
    include_na: bool | None = None
    max_tokens: int = 2048
    needs_model: bool = field(default=True, init=False)
    keys: frozenset[str] = field(
        default=frozenset({"reflection", "memory.include_na", "alignment.options"}), init=False
    )

    def __post_init__(self) -> None:
        if self.optimizer not in ("simba", "gepa"):
            raise ValueError(f"optimizer must be simba or gepa, got {self.optimizer!r}.")

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Run MLflow's optimiser on the training items.

        Raises:
            AlignmentError: If there are fewer items than MLflow needs, or it could not align.
            BackendError: If a model cannot be asked.
        """
        kept = items_to_learn_from(judge, train, include_na=self.include_na)
        # The optimisers draw from the items in their order.
        kept.sort(key=lambda item: item.shown.item_id)
        session = session_of(context, judge.backend)
        min_traces = _optimizer_class(self.optimizer).get_min_traces_required()
        if len(kept) < min_traces:
            raise AlignmentError(
                f"{self.name} needs {min_traces} labelled training items of"
                f" {judge.dimension.name!r}, and there are {len(kept)}."
            )
        model = session.admit("judge", judge.backend.chat)
        base = make_guest(judge, model)
        with session.account(
            "reflection", context.reflection.chat, max_tokens=self.max_tokens
        ) as reflection:
            optimizer = self._optimizer(uri_of(reflection), context.seed)
            accounts = [reflection, model]
            aligned = align_guest(base, _training_traces(judge, kept), optimizer, accounts)
        failed = len(reflection.errors) + len(model.errors)
        cost = reflection.cost + model.cost
        distillation = Distillation(_rewritten_instructions(base, aligned, kept), cost=cost)
        # No known items: instructions are all that it has, and it retrieves none.
        guest = GuestJudge(judge, aligned, session, {}, n_guidelines=len(distillation.guidelines))
        call_counts = f"{len(model.answers)} verdicts and {len(reflection.answers)} reflections"
        notes = (ALWAYS_VERDICT, f"optimised with {call_counts}; {failed} calls failed on the way")
        return Aligned(guest, 0, distillation, notes)

    def _optimizer(self, model: str, seed: int) -> Any:
        """MLflow's optimiser with the options that were set; each takes them in its own way."""
        options = {key: value for key, value in self.options.items() if value is not None}
        optimizer_class = _optimizer_class(self.optimizer)
        if self.optimizer == "simba":
            # Their random generators take seeds of 32 bits.
            return optimizer_class(model=model, seed=seed % 2**32, simba_kwargs=options)
        # An argument of MLflow's class, which hands the other options on to DSPy's.
        max_calls = options.pop("max_metric_calls", None)
        options["seed"] = seed % 2**32
        return optimizer_class(model=model, max_metric_calls=max_calls, gepa_kwargs=options)


def _optimizer_class(optimizer: str) -> Any:
    """MLflow's optimiser of this name."""
    from mlflow.genai.judges.optimizers import GEPAAlignmentOptimizer, SIMBAAlignmentOptimizer

    return SIMBAAlignmentOptimizer if optimizer == "simba" else GEPAAlignmentOptimizer


def _training_traces(judge: Judge, items: Sequence[LabelledItem]) -> list[Any]:
    """The training items as labelled traces of MLflow."""
    scale, name = judge.rubric.scale, judge.dimension.name
    return [
        trace_of(
            RememberedItem(item, item.shown.text), name, judge.layout.grade_text(scale, item.score)
        )
        for item in items
    ]


def _rewritten_instructions(
    base: Any, rewritten: Any, items: Sequence[LabelledItem]
) -> tuple[Guideline, ...]:
    """The new instructions as one guideline; none where they are the old ones."""
    if rewritten.instructions == base.instructions:
        return ()
    quoted = (item.shown.item_id for item in items if item.shown.text in rewritten.instructions)
    return (Guideline(rewritten.instructions, tuple(quoted)),)
