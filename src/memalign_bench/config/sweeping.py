"""The jobs of a sweep, composed on access."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

from memalign_bench.config.compositions import Composition

__all__ = ["SweepJobs"]


class SweepJobs(Sequence[Composition]):
    """The jobs of a sweep, each composed on access; resolved times (`${now:}`) stay the same.

    A configuration takes about a megabyte, so they are not all held.

    Args:
        requests: The words of each job.
        compose: Composes a job.
    """

    def __init__(
        self,
        requests: Sequence[Sequence[str]],
        compose: Callable[[Sequence[str]], Composition],
    ) -> None:
        self._requests = requests
        self._compose = compose
        self._first = compose(requests[0])

    def __len__(self) -> int:
        return len(self._requests)

    @overload
    def __getitem__(self, at: int) -> Composition: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Composition]: ...
    def __getitem__(self, at: int | slice) -> Composition | Sequence[Composition]:
        from omegaconf import OmegaConf

        if isinstance(at, slice):
            return [self[index] for index in range(*at.indices(len(self)))]
        if at == 0:
            return self._first
        job = self._compose(self._requests[at])
        OmegaConf.copy_cache(self._first.cfg, job.cfg)
        return job
