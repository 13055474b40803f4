"""Ours as a guest in MLflow: a dual memory with a switch for each part, for `judge.align`.

This module loads MLflow; `memalign_bench.DualMemoryOptimizer` loads it when it is asked for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from mlflow.exceptions import MlflowException
from mlflow.genai.judges.base import AlignmentOptimizer
from mlflow.genai.judges.optimizers.dspy_utils import trace_to_dspy_example
from mlflow.genai.judges.optimizers.memalign import utils
from mlflow.genai.judges.optimizers.memalign.optimizer import MemoryAugmentedJudge

from memalign_bench.errors import AlignmentError, first_line
from memalign_bench.judging.judge import LabelledItem, ShownItem
from memalign_bench.memory.distillers import ExtractiveDistiller
from memalign_bench.types import DimensionRubric

__all__ = ["DualMemoryOptimizer"]

_LISTENING_LOCK = threading.Lock()
"""Held while errors are listened for: MLflow distils in threads of its own, so what its logger says
cannot be told apart by thread, and two alignments at once would hear each other's errors."""


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
        # An aligned judge is aligned anew from the one it came from.
        base = judge._base_judge if isinstance(judge, MemoryAugmentedJudge) else judge
        examples = _dspy_examples(base, traces)
        # Without examples MLflow's own kind would forget nothing: see `_GuidelinesOnly`.
        kind: Any = MemoryAugmentedJudge if self._episodic else _GuidelinesOnly
        aligned = kind(base, **self._memory)
        if self._semantic:
            aligned._semantic_memory = self._distil(base, examples, aligned._reflection_lm)
        # The steps of MLflow's own `_add_examples_to_memory`, which would distil as well.
        if self._episodic:
            aligned._episodic_memory = examples
            aligned._episodic_trace_ids = [example._trace_id for example in examples]
            aligned._build_episodic_memory()
        return aligned

    def _distil(self, base: Any, examples: list[Any], model: str) -> list[Any]:
        """Guidelines from the examples' rationales, by the distiller that was chosen."""
        if not any(example.rationale for example in examples):
            raise MlflowException.invalid_parameter_value(
                f"none of the feedback named {base.name!r} has a rationale: nothing to distil."
            )
        if self._distiller == "extractive":
            return _extract_guidelines(base, examples, self._max_guidelines)
        with _logged_errors(utils.__name__) as errors:
            guidelines = utils.distill_guidelines(
                examples=examples,
                judge_instructions=base.instructions,
                reflection_lm=model,
                existing_guidelines=[],
            )
        # MLflow logs a failed distillation and goes on; here it is an error.
        if errors:
            raise MlflowException(f"distillation failed: {errors[0]}")
        # MLflow's batches come back in the order in which they end.
        order = {example._trace_id: place for place, example in enumerate(examples)}
        # Each has a source: MLflow drops a guideline without any.
        return sorted(
            guidelines, key=lambda entry: min(map(order.__getitem__, entry.source_trace_ids))
        )


class _GuidelinesOnly(MemoryAugmentedJudge):
    """A judge without examples, which forgets a guideline when all its sources are taken away.

    MLflow's own looks for the traces among its examples, finds none and keeps everything.
    """

    def unalign(self, traces: list[Any]) -> Any:
        """Return a judge without the guidelines that came from these traces alone."""
        untyped_class: Any = (
            _GuidelinesOnly  # pydantic's fields are not what MLflow's constructor takes
        )
        judge = untyped_class(
            self._base_judge,
            reflection_lm=self._reflection_lm,
            retrieval_k=self._retrieval_k,
            embedding_model=self._embedding_model,
            embedding_dim=self._embedding_dim,
        )
        judge._semantic_memory = list(self._semantic_memory)
        judge._apply_unalign_inplace({trace.info.trace_id for trace in traces})
        return judge


def _dspy_examples(base: Any, traces: list[Any]) -> list[Any]:
    """MLflow's examples of the traces, each trace once.

    Raises:
        MlflowException: If a trace has no usable feedback.
    """
    examples_of_trace = {
        trace.info.trace_id: trace_to_dspy_example(trace, base) for trace in traces
    }
    unusable = sorted(name for name, examples in examples_of_trace.items() if not examples)
    if unusable or not examples_of_trace:
        raise MlflowException.invalid_parameter_value(
            f"{len(unusable)} of {len(examples_of_trace)} traces have no human feedback named"
            f" {base.name!r} that can be used: {', '.join(unusable) or 'none were given'}."
        )
    return [example for examples in examples_of_trace.values() for example in examples]


def _extract_guidelines(base: Any, examples: Sequence[Any], max_guidelines: int) -> list[Any]:
    """Rationales that cover the others, each with its label, by the extractive distiller."""
    # The distiller wants grades, and MLflow's labels may be any text: number them from 1.
    labels = sorted({example.result for example in examples})
    items = [
        LabelledItem(
            # Of an item the distiller reads its id only, beside grade and rationale.
            ShownItem(example._trace_id, "", ""),
            1 + labels.index(example.result),
            example.rationale,
        )
        for example in examples
    ]
    dimension = DimensionRubric(base.name, base.name, base.instructions, {})
    unused: Any = None  # neither a scale nor a model is asked for anything
    try:
        distillation = ExtractiveDistiller(n_guidelines=max_guidelines).distil(
            items, dimension, unused, unused
        )
    except AlignmentError as error:
        raise MlflowException.invalid_parameter_value(str(error)) from error
    return [
        utils.Guideline(
            # Each has a grade, since each item had one; `or 1` is for the type checker.
            guideline_text=f"Rated {labels[int(entry.grade or 1) - 1]}: {entry.text}",
            source_trace_ids=list(entry.sources),
        )
        for entry in distillation.guidelines
    ]


@contextmanager
def _logged_errors(name: str) -> Iterator[list[str]]:
    """First lines of the errors that one of MLflow's modules logs, which it tells in no other way.

    They are heard whatever the logger is set to, and printed by nobody: the caller raises them.
    One caller at a time listens; others wait.
    """
    messages: list[str] = []

    class _Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(first_line(record.getMessage()))

    handler = _Ear(level=logging.ERROR)
    logger = logging.getLogger(name)
    with _LISTENING_LOCK:
        settings_before = (logger.level, logger.propagate)
        logger.addHandler(handler)
        logger.setLevel(logging.ERROR)
        logger.propagate = False
        try:
            yield messages
        finally:
            logger.removeHandler(handler)
            logger.setLevel(settings_before[0])
            logger.propagate = settings_before[1]
