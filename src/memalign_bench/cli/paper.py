"""`memalign-bench paper`: generated values, then Typst to PDF."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.config import build_analysis, build_sections
from memalign_bench.config.checking import names_in
from memalign_bench.report.paper.build import Pages, build_paper

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["work"]


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Build the paper and say where it lies."""
    path = build_paper(
        build_analysis(cfg),
        cfg.paper_dir,
        build_sections(search),
        variants=names_in(cfg.variants),
        pages=Pages(Path(cfg.results_dir), cfg.certify, cfg.forensics, tuple(cfg.beside)),
        out=cfg.out,
    )
    sys.stderr.write(f"wrote {path}\n")
    return 0
