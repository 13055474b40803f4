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
        # The number of cases alone decides; the argument is there since `assign` has it.
        del fold_seed
        n_cases = len({item.case_id for item in items})
        if n_cases < 2:
            raise RequestError(
                f"folds={folds} cannot be made from {n_cases} case; a study needs two, of which one"
                " is held out (items without case_id are cases of their own)."
            )
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
        ordered = sorted(items, key=lambda item: item.item_id)
        self.check(ordered, folds, fold_seed)
        for item in ordered:
            # Items of one case may name several strata: one of them, whatever the items' order.
            strata[item.case_id] = max(strata.get(item.case_id, ""), item.stratum)
        # Sorted, so that the order of cases in a file decides nothing.
        fold_of_case = _deal_folds(
            sorted(strata), _merge_small_strata(strata, folds), folds, fold_seed
        )
        return {item.item_id: fold_of_case[item.case_id] for item in ordered}


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
        ordered = sorted(items, key=lambda item: item.item_id)
        # Each item needs a fold, each case a single one.
        problems = [
            f"item {item.item_id!r} names no fold." for item in ordered if item.fold is None
        ]
        folds_of_case: dict[str, set[int]] = {}
        for item in ordered:
            if item.fold is not None:
                folds_of_case.setdefault(item.case_id, set()).add(item.fold)
        problems += [
            f"case {case!r} lies in folds {', '.join(map(str, sorted(case_folds)))}; a case is"
            " never divided."
            for case, case_folds in sorted(folds_of_case.items())
            if len(case_folds) > 1
        ]
        # The folds together must be 0 to folds - 1.
        data_folds = sorted({fold for case_folds in folds_of_case.values() for fold in case_folds})
        if not problems and (
            data_folds != list(range(len(data_folds))) or len(data_folds) != folds
        ):
            problems.append(
                f"folds={folds}, but the data names folds {', '.join(map(str, data_folds))}; they"
                f" count from 0, and folds= is how many there are."
            )
        if fold_seed:
            problems.append(f"fold_seed={fold_seed} changes nothing here; leave it at 0.")
        if problems:
            # A wrong column would give a line for every item.
            shown = [*problems[:20], *([f"and {len(problems) - 20} more"] * (len(problems) > 20))]
            raise RequestError("splits=predefined: " + "\n  ".join(shown))
        return {item.item_id: item.fold for item in ordered if item.fold is not None}


def _merge_small_strata(strata: Mapping[str, str], folds: int) -> Mapping[str, str]:
    """Case -> stratum; strata with fewer cases than folds are merged into one."""
    counts = Counter(strata.values())
    merged = {case: name if counts[name] >= folds else "" for case, name in strata.items()}
    counts = Counter(merged.values())
    if 0 < counts[""] < folds:  # what was merged is still too small: it joins the largest
        largest = max(counts, key=lambda name: (counts[name], name))
        merged = {case: name or largest for case, name in merged.items()}
    return merged


def _deal_folds(
    cases: list[str], strata: Mapping[str, str], folds: int, fold_seed: int
) -> Mapping[str, int]:
    """Case -> fold: stratified where there are several strata, else plain k-fold; both shuffled."""
    from sklearn.model_selection import KFold, StratifiedKFold

    groups = [strata[case] for case in cases]
    splitter_class = KFold if len(set(groups)) == 1 else StratifiedKFold
    # scikit-learn takes seeds of 32 bits.
    seed = child_seed(fold_seed, "folds", folds) % 2**32
    splitter = splitter_class(n_splits=folds, shuffle=True, random_state=seed)
    splits = splitter.split(np.zeros(len(cases)), groups)
    return {cases[place]: fold for fold, (_, test) in enumerate(splits) for place in test}
