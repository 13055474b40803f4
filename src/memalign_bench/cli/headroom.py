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
from memalign_bench.errors import RequestError
from memalign_bench.headroom.records import folder_of
from memalign_bench.headroom.running import HeadroomOutcome, headroom, walk_of
from memalign_bench.study.records import read_json
from memalign_bench.study.shared_data import load_data
from memalign_bench.types import NO_MODEL

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from memalign_bench.study.spec import RunSpec

__all__ = ["work"]


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Measure, write, and say what was found."""
    from memalign_bench.study.running.rehearsal import forecast_of_walk

    request = build_headroom(cfg, choices, search)
    spec = request.spec
    _check_study(spec)
    if cfg.dry_run:
        say(f"{spec.study}: headroom of {spec.backend_name}: a dry run, nothing is sent")
        tell_forecast(forecast_of_walk(spec, walk_of(request)))
        return 0
    outcome = headroom(request, ConsoleProgress())
    for line in _told(outcome):
        say(line)
    folder = folder_of(Path(cfg.results_dir) / spec.study, spec.backend_name)
    say(f"records under {folder}; memalign-bench report study={spec.study} splits its errors")
    return 0


def _check_study(spec: RunSpec) -> None:
    """Refuse another judge, or other items, than the study's runs have.

    Raises:
        RequestError: With what the study holds, and what to say.
    """
    paths = sorted((spec.study_dir / "runs").glob("*/manifest.json"))
    manifests = [read_json(path) for path in paths]
    if not manifests:
        say(
            f"study {spec.study!r} has no run yet: what the judge sees is measured, and no error"
            " can be split before memalign-bench run"
        )
        return
    judges = {one["backend"] for one in manifests} - {NO_MODEL}
    data = {one["dataset"]["name"]: one["dataset"]["digest"] for one in manifests}
    wrong = []
    if judges and spec.backend_name not in judges:
        wrong.append(
            f"its judges are {', '.join(sorted(judges))}, not {spec.backend_name}: say"
            f" backend={min(judges)}"
        )
    if load_data(spec).digest not in data.values() and not _shares_items(spec):
        named = ", ".join(data)
        wrong.append(f"its items are of {named}, and these have none of them: say dataset={named}")
    if wrong:
        raise RequestError(
            f"study {spec.study!r} is another one: {'; '.join(wrong)}, with every key that its"
            " runs were given (view=, rubric=, dataset.seed=)."
        )


def _shares_items(spec: RunSpec) -> bool:
    """A run of a part of the items (limit=) is of the same data."""
    import pyarrow.parquet as pq

    held = set(pq.read_table(spec.study_dir / "items.parquet").column("item_id").to_pylist())
    return any(item.item_id in held for item in load_data(spec).item_list)


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
