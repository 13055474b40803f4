"""The figures that a publication prints, as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

__all__ = ["Bootstrap", "DimensionFigures", "PublishedStudy", "StudyDesign", "decimals_of"]


class Bootstrap(NamedTuple):
    """How many notebooks a resample is said to draw, and out of how many."""

    drawn: int
    of: int


@dataclass(frozen=True)
class StudyDesign:
    """What a publication says of the whole study.

    Attributes:
        notebooks: Items graded; no dimension can have more.
        score_scale: Grades, rising.
        dimensions: Names of all dimensions; empty where they are not told.
        confidence_level: Of the printed intervals.
        bootstrap_sample_size: Notebooks drawn for one resample; None where not told.
        low_error_dimensions: Dimensions said to have an unaligned MAE of 0.10 or less.
        memories: Experiment -> the memories that it uses; empty where not told.
    """

    notebooks: int
    score_scale: tuple[int, ...]
    dimensions: tuple[str, ...] = ()
    confidence_level: float = 0.95
    bootstrap_sample_size: int | None = None
    low_error_dimensions: int | None = None
    memories: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def largest_error(self) -> int:
        """The largest error of one item."""
        return self.score_scale[-1] - self.score_scale[0]

    @property
    def largest_n(self) -> int:
        """The largest number of items that is tried; beyond 1,000 three decimals exclude none."""
        return min(self.notebooks, 1000)

    @property
    def level(self) -> float:
        """Level of a test that goes with the intervals."""
        return round(1 - self.confidence_level, 12)

    @property
    def bootstrap(self) -> Bootstrap | None:
        """The bootstrap as it is worded; None where the sample's size is not told."""
        size = self.bootstrap_sample_size
        return None if size is None else Bootstrap(size, self.notebooks)


@dataclass(frozen=True)
class DimensionFigures:
    """What is printed of one dimension in one experiment; None where it is not printed.

    Numbers are decimals with as many places as were printed: `0.680` says more than `0.68`.
    """

    unaligned_mae: Decimal | None = None
    aligned_mae: Decimal | None = None
    improvement: Decimal | None = None
    reduction_pct: Decimal | None = None
    ci: tuple[Decimal, Decimal] | None = None
    unaligned_mae_below: Decimal | None = None
    significant: bool | None = None
    degraded: bool | None = None
    n_items: int | None = None

    def means(self) -> dict[str, Decimal]:
        """The printed means over items, by key."""
        keys = ("unaligned_mae", "aligned_mae", "improvement")
        printed = {key: getattr(self, key) for key in keys}
        return {key: value for key, value in printed.items() if value is not None}


@dataclass(frozen=True)
class PublishedStudy:
    """All printed figures, and where they stand.

    Attributes:
        source: The publication.
        design: What is said of the whole study.
        experiments: Experiment -> dimension -> figures.
    """

    source: str
    design: StudyDesign
    experiments: Mapping[str, Mapping[str, DimensionFigures]]

    def each(self) -> Iterator[tuple[str, str, DimensionFigures]]:
        """Experiment, dimension and figures, in the order of the file."""
        for experiment, dimensions in self.experiments.items():
            for dimension, figures in dimensions.items():
                yield experiment, dimension, figures


def decimals_of(printed: Decimal) -> int:
    """How many decimals a number was printed with.

    >>> decimals_of(Decimal("0.680"))
    3
    """
    return max(0, -int(printed.as_tuple().exponent))
