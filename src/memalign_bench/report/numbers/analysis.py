"""A study's records together with how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from memalign_bench.report.numbers.frames import StudyFrames
from memalign_bench.report.numbers.readings import (
    Answers,
    JudgeKey,
    Missing,
    Reading,
    both_readings,
    checked_missing,
    own_reading,
    variants,
    with_batch,
)
from memalign_bench.stats.bootstrap import CaseResampler

__all__ = ["Analysis"]


@dataclass(frozen=True)
class Analysis:
    """What every number of a report is taken from.

    Attributes:
        frames: The records.
        reading: Which grade counts: `raw` or `batch`.
        missing: What a missing answer costs (see `numbers.readings`).
        resampler: Draws cases; its seed is that of permutations too.
    """

    frames: StudyFrames
    reading: Reading
    missing: Missing
    resampler: CaseResampler

    @classmethod
    def of(
        cls,
        frames: StudyFrames,
        calibration: str | None = None,
        missing: str = "worst",
        n_resamples: int = 10_000,
        seed: int = 0,
    ) -> Analysis:
        """Read records in one way.

        Args:
            frames: The records.
            calibration: `none` or `batch`; by default the reading that the manifests name.
            missing: `worst`, `exclude` or `as_zero`.
            n_resamples: Bootstrap resamples of cases.
            seed: Root seed of resamples, and of permutations where not all are tried.

        Raises:
            RequestError: If calibration or missing is no choice, or the manifests disagree.
        """
        return cls(
            frames,
            own_reading(frames, calibration),
            checked_missing(missing),
            CaseResampler(n_resamples, seed),
        )

    @cached_property
    def both(self) -> Mapping[Reading, Mapping[JudgeKey, Answers]]:
        """Answers by judge, in either reading."""
        return both_readings(self.frames.predictions, self.frames.scale, self.missing)

    @property
    def answers(self) -> Mapping[JudgeKey, Answers]:
        """Answers by judge, in the study's own reading."""
        return self.both[self.reading]

    @cached_property
    def calibrated(self) -> set[JudgeKey]:
        """The judges that have a batch-calibrated grade on any item."""
        return with_batch(self.frames.predictions)

    @cached_property
    def variants(self) -> list[tuple[str, str, str]]:
        """(variant, alignment, backend) of all predictions, in the order of tables."""
        return variants(self.frames)
