"""`memalign-bench corpus`: builds, audits and exports the bundled notebooks."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.cli.audit_tables import Section, as_markdown, as_rich, sections
from memalign_bench.config import composed, instance
from memalign_bench.datasets.audit import LostEvidence
from memalign_bench.datasets.corpus_audit import CorpusAudit, audit_corpus, conditions
from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.export import export
from memalign_bench.datasets.folder import FolderSource
from memalign_bench.datasets.shortcuts import telling_words
from memalign_bench.errors import RequestError
from memalign_bench.notebooks.views import ViewSettings, render_view
from memalign_bench.types import Rubric

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.console import Console

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
    """Measure, show, store where `out` says; 1 if a condition does not hold."""
    from rich.console import Console

    rubric = instance(cfg, "rubric")
    first = instance(cfg, "view")
    data = FolderSource("corpus", cfg.path, cfg.seed).load(rubric)
    views = [first, *(view for view in _other_views(cfg) if view.label != first.label)]
    audit = audit_corpus(data, rubric, views, repeats=cfg.repeats, tell=_tell)
    checks = conditions(audit, reported=cfg.seed == 0)
    shown = list(sections(audit, checks))
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(f"{audit.n_items} items over {audit.n_cases} cases, digest {audit.digest[:12]}")
    for section in shown:
        console.print(as_rich(section))
    for entry in audit.lost:
        console.print(_lost_line(entry), markup=False, highlight=False, soft_wrap=True)
    if cfg.tells:
        _print_tells(console, data, rubric, first)
    if cfg.out:
        _store(Path(cfg.out), audit, shown)
    return 0 if all(check.holds for check in checks) else 1


def _tell(dimension: str) -> None:
    sys.stderr.write(f"audited {dimension}\n")


def _other_views(cfg: DictConfig) -> list[ViewSettings]:
    return [instance(composed("corpus", [f"view={name}"]).cfg, "view") for name in cfg.views]


def _print_tells(
    console: Console, data: LabelledDataset, rubric: Rubric, view: ViewSettings
) -> None:
    """Which words speak for which grade, in the views of each dimension."""
    for name, dimension in rubric.dimensions.items():
        scores = {e.item_id: e.score for e in data.evidence if e.dimension == name and e.score}
        texts = [render_view(data.item[key], dimension.view, view).text for key in scores]
        for grade, words in telling_words(texts, [int(score) for score in scores.values()]).items():
            line = f"{name}, {grade}: {'  '.join(words)}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _store(out: Path, audit: CorpusAudit, shown: Sequence[Section]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(audit.as_json(), indent=1, sort_keys=True, ensure_ascii=False)
    (out / "audit.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    head = (
        f"# Audit of {audit.n_items} items over {audit.n_cases} cases\n\nDigest {audit.digest}.\n"
    )
    body = "\n".join([head, *map(as_markdown, shown)])
    (out / "audit.md").write_text(body, encoding="utf-8", newline="\n")
    sys.stderr.write(f"stored audit.json and audit.md in {out}\n")


def _lost_line(entry: LostEvidence) -> str:
    return f"lost: {entry.item_id}, {entry.dimension}: {' / '.join(entry.snippet.splitlines())}"
