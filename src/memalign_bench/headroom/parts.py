"""Which part of the error an item counts to: what of its grade follows from what a judge sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from memalign_bench.headroom.facets import Convention
from memalign_bench.types import Grade

__all__ = ["SHARED", "UNSEEN", "UNSHARED", "ItemSight", "item_sight"]

SHARED = "seen and shared"
UNSHARED = "seen and not shared"
UNSEEN = "not seen"


@dataclass(frozen=True)
class ItemSight:
    """One item under both conventions.

    Attributes:
        true_grade: The experts' convention on the planted facts, before any rater's noise.
        literal_grade: The literal convention on the planted facts.
        seen_grade: The experts' convention on the judge's answers; a fact that is not seen is taken
            to be as it usually is.
        part: Whether what the judge sees gives `true_grade` whatever the facts that it does not see
            may be; and if so, whether the literal convention gives the same grade.
    """

    true_grade: Grade
    literal_grade: Grade
    seen_grade: Grade
    part: str


def item_sight(
    expert: Convention,
    literal: Convention,
    truth: Mapping[str, bool],
    answers: Mapping[str, bool],
    *,
    unseen: Sequence[str],
    top: Grade,
) -> ItemSight:
    """What follows from a judge's answers for one item.

    Args:
        expert: The experts' convention.
        literal: What the rubric's plain text says.
        truth: Every fact as it is, those of the request among them.
        answers: Facts as the judge answers; one that is not seen as it usually is. What is not
            in it was not asked, since it holds of every item or of none.
        unseen: The facts that are not seen.
        top: The best grade.

    >>> rule = Convention.of({1: ["leaks"], 2: ["not tuned"]})
    >>> plain = Convention.of({2: ["not tuned"]})
    >>> item_sight(rule, plain, {"leaks": True, "tuned": True}, {"leaks": True, "tuned": True},
    ...            unseen=["tuned"], top=3).part
    'seen and not shared'
    """
    # What was not asked is taken from the truth: it stands in the data line or never varies.
    seen_facts = {**truth, **answers}
    true_grade, literal_grade = expert.grade(truth, top), literal.grade(truth, top)
    # What nobody sees may be either way; only what decides all the same has been seen.
    # Facts that the convention does not ask for would only double the cases to try.
    hidden = [name for name in unseen if name in expert.names]
    assignments = (
        dict(zip(hidden, assignment, strict=True))
        for assignment in product((False, True), repeat=len(hidden))
    )
    is_determined = all(
        expert.grade({**seen_facts, **assignment}, top) == true_grade for assignment in assignments
    )
    part = UNSEEN if not is_determined else SHARED if literal_grade == true_grade else UNSHARED
    return ItemSight(true_grade, literal_grade, expert.grade(seen_facts, top), part)
