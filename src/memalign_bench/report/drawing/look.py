"""How a study looks on paper: order, names, colours and marks that all figures and pages share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from memalign_bench.report.numbers.alignments import (
    DEFAULT_ORDER,
    FULL,
    UNALIGNED,
    order_of,
    recorded_rung,
)
from memalign_bench.report.numbers.pairs import alignment_of, is_unaligned
from memalign_bench.report.numbers.readings import NO_BACKEND, Reading
from memalign_bench.types import Grade

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.numbers.analysis import Analysis
    from memalign_bench.report.numbers.frames import StudyFrames

__all__ = ["Look", "Mark", "in_own_reading", "look_of", "own_contrasts"]

# 16 in `memory.k=16`, 0.5 in `label_noise=0.5`.
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Mark:
    """Colour and shape of one variant, the same in every figure."""

    colour: str
    shape: str


# Seaborn's colour-blind palette; shapes differ too, for print without colour. What the YAML of an
# alignment names is not among them.
_SPARE_MARKS = tuple(
    Mark(colour, shape)
    # Colours in the inner loop: variants differ in shape alone only from the seventh on.
    for shape in ("X", "<", ">", "p", "h", "*")
    for colour in ("#d55e00", "#56b4e9", "#882255", "#44aa99", "#999933", "#332288")
)
_DIMENSION_MARKS = tuple(
    Mark(colour, shape)
    for colour, shape in zip(
        ("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#000000", "#56b4e9", "#882255",
         "#999933"),
        ("o", "s", "^", "D", "v", "P", "X", "<", ">"),
        strict=True,
    )
)  # fmt: skip


@dataclass(frozen=True)
class Look:
    """What figures and pages need to know of a study besides its numbers.

    Attributes:
        titles: Dimension -> name for people, in the rubric's order.
        variants: All variants of the study, in the order of tables and figures.
        marks: Variant -> its mark.
        backends: Backends with a model, in the order of the panels; `("none",)` where there is
            no model in the study.
        grades: The scale, rising.
        words: One word a grade.
        orders: Alignment -> its place among others, rising.
        own_marks: Alignment -> the mark that its YAML names.
        reading: `raw` or `batch`: how the distributions were read for MAE, bias and agreement.
    """

    titles: Mapping[str, str]
    variants: tuple[str, ...]
    marks: Mapping[str, Mark]
    backends: tuple[str, ...]
    grades: tuple[Grade, ...]
    words: tuple[str, ...]
    orders: Mapping[str, float]
    own_marks: Mapping[str, Mark]
    reading: Reading

    def dimensions(self, present: Iterable[str]) -> list[str]:
        """Those dimensions that are present, in the rubric's order."""
        wanted = set(present)
        return [name for name in self.titles if name in wanted] + sorted(wanted - set(self.titles))

    def ordered(self, present: Iterable[str]) -> list[str]:
        """Those variants that are present, in the study's order."""
        wanted = set(present)
        return [variant for variant in self.variants if variant in wanted]

    def sorted_names(self, names: Iterable[str]) -> list[str]:
        """Variants or alignments, of the study or not, in the study's order."""
        return _in_order(set(names), self.orders)

    def mark_of(self, alignment: str) -> Mark:
        """The mark of an alignment, whichever of its variants the study holds."""
        members = [name for name in self.variants if alignment_of(name) == alignment]
        # First the plain variant's, then what the YAML names, then that of any variant.
        known = self.marks.get(alignment) or self.own_marks.get(alignment)
        return known or (self.marks[members[0]] if members else Mark("0.3", "o"))

    def dimension_mark(self, dimension: str) -> Mark:
        """The mark of a dimension where dimensions are what is told apart."""
        return _DIMENSION_MARKS[[*self.titles].index(dimension) % len(_DIMENSION_MARKS)]

    def title(self, dimension: str) -> str:
        """Name of a dimension for people."""
        return self.titles.get(dimension, dimension)


