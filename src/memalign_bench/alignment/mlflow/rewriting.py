"""MLflow's optimisers that rewrite a judge's instructions: SIMBA and GEPA, unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from memalign_bench.alignment.base import AlignContext, Aligned, learnt_from
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
        kept = learnt_from(judge, train, include_na=self.include_na)
        kept.sort(key=lambda item: item.shown.item_id)
        session = session_of(context, judge.backend)
        least = _class_of(self.optimizer).get_min_traces_required()
        if len(kept) < least:
            raise AlignmentError(
                f"{self.name} needs {least} labelled training items of {judge.dimension.name!r},"
                f" and there are {len(kept)}."
            )
        model = session.admit("judge", judge.backend.chat)
        base = make_guest(judge, model)
        with session.account(
            "reflection", context.reflection.chat, max_tokens=self.max_tokens
        ) as reflection:
            optimizer = self._optimizer(uri_of(reflection), context.seed)
            accounts = [reflection, model]
            found = align_guest(base, _traces(judge, kept), optimizer, accounts)
        failed = len(reflection.errors) + len(model.errors)
        cost = reflection.cost + model.cost
        distillation = Distillation(_rewritten(base, found, kept), cost=cost)
        guest = GuestJudge(judge, found, session, {}, n_guidelines=len(distillation.guidelines))
        asked = f"{len(model.answers)} verdicts and {len(reflection.answers)} reflections"
        notes = (ALWAYS_VERDICT, f"optimised with {asked}; {failed} calls failed on the way")
        return Aligned(guest, 0, distillation, notes)

    def _optimizer(self, model: str, seed: int) -> Any:
        options = {key: value for key, value in self.options.items() if value is not None}
        made = _class_of(self.optimizer)
        if self.optimizer == "simba":
            return made(model=model, seed=seed % 2**32, simba_kwargs=options)
        calls = options.pop("max_metric_calls", None)
        options["seed"] = seed % 2**32
        return made(model=model, max_metric_calls=calls, gepa_kwargs=options)


def _class_of(optimizer: str) -> Any:
    from mlflow.genai.judges.optimizers import GEPAAlignmentOptimizer, SIMBAAlignmentOptimizer

    return SIMBAAlignmentOptimizer if optimizer == "simba" else GEPAAlignmentOptimizer


def _traces(judge: Judge, items: Sequence[LabelledItem]) -> list[Any]:
    scale, name = judge.rubric.scale, judge.dimension.name
    return [
        trace_of(
            RememberedItem(item, item.shown.text), name, judge.layout.grade_text(scale, item.score)
        )
        for item in items
    ]


def _rewritten(base: Any, found: Any, items: Sequence[LabelledItem]) -> tuple[Guideline, ...]:
    """The new instructions; nothing where they are the old ones."""
    if found.instructions == base.instructions:
        return ()
    quoted = (item.shown.item_id for item in items if item.shown.text in found.instructions)
    return (Guideline(found.instructions, tuple(quoted)),)
