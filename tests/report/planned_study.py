"""A fake study with a plan that was registered before its first call."""

from pathlib import Path
from typing import Any

from fake_study import fake_study

from memalign_bench.study import records
from memalign_bench.study.registered.study_plan import INTERVALS, Contrast, StudyPlan

STATS = {"margin": 0.1, "missing": "worst", "n_resamples": 50, "seed": 0}


def planned_study(
    path: Path,
    *,
    n_cases: int = 8,
    manifests: bool = True,
    grades: tuple[int, ...] = (1, 2, 3),
    **says: Any,
) -> Path:
    plan = StudyPlan(
        asked=(), **{
            "contrasts": (Contrast("full", "none"),), "metrics": ("mae",), "dimensions": None,
            "backends": ("embedded",), "calibration": "none", "stats": STATS,
            "intervals": INTERVALS, **says,
        },
    )  # fmt: skip
    backends = ("embedded", "other")
    fake_study(path, dimensions=2, n_cases=n_cases, backends=backends, grades=grades)
    records.write_json(path / "plan.json", plan.as_json())
    for file in path.glob("runs/*/manifest.json") if manifests else ():
        records.write_json(file, records.read_json(file) | {"plan": plan.digest})
    return path
