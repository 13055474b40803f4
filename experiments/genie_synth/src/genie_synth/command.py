"""`memalign-bench corpus action=build|audit`, which the command finds through entry points."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from genie_synth.audit.conditions import conditions
from genie_synth.audit.corpus import CorpusAudit, audit_corpus
from genie_synth.audit.labels import LostEvidence
from genie_synth.audit.shortcuts import telling_words
from genie_synth.audit.tables import AuditTable, as_markdown, as_rich, audit_tables, both_levels
from genie_synth.policy import spelled
from genie_synth.realisations.notes import sentence
from memalign_bench.cli.progress import ConsoleProgress
from memalign_bench.config import composed, config_dir, instance
from memalign_bench.datasets.bundled import bundled_path
from memalign_bench.datasets.dataset import LabelledDataset
from memalign_bench.datasets.folder import FolderSource
from memalign_bench.errors import RequestError
from memalign_bench.notebooks.views import ViewSettings, render_view
from memalign_bench.types import Rubric

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.console import Console

__all__ = ["audit", "build", "data"]

_T = TypeVar("_T")


def data(seed: int, case_id: str, folder: Path) -> None:
    """Write the data files of a bundled case to a folder.

    Raises:
        RequestError: If the seed has no such case.
    """
    from genie_synth import bundle

    bundle.write_data(seed, case_id, folder)


def build(cfg: DictConfig) -> int:
    """Write the notebooks of `seed` and their labels to the folder `out`.

    Raises:
        RequestError: If `out` is not given, or there are no cases for the seed.
        DataError: If a cell of a notebook raises that should not.
    """
    from genie_synth import bundle  # executing notebooks loads Jupyter, which an audit never needs

    if not cfg.out:
        raise RequestError("action=build needs out=FOLDER.")

    write = bundle.build_plain if cfg.difficulty == "plain" else bundle.build
    write(Path(cfg.out), cfg.seed, track=_with_bar)
    return 0


def _with_bar(items: Sequence[_T], label: str) -> Iterator[_T]:
    """The items, with a bar and the time left where a person looks."""
    progress = ConsoleProgress()
    progress.start(len(items), label)
    try:
        for item in items:
            yield item
            progress.advance(failed=False)
    finally:
        progress.finish()


def audit(cfg: DictConfig) -> int:
    """Measure, show, store where `out` says; 1 if a condition does not hold."""
    from rich.console import Console

    rubric = instance(cfg, "rubric")
    first = instance(cfg, "view")
    views = [first, *(view for view in _other_views(cfg) if view.label != first.label)]
    data = FolderSource("corpus", cfg.path, cfg.seed, cfg.difficulty).load(rubric)
    found = audit_corpus(data, rubric, views, repeats=cfg.repeats, tell=_tell)
    plain = cfg.difficulty == "plain"
    planted = [entry for entry in data.evidence if entry.realisation and plain]
    said = [sentence(entry.dimension, entry.facets or {}) for entry in planted]
    checks = conditions(found, reported=cfg.seed == 0, sentences=said)
    shown = list(audit_tables(found, checks))
    if plain:
        stored = (bundled_path(cfg.seed) / "audit.json").read_text(encoding="utf-8")
        shown.insert(0, both_levels(json.loads(stored), found))
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(f"{found.n_items} items over {found.n_cases} cases, digest {found.digest[:12]}")
    for table in shown:
        console.print(as_rich(table))
    for entry in found.lost:
        console.print(_lost_line(entry), markup=False, highlight=False, soft_wrap=True)
    if cfg.tells:
        _print_tells(console, data, rubric, first)
    if cfg.out:
        _store(Path(cfg.out), found, shown)
    return 0 if all(check.holds for check in checks) else 1


def _tell(dimension: str) -> None:
    sys.stderr.write(f"audited {dimension}\n")


def _other_views(cfg: DictConfig) -> list[ViewSettings]:
    known = sorted(path.stem for path in (config_dir() / "view").glob("*.yaml"))
    if strangers := [name for name in cfg.views if name not in known]:
        raise RequestError(f"views: {strangers} are none; there are {', '.join(known)}.")
    return [instance(composed("corpus", [f"view={name}"]).cfg, "view") for name in cfg.views]


def _print_tells(
    console: Console, data: LabelledDataset, rubric: Rubric, view: ViewSettings
) -> None:
    """Which words speak for which grade, in the views of each dimension."""
    for name, dimension in rubric.dimensions.items():
        scores = {
            e.item_id: spelled(e.score)
            for e in data.evidence
            if e.dimension == name and spelled(e.score)
        }
        texts = [
            render_view(data.item[key], dimension.view, view, dimension=name).text for key in scores
        ]
        for grade, words in telling_words(texts, [int(score) for score in scores.values()]).items():
            line = f"{name}, {grade}: {'  '.join(words)}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)


def _store(out: Path, found: CorpusAudit, shown: Sequence[AuditTable]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found.as_json(), indent=1, sort_keys=True, ensure_ascii=False)
    (out / "audit.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    head = (
        f"# Audit of {found.n_items} items over {found.n_cases} cases\n\nDigest {found.digest}.\n"
    )
    body = "\n".join([head, *map(as_markdown, shown)])
    (out / "audit.md").write_text(body, encoding="utf-8", newline="\n")
    sys.stderr.write(f"stored audit.json and audit.md in {out}\n")


def _lost_line(entry: LostEvidence) -> str:
    return f"lost: {entry.item_id}, {entry.dimension}: {' / '.join(entry.snippet.splitlines())}"
