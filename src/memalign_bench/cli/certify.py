"""`memalign-bench certify`: what the intervals and tests hold, by simulated studies."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.certify.figure import draw
from memalign_bench.certify.running import certify
from memalign_bench.certify.tables import frame_of, markdown
from memalign_bench.cli.progress import ConsoleProgress
from memalign_bench.report.drawing.panels import render, theme
from memalign_bench.study.records import write_bytes

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["work"]


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Simulate what is not yet there, and write table and figure."""
    settings = cfg.certify
    # `cpu_count` would also count processors that taskset or a cpuset withholds.
    workers = settings.workers or len(os.sched_getaffinity(0))
    folder = Path(cfg.results_dir) / "certify"
    tallies = certify(
        folder / "cells",
        draws=settings.draws,
        seed=settings.seed,
        workers=workers,
        progress=ConsoleProgress(),
    )
    table = frame_of(tallies)
    write_bytes(folder / "coverage.csv", table.to_csv(index=False).encode())
    write_bytes(folder / "coverage.md", markdown(table).encode())
    with theme():
        render(draw(table), folder, "coverage")
    sys.stderr.write(f"table and figure under {folder}\n")
    return 0
