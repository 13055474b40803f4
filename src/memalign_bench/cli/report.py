"""`memalign-bench report`: one study's tables, figures and page."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from memalign_bench.config import build_analysis, build_sections, build_tracker
from memalign_bench.report.build import build_report

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["work"]


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Write the report and say where it lies."""
    analysis = build_analysis(cfg)
    study_dir = analysis.frames.path
    files = build_report(analysis, build_sections(search), choices.get("figure"))
    written = [
        *files.tables,
        *(path for kinds in files.figures.values() for path in kinds.values()),
    ]
    sys.stderr.write(f"{len(written)} tables and figures under {study_dir}\n")
    # With figure=NAME that figure alone is drawn again: no page is made, and none is logged.
    if files.page:
        sys.stderr.write(f"open {files.page}\n")
    tracker = build_tracker(cfg)
    if tracker and files.page:
        tracker.log_report(study_dir)
    return 0
