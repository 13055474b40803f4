"""Ours as a guest in MLflow: a dual memory with a switch for each part, for `judge.align`.

This module loads MLflow; `memalign_bench.DualMemoryOptimizer` loads it when it is asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from mlflow.exceptions import MlflowException
from mlflow.genai.judges.base import AlignmentOptimizer
from mlflow.genai.judges.optimizers.dspy_utils import trace_to_dspy_example
from mlflow.genai.judges.optimizers.memalign import utils
from mlflow.genai.judges.optimizers.memalign.optimizer import MemoryAugmentedJudge

from memalign_bench.errors import AlignmentError
from memalign_bench.judging.judge import LabelledItem, ShownItem
from memalign_bench.memory.distillers import ExtractiveDistiller
from memalign_bench.types import DimensionRubric

__all__ = ["DualMemoryOptimizer"]


class DualMemoryOptimizer(AlignmentOptimizer):
    """MemAlign's two memories for MLflow's own judges, each with its switch.

    `MemAlignOptimizer` always fills both, and goes on with what it has when a distillation fails.
    Here either can be left out (without `episodic` no embedding model is needed, with
    `distiller="extractive"` no reflection model), and a distillation that fails is an error.

    What comes back is MLflow's own kind of judge, so `mlflow.genai.evaluate(scorers=[judge])`,
    `register`, loading and `unalign` work, and an MLflow without this package can load it. A judge
    with examples finds them again, once loaded, by their traces, which must be in the tracking
    store. A judge without examples forgets guidelines by `unalign` until it is registered; once
    loaded, MLflow's `unalign` finds no example to go by, and changes nothing: align anew instead.

    MLflow finds examples by the first of `inputs`, `outputs`, ... that the instructions name. With
    `{{ inputs }}`, MLflow 3.17.2 embeds the printed form of the labelled example instead of its
    text; a judge that names `{{ outputs }}` alone is searched by text.

    An aligned judge is aligned anew from the judge it came from; hand over all traces.

    Args:
        semantic: Distil guidelines from feedback, always in context.
        episodic: Keep the labelled traces, and show the nearest few.
        reflection_lm: MLflow's name of the model that distils; None for MLflow's default.
        retrieval_k: Examples shown.
        embedding_model: MLflow's name of the model that embeds; None for MLflow's default.
        embedding_dim: Width that is asked of it.
        distiller: `mlflow` distils as `MemAlignOptimizer` does; `extractive` chooses rationales
            that cover all of them, and asks no model.
        max_guidelines: Guidelines that `extractive` chooses at most.

    Raises:
        MlflowException: If neither memory is on, or a value makes no sense.
    """

    def __init__(
        self,
        *,
        semantic: bool = True,
        episodic: bool = True,
        reflection_lm: str | None = None,
        retrieval_k: int = 5,
        embedding_model: str | None = None,
        embedding_dim: int = 512,
        distiller: Literal["mlflow", "extractive"] = "mlflow",
        max_guidelines: int = 6,
    ) -> None:
        problems = []
        if not (semantic or episodic):
            problems.append("semantic and episodic are both off: there is nothing to align with.")
        if distiller not in ("mlflow", "extractive"):
            problems.append(f"distiller must be mlflow or extractive, got {distiller!r}.")
        for name, value in (("retrieval_k", retrieval_k), ("max_guidelines", max_guidelines)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                problems.append(f"{name} must be a whole number >= 1, got {value!r}.")
        if problems:
            raise MlflowException.invalid_parameter_value(" ".join(problems))
        self._semantic = semantic
        self._episodic = episodic
        self._distiller = distiller
        self._max_guidelines = max_guidelines
        self._memory = {
            "reflection_lm": reflection_lm,
            "retrieval_k": retrieval_k,
            "embedding_model": embedding_model,
            "embedding_dim": embedding_dim,
        }

    def align(self, judge: Any, traces: list[Any]) -> Any:
        """Align a judge with the experts' feedback on traces.

        Args:
            judge: A judge of `make_judge`, or one that was aligned before.
            traces: Traces with human feedback of the judge's name.

        Raises:
            MlflowException: If traces carry no such feedback, or a distillation fails.
        """
        base = judge._base_judge if isinstance(judge, MemoryAugmentedJudge) else judge
        examples = _examples(base, traces)
        kind: Any = MemoryAugmentedJudge if self._episodic else _GuidelinesOnly
        aligned = kind(base, **self._memory)
        if self._semantic:
            aligned._semantic_memory = self._distilled(base, examples, aligned._reflection_lm)
        if self._episodic:
            aligned._episodic_memory = examples
            aligned._episodic_trace_ids = [example._trace_id for example in examples]
            aligned._build_episodic_memory()
        return aligned

    def _distilled(self, base: Any, examples: list[Any], model: str) -> list[Any]:
        if not any(example.rationale for example in examples):
            raise MlflowException.invalid_parameter_value(
                f"none of the feedback named {base.name!r} has a rationale: nothing to distil."
            )
        if self._distiller == "extractive":
            return _extracted(base, examples, self._max_guidelines)
        with _errors_of(utils.__name__) as errors:
            found = utils.distill_guidelines(
                examples=examples,
                judge_instructions=base.instructions,
                reflection_lm=model,
                existing_guidelines=[],
            )
        if errors:
            raise MlflowException(f"distillation failed: {errors[0]}")
        # MLflow's batches come back in the order in which they end.
        order = {example._trace_id: place for place, example in enumerate(examples)}
        return sorted(found, key=lambda entry: min(map(order.__getitem__, entry.source_trace_ids)))


class _GuidelinesOnly(MemoryAugmentedJudge):
    """A judge without examples, which forgets a guideline when all its sources are taken away.

    MLflow's own looks for the traces among its examples, finds none and keeps everything.
    """

    def unalign(self, traces: list[Any]) -> Any:
        """Return a judge without the guidelines that came from these traces alone."""
        made: Any = _GuidelinesOnly  # pydantic's fields are not what MLflow's constructor takes
        judge = made(
            self._base_judge,
            reflection_lm=self._reflection_lm,
            retrieval_k=self._retrieval_k,
            embedding_model=self._embedding_model,
            embedding_dim=self._embedding_dim,
        )
        judge._semantic_memory = list(self._semantic_memory)
        judge._apply_unalign_inplace({trace.info.trace_id for trace in traces})
        return judge


def _examples(base: Any, traces: list[Any]) -> list[Any]:
    """MLflow's examples of the traces, each trace once.

    Raises:
        MlflowException: If a trace has no usable feedback.
    """
    found = {trace.info.trace_id: trace_to_dspy_example(trace, base) for trace in traces}
    silent = sorted(name for name, examples in found.items() if not examples)
    if silent or not found:
        raise MlflowException.invalid_parameter_value(
            f"{len(silent)} of {len(found)} traces have no human feedback named {base.name!r} that"
            f" can be used: {', '.join(silent) or 'none were given'}."
        )
    return [example for examples in found.values() for example in examples]


def _extracted(base: Any, examples: Sequence[Any], most: int) -> list[Any]:
    """Rationales that cover the others, each with its label, by the extractive distiller."""
    labels = sorted({example.result for example in examples})
    items = [
        LabelledItem(
            ShownItem(example._trace_id, "", ""),
            1 + labels.index(example.result),
            example.rationale,
        )
        for example in examples
    ]
    dimension = DimensionRubric(base.name, base.name, base.instructions, {})
    unused: Any = None  # neither a scale nor a model is asked for anything
    try:
        made = ExtractiveDistiller(n_guidelines=most).distil(items, dimension, unused, unused)
    except AlignmentError as error:
        raise MlflowException.invalid_parameter_value(str(error)) from error
    return [
        utils.Guideline(
            guideline_text=f"Rated {labels[int(entry.grade or 1) - 1]}: {entry.text}",
            source_trace_ids=list(entry.sources),
        )
        for entry in made.guidelines
    ]


@contextmanager
def _errors_of(name: str) -> Iterator[list[str]]:
    """First lines of the errors that one of MLflow's modules logs, which it tells in no other way.

    They are heard whatever the logger is set to, and printed by nobody: the caller raises them.
    """
    heard: list[str] = []

    class _Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append((record.getMessage().splitlines() or [""])[0])

    ear = _Ear(level=logging.ERROR)
    logger = logging.getLogger(name)
    held = (logger.level, logger.propagate)
    logger.addHandler(ear)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    try:
        yield heard
    finally:
        logger.removeHandler(ear)
        logger.setLevel(held[0])
        logger.propagate = held[1]
