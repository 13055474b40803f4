"""`memalign-bench headroom`: what a judge sees, and what it could be taught."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.cli.lines import say
from memalign_bench.cli.progress import ConsoleProgress
from memalign_bench.cli.run import tell_forecast
from memalign_bench.config import build_headroom
from memalign_bench.headroom.records import folder_of
from memalign_bench.headroom.running import HeadroomOutcome, headroom, walk_of

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["work"]


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Measure, write, and say what was found."""
    from memalign_bench.study.running.rehearsal import walked

    request = build_headroom(cfg, choices, search)
    spec = request.spec
    if cfg.dry_run:
        say(f"{spec.study}: headroom of {spec.backend_name}: a dry run, nothing is sent")
        tell_forecast(walked(spec, walk_of(request)))
        return 0
    outcome = headroom(request, ConsoleProgress())
    for line in _told(outcome):
        say(line)
    folder = folder_of(Path(cfg.results_dir) / spec.study, spec.backend_name)
    say(f"records under {folder}; memalign-bench report study={spec.study} splits its errors")
    return 0


def _told(outcome: HeadroomOutcome) -> Iterator[str]:
    manifest = outcome.manifest
    yield (
        f"{manifest['counts']['questions']} questions,"
        f" {manifest['counts']['prompt_tokens']:,} prompt tokens; thresholds from"
        f" {manifest['thresholds_from']}"
    )
    for name in manifest["dimensions"]:
        facts = manifest["facts"].get(name, {})
        rows = [row for row in outcome.sight if row["dimension"] == name]
        yield f"{name}: {len(rows)} items with planted facts" if rows else f"{name}: none planted"
        for fact, one in facts.items():
            yield f"  {fact}: {_fact(one)}"
        if rows:
            yield from _errors(rows)
        yield from _bounds([row for row in outcome.bound if row["dimension"] == name])


def _fact(one: Mapping[str, Any]) -> str:
    here = one["here"]
    area = "" if here["auc"] is None else f", AUC {here['auc']:.2f} (SE {here['auc_se']:.2f})"
    seen = "seen" if one["seen"] else f"not seen ({one['note']}; taken as {_word(one['usual'])})"
    return (
        f"holds of {here['n_true']} of {here['n_items']}, answered yes of {one['yes_here']}"
        f" at {one['threshold']:.2f}{area}: {seen}"
    )


def _word(answer: bool) -> str:
    return "yes" if answer else "no"


def _errors(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    expert = np.array([row["expert_score"] for row in rows])

    def error(column: str) -> float:
        return float(np.abs(np.array([row[column] for row in rows]) - expert).mean())

    parts = Counter(row["part"] for row in rows)
    yield f"  {', '.join(f'{count} items {part}' for part, count in sorted(parts.items()))}"
    yield (
        f"  error of the experts' convention on the true facts {error('true_grade'):.2f} (the"
        f" raters' noise), on what the judge sees {error('seen_grade'):.2f}; of the literal"
        f" convention on the true facts {error('literal_grade'):.2f}"
    )


def _bounds(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    errors: dict[str, list[int]] = {}
    for row in rows:
        errors.setdefault(row["source"], []).append(abs(row["predicted"] - row["expert_score"]))
    told = ", ".join(f"{source} {np.mean(found):.2f}" for source, found in errors.items())
    if told:
        yield f"  upper bound, learnt from labels of other folds: {told}"
