"""`memalign-bench paper`: generated values, then Typst to PDF."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.config import build_sections, study_of
from memalign_bench.report.paper.build import build_paper

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["work"]


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Build the paper and say where it lies."""
    path = build_paper(
        Path(cfg.results_dir) / study_of(cfg),
        Path(cfg.paper_dir),
        build_sections(search),
        variants=list(cfg.variants),
        out=Path(cfg.out) if cfg.out else None,
        calibration=cfg.calibration,
        missing=cfg.stats.missing,
        n_resamples=cfg.stats.n_resamples,
        seed=cfg.stats.seed,
    )
    sys.stderr.write(f"wrote {path}\n")
    return 0
