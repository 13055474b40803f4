"""Simulated coverage against the formula for normal gains."""

import numpy as np
import pytest
from scipy.stats import norm, t

from memalign_bench.forensics.coverage import coverages
from memalign_bench.forensics.figures import Bootstrap


def expected(n, ratio, level=0.95):
    """P(|mean| < z s / sqrt(ratio n)) with s over n: a percentile interval of many resamples."""
    reach = norm.ppf((1 + level) / 2) * np.sqrt((n - 1) / n / ratio)
    return 1 - 2 * t.sf(reach, n - 1)


@pytest.mark.parametrize(("n", "drawn", "of"), [(20, 100, 50), (20, 50, 50), (12, 25, 50)])
def test_normal_gains_are_covered_as_the_formula_says(n, drawn, of):
    rows = [*coverages([n], Bootstrap(drawn, of), studies=2000, resamples=600)]
    found = {row.resample: row for row in rows if row.gains == "normal"}
    for resample, ratio in {"rows": drawn / of, "as_many": 1.0, "notebooks": drawn / of}.items():
        row = found[resample]
        assert row.coverage == pytest.approx(expected(n, ratio), abs=4 * row.mc_error + 0.01)


def test_the_level_and_the_error_are_those_asked_for():
    [normal] = [
        row
        for row in coverages([30], Bootstrap(50, 50), level=0.5, studies=1000, resamples=300)
        if (row.gains, row.resample) == ("normal", "rows")
    ]
    assert normal.coverage == pytest.approx(0.5, abs=0.07)
    assert normal.mc_error == pytest.approx(np.sqrt(0.25 / 1000), rel=0.05)


def test_the_same_seed_gives_the_same_table():
    def made(seed):
        return [*coverages([9], Bootstrap(100, 50), studies=200, resamples=100, seed=seed)]

    assert made(1) == made(1) != made(2)
