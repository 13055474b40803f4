"""`memalign-bench report`: one study's tables, figures and page."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.config import build_sections, build_tracker, study_of
from memalign_bench.report.build import build_report

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["work"]


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Write the report and say where it lies."""
    study_dir = Path(cfg.results_dir) / study_of(cfg)
    files = build_report(
        study_dir,
        build_sections(search),
        figure=choices.get("figure"),
        calibration=cfg.calibration,
        missing=cfg.stats.missing,
        n_resamples=cfg.stats.n_resamples,
        seed=cfg.stats.seed,
    )
    written = [
        *files.tables,
        *(path for kinds in files.figures.values() for path in kinds.values()),
    ]
    sys.stderr.write(f"{len(written)} tables and figures under {study_dir}\n")
    if files.page:
        sys.stderr.write(f"open {files.page}\n")
    tracker = build_tracker(cfg)
    if tracker and files.page:
        tracker.log_report(study_dir)
    return 0
