import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from memalign_bench.stats.bins import bins_within_groups


def test_bins_are_pandas_quantiles_where_nothing_ties():
    values = np.random.default_rng(0).random(60)
    theirs = pd.qcut(values, 10, labels=False)
    assert bins_within_groups(values, ["a"] * 60, 10).tolist() == theirs.tolist()


def test_each_group_is_cut_by_itself():
    values = [0.1, 0.2, 0.3, 0.4, 5, 6, 7, 8]
    assert bins_within_groups(values, list("aaaabbbb"), 2).tolist() == [0, 0, 1, 1] * 2


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 10))
def test_equal_values_share_a_bin_and_bins_rise(values, n_bins):
    bins = bins_within_groups(values, ["a"] * len(values), n_bins)
    found = dict(zip(values, bins.tolist(), strict=True))
    assert all(found[value] == at for value, at in zip(values, bins, strict=True))
    ordered = [found[value] for value in sorted(found)]
    assert ordered == sorted(ordered)
    assert 0 <= min(bins) <= max(bins) < n_bins