def look_of(analysis: Analysis) -> Look:
    """Look of a study as its records show it."""
    frames = analysis.frames
    # Always with none and full: captions and lines refer to them.
    alignments = sorted({alignment for _, alignment, _ in analysis.variants} | {UNALIGNED, FULL})
    orders = {name: order_of(frames, name) for name in alignments}
    recorded = {name: mark for name in alignments if (mark := _recorded_mark(frames, name))}
    names = _in_order({variant for variant, _, _ in analysis.variants}, orders)
    backends = sorted({backend for _, _, backend in analysis.variants} - {NO_BACKEND})
    return Look(
        titles=frames.dimensions,
        variants=tuple(names),
        marks=_marks_by_variant(names, recorded),
        backends=tuple(backends or [NO_BACKEND]),
        grades=tuple(frames.grades),
        words=tuple(frames.words),
        orders=orders,
        own_marks=recorded,
        reading=analysis.reading,
    )


def _recorded_mark(frames: StudyFrames, alignment: str) -> Mark | None:
    rung = recorded_rung(frames, alignment)
    return Mark(rung["colour"], rung["shape"]) if {"colour", "shape"} <= set(rung) else None


def _in_order(variants: Iterable[str], orders: Mapping[str, float]) -> list[str]:
    """Variants by the order of their alignment, each plain before its settings.

    >>> orders = {"none": 0, "full": 30, "median_label": 40}
    >>> _in_order(["median_label", "full,memory.k=16", "full,memory.k=2", "full", "none"], orders)
    ['none', 'full', 'full,memory.k=2', 'full,memory.k=16', 'median_label']
    """

    def sort_key(variant: str) -> tuple[float, str, int, list[str], list[float], str]:
        # Words and numbers apart, so that memory.k=16 stands behind memory.k=2.
        alignment = alignment_of(variant)
        # The name itself comes last: `k=2` and `k=2.0` are alike in all else.
        words, numbers = _NUMBER.split(variant), list(map(float, _NUMBER.findall(variant)))
        return (
            orders.get(alignment, DEFAULT_ORDER),
            alignment,
            variant.count(","),
            words,
            numbers,
            variant,
        )

    return sorted(variants, key=sort_key)


def _marks_by_variant(variants: Sequence[str], named: Mapping[str, Mark]) -> dict[str, Mark]:
    """Marks by variant; the only variant of an alignment has the alignment's own.

    >>> triangle = Mark("#029e73", "^")
    >>> marks = _marks_by_variant(["none", "full,memory.k=2"], {"full": triangle})
    >>> marks["full,memory.k=2"] == triangle
    True
    """
    members = Counter(map(alignment_of, variants))
    alignment_marks = {
        variant: named[alignment_of(variant)]
        for variant in variants
        if alignment_of(variant) in named
        and (variant in named or members[alignment_of(variant)] == 1)
    }
    without_mark = [variant for variant in variants if variant not in alignment_marks]
    spare = {variant: _SPARE_MARKS[n % len(_SPARE_MARKS)] for n, variant in enumerate(without_mark)}
    return {variant: alignment_marks.get(variant) or spare[variant] for variant in variants}


def own_contrasts(contrasts: pd.DataFrame, look: Look, metric: str) -> pd.DataFrame:
    """Contrasts with unaligned judges in one metric and the study's reading.

    `raw` where a pair has no distributions. Contrasts between backends are left out.
    """
    within = contrasts["reference_backend"].eq(contrasts["backend"])
    contrasts = contrasts[within | contrasts["backend"].eq(NO_BACKEND)]
    # Cast, since `map` of no rows gives objects, by which pandas would choose columns.
    contrasts = contrasts[contrasts["reference"].map(is_unaligned).astype(bool)]
    return in_own_reading(contrasts[contrasts["metric"] == metric], look)


def in_own_reading(table: pd.DataFrame, look: Look) -> pd.DataFrame:
    """The comparisons of a table in the study's reading; `raw` where a pair has no distributions.

    Args:
        table: With the columns `dimension variant backend reference_backend reading`.
        look: Says which reading is the study's.
    """
    pair = ["dimension", "variant", "backend", "reference_backend"]
    # Pairs without a row in the study's reading have only the raw one.
    own_rows = table[table["reading"] == look.reading]
    pairs_with_own = set(map(tuple, own_rows[pair].to_numpy()))
    only_raw = [tuple(key) not in pairs_with_own for key in table[pair].to_numpy()]
    # With a dtype: an empty list would make floats, which `&` refuses.
    raw_only_rows = np.array(only_raw, dtype=bool) & (table["reading"] == "raw").to_numpy()
    return table[(table["reading"] == look.reading).to_numpy() | raw_only_rows]
