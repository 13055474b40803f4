"""What a run's manifest says of an attack: how much of it the judge got to see."""

from __future__ import annotations

from typing import Any

import numpy as np

from memalign_bench.study.plan import Plan, RowKey

__all__ = ["attack_entry"]


def attack_entry(plan: Plan) -> dict[str, Any]:
    """The manifest's `attack`, over the items that are asked about; empty without an attack.

    By dimension: `items`; `shown`, the mean share of planted lines in the view; `evidence_kept`,
    the mean share of the clean view's lines; `not_shown`, the items whose view has no planted line.
    """
    attack = plan.spec.attack
    if attack is None:
        return {}
    by_dimension: dict[str, Any] = {}
    for dimension in plan.spec.dimensions:
        attacked = {
            name: item
            for (name, question), item in plan.attacked.items()
            # The first repeat stands for all: either all are asked or none.
            if question == dimension and plan.is_asked(RowKey(dimension, name, 0))
        }
        if attacked:
            by_dimension[dimension] = {
                "items": len(attacked),
                "shown": float(np.mean([item.shown for item in attacked.values()])),
                "evidence_kept": float(np.mean([item.kept for item in attacked.values()])),
                "not_shown": sorted(name for name, item in attacked.items() if not item.shown),
            }
    return {"attack": {"name": attack.name, "place": attack.place, "dimensions": by_dimension}}
