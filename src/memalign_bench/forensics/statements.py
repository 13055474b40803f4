"""Statements about what is not printed: dimensions without a number, memories never left out."""

from __future__ import annotations

from collections.abc import Iterator

from memalign_bench.forensics.figures import DimensionFigures, PublishedStudy
from memalign_bench.forensics.findings import Finding

__all__ = ["of_memories", "of_silence"]


def of_silence(study: PublishedStudy) -> Iterator[Finding]:
    """Dimensions of which nothing is printed, and those whose unaligned error nothing tells."""
    known = study.design.dimensions
    if not known:
        return
    with_number = {name for _, name, figures in study.each() if _has_number(figures)}
    unprinted = [name for name in known if name not in with_number]
    if unprinted:
        names = ", ".join(unprinted)
        sentence = f"{len(unprinted)} of {len(known)} dimensions have no printed number: {names}."
        yield Finding("completeness", "all experiments", "not printed", sentence)
    low = study.design.low_error_dimensions
    if low is None:
        return
    high = {name for _, name, figures in study.each() if _is_high(figures)}
    rest = len(known) - len(high) - low
    if rest:
        sentence = (
            f"Unaligned errors: {len(high)} dimensions are printed above 0.10 and {low} are said to"
            f" be at or below it, which is {len(high) + low} of {len(known)}."
        )
        # Below 0 more dimensions are counted than there are.
        verdict = "not printed" if rest > 0 else "does not fit"
        yield Finding("completeness", "protocol", verdict, sentence)


def _has_number(figures: DimensionFigures) -> bool:
    others = (figures.ci, figures.reduction_pct, figures.unaligned_mae_below)
    return bool(figures.means()) or any(value is not None for value in others)


def _is_high(figures: DimensionFigures) -> bool:
    return figures.unaligned_mae is not None and float(figures.unaligned_mae) > 0.10


def of_memories(study: PublishedStudy) -> Iterator[Finding]:
    """For each memory, whether a pair of experiments differs in it and in nothing else."""
    arms = study.design.memories
    if not arms:
        return
    unaligned: frozenset[str] = frozenset()
    # Sorted, since sets have no order that stays from run to run.
    for memory in sorted(frozenset().union(*arms.values())):
        for name, memories in arms.items():
            if memory not in memories or memories == {memory}:
                continue
            without = [other for other, others in arms.items() if others == memories - {memory}]
            # Without its only memory an experiment is the unaligned judge, which is always there.
            if memories - {memory} != unaligned and not without:
                sentence = (
                    f"No printed experiment is {name} without {memory} memory, so no figure says"
                    f" what {memory} memory adds there."
                )
                yield Finding("memories", name, "not printed", sentence)
            for other in without:
                sentence = f"{other} is {name} without {memory} memory; their difference tells."
                yield Finding("memories", f"{name}, {other}", "agrees", sentence)
