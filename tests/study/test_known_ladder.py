"""The ablation ladder on planted data: memories stand above their placebos where they work."""

from dataclasses import replace

import pytest

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.frames import load_study
from memalign_bench.report.sections.ladder import tables as ladder
from memalign_bench.study.running.runner import run

PLACEBOS = ["empty_wrapper", "length_filler", "shuffled_labels"]
SEEDS = range(12)


def steps(specs, effect, seed):
    """MAE and p of `full` against it, by alignment."""
    for usual in specs:
        backend = replace(usual.backend, effect=effect, seed=seed)
        spec = replace(usual, backend=backend, study=f"ladder-{effect}-{seed}")
        run(spec)
    found = ladder.numbers(Analysis.of(load_study(spec.study_dir), n_resamples=20), {})
    return found[found["metric"] == "mae"].set_index("alignment")


@pytest.mark.slow
@pytest.mark.parametrize(("effect", "least", "most"), [(0.8, 9, 12), (0, 0, 2)])
def test_full_stands_above_its_placebos_where_memory_works(spec_of, effect, least, most):
    names = ["none", *PLACEBOS, "full"]
    settings = ("scoring=logprob", "distiller=extractive", "limit=36")
    specs = [spec_of(f"alignment={name}", *settings) for name in names]
    found = [steps(specs, effect, seed) for seed in SEEDS]
    assert list(found[0].index) == names
    full = sum(table.loc["full", "value"] for table in found) / len(found)
    for name in PLACEBOS:
        gap = sum(table.loc[name, "value"] for table in found) / len(found) - full
        assert gap > 0.3 if effect else abs(gap) < 0.15
        better = [t.loc[name, "p_full"] <= 0.05 and t.loc[name, "gain_full"] > 0 for t in found]
        assert least <= sum(better) <= most
