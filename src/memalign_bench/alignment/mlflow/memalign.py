"""MLflow's MemAlign, unchanged, under the suite's runner, folds and records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from memalign_bench.alignment.base import AlignContext, Aligned, MemorySettings
from memalign_bench.alignment.mlflow.context_fit import Fit, Room, fit_into
from memalign_bench.alignment.mlflow.guest_judge import (
    ALWAYS_VERDICT,
    GuestJudge,
    PassedAs,
    RememberedItem,
    align_guest,
    make_guest,
    trace_id,
    trace_of,
)
from memalign_bench.alignment.mlflow.session import MlflowSession, session_of, uri_of
from memalign_bench.backends.base import ChatAnswer, ChatRequest
from memalign_bench.backends.gateway.accounts import Account
from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import Judge, LabelledItem
from memalign_bench.judging.structured import adding_earlier_cost
from memalign_bench.memory.distillers import Distillation
from memalign_bench.memory.embedders import Embedder
from memalign_bench.types import CallCost, Guideline

__all__ = ["MlflowMemAlign"]


@dataclass(frozen=True)
class MlflowMemAlign:
    """MLflow's `MemAlignOptimizer` through `judge.align`; its two memories, each with a switch.

    MLflow has no switch for either memory. `semantic=False` has the gateway answer the distillation
    with `{"guidelines": []}`, which MLflow's own prompt allows: no model is asked and nothing of
    MLflow's is touched. `episodic=False` runs the optimiser as it is (with vectors that say
    nothing, so that no embedding model is needed) and puts its guidelines into a
    `MemoryAugmentedJudge` without examples, as MLflow does when it loads a judge.

    MLflow assumes 128k tokens of context, and takes what a failed distillation leaves for a judge.
    Here the feedback is handed over in as many `align` calls as the reflection model's context
    needs (MLflow distils what is new in each), examples become the shorter views where the judge's
    context needs it, what does not fit even so is refused, and a distillation that failed is a
    failed cell. Notes in the record say what was done.

    Attributes:
        name: Name of the YAML choice.
        semantic: Distil guidelines.
        episodic: Retrieve examples.
        memory: `k` and `include_na`; MLflow has no floor.
        embedder: Makes the vectors, behind the gateway.
        passed_as: Which field of a trace holds an item's view: `inputs`, or `outputs`. As `inputs`,
            MLflow 3.17.2 embeds for its index not the text but the printed form of the whole
            labelled example (it reads DSPy's method of that name); as `outputs`, the text.
        max_records: Items in one distillation at most; 50 is MLflow's own bound.
        max_tokens: Tokens that one distillation may write.
    """

    name: str
    semantic: bool
    episodic: bool
    memory: MemorySettings
    embedder: Embedder
    passed_as: PassedAs = "inputs"
    max_records: int = 50
    max_tokens: int = 2048
    needs_model: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        if not 1 <= self.max_records <= 50:
            raise ValueError(f"max_records must lie in 1 to 50, got {self.max_records!r}.")
        if self.passed_as not in ("inputs", "outputs"):
            raise ValueError(f"passed_as must be inputs or outputs, got {self.passed_as!r}.")

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the memories that are switched on."""
        keys = {"memory.include_na", "alignment.passed_as"}
        if self.semantic:
            keys |= {"reflection", "alignment.max_records", "alignment.max_tokens"}
        if self.episodic:
            keys |= {"embedder", "memory.k"}
        return frozenset(keys)

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Run MLflow's optimiser on the training items.

        Raises:
            AlignmentError: If the items do not allow it, or a distillation failed.
            BackendError: If a model cannot be asked.
        """
        kept = self.memory.items_to_remember(judge, train)
        # By id, so that batches do not depend on the order of the data.
        kept.sort(key=lambda item: item.shown.item_id)
        self._check_items(judge, kept)
        # Which text of each item goes to MLflow, and in which batches.
        fit = fit_into(judge, kept, self._room_to_fit(judge, context))
        session = session_of(context, judge.backend)
        # Without episodic memory MLflow still embeds; its index is thrown away afterwards.
        encode = (
            self.embedder.fit(list(fit.texts), judge.backend) if self.episodic else _same_vectors
        )
        known = {
            trace_id(item.shown.item_id): RememberedItem(item, text)
            for item, text in zip(kept, fit.texts, strict=True)
        }
        # The memory's account stays open until the run ends: the aligned judge embeds under it.
        cell = _CellOptimisation(
            self, judge, context, session, session.admit("memory", embed=encode), known
        )
        optimised, distillation = cell.optimise(fit)
        # MLflow's judge, wrapped so that it scores the suite's items.
        guest = GuestJudge(
            base=judge,
            judge=optimised,
            session=session,
            known=known,
            memory=cell.memory if self.episodic else None,
            vectors=_vectors(optimised) if self.episodic else {},
            passed_as=self.passed_as,
            n_guidelines=len(distillation.guidelines) if self.semantic else 0,
        )
        return Aligned(
            guest,
            len(kept) if self.episodic else 0,
            distillation if self.semantic else None,
            (ALWAYS_VERDICT, *fit.notes),
        )

    def _check_items(self, judge: Judge, kept: Sequence[LabelledItem]) -> None:
        """Refuse training items too few for retrieval, or without a rationale to distil."""
        if self.episodic and len(kept) < self.memory.k:
            raise AlignmentError(
                f"memory.k={self.memory.k} neighbours, but only {len(kept)} training items;"
                " lower memory.k."
            )
        if self.semantic and not any(item.rationale.strip() for item in kept):
            raise AlignmentError(
                f"no training item of {judge.dimension.name!r} has a rationale: nothing to distil."
            )

    def _room_to_fit(self, judge: Judge, context: AlignContext) -> Room:
        """The contexts and bounds that the training items have to fit."""
        return Room(
            judge=judge.backend.context_tokens,
            reflection=context.reflection.context_tokens if self.semantic else None,
            answer=self.max_tokens,
            n_examples=self.memory.k if self.episodic else 0,
            max_records=self.max_records if self.semantic else None,
        )


class _OptimisedJudge(NamedTuple):
    judge: Any
    distillation: Distillation


@dataclass(frozen=True)
class _CellOptimisation:
    """One cell's optimisation."""

    settings: MlflowMemAlign
    judge: Judge
    context: AlignContext
    session: MlflowSession
    memory: Account
    known: dict[str, RememberedItem]

    def optimise(self, fit: Fit) -> _OptimisedJudge:
        """Align batch after batch; the judge at the end, and how its guidelines came about."""
        from mlflow.genai.judges.optimizers import MemAlignOptimizer

        settings = self.settings
        # A name is all that this account gives: MemAlign asks no judge while it aligns, and later
        # each question has an account of its own.
        model = self.session.admit("judge", self.judge.backend.chat)
        aligned = base = make_guest(self.judge, model, settings.passed_as)
        traces = list(self._traces())
        cost, invented = CallCost(), 0
        # Each call distils what is new in its batch and keeps the guidelines of those before.
        for batch in fit.batches:
            chat = self.context.reflection.chat if settings.semantic else _nothing_to_add
            with (
                # A batch that fails still tells what those before it took.
                adding_earlier_cost(cost),
                self.session.account(
                    "reflection", chat, max_tokens=settings.max_tokens
                ) as reflection,
            ):
                optimizer = MemAlignOptimizer(
                    reflection_lm=uri_of(reflection),
                    retrieval_k=settings.memory.k,
                    embedding_model=uri_of(self.memory),
                )
                accounts = [reflection, self.memory]
                aligned = align_guest(aligned, [traces[n] for n in batch], optimizer, accounts)
                # Its retriever's thread has to be stopped at the end of the run.
                self.session.adopt(aligned)
                invented += _check_distillation(reflection, len(batch))
            cost += reflection.cost
        guidelines = tuple(self._guideline(entry) for entry in aligned._semantic_memory)
        # MLflow has no switch for this memory, so it is taken out of the finished judge.
        if not settings.episodic:
            aligned = _without_examples(base, aligned)
        return _OptimisedJudge(aligned, Distillation(guidelines, invented, cost))

    def _traces(self) -> Any:
        """The training items as labelled traces of MLflow."""
        scale, layout = self.judge.rubric.scale, self.judge.layout
        for known in self.known.values():
            grade = layout.grade_text(scale, known.item.score)
            yield trace_of(known, self.judge.dimension.name, grade, self.settings.passed_as)

    def _guideline(self, entry: Any) -> Guideline:
        """A guideline of MLflow's as one of the suite's; trace ids become item ids."""
        sources = [self.known[name].item.shown.item_id for name in entry.source_trace_ids or ()]
        return Guideline(" ".join(entry.guideline_text.split()), tuple(dict.fromkeys(sources)))


def _vectors(aligned: Any) -> dict[str, Any]:
    """Trace id -> unit vector, as MLflow's index holds them."""
    # Parallel: what MLflow does not index it takes out of the memory as well.
    rows = zip(aligned._episodic_memory, aligned._retriever.corpus_embeddings, strict=True)
    return {example._trace_id: vector for example, vector in rows}


def _same_vectors(texts: Sequence[str]) -> Any:
    """The same vector for every text: for a retriever whose results are never used."""
    return np.ones((len(texts), 1), dtype=np.float32)


def _nothing_to_add(request: ChatRequest) -> ChatAnswer:
    """No new guidelines, an answer that MLflow's prompt allows; no model is asked."""
    # As if from the store: what no model was asked costs nothing, and is no live call.
    return ChatAnswer('{"guidelines": []}', "stop", from_store=True)


def _without_examples(base: Any, aligned: Any) -> Any:
    """A judge with the guidelines of an aligned one and no examples, as MLflow loads one."""
    from mlflow.genai.judges.optimizers.memalign.optimizer import MemoryAugmentedJudge

    judge = MemoryAugmentedJudge(
        base,
        reflection_lm=aligned._reflection_lm,
        embedding_model=aligned._embedding_model,
        _defer_init=True,
    )
    judge._semantic_memory = list(aligned._semantic_memory)
    return judge


def _check_distillation(reflection: Account, n_items: int) -> int:
    """Check that MLflow could read its last distillation; the number of made-up source ids in it.

    MLflow logs what went wrong, and goes on with the guidelines that it has.

    Raises:
        AlignmentError: If no answer came, or MLflow cannot have read it.
    """
    from mlflow.genai.judges.optimizers.memalign.utils import (
        _extract_json_object,
        _parse_batch_response,
    )

    if not reflection.answers:
        reason = str(reflection.errors[-1]) if reflection.errors else "the model was not asked"
        raise AlignmentError(f"distillation failed: {reason}", reflection.paid)
    answer = reflection.answers[-1]
    try:
        # For what it raises only: given no ids, it keeps no guideline.
        _parse_batch_response(answer.text, {}, set())
        response = json.loads(_extract_json_object(answer.text))
        # As MLflow reads it: without the key there is no new guideline, and one without text or
        # sources is passed over.
        sources = [
            name
            for entry in response.get("guidelines", ())
            if entry.get("guideline_text")
            for name in entry.get("source_trace_ids") or ()
        ]
    except Exception as error:  # whatever MLflow's own reading raises, it takes for no guidelines
        cut_off = (
            " (it was cut off: raise alignment.max_tokens)" if answer.finish == "length" else ""
        )
        raise AlignmentError(
            f"distillation failed: MLflow cannot read the reflection model's answer{cut_off}.",
            reflection.paid,
        ) from error
    return sum(not _names_item(name, n_items) for name in sources)


def _names_item(name: Any, n_items: int) -> bool:
    """Whether a source id is the number of an item of the batch, as MLflow's prompt lists them."""
    text = str(name)
    # Not `isdigit`, which lets pass what `int` refuses, like a superscript.
    return text.isdecimal() and int(text) < n_items
