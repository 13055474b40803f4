"""Who gets which quality: scores and realisations of every item, balanced and seeded.

Per dimension the two notebooks of a case get different scores; the six ordered pairs of scores are
spread over the cases, so that every score comes about equally often. A realisation is drawn among
those that suit the case and whose facets the expert policy gives that score, the least used first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from genie_synth.policy import expert
from genie_synth.realisations import realisations
from genie_synth.realisations.realisation import Realisation
from genie_synth.sketch.case import DIMENSIONS, Case
from memalign_bench.errors import RequestError
from memalign_bench.seeding import generator

__all__ = ["ItemPlan", "plan"]

PAIRS = ((1, 2), (2, 3), (3, 1), (2, 1), (3, 2), (1, 3))


@dataclass(frozen=True)
class ItemPlan:
    """What one notebook is to show.

    Attributes:
        item_id: `<case_id>-a` or `-b`.
        case: Its case.
        author: Index into the corpus' authors.
        choices: Applicable dimension -> realisation.
        plain: Whether it is of the plain level (`plain.py`).
    """

    item_id: str
    case: Case
    author: int
    choices: Mapping[str, Realisation]
    plain: bool = False


def plan(cases: Sequence[Case], seed: int, n_authors: int) -> list[ItemPlan]:
    """Scores and realisations of two notebooks a case.

    Raises:
        RequestError: If a dimension has no realisation for a case and score.
    """
    chosen: dict[str, dict[str, Realisation]] = {
        f"{case.case_id}-{letter}": {} for case in cases for letter in "ab"
    }
    for dimension in DIMENSIONS:
        _plan_dimension(dimension, cases, seed, chosen)
    authors = _author_pairs(len(cases), seed, n_authors)
    return [
        ItemPlan(item, case, author, chosen[item])
        for case, pair in zip(cases, authors, strict=True)
        for item, author in zip(_item_ids(case), pair, strict=True)
    ]


def _item_ids(case: Case) -> tuple[str, str]:
    return f"{case.case_id}-a", f"{case.case_id}-b"


def _author_pairs(n: int, seed: int, n_authors: int) -> list[tuple[int, int]]:
    """Two different authors a case, all about equally busy."""
    rng = generator(seed, "plan", "authors")
    order: list[int] = []
    while len(order) < 2 * n:
        deck = [int(author) for author in rng.permutation(n_authors)]
        # The two notebooks of a case must not have one author.
        if order and order[-1] == deck[0]:
            deck.reverse()
        order += deck
    return [(order[2 * i], order[2 * i + 1]) for i in range(n)]


def _plan_dimension(
    dimension: str, cases: Sequence[Case], seed: int, chosen: dict[str, dict[str, Realisation]]
) -> None:
    rng = generator(seed, "plan", dimension)
    pool = realisations(dimension, seed)
    applicable = [case for case in cases if case.applies(dimension)]
    used: Counter[str] = Counter()
    score_counts: Counter[int] = Counter()
    # Cases in random order, since the first have the freest choice.
    for index in rng.permutation(len(applicable)):
        case = applicable[int(index)]
        by_score = _realisations_by_score(pool, case)
        scores = _choose_scores(
            by_score, [chosen[item] for item in _item_ids(case)], score_counts, rng
        )
        if scores is None:
            raise RequestError(
                f"case {case.case_id!r} has realisations of {dimension} for scores"
                f" {sorted(by_score)} only (seed {seed}); it needs two different scores."
            )
        for item, score in zip(_item_ids(case), scores, strict=True):
            pick = _least_used(by_score[score], used, chosen[item], rng)
            chosen[item][dimension] = pick
            used[pick.name] += 1
            score_counts[score] += 1


def _realisations_by_score(pool: Sequence[Realisation], case: Case) -> dict[int, list[Realisation]]:
    by_score: dict[int, list[Realisation]] = {}
    for entry in pool:
        if entry.suits(case):
            score = expert(entry.dimension, entry.facets, case).score
            by_score.setdefault(score, []).append(entry)
    return by_score


def _choose_scores(
    by_score: Mapping[int, Sequence[Realisation]],
    others: Sequence[Mapping[str, Realisation]],
    score_counts: Counter[int],
    rng: np.random.Generator,
) -> tuple[int, int] | None:
    """The pair that keeps the counts of scores most even, ties drawn.

    Pairs come first that contradict nothing the two notebooks show already.
    """
    feasible = [pair for pair in PAIRS if set(pair) <= set(by_score)]
    feasible = [
        pair
        for pair in feasible
        if all(
            any(not _contradicts(entry, shown) for entry in by_score[score])
            for score, shown in zip(pair, others, strict=True)
        )
    ] or feasible
    if not feasible:
        return None
    # Squares: a score that is behind is filled up first.
    costs = [
        sum((score_counts[score] + (score in pair)) ** 2 for score in (1, 2, 3))
        for pair in feasible
    ]
    best = [pair for pair, cost in zip(feasible, costs, strict=True) if cost == min(costs)]
    return best[int(rng.integers(len(best)))]


def _least_used(
    fitting: Sequence[Realisation],
    used: Counter[str],
    others: Mapping[str, Realisation],
    rng: np.random.Generator,
) -> Realisation:
    """The least used realisation that goes with what the notebook shows already, ties drawn."""
    coherent = [entry for entry in fitting if not _contradicts(entry, others)] or list(fitting)
    fewest = min(used[entry.name] for entry in coherent)
    best = [entry for entry in coherent if used[entry.name] == fewest]
    return best[int(rng.integers(len(best)))]


def _contradicts(entry: Realisation, others: Mapping[str, Realisation]) -> bool:
    """Whether two dimensions would tell different stories of one notebook."""
    training = others.get("model_training")
    if entry.dimension == "metrics_evaluation" and training is not None:
        facets = training.facets
        tuned = facets.get("tuned_on", "none") != "none"
        hides_baseline = tuned and not facets.get("baseline", False)
        return hides_baseline and bool(entry.facets.get("baseline_compared", False))
    if entry.dimension == "cell_organization":
        library = others.get("library_installation")
        facets = library.facets if library is not None else {}
        shows_places = facets.get("imports") == "scattered" or facets.get("missing_import", False)
        return bool(shows_places) and entry.facets.get("layout") == "one_cell"
    return False
