"""Three simulated raters and the score they settle on.

They are simulated: each starts from the experts' noise-free score and, where the evidence is
borderline, moves one point with a small chance, in the direction of its temper. `rater_1` is
strict, `rater_2` in between, `rater_3` kind. However the draws fall, a rater moves no more than a
bounded share of the items of a dimension. The gold score is what at least two of them gave, and
their median where all differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from genie_synth.policy import NOT_APPLICABLE
from memalign_bench.seeding import generator

__all__ = ["GOLD", "RATERS", "RatedItem", "Ratings", "rate"]

GOLD = "gold"

RATERS: Mapping[str, float] = {"rater_1": 0.8, "rater_2": 0.5, "rater_3": 0.2}
"""Rater -> how likely a move is downwards (strictness)."""


class Noise(NamedTuple):
    """Chance of moving one point on borderline evidence, and the largest share of items moved."""

    chance: float
    most: float


USUAL = Noise(0.12, 0.11)
NOISE: Mapping[str, Noise] = {"exploratory_data_analysis": Noise(0.34, 0.25)}
"""Dimension -> its noise where it is not the usual one."""

CLEAR = 0.3
"""What the chance is multiplied with where the evidence is clear."""


class RatedItem(NamedTuple):
    """An item, its noise-free score, and whether the evidence is borderline."""

    item_id: str
    score: int
    borderline: bool


class Ratings(NamedTuple):
    """Scores by rater, and the one they settle on."""

    scores: Mapping[str, int]
    gold: int


def rate(seed: int, dimension: str, items: Sequence[RatedItem]) -> dict[str, Ratings]:
    """What the raters give the items of one dimension (a noise-free 0 stays 0 for all).

    >>> rate(0, "model_use", [RatedItem("x", 0, True)])["x"].gold
    0
    """
    columns = {rater: _scores(seed, dimension, items, rater) for rater in RATERS}
    ratings = {}
    for index, item in enumerate(items):
        scores = {rater: column[index] for rater, column in columns.items()}
        ratings[item.item_id] = Ratings(scores, int(np.median(list(scores.values()))))
    return ratings


def _scores(seed: int, dimension: str, items: Sequence[RatedItem], rater: str) -> list[int]:
    noise = NOISE.get(dimension, USUAL)
    graded = sum(item.score != NOT_APPLICABLE for item in items)
    moves: list[tuple[float, int, int]] = []
    for index, item in enumerate(items):
        rng = generator(seed, "rater", rater, dimension, item.item_id)
        chance = noise.chance * (1.0 if item.borderline else CLEAR)
        draw, down = float(rng.random()), bool(rng.random() < RATERS[rater])
        if item.score != NOT_APPLICABLE and draw < chance:
            moves.append((draw / chance, index, -1 if down else 1))
    scores = [item.score for item in items]
    # The smallest draws first, up to the largest share of items.
    for _, index, step in sorted(moves)[: int(noise.most * graded)]:
        scores[index] = min(max(scores[index] + step, 1), 3)
    return scores
