"""The smallest p against every set of gains that a few items can have."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from memalign_bench.forensics.attainable import holm_p, smallest_sign_flip_p, smallest_t_p
from memalign_bench.forensics.feasible import STEPS
from memalign_bench.forensics.tables import attainable
from memalign_bench.stats.multiplicity import holm
from memalign_bench.stats.resampling.sign_flips import sign_flips

LARGEST = 2


def gains_of(n, net):
    everything = combinations_with_replacement(range(-LARGEST, LARGEST + 1), n)
    return [np.array(gains) for gains in everything if sum(gains) == net]


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_no_gains_with_the_same_sum_have_a_smaller_p(n):
    for net in range(-LARGEST * n, LARGEST * n + 1):
        every = gains_of(n, net)
        flips = [sign_flips(gains, np.arange(n)).p_value() for gains in every]
        assert smallest_sign_flip_p(net, n) == pytest.approx(min(flips))
        spread = [gains for gains in every if np.ptp(gains)]
        told = smallest_t_p(net, n)
        if len(spread) < len(every) and net:
            assert told == 0  # all may gain alike
        else:
            p = [ttest_1samp(gains, 0).pvalue for gains in spread]
            assert told == pytest.approx(min(p, default=1.0))


def test_many_items_cannot_help_a_small_sum():
    assert smallest_sign_flip_p(4, 50) == smallest_sign_flip_p(-4, 1000) == 0.125
    assert smallest_sign_flip_p(50, 4) == 0.125
    assert smallest_sign_flip_p(0, 9) == 1


def test_holm_takes_the_others_at_their_best(study_of):
    study = study_of(
        "protocol: {notebooks: 8, score_scale: [1, 2], dimensions: [a, b, c]}\n"
        "full:\n"
        "  a: {improvement: 0.875, n_items: 8, significant: true}\n"
        "  b: {improvement: 0.750, n_items: 8, significant: true}\n"
    )
    rows = {row.dimension: row for row in attainable(study) if row.step == "whole"}
    a, b = rows["a"], rows["b"]
    assert (a.p_sign_flip, b.p_sign_flip) == (2**-6, 2**-5)
    # c counts, and is not rejected: a is corrected for three, b for the two that are left.
    assert (a.p_sign_flip_holm, b.p_sign_flip_holm) == (3 * 2**-6, 2 * 2**-5)
    assert a.family == b.family == 3


@settings(deadline=None, max_examples=10)
@given(st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.01, 0.04, 0.3, 1.0]), min_size=1, max_size=9))
def test_holm_of_one_is_its_place_in_holm_of_all(p):
    assert holm_p(p[0], p[1:]) == pytest.approx(holm(p)[0])


def test_sums_are_told_in_grades(study):
    for row in attainable(study):
        if row.error_unaligned is not None:
            assert row.error_unaligned - row.error_aligned == pytest.approx(row.gain)
        assert abs(row.gain / float(STEPS[row.step]) % 1) < 1e-9 or row.step == "third"
