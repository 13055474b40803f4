"""`memalign-bench corpus`: builds, audits and exports the bundled notebooks."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.config import instance
from memalign_bench.datasets.audit import DimensionAudit, LostEvidence, audit_labels, lost_evidence
from memalign_bench.datasets.export import export
from memalign_bench.datasets.folder import FolderSource
from memalign_bench.errors import RequestError

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.table import Table

__all__ = ["work"]


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Do what `action` says."""
    if cfg.action == "build":
        return _build(cfg)
    if cfg.action == "audit":
        return _audit(cfg)
    if cfg.action == "export":
        return _export(cfg)
    raise RequestError(f"action must be audit, build or export, got {cfg.action!r}.")


def _export(cfg: DictConfig) -> int:
    if not cfg.out:
        raise RequestError("action=export needs out=FOLDER.")
    data = FolderSource("genie_synth", cfg.path, cfg.seed).load(instance(cfg, "rubric"))
    files = export(data, str(cfg.format), Path(cfg.out))
    sys.stderr.write(f"{len(data.item)} items as {cfg.format}: {len(files)} files in {cfg.out}\n")
    return 0


def _build(cfg: DictConfig) -> int:
    from memalign_bench.corpus import build

    if not cfg.out:
        raise RequestError("action=build needs out=FOLDER.")

    def tell(item_id: str) -> None:
        sys.stderr.write(f"built {item_id}\n")

    build(Path(cfg.out), cfg.seed, cfg.n_cases, execute=cfg.execute, progress=tell)
    return 0


def _audit(cfg: DictConfig) -> int:
    from rich.console import Console

    rubric, view = instance(cfg, "rubric"), instance(cfg, "view")
    data = FolderSource("corpus", cfg.path, cfg.seed).load(rubric)
    lost = lost_evidence(data, rubric, view)
    audits = audit_labels(data, rubric, lost)
    console = Console()
    console.print(f"{len(data.item)} items, digest {data.digest[:12]}, view {view.label}")
    console.print(_table(audits))
    seen, planted = (sum(getattr(a, key) for a in audits) for key in ("n_seen", "n_evidence"))
    share = f"{seen / planted:.3f}" if planted else "none planted"
    console.print(f"evidence that survives the view: {seen} of {planted} ({share})")
    for entry in lost:
        console.print(_lost_line(entry), markup=False, highlight=False, soft_wrap=True)
    return 0


def _table(audits: Sequence[DimensionAudit]) -> Table:
    from rich.table import Table

    table = Table()
    for heading in ("dimension", "gold: items", "literal - gold", "raters - gold", "evidence seen"):
        table.add_column(heading)
    for audit in audits:
        distance = audit.literal_distance
        table.add_row(
            audit.dimension,
            "  ".join(f"{score or 'N/A'}: {count}" for score, count in audit.counts.items()),
            "" if distance is None else f"{distance:.2f}",
            " ".join(f"{noise:.2f}" for noise in audit.rater_noise.values()),
            f"{audit.n_seen} of {audit.n_evidence}",
        )
    return table


def _lost_line(entry: LostEvidence) -> str:
    return f"lost: {entry.item_id}, {entry.dimension}: {' / '.join(entry.snippet.splitlines())}"
