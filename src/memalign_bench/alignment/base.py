"""What every alignment is: `align(judge, train, context)` gives an aligned judge."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from memalign_bench.backends.base import Backend
from memalign_bench.closing import Closing
from memalign_bench.errors import AlignmentError, BackendError, RequestError
from memalign_bench.judging.judge import ItemJudge, Judge, LabelledItem
from memalign_bench.memory.distillers import Distillation
from memalign_bench.memory.embedders import Encode
from memalign_bench.memory.episodic import QUERIES, EpisodicMemory, Query, query_text
from memalign_bench.types import NOT_APPLICABLE

__all__ = [
    "ROLES",
    "AlignContext",
    "Aligned",
    "Alignment",
    "MemorySettings",
    "RunScope",
    "Rung",
    "graded_items",
    "items_to_learn_from",
    "need_labels",
    "uses_labels",
]

T = TypeVar("T")


@dataclass(frozen=True)
class MemorySettings:
    """What holds for every memory.

    Attributes:
        k: Neighbours shown.
        floor: Least similarity of a neighbour (cosine); None shows the nearest k always.
        include_na: Whether items that the expert called not applicable are remembered; None
            follows `applicability` (remembered when the judge is asked).
        query: What is embedded to find neighbours: the `view`, the whole `item`, the `case`'s
            request, or the `facts` that a static reading finds.
        diversity: Weight, 0 to 1, of a neighbour's likeness to those already chosen; None or 0
            chooses by similarity to the item alone.
    """

    k: int = 4
    floor: float | None = None
    include_na: bool | None = None
    query: Query = "view"
    diversity: float | None = None

    def __post_init__(self) -> None:
        # Python counts True as the integer 1.
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise ValueError(f"memory.k must be a whole number >= 1, got {self.k!r}.")
        if self.include_na not in (None, True, False):
            raise ValueError(
                f"memory.include_na must be true, false or null, got {self.include_na!r}."
            )
        # `not ... <=` refuses NaN too, of which no comparison holds.
        if self.floor is not None and not -1 <= self.floor <= 1:
            raise ValueError(f"memory.floor must lie in -1 to 1, got {self.floor!r}.")
        if self.query not in QUERIES:
            raise ValueError(f"memory.query must be {', '.join(QUERIES)}, got {self.query!r}.")
        if self.diversity is not None and not 0 <= self.diversity <= 1:
            raise ValueError(f"memory.diversity must lie in 0 to 1, got {self.diversity!r}.")

    @property
    def query_keys(self) -> frozenset[str]:
        """Configuration keys that decide what is embedded."""
        # The settings by which facts are read matter only where facts are embedded.
        return frozenset({"memory.query"} | ({"facts"} if self.query == "facts" else set()))

    def build_index(self, items: Sequence[LabelledItem], encode: Encode) -> EpisodicMemory:
        """An episodic memory of these items, with these settings.

        Raises:
            AlignmentError: If there are fewer items than k.
        """
        return EpisodicMemory.of(
            items, encode, self.k, self.floor, query=self.query, diversity=self.diversity or 0.0
        )

    def query_texts(self, items: Sequence[LabelledItem]) -> list[str]:
        """What is embedded of these items."""
        return [query_text(item.shown, self.query) for item in items]

    def items_to_remember(self, judge: Judge, train: Sequence[LabelledItem]) -> list[LabelledItem]:
        """Training items that a memory keeps.

        Raises:
            AlignmentError: If there are none.
        """
        kept = items_to_learn_from(judge, train, include_na=self.include_na)
        if not kept:
            raise AlignmentError(f"no training item of {judge.dimension.name!r} can be remembered.")
        return kept


class RunScope(Closing):
    """What the cells of a run share: opened when first needed, closed when the run ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # None once the run has ended.
        self._stack: ExitStack | None = ExitStack()
        self._shared: dict[str, Any] = {}

    def shared(self, name: str, make: Callable[[], AbstractContextManager[T]]) -> T:
        """The resource of this name in the run, opened now if it is not open yet.

        Raises:
            BackendError: If the run has ended.
        """
        with self._lock:
            if self._stack is None:
                raise BackendError("the run has ended.")
            # Still under the lock, so that only the first cell makes it.
            if name not in self._shared:
                self._shared[name] = self._stack.enter_context(make())
            # Annotated, since the values of the dict are Any to a type checker.
            resource: T = self._shared[name]
            return resource

    def close(self) -> None:
        """Close everything that was shared, the last first; nothing can be shared after it."""
        with self._lock:
            # Closed outside the lock: a cell that asks meanwhile is refused and need not wait. A
            # second `close` finds nothing.
            stack, self._stack = self._stack, None
        if stack is not None:
            stack.close()


