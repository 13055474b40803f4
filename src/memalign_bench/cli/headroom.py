"""`memalign-bench headroom`: what a judge sees, and what it could be taught."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.cli.lines import say
from memalign_bench.cli.progress import ConsoleProgress
from memalign_bench.cli.run import say_forecast
from memalign_bench.config import build_headroom
from memalign_bench.errors import RequestError
from memalign_bench.headroom.records import folder_of
from memalign_bench.headroom.running import HeadroomOutcome, headroom, walk_of
from memalign_bench.study.records import read_json
from memalign_bench.study.shared_data import load_data
from memalign_bench.types import NO_MODEL
from memalign_bench.wording import counted

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
        say_forecast(forecast_of_walk(spec, walk_of(request)))
        return 0
    outcome = headroom(request, ConsoleProgress())
    for line in _outcome_lines(outcome):
        say(line)
    folder = folder_of(Path(cfg.results_dir) / spec.study, spec.backend_name)
    say(f"records under {folder}; memalign-bench report study={spec.study} splits its errors")
    return 0


def _check_study(spec: RunSpec) -> None:
    """Refuse other items than the study's runs have; tell of a judge that has no run there yet.

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
    # Baselines ask no model; they do not say which judge the study has.
    judges = {manifest["backend"] for manifest in manifests} - {NO_MODEL}
    data = {manifest["dataset"]["name"]: manifest["dataset"]["digest"] for manifest in manifests}
    # By the digest first; a part of the data has another one, and is told by its items.
    if load_data(spec).digest not in data.values():
        if not _shares_items(spec):
            names = ", ".join(data)
            raise RequestError(
                f"study {spec.study!r} is another one: its items are of {names}, and these have"
                f" none of them: say dataset={names}, with every key that its runs were given"
                " (view=, rubric=, dataset.seed=)."
            )
        say(
            f"study {spec.study!r} has no run of just these items (limit=, n_cases=): until it has"
            " one, its report refuses this measurement"
        )
    if judges and spec.backend_name not in judges:
        say(
            f"study {spec.study!r} has no run of {spec.backend_name} yet (its judges:"
            f" {', '.join(sorted(judges))}): no error of it can be split before memalign-bench run"
        )


def _shares_items(spec: RunSpec) -> bool:
    """A run of a part of the items (n_cases=, limit=) is of the same data."""
    import pyarrow.parquet as pq

    studied = set(pq.read_table(spec.study_dir / "items.parquet").column("item_id").to_pylist())
    return any(item.item_id in studied for item in load_data(spec).item_list)


def _outcome_lines(outcome: HeadroomOutcome) -> Iterator[str]:
    manifest = outcome.manifest
    yield (
        f"{manifest['counts']['questions']} questions,"
        f" {manifest['counts']['prompt_tokens']:,} prompt tokens; thresholds from"
        f" {manifest['thresholds_from']}"
    )
    for name in manifest["dimensions"]:
        facts = manifest["facts"].get(name, {})
        rows = [row for row in outcome.sight if row["dimension"] == name]
        planted = f"{counted(len(rows), 'item')} with planted facts" if rows else "none planted"
        yield f"{name}: {planted}"
        for fact, measured in facts.items():
            yield f"  {fact}: {_fact_text(measured)}"
        if rows:
            yield from _error_lines(rows)
        yield from _bound_lines([row for row in outcome.bound if row["dimension"] == name])


def _fact_text(measured: Mapping[str, Any]) -> str:
    here = measured["here"]
    area = "" if here["auc"] is None else f", AUC {here['auc']:.2f} (SE {here['auc_se']:.2f})"
    seen = (
        "seen"
        if measured["seen"]
        else f"not seen ({measured['note']}; taken as {_yes_or_no(measured['usual'])})"
    )
    return (
        f"holds of {here['n_true']} of {here['n_items']}, answered yes of {measured['yes_here']}"
        f" at {measured['threshold']:.2f}{area}: {seen}"
    )


def _yes_or_no(answer: bool) -> str:
    return "yes" if answer else "no"


def _error_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    expert = np.array([row["expert_score"] for row in rows])

    def error(column: str) -> float:
        return float(np.abs(np.array([row[column] for row in rows]) - expert).mean())

    parts = Counter(row["part"] for row in rows)
    yield "  " + ", ".join(f"{counted(n, 'item')} {part}" for part, n in sorted(parts.items()))
    yield (
        f"  error of the experts' convention on the true facts {error('true_grade'):.2f} (the"
        f" raters' noise), on what the judge sees {error('seen_grade'):.2f}; of the literal"
        f" convention on the true facts {error('literal_grade'):.2f}"
    )


def _bound_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    # Source of the bound -> its absolute errors, in grades, one an item.
    errors: dict[str, list[int]] = {}
    for row in rows:
        errors.setdefault(row["source"], []).append(abs(row["predicted"] - row["expert_score"]))
    means = ", ".join(
        f"{source} {np.mean(source_errors):.2f}" for source, source_errors in errors.items()
    )
    if means:
        yield f"  upper bound, learnt from labels of other folds: {means}"
