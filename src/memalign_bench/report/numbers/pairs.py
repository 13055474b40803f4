"""Which judge is held against which, and which comparisons are claims rather than exploration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from memalign_bench.report.numbers.alignments import FULL, UNALIGNED
from memalign_bench.report.numbers.readings import NO_BACKEND, JudgeKey

__all__ = [
    "Pair",
    "alignment_of",
    "claimed_pairs",
    "is_swept",
    "is_unaligned",
    "pairs_of",
    "parts_of",
    "settings_of",
]

_SWEPT_SETTINGS = ("n_train=", "label_noise=", "attack=")
"""Settings that say what was learnt from or judged, not how; their sweeps have sections of their
own."""


class Pair(NamedTuple):
    """A judge and what it is held against: an unaligned judge, or itself on another backend."""

    variant: str
    alignment: str
    backend: str
    reference: str
    reference_backend: str

    def judge(self, dimension: str) -> JudgeKey:
        """The judge on one dimension."""
        return JudgeKey(dimension, self.variant, self.backend)

    def reference_judge(self, dimension: str) -> JudgeKey:
        """What it is held against, on one dimension."""
        return JudgeKey(dimension, self.reference, self.reference_backend)

    @property
    def names(self) -> tuple[str, str]:
        """The reference and the judge by names that tell them apart."""
        if self.reference != self.variant:
            return self.reference, self.variant
        return f"{self.reference} on {self.reference_backend}", f"{self.variant} on {self.backend}"


def pairs_of(known: Sequence[tuple[str, str, str]]) -> Iterator[Pair]:
    """Every judge with its unaligned judge, on its own backend or, without a model, on each.

    Then every judge with the same variant on the first backend that has it.

    Args:
        known: (variant, alignment, backend) of the study, in the order of tables.
    """
    backends = dict.fromkeys(backend for _, _, backend in known if backend != NO_BACKEND)
    for variant, alignment, backend in known:
        # A judge without a model answers alike beside every backend: it is held against each.
        for place in backends if backend == NO_BACKEND else (backend,):
            unaligned = [v for v, a, b in known if a == UNALIGNED and b == place]
            reference = _closest_unaligned(variant, unaligned)
            # What asks no model was asked in no way: beside the only way there is, it stands too.
            if reference is None and backend == NO_BACKEND and len(unaligned) == 1:
                (reference,) = unaligned
            if reference is not None:
                yield Pair(variant, alignment, backend, reference, place)
    first: dict[str, str] = {}
    for variant, alignment, backend in known:
        # `setdefault` gives the first backend of the variant, which is not held against itself.
        if backend != NO_BACKEND and first.setdefault(variant, backend) != backend:
            yield Pair(variant, alignment, backend, variant, first[variant])


def _closest_unaligned(variant: str, unaligned: list[str]) -> str | None:
    """The unaligned variant that shares most settings with this one and has none of its own."""
    settings = settings_of(variant)
    shared = [v for v in unaligned if v != variant and settings_of(v) <= settings]
    if is_unaligned(variant):
        # `none,view=x` is held against plain `none`, never against itself or a sibling.
        shared = [v for v in shared if settings_of(v) < settings]
    return max(shared, key=lambda v: len(settings_of(v)), default=None)


def alignment_of(variant: str) -> str:
    """The alignment in a variant's name.

    >>> alignment_of("full,memory.k=2")
    'full'
    """
    return variant.partition(",")[0]


def settings_of(variant: str) -> frozenset[str]:
    """Settings in a variant's name."""
    return frozenset(parts_of(variant)[1:])


def parts_of(variant: str) -> list[str]:
    """The alignment of a variant and its settings, in their order.

    >>> parts_of("full,memory.k=2,prompt.order=[item,rubric]")
    ['full', 'memory.k=2', 'prompt.order=[item,rubric]']
    """
    # A comma is within brackets where a ] follows before any [.
    return re.split(r",(?![^\[]*\])", variant)


def is_unaligned(variant: str) -> bool:
    """Whether a variant is the unaligned judge, asked in any way."""
    return alignment_of(variant) == UNALIGNED


def is_swept(variant: str) -> bool:
    """Whether a variant had fewer training labels than there are, wrong ones, or was attacked."""
    return any(setting.startswith(_SWEPT_SETTINGS) for setting in settings_of(variant))


def claimed_pairs(pairs: Sequence[Pair]) -> set[Pair]:
    """The pairs that are no exploration: per backend, plain `full` or the only variant of it."""
    chosen = set()
    # Not those of one variant on two backends.
    full = [p for p in pairs if p.alignment == FULL and p.backend == p.reference_backend]
    for backend in {pair.backend for pair in full}:
        of_backend = [pair for pair in full if pair.backend == backend]
        plain = [pair for pair in of_backend if not settings_of(pair.variant)]
        # Of several variants, none of them plain, nobody could tell which one was meant.
        chosen |= set(plain or (of_backend if len(of_backend) == 1 else []))
    return chosen
