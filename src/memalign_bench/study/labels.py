"""The training labels that a cell gets: fewer of them, or some of them wrong.

Which labels are drawn and which are wrong is decided by seed and names alone, so that runs of one
study differ in the number or the share and in nothing else:

- the sample of 8 holds the sample of 4, whatever the labels say;
- what is wrong at a rate of 0.1 is wrong at 0.2, to the same other grade, in every fold that trains
  on the item and however many labels are drawn.

Held-out labels are never touched: what is changed here is a copy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from memalign_bench.seeding import generator
from memalign_bench.types import NOT_APPLICABLE, Grade, Score

__all__ = ["drawn_items", "flipped_grades"]


def drawn_items(cases: Mapping[str, str], n_train: int, seed: int, *cell: object) -> set[str]:
    """The first `n_train` items of a cell's seeded order, or all where there are fewer.

    The order goes over cases in rounds: one item of every case before a second of any. Whoever can
    label eight notebooks does not take two that answer the same request, and a second item of a
    case tells a memory less than the first. It is not stratified by grade: nobody knows a grade
    before the label is there.

    Args:
        cases: Item id -> case id, of the items that may be drawn.
        n_train: How many are wanted, from 0.
        seed: Fold seed.
        cell: What names the cell (dimension, fold).
    """
    # Sorted first: the seed alone decides, not the order of the data.
    names = sorted(cases)
    order = generator(seed, "n_train", *cell).permutation(len(names))
    n_drawn_of_case: Counter[str] = Counter()
    places: list[tuple[int, int, str]] = []
    for position, index in enumerate(order):
        name = names[int(index)]
        # The round first: a case's second item comes after the first of every other case.
        places.append((n_drawn_of_case[cases[name]], position, name))
        n_drawn_of_case[cases[name]] += 1
    return {name for _, _, name in sorted(places)[:n_train]}


def flipped_grades(
    scores: Mapping[str, Score], grades: Sequence[Grade], rate: float, seed: int, dimension: str
) -> dict[str, Grade]:
    """Item id -> the wrong grade, for the share `rate` of a dimension's graded items.

    The items stand in a seeded order, and the first round(rate * n) are wrong; each gets one of the
    other grades, all equally likely. "Not applicable" is no grade and is never flipped.

    Args:
        scores: Item id -> the expert's score, of all items of the dimension.
        grades: The scale.
        rate: Share of wrong labels, 0 to 1.
        seed: Fold seed.
        dimension: Its name.
    """
    graded = sorted(name for name, score in scores.items() if score is not NOT_APPLICABLE)
    order = generator(seed, "label noise", dimension).permutation(len(graded))
    chosen = [graded[int(index)] for index in order[: round(rate * len(graded))]]
    flipped = {}
    for name in chosen:
        others = [grade for grade in grades if grade != scores[name]]
        # A generator per item: its wrong grade does not depend on which others are wrong.
        draw = generator(seed, "label noise", dimension, name)
        flipped[name] = others[int(draw.integers(len(others)))]
    return flipped