def _no_other_labels(dimension: str) -> Sequence[LabelledItem]:
    """No labels on any other dimension: the default outside of a run."""
    return ()


class AlignContext(NamedTuple):
    """What an alignment may use besides judge and labels.

    Attributes:
        seed: For whatever is drawn.
        reflection: The model that distils.
        n_train: How many training labels were asked for; None for all, 0 for none on purpose.
        embedding: The model that embeds; None for the judge's own.
        train_on: Dimension -> the same training folds' items with their labels on that dimension.
        scope: What the run's cells share; None outside of a run.
    """

    seed: int
    reflection: Backend
    n_train: int | None = None
    embedding: Backend | None = None
    train_on: Callable[[str], Sequence[LabelledItem]] = _no_other_labels
    scope: RunScope | None = None


ROLES = ("memory", "control", "baseline")
"""What an alignment is in a study, as `Rung.role` says it."""


@dataclass(frozen=True)
class Rung:
    """Where an alignment stands on the ablation ladder that a report draws.

    Attributes:
        step: Rungs are shown in rising order; each is compared with the one before.
        isolates: What the comparison tells, in a few words.
        role: `memory` (what is studied), `control` (what a memory has to beat) or `baseline` (no
            alignment at all); None where its YAML does not say. It decides words, no number.
        order: Place among the alignments of tables and figures, rising; by default behind the
            memories.
        colour: Its colour in every figure, as Matplotlib names it; by default a spare one.
        shape: Its marker there.
        label: Its name in sentences.

    Raises:
        RequestError: If there is no such role.
    """

    step: float
    isolates: str
    role: str | None = None
    order: float | None = None
    colour: str | None = None
    shape: str | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if self.role is not None and self.role not in ROLES:
            raise RequestError(
                f"ladder.role={self.role!r} is none of {', '.join(ROLES)}; leave it out where"
                " none fits."
            )


class Aligned(NamedTuple):
    """The aligned judge, and what its memory holds.

    Attributes:
        judge: Scores items.
        n_examples: Labelled items in episodic memory.
        distillation: Guidelines and how they came about; None without semantic memory.
        notes: What the record must say beside that; never an item's text.
    """

    judge: ItemJudge
    n_examples: int = 0
    distillation: Distillation | None = None
    notes: tuple[str, ...] = ()


class Alignment(Protocol):
    """Turns a judge and labelled training items into a judge.

    One that never looks at `train` says so with an attribute `uses_labels = False`: then `n_train`
    and `label_noise` make no run of their own.
    """

    @property
    def name(self) -> str:
        """Name of the YAML choice."""

    @property
    def needs_model(self) -> bool:
        """Whether the aligned judge asks a backend."""

    @property
    def keys(self) -> frozenset[str]:
        """Configuration keys, beside those of every judge, that decide its numbers."""

    @property
    def ladder(self) -> Rung | None:
        """Its place on the ablation ladder; None where it stands on none."""

    def align(self, judge: Judge, train: Sequence[LabelledItem], context: AlignContext) -> Aligned:
        """Align.

        Args:
            judge: The unaligned judge; never changed.
            train: Labelled items of the training folds, nothing else.
            context: Seed and reflection model.

        Raises:
            AlignmentError: If the training items do not allow it.
            BackendError: If the backend cannot serve.
        """


def uses_labels(alignment: object) -> bool:
    """Whether an alignment's numbers depend on training labels; so they do unless it says not."""
    return bool(getattr(alignment, "uses_labels", True))


def items_to_learn_from(
    judge: Judge, train: Sequence[LabelledItem], *, include_na: bool | None
) -> list[LabelledItem]:
    """The training items to learn from: all, or only those to which the dimension applies.

    None includes them where the judge is asked whether its question applies.
    """
    with_na = judge.ask_applicability if include_na is None else include_na
    return [item for item in train if with_na or item.score is not NOT_APPLICABLE]


def graded_items(name: str, judge: Judge, train: Sequence[LabelledItem]) -> list[LabelledItem]:
    """The training items to which the dimension applies, for an alignment that needs some.

    Raises:
        AlignmentError: If there is none.
    """
    need_labels(name, judge, train)
    graded = [item for item in train if item.score is not NOT_APPLICABLE]
    # There are labels, but all of them say that the question does not apply.
    if not graded:
        raise AlignmentError(f"no training item of {judge.dimension.name!r} has a grade.")
    return graded


def need_labels(name: str, judge: Judge, train: Sequence[LabelledItem]) -> None:
    """Refuse a cell without any training item.

    Raises:
        AlignmentError: If there is none, with the alignment's name and what to do.
    """
    if not train:
        raise AlignmentError(
            f"alignment={name} cannot do without training labels, and {judge.dimension.name!r} has"
            " none here; set n_train above 0."
        )
