"""An audit: every table, and what they say in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from memalign_bench.forensics import conclusions, findings, statements
from memalign_bench.forensics.arithmetic import Agreement, agreements
from memalign_bench.forensics.coverage import Coverage, coverages
from memalign_bench.forensics.figures import PublishedStudy
from memalign_bench.forensics.findings import Finding
from memalign_bench.forensics.tables import (
    Attainable,
    Mean,
    Pair,
    Size,
    attainable,
    means,
    pairs,
    sizes_of,
)

__all__ = ["Audit", "audit"]


class Audit(NamedTuple):
    """What published figures can and cannot be; the tables in the order in which they are read."""

    study: PublishedStudy
    findings: Sequence[Finding]
    sizes: Sequence[Size]
    means: Sequence[Mean]
    agreements: Sequence[Agreement]
    pairs: Sequence[Pair]
    attainable: Sequence[Attainable]
    coverage: Sequence[Coverage]


def audit(
    study: PublishedStudy, *, studies: int = 10_000, resamples: int = 2_000, seed: int = 0
) -> Audit:
    """Make every check that the printed figures allow.

    Args:
        study: The figures.
        studies: Simulated studies behind each coverage.
        resamples: Bootstrap resamples of each of them.
        seed: Root seed of the simulation.
    """
    # Tables first; every sentence is about rows of one of them.
    sizes, agreement_rows = [*sizes_of(study)], [*agreements(study)]
    pair_rows, attainable_rows = [*pairs(study)], [*attainable(study)]
    coverage_rows: list[Coverage] = []
    bootstrap = study.design.bootstrap
    # Coverage is simulated only where the bootstrap's sample size is told.
    if bootstrap is not None:
        level = study.design.confidence_level
        row_counts = _sizes_to_simulate(study, sizes)
        settings = {"studies": studies, "resamples": resamples, "seed": seed}
        coverage_rows = [*coverages(row_counts, bootstrap, level=level, **settings)]
    sentences: list[Finding] = [
        *findings.of_sizes(study, sizes),
        *conclusions.of_pairs(study, pair_rows, sizes),
        *findings.of_roundings(study, sizes),
        *findings.of_agreements(agreement_rows),
        *conclusions.of_attainable(study, attainable_rows),
        *statements.of_memories(study),
        *statements.of_silence(study),
        *conclusions.of_coverage(study, coverage_rows),
    ]
    return Audit(
        study,
        sentences,
        sizes,
        [*means(study)],
        agreement_rows,
        pair_rows,
        attainable_rows,
        coverage_rows,
    )


def _sizes_to_simulate(study: PublishedStudy, sizes: Sequence[Size]) -> list[int]:
    """The least size that fits each dimension, in the coarsest step, and all notebooks."""
    smallest: dict[tuple[str, str], int] = {}
    for row in sizes:
        if row.n:
            # Rows come from whole to third grades, so the first that fits is of the coarsest step.
            smallest.setdefault((row.experiment, row.dimension), row.n[0])
    # One item has no spread, so its interval is a point.
    return sorted({n for n in (*smallest.values(), study.design.notebooks) if n > 1})
