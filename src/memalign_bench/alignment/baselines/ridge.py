"""No model: a linear regression of the training grades on the embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from memalign_bench.alignment.base import AlignContext, Aligned, Rung, graded_items
from memalign_bench.alignment.baselines.knn_vote import check_asks_no_model
from memalign_bench.judging.judge import Judge, LabelledItem, ShownItem
from memalign_bench.memory.embedders import Embedder, Encode
from memalign_bench.types import Scale, Verdict

__all__ = ["Ridge"]


@dataclass(frozen=True)
class Ridge:
    """What the embeddings know of the grades: ridge regression, rounded to the scale.

    A judge with episodic memory that does no better has read nothing out of its neighbours that a
    linear map of their vectors does not hold.

    Attributes:
        name: Name of the YAML choice.
        embedder: Embeds views; one that asks no model.
        alpha: Strength of the penalty (Hoerl and Kennard 1970), in squared units of a weight.
        ladder: Its place on the ablation ladder.
    """

    name: str
    embedder: Embedder
    alpha: float = 1.0
    needs_model: bool = False
    keys: frozenset[str] = frozenset({"embedder", "view", "alignment.alpha"})
    ladder: Rung | None = None

    def __post_init__(self) -> None:
        check_asks_no_model(self.name, self.embedder)
        # `not ... >` refuses NaN too.
        if not self.alpha > 0:
            raise ValueError(f"alignment.alpha must be above 0, got {self.alpha!r}.")

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Fit on the training items to which the dimension applies.

        Raises:
            AlignmentError: If there are none.
        """
        from sklearn.linear_model import Ridge as Regression

        graded = graded_items(self.name, judge, train)
        texts = [item.shown.text for item in graded]
        encode = self.embedder.fit(texts, judge.backend)
        model = Regression(alpha=self.alpha).fit(encode(texts), [item.score for item in graded])
        return Aligned(_PredictingJudge(encode, model, judge.rubric.scale), 0)


@dataclass(frozen=True, eq=False)
class _PredictingJudge:
    encode: Encode
    model: Any
    scale: Scale

    def score(self, item: ShownItem, repeat: int = 0) -> Verdict:
        """The grade nearest to the prediction; of two as near, the lower."""
        (value,) = self.model.predict(self.encode([item.text]))
        return Verdict(score=self.scale.nearest(float(value)))
