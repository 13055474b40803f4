"""Does an expert that only reads the notebooks arrive at the labels?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from genie_synth.oracle import rulings
from genie_synth.oracle.disguise import disguise
from genie_synth.policy import spelled
from genie_synth.sketch.case import DIMENSIONS
from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.gold import gold_labels
from memalign_bench.types import Rubric

__all__ = ["OracleMatch", "oracle_matches"]


class OracleMatch(NamedTuple):
    """What the oracle says of one dimension.

    Attributes:
        dimension: Its name.
        n_items: Items with a noise-free label, those to which it does not apply included.
        n_noise_free: Items where the oracle gives the noise-free score.
        n_steady: Items where it says the same of the notebook under other names, without comments.
        gold_distance: Mean absolute difference from gold over applicable items: the raters' noise,
            and what the oracle misses.
        missed: Items where it gives another score than the noise-free one.
    """

    dimension: str
    n_items: int
    n_noise_free: int
    n_steady: int
    gold_distance: float
    missed: tuple[str, ...]


def oracle_matches(data: LabelledDataset, rubric: Rubric) -> list[OracleMatch]:
    """The oracle's scores against the noise-free ones and gold.

    Only of dimensions that it knows; empty where nothing was planted.
    """
    planted = {
        (e.item_id, e.dimension): spelled(e.score) for e in data.evidence if e.score is not None
    }
    known = [name for name in rubric.dimensions if name in DIMENSIONS]
    if not planted or not known:
        return []
    original, disguised = {}, {}
    for item in data.item.values():
        original[item.item_id] = rulings(item.content, item.prompt, item.context, item.item_id)
        other = disguise(item.content)
        disguised[item.item_id] = rulings(other, item.prompt, item.context, item.item_id)
    return [_match(name, data, planted, original, disguised) for name in known]


def _match(
    name: str,
    data: LabelledDataset,
    planted: Mapping[tuple[str, str], int],
    original: Mapping[str, Mapping[str, tuple[int, str]]],
    disguised: Mapping[str, Mapping[str, tuple[int, str]]],
) -> OracleMatch:
    items = [item_id for item_id in data.item if (item_id, name) in planted]
    score = {item_id: original[item_id][name][0] for item_id in items}
    golds = gold_labels(data, "adjudicated", [name])
    distances = [
        abs(score[item_id] - spelled(label.score))
        for (item_id, _), label in golds.items()
        if spelled(label.score) and score.get(item_id)
    ]
    missed = tuple(item_id for item_id in items if score[item_id] != planted[item_id, name])
    return OracleMatch(
        dimension=name,
        n_items=len(items),
        n_noise_free=len(items) - len(missed),
        n_steady=sum(original[item_id][name] == disguised[item_id][name] for item_id in items),
        gold_distance=sum(distances) / len(distances) if distances else 0.0,
        missed=missed,
    )
