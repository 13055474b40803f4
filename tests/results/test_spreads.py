"""The spreads that `validate` assumes are those of the committed studies."""

import numpy as np
import pytest
from omegaconf import OmegaConf
from tests.committed import STUDIES

from memalign_bench.config import config_dir
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.frames import load_study
from memalign_bench.report.numbers.paired_answers import paired_rows
from memalign_bench.report.numbers.pairs import pairs_of
from memalign_bench.report.numbers.readings import NO_ANSWERS


def spreads_of(study):
    """Standard deviations over cases of the mean gain, in shares of the scale's span."""
    frames = load_study(study)
    analysis = Analysis.of(frames)
    span = frames.grades[-1] - frames.grades[0]
    for pair in pairs_of(analysis.variants):
        for dimension in frames.dimensions:
            judges = pair.reference_judge(dimension), pair.judge(dimension)
            sides = [analysis.answers.get(judge, NO_ANSWERS) for judge in judges]
            if pair.backend != pair.reference_backend or not all(len(s.items) for s in sides):
                continue
            both = paired_rows(*sides, ("a", "b"))
            gains = both.before.error - both.after.error
            _, case, sizes = np.unique(both.before.cases, return_inverse=True, return_counts=True)
            means = np.bincount(case, gains) / sizes
            if np.ptp(means):
                yield means.std(ddof=1) / span


def test_they_are_the_median_and_the_95th_percentile():
    found = [spread for study in STUDIES for spread in spreads_of(study)]
    given = OmegaConf.load(config_dir() / "stats" / "default.yaml").spreads
    assert list(given) == pytest.approx(np.quantile(found, [0.5, 0.95]), abs=0.02)
