"""The plain level: the planned facets of the real one, each set of them realised in one way.

Whoever reads `real` must find a fact among many ways of writing it. Here one author writes, the
same facets come from the same realisation, and a sentence says what is done (`realisations.notes`).
Cases, facets and scores are those of the real level, item by item.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from genie_synth.facets import complete
from genie_synth.plan import ItemPlan
from genie_synth.realisations import realisations
from genie_synth.realisations.realisation import Realisation
from genie_synth.sketch.case import DIMENSIONS, Case

__all__ = ["AUTHOR", "facet_set", "plain_plan"]

AUTHOR: Mapping[int, int] = {0: 0, 1: 1}
"""corpus -> the one author who writes its plain level; both are terse."""


def facet_set(entry: Realisation) -> str:
    """The facets of a realisation with their defaults, as text that can be compared."""
    return json.dumps(complete(entry.dimension, entry.facets), sort_keys=True)


def plain_plan(items: Sequence[ItemPlan], seed: int) -> list[ItemPlan]:
    """The same items with one realisation for every set of facets.

    Where no realisation of a set can be written for all its cases (a series has no plain rows),
    the fewest that can are taken, the widest first; ties go by name.
    """
    chosen: dict[str, dict[str, Realisation]] = {item.item_id: {} for item in items}
    for dimension in DIMENSIONS:
        pool = realisations(dimension, seed)
        by_facets: dict[str, list[ItemPlan]] = defaultdict(list)
        for item in items:
            if dimension in item.choices:
                by_facets[facet_set(item.choices[dimension])].append(item)
        for facets, group in by_facets.items():
            same = [entry for entry in pool if facet_set(entry) == facets]
            ranked = _widest_first(same, [item.case for item in group])
            for item in group:
                entry_for_case = next(entry for entry in ranked if entry.suits(item.case))
                chosen[item.item_id][dimension] = entry_for_case
    return [
        replace(item, author=AUTHOR[seed], choices=chosen[item.item_id], plain=True)
        for item in items
    ]


def _widest_first(pool: Sequence[Realisation], cases: Sequence[Case]) -> list[Realisation]:
    return sorted(pool, key=lambda entry: (-sum(map(entry.suits, cases)), entry.name))
