"""The planted data set and the scripted judge: an effect that is there is found, a null is not."""

from dataclasses import replace

import numpy as np
import pytest

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.contrasts import contrasts
from memalign_bench.report.numbers.frames import load_study
from memalign_bench.study.running.runner import run


def significant(specs, effect, seed):
    for usual in specs:
        backend = replace(usual.backend, effect=effect, seed=seed)
        spec = replace(usual, backend=backend, study=f"effect-{effect}-{seed}")
        run(spec)
    found = contrasts(Analysis.of(load_study(spec.study_dir), n_resamples=200))
    row = found[(found.metric == "mae") & (found.reading == "raw")].iloc[0]
    assert row.alignment == "full"
    assert np.isfinite(row.p_value)
    return bool(row.significant)


@pytest.mark.slow
@pytest.mark.parametrize(("effect", "least", "most"), [(0.8, 11, 12), (0, 0, 2)])
def test_the_contrast_of_full_is_significant_where_memory_works(spec_of, effect, least, most):
    specs = [spec_of(f"alignment={name}", "scoring=logprob") for name in ("none", "full")]
    count = sum(significant(specs, effect, seed) for seed in range(12))
    assert least <= count <= most
