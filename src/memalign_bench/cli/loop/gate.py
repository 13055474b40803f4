"""`memalign-bench gate`: is the candidate worse than the baseline?"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.config import instance
from memalign_bench.config.checking import names_in
from memalign_bench.errors import RecordError, RequestError
from memalign_bench.loop.gate.comparing import compare
from memalign_bench.loop.gate.outputs import json_text, junit_text, markdown_text, summary_lines
from memalign_bench.loop.places import run_path
from memalign_bench.loop.scoring.records import load_pair
from memalign_bench.study.records import write_bytes

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["work"]


_FILES = {"gate.md": markdown_text, "gate.json": json_text, "junit.xml": junit_text}


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Compare, write what CI reads, and say it; 1 where the gate is shut."""
    out = Path(cfg.out) if cfg.out else None
    if out:
        _remove_report(out)
    rules = instance(cfg, "gate")
    place = Path(cfg.results_dir) / str(cfg.loop)
    old, new = (run_path(place, cfg[key], key) for key in ("baseline", "candidate"))
    if out is None:
        out = place / "gates" / f"{old.name}..{new.name}"
        _remove_report(out)
    try:
        runs = load_pair(old, new, None if cfg.judge is None else str(cfg.judge))
        report = compare(*runs, rules, names_in(cfg.dimensions), common=cfg.common_cases)
    except RecordError as error:  # nothing was compared, so it is no regression that exits 1
        raise RequestError(str(error)) from error
    for name, text in _FILES.items():
        write_bytes(out / name, text(report).encode())
    for line in summary_lines(report):
        sys.stdout.write(f"{line}\n")
    sys.stderr.write(f"gate.md, gate.json and junit.xml in {out}\n")
    return 0 if report.passed else 1


def _remove_report(out: Path) -> None:
    """Remove what an earlier gate wrote: where this one is refused, it would be read as a pass."""
    for name in _FILES:
        (out / name).unlink(missing_ok=True)
