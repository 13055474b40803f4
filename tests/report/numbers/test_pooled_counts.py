"""Ranks of answers that are counted are those of answers that are ranked one by one, to the bit."""

import numpy as np
import pytest

from memalign_bench.report.numbers import pooled
from memalign_bench.report.numbers.readings import Answers


@pytest.mark.parametrize("most_weights", [4_000_000, 700])
def test_counting_equal_answers_changes_no_bit(monkeypatch, most_weights):
    rng = np.random.default_rng(0)
    n, n_cases = 600, 40
    codes = rng.integers(n_cases, size=n)
    value, expert = rng.integers(1, 4, size=n).astype(float), rng.integers(1, 4, n).astype(float)
    names = np.array([f"0/0/{at}" for at in rng.integers(4, size=n)])
    none = value[:, None]
    part = Answers(names, names, names, codes, codes, expert, value, value, value, none, none)
    weights = rng.multinomial(n_cases, np.full(n_cases, 1 / n_cases), size=200).astype(float)
    counted = pooled._rank_statistic(part, codes)(weights)
    monkeypatch.setattr(pooled, "_MIN_ANSWERS_PER_KIND", n)
    monkeypatch.setattr(pooled, "_MAX_WEIGHTS", most_weights)
    assert np.array_equal(pooled._rank_statistic(part, codes)(weights), counted)
