"""A study's records together with how they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import blake2b
from typing import Any, TypeVar

import numpy as np

from memalign_bench.errors import RequestError
from memalign_bench.report.numbers.frames import StudyFrames
from memalign_bench.report.numbers.readings import (
    Answers,
    JudgeKey,
    Missing,
    Reading,
    answers_by_reading,
    judges_with_batch,
    parse_missing,
    study_reading,
    variants,
)
from memalign_bench.report.numbers.two_studies import OtherStudy
from memalign_bench.stats.published import PublishedBootstrap
from memalign_bench.stats.resampling.bootstrap import CaseResampler

__all__ = ["MARGIN", "Analysis"]

T = TypeVar("T")

MARGIN = 0.1
"""A tenth of a grade: the smallest difference that would change a decision."""


@dataclass(frozen=True)
class Analysis:
    """The records of a study with the choices of how to read them.

    Attributes:
        frames: The records.
        reading: Which grade counts: `raw` or `batch`.
        missing: What a missing answer costs (see `numbers.readings`).
        resampler: Draws cases; its seed is that of sign flips too.
        margin: Improvements of MAE up to this, in the scale's units, count as none (equivalence).
        against: The study that this one is held against, if any.
        published: A published protocol, whose intervals are shown beside.
    """

    frames: StudyFrames
    reading: Reading
    missing: Missing
    resampler: CaseResampler
    margin: float = MARGIN
    against: OtherStudy | None = None
    published: PublishedBootstrap | None = None

    @classmethod
    def of(
        cls,
        frames: StudyFrames,
        calibration: str | None = None,
        missing: str = "worst",
        n_resamples: int = 10_000,
        seed: int = 0,
        *,
        margin: float = MARGIN,
        published: PublishedBootstrap | None = None,
    ) -> Analysis:
        """Read records in one way.

        Args:
            frames: The records.
            calibration: `none` or `batch`; by default the reading that the manifests name.
            missing: `worst`, `exclude` or `as_zero`.
            n_resamples: Bootstrap resamples of cases.
            seed: Root seed of resamples, and of sign flips where not all are tried.
            margin: Improvements of MAE up to this count as none; in steps of the scale, a wide
                one taken for one of seven grades (`Scale.unit`).
            published: A published protocol to be shown beside.

        Raises:
            RequestError: If calibration or missing is no choice, the manifests disagree, or the
                margin is not above 0.
        """
        if not margin > 0:
            raise RequestError(
                f"stats.margin={margin!r} must be above 0: no data show that two judges are exactly"
                " equal."
            )
        return cls(
            frames,
            study_reading(frames, calibration),
            parse_missing(missing),
            CaseResampler(n_resamples, seed),
            # Asked for in steps of the scale, held in its own units.
            margin * frames.scale.unit,
            published=published,
        )

    @cached_property
    def by_reading(self) -> Mapping[Reading, Mapping[JudgeKey, Answers]]:
        """Answers by judge, in either reading."""
        return answers_by_reading(self.frames.predictions, self.frames.scale, self.missing)

    @cached_property
    def _results(self) -> dict[bytes, Any]:
        """Results of `cached`, by digest of what they depend on."""
        # In `__dict__`, past the frozen dataclass; what `replace` makes begins with none.
        return {}

    def cached(self, what: str, of: Iterable[object], work: Callable[[], T]) -> T:
        """The result of `work`, computed once for equal data.

        A reference stands in many contrasts and a contrast in several sections; their resamples,
        intervals and p-values are the same.

        Args:
            what: The kind of result.
            of: All that it depends on besides this analysis: `Answers`, arrays, words and numbers.
            work: Computes it; no caller may change the result.
        """
        key = _digest(what, of)
        # Not `get`: a result may be None, as `compare` gives for ranks that nobody answered.
        if key not in self._results:
            self._results[key] = work()
        result: T = self._results[key]
        return result

    @property
    def answers(self) -> Mapping[JudgeKey, Answers]:
        """Answers by judge, in the study's own reading."""
        return self.by_reading[self.reading]

    @property
    def widest(self) -> float:
        """The largest error possible, in grades."""
        scale = self.frames.scale
        if self.missing == "as_zero":
            # An answer that counts as 0 may be farther off than the scale is wide.
            return float(max(scale.span, *map(abs, scale.grades)))
        return float(scale.span)

    @cached_property
    def case_of(self) -> Mapping[str, str]:
        """Item id -> its case; of many cases `Answers` hold the groups that are resampled."""
        rows = self.frames.predictions[["item_id", "case_id"]].drop_duplicates()
        return dict(rows.itertuples(index=False))

    def n_cases(self, items: Iterable[str]) -> int:
        """How many cases these items are of."""
        return len({self.case_of[str(item)] for item in set(items)})

    @cached_property
    def calibrated(self) -> set[JudgeKey]:
        """The judges that have a batch-calibrated grade on any item."""
        return judges_with_batch(self.frames.predictions)

    @cached_property
    def variants(self) -> list[tuple[str, str, str]]:
        """(variant, alignment, backend) of all predictions, in the order of tables."""
        return variants(self.frames)


def _digest(what: str, of: Iterable[object]) -> bytes:
    """A key that equal data share, and no others."""
    digest = blake2b(what.encode(), digest_size=16)
    for value in of:
        parts: list[Any] = [value]
        if isinstance(value, Answers):
            # Not `astuple`, which would copy every array.
            parts = [getattr(value, field.name) for field in fields(value)]
        for part in parts:
            if isinstance(part, np.ndarray):
                # Type and shape too, and a mark between parts: equal bytes of other arrays are no
                # equal data.
                digest.update(f"|{part.dtype.str}{part.shape}:".encode())
                digest.update(np.ascontiguousarray(part).tobytes())
            else:
                # By `repr`: whatever is neither array nor `Answers` must show all of its value.
                digest.update(f"|{part!r}".encode())
    return digest.digest()
