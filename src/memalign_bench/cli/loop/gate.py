"""`memalign-bench gate`: is the candidate worse than the baseline?"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.config import instance
from memalign_bench.config.checking import names_in
from memalign_bench.errors import RecordError, RequestError
from memalign_bench.loop.gate.comparing import GateReport, compare
from memalign_bench.loop.gate.outputs import json_text, junit_text, markdown_text, summary_lines
from memalign_bench.loop.places import run_path
from memalign_bench.loop.scoring.records import load_pair
from memalign_bench.study.records import write_bytes

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["work"]


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Compare, write what CI reads, and say it; 1 where the gate is shut."""
    rules = instance(cfg, "gate")
    place = Path(cfg.results_dir) / str(cfg.loop)
    try:
        old, new = (run_path(place, cfg[key], key) for key in ("baseline", "candidate"))
        runs = load_pair(old, new, None if cfg.judge is None else str(cfg.judge))
        report = compare(*runs, rules, names_in(cfg.dimensions), common=cfg.common_cases)
    except RecordError as error:  # nothing was compared, so it is no regression that exits 1
        raise RequestError(str(error)) from error
    out = Path(cfg.out) if cfg.out else place / "gates" / f"{report.baseline}..{report.candidate}"
    _write_report(report, out)
    for line in summary_lines(report):
        sys.stdout.write(f"{line}\n")
    sys.stderr.write(f"gate.md, gate.json and junit.xml in {out}\n")
    return 0 if report.passed else 1


def _write_report(report: GateReport, out: Path) -> None:
    write_bytes(out / "gate.md", markdown_text(report).encode())
    write_bytes(out / "gate.json", json_text(report).encode())
    write_bytes(out / "junit.xml", junit_text(report).encode())
