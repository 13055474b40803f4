"""Folds: whole cases, balanced over strata, decided by data set, number and seed alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from memalign_bench.errors import RequestError
from memalign_bench.seeding import child_seed
from memalign_bench.types import Item

__all__ = ["GroupKFold", "PredefinedFolds", "SplitRule", "check_foldable"]


class SplitRule(Protocol):
    """Gives every item its fold."""

    @property
    def name(self) -> str:
        """Name of the YAML choice."""

    def assign(self, items: Iterable[Item], folds: int, fold_seed: int) -> Mapping[str, int]:
        """Item id -> fold, from 0 to folds - 1."""


def check_foldable(rule: SplitRule, items: Iterable[Item], folds: int, fold_seed: int) -> None:
    """Refuse what `assign` would refuse; a rule's own `check`, where it has one, need not deal.

    Raises:
        RequestError: If the items cannot be dealt so.
    """
    getattr(rule, "check", rule.assign)(items, folds, fold_seed)


@dataclass(frozen=True)
class GroupKFold:
    """Shuffled k-fold over cases; stratified where the data declares strata.

    The cases, not the items, are dealt out, so a case is never on both sides. A case's stratum is
    that of its items; strata with fewer cases than folds are merged into one.

    Attributes:
        name: Name of the YAML choice.
    """

    name: str = "group_kfold"

    def check(self, items: Iterable[Item], folds: int, fold_seed: int) -> None:
        """Refuse what `assign` would refuse, whatever the seed."""
        del fold_seed
        n_cases = len({item.case_id for item in items})
        if not 2 <= folds <= n_cases:
            raise RequestError(
                f"folds={folds} cannot be made from {n_cases} cases: set folds between 2 and"
                f" {n_cases} (cases are never divided), or raise limit."
            )

    def assign(self, items: Iterable[Item], folds: int, fold_seed: int) -> Mapping[str, int]:
        """Item id -> fold.

        Raises:
            RequestError: If there are fewer cases than folds, or fewer than two folds.
        """
        strata: dict[str, str] = {}
        held = sorted(items, key=lambda item: item.item_id)
        self.check(held, folds, fold_seed)
        for item in held:
            strata[item.case_id] = max(strata.get(item.case_id, ""), item.stratum)
        fold_of_case = _deal(sorted(strata), _merged(strata, folds), folds, fold_seed)
        return {item.item_id: fold_of_case[item.case_id] for item in held}


@dataclass(frozen=True)
class PredefinedFolds:
    """The folds that the data names, for a cut that was published or agreed on.

    Attributes:
        name: Name of the YAML choice.
    """

    name: str = "predefined"

    def assign(self, items: Iterable[Item], folds: int, fold_seed: int) -> Mapping[str, int]:
        """Item id -> fold.

        Raises:
            RequestError: With everything that does not fit: items without a fold, a case on both
                sides, another number of folds than asked for, a fold seed.
        """
        held = sorted(items, key=lambda item: item.item_id)
        problems = [f"item {item.item_id!r} names no fold." for item in held if item.fold is None]
        of_case: dict[str, set[int]] = {}
        for item in held:
            if item.fold is not None:
                of_case.setdefault(item.case_id, set()).add(item.fold)
        problems += [
            f"case {case!r} lies in folds {', '.join(map(str, sorted(found)))}; a case is never"
            " divided."
            for case, found in sorted(of_case.items())
            if len(found) > 1
        ]
        named = sorted({fold for found in of_case.values() for fold in found})
        if not problems and (named != list(range(len(named))) or len(named) != folds):
            problems.append(
                f"folds={folds}, but the data names folds {', '.join(map(str, named))}; they count"
                f" from 0, and folds= is how many there are."
            )
        if fold_seed:
            problems.append(f"fold_seed={fold_seed} changes nothing here; leave it at 0.")
        if problems:
            shown = [*problems[:20], *([f"and {len(problems) - 20} more"] * (len(problems) > 20))]
            raise RequestError("splits=predefined: " + "\n  ".join(shown))
        return {item.item_id: item.fold for item in held if item.fold is not None}


def _merged(strata: Mapping[str, str], folds: int) -> Mapping[str, str]:
    """Strata of cases, those smaller than the number of folds merged."""
    counts = Counter(strata.values())
    merged = {case: name if counts[name] >= folds else "" for case, name in strata.items()}
    counts = Counter(merged.values())
    if 0 < counts[""] < folds:  # what was merged is still too small: it joins the largest
        largest = max(counts, key=lambda name: (counts[name], name))
        merged = {case: name or largest for case, name in merged.items()}
    return merged


def _deal(
    cases: list[str], strata: Mapping[str, str], folds: int, fold_seed: int
) -> Mapping[str, int]:
    from sklearn.model_selection import KFold, StratifiedKFold

    groups = [strata[case] for case in cases]
    kind = KFold if len(set(groups)) == 1 else StratifiedKFold
    seed = child_seed(fold_seed, "folds", folds) % 2**32
    splitter = kind(n_splits=folds, shuffle=True, random_state=seed)
    places = splitter.split(np.zeros(len(cases)), groups)
    return {cases[place]: fold for fold, (_, test) in enumerate(places) for place in test}
