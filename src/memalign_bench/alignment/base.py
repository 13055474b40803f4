"""What every alignment is: `align(judge, train)` gives a judge and says what it learnt."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from memalign_bench.backends.base import Backend
from memalign_bench.errors import AlignmentError, BackendError
from memalign_bench.judging.judge import ItemJudge, Judge, LabelledItem
from memalign_bench.memory.distillers import Distillation
from memalign_bench.types import NOT_APPLICABLE

__all__ = ["AlignContext", "Aligned", "Alignment", "MemorySettings", "RunScope"]

T = TypeVar("T")


@dataclass(frozen=True)
class MemorySettings:
    """What holds for every memory.

    Attributes:
        k: Neighbours shown.
        floor: Least similarity of a neighbour (cosine); None shows the nearest k always.
        include_na: Whether items that the expert called not applicable are remembered; None
            follows `applicability` (remembered when the judge is asked).
    """

    k: int = 4
    floor: float | None = None
    include_na: bool | None = None

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise ValueError(f"memory.k must be a whole number >= 1, got {self.k!r}.")
        if self.include_na not in (None, True, False):
            raise ValueError(
                f"memory.include_na must be true, false or null, got {self.include_na!r}."
            )
        if self.floor is not None and not -1 <= self.floor <= 1:
            raise ValueError(f"memory.floor must lie in -1 to 1, got {self.floor!r}.")

    def remembered(self, judge: Judge, train: Sequence[LabelledItem]) -> list[LabelledItem]:
        """Training items that a memory keeps.

        Raises:
            AlignmentError: If there are none.
        """
        remember_na = judge.ask_applicability if self.include_na is None else self.include_na
        kept = [item for item in train if remember_na or item.score != NOT_APPLICABLE]
        if not kept:
            raise AlignmentError(f"no training item of {judge.dimension.name!r} can be remembered.")
        return kept


class RunScope:
    """What the cells of a run share, made by the first that needs it, closed when the run ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: ExitStack | None = ExitStack()
        self._shared: dict[str, Any] = {}

    def shared(self, name: str, make: Callable[[], AbstractContextManager[T]]) -> T:
        """What goes by this name in the run; opened now if it is not open yet.

        Raises:
            BackendError: If the run has ended.
        """
        with self._lock:
            if self._open is None:
                raise BackendError("the run has ended.")
            if name not in self._shared:
                self._shared[name] = self._open.enter_context(make())
            found: T = self._shared[name]
            return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            stack, self._open = self._open, None
        if stack is not None:
            stack.close()


class AlignContext(NamedTuple):
    """What an alignment may use besides judge and labels.

    Attributes:
        seed: For whatever is drawn.
        reflection: The model that distils.
        scope: What the run's cells share; None outside of a run.
    """

    seed: int
    reflection: Backend
    scope: RunScope | None = None


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
    """Turns a judge and labelled training items into a judge."""

    @property
    def name(self) -> str:
        """Name of the YAML choice."""

    @property
    def needs_model(self) -> bool:
        """Whether the aligned judge asks a backend."""

    @property
    def keys(self) -> frozenset[str]:
        """Configuration keys, beside those of every judge, that decide its numbers."""

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
