from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memalign_bench.errors import RequestError
from memalign_bench.study.splits import GroupKFold
from memalign_bench.types import Item


def items(cases, per_case=2, stratum=lambda case: ""):
    return [
        Item(f"i{case:03d}-{part}", f"c{case:03d}", "", "", "text", "", stratum(case))
        for case in range(cases)
        for part in range(per_case)
    ]


@given(st.integers(4, 40), st.integers(1, 3), st.integers(2, 4), st.integers(0, 9))
def test_a_case_is_never_on_both_sides_and_folds_are_even(cases, per_case, folds, seed):
    held = items(cases, per_case, lambda case: "ab"[case % 2])
    fold = GroupKFold().assign(held, folds, seed)
    by_case = {}
    for item in held:
        by_case.setdefault(item.case_id, set()).add(fold[item.item_id])
    assert all(len(found) == 1 for found in by_case.values())
    sizes = Counter(next(iter(found)) for found in by_case.values())
    assert sorted(sizes) == list(range(folds))
    assert max(sizes.values()) - min(sizes.values()) <= 2


def test_strata_are_spread_over_folds():
    held = items(16, stratum=lambda case: "rare" if case < 4 else "common")
    fold = GroupKFold().assign(held, 4, 0)
    rare = {fold[item.item_id] for item in held if item.stratum == "rare"}
    assert rare == {0, 1, 2, 3}


def test_small_strata_are_merged_rather_than_refused():
    held = items(12, stratum=lambda case: f"s{case}" if case < 3 else "common")
    assert set(GroupKFold().assign(held, 4, 0).values()) == {0, 1, 2, 3}


def test_folds_follow_data_number_and_seed_alone():
    held = items(20)
    assert GroupKFold().assign(held, 4, 1) == GroupKFold().assign(held[::-1], 4, 1)
    assert GroupKFold().assign(held, 4, 1) != GroupKFold().assign(held, 4, 2)


def test_more_folds_than_cases_is_refused():
    with pytest.raises(RequestError, match="folds=4 cannot be made from 3 cases"):
        GroupKFold().assign(items(3), 4, 0)
    with pytest.raises(RequestError, match="from 1 case; a study needs two"):
        GroupKFold().assign(items(1), 4, 0)
