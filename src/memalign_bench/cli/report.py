"""`memalign-bench report`: one study's tables, figures and page."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from memalign_bench.config import build_analysis, build_sections, build_tracker
from memalign_bench.report.build import build_report

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from memalign_bench.report.numbers.analysis import Analysis

__all__ = ["work"]

_STATS = ("missing", "margin", "n_resamples", "seed")


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
        tracker.log_report(study_dir, _settings(analysis, cfg))
    return 0


def _settings(analysis: Analysis, cfg: DictConfig) -> dict[str, object]:
    """What tells one report of a study from another; `figure` does not, which logs none."""
    against = analysis.against
    return {
        "study": analysis.frames.path.name,
        # As it was read, whether `calibration` or the manifests said so.
        "reading": analysis.reading,
        **{f"stats.{name}": cfg.stats[name] for name in _STATS},
        "stats.published": analysis.published is not None,
        "against": against.name if against else "none",
        "against_shared": bool(against and cfg.against_shared),
    }
