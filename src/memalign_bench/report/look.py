"""How a study looks on paper: order, names, colours and marks that all figures and pages share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.frames import StudyFrames

__all__ = ["CONSTANT_MARK", "NO_MODEL", "Look", "Mark", "look_of", "own_contrasts", "variant_order"]

NO_MODEL = "none"
"""What the column `backend` says of an alignment that asks no model."""

CONSTANT_MARK = "\N{DAGGER}"
"""Stands wherever a judge is shown that gave one and the same grade to every item."""

_NUMBER = re.compile(r"\d+(?:\.\d+)?")

_ORDER = ("none", "semantic", "episodic", "full", "median_label", "knn_vote", "ridge")


@dataclass(frozen=True)
class Mark:
    """Colour and shape of one variant, the same in every figure."""

    colour: str
    shape: str


_MARKS = {  # seaborn's colour-blind palette; shapes differ too, for print without colour
    "none": Mark("#5f5f5f", "o"),
    "semantic": Mark("#0173b2", "s"),
    "episodic": Mark("#de8f05", "D"),
    "full": Mark("#029e73", "^"),
    "median_label": Mark("#000000", "d"),
    "knn_vote": Mark("#cc78bc", "v"),
    "ridge": Mark("#ca9161", "P"),
}
_SPARE = tuple(
    Mark(colour, shape)
    for shape in ("X", "<", ">", "p", "h", "*")
    for colour in ("#d55e00", "#56b4e9", "#882255", "#44aa99", "#999933", "#332288")
)
_DIMENSIONS = tuple(
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
        reading: `raw` or `batch`: how the distributions were read for MAE, bias and agreement.
    """

    titles: Mapping[str, str]
    variants: tuple[str, ...]
    marks: Mapping[str, Mark]
    backends: tuple[str, ...]
    grades: tuple[int, ...]
    words: tuple[str, ...]
    reading: str

    def dimensions(self, present: Iterable[str]) -> list[str]:
        """Those dimensions that are present, in the rubric's order."""
        found = set(present)
        return [name for name in self.titles if name in found] + sorted(found - set(self.titles))

    def ordered(self, present: Iterable[str]) -> list[str]:
        """Those variants that are present, in the study's order."""
        found = set(present)
        return [variant for variant in self.variants if variant in found]

    def mark_of(self, alignment: str) -> Mark:
        """The mark of an alignment, whichever of its variants the study holds."""
        members = [name for name in self.variants if _alignment(name) == alignment]
        known = self.marks.get(alignment) or _MARKS.get(alignment)
        return known or (self.marks[members[0]] if members else Mark("0.3", "o"))

    def dimension_mark(self, dimension: str) -> Mark:
        """The mark of a dimension where dimensions are what is told apart."""
        return _DIMENSIONS[[*self.titles].index(dimension) % len(_DIMENSIONS)]

    def title(self, dimension: str) -> str:
        """Name of a dimension for people."""
        return self.titles.get(dimension, dimension)


def variant_order(variants: Iterable[str]) -> list[str]:
    """Variants from no memory to full, each plain before its settings, models before controls.

    >>> variant_order(["median_label", "full,memory.k=16", "full,memory.k=2", "full", "none"])
    ['none', 'full', 'full,memory.k=2', 'full,memory.k=16', 'median_label']
    """
    known = {name: place for place, name in enumerate(_ORDER)}
    between = _ORDER.index("full")

    def place(variant: str) -> tuple[float, str, int, list[str], list[float], str]:
        base = _alignment(variant)
        words, numbers = _NUMBER.split(variant), list(map(float, _NUMBER.findall(variant)))
        rank = known.get(base, between + 0.5)
        return (rank, base, variant.count(","), words, numbers, variant)

    return sorted(set(variants), key=place)


def look_of(frames: StudyFrames, summary: pd.DataFrame, reading: str) -> Look:
    """Look of a study as its records and its summary table show it."""
    variants = variant_order(summary["variant"])
    backends = sorted(set(summary["backend"]) - {NO_MODEL}) or [NO_MODEL]
    return Look(
        titles=frames.dimensions,
        variants=tuple(variants),
        marks=_marks(variants),
        backends=tuple(backends),
        grades=tuple(frames.grades),
        words=tuple(frames.words),
        reading=reading,
    )


def _marks(variants: Sequence[str]) -> dict[str, Mark]:
    """Marks by variant; the only variant of an alignment has the alignment's own.

    >>> marks = _marks(["none", "full,memory.k=2"])
    >>> marks["full,memory.k=2"] == _MARKS["full"]
    True
    """
    met = Counter(map(_alignment, variants))
    own = {
        variant: _MARKS[_alignment(variant)]
        for variant in variants
        if _alignment(variant) in _MARKS and (variant in _MARKS or met[_alignment(variant)] == 1)
    }
    others = [variant for variant in variants if variant not in own]
    spare = {variant: _SPARE[n % len(_SPARE)] for n, variant in enumerate(others)}
    return {variant: own.get(variant) or spare[variant] for variant in variants}


def _alignment(variant: str) -> str:
    return variant.split(",", maxsplit=1)[0]


def own_contrasts(contrasts: pd.DataFrame, look: Look, metric: str) -> pd.DataFrame:
    """Contrasts with unaligned judges in one metric and the study's reading.

    `raw` where a pair has no distributions. Contrasts between backends are left out.
    """
    within = contrasts["reference_backend"].eq(contrasts["backend"])
    contrasts = contrasts[within | contrasts["backend"].eq(NO_MODEL)]
    pair = ["dimension", "variant", "backend", "reference_backend"]
    table = contrasts[contrasts["metric"] == metric]
    own = table[table["reading"] == look.reading]
    kept = set(map(tuple, own[pair].to_numpy()))
    single = [tuple(key) not in kept for key in table[pair].to_numpy()]
    alone = np.array(single, dtype=bool) & (table["reading"] == "raw").to_numpy()
    return table[(table["reading"] == look.reading).to_numpy() | alone]
