"""`memalign-bench score`: an aligned judge grades the notebooks of a run, or a single one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memalign_bench.backends.store.call_store import CallStore
from memalign_bench.cli.lines import say, say_some
from memalign_bench.cli.progress import ConsoleProgress
from memalign_bench.config import backend_from, build_analysis, composed, instance
from memalign_bench.config.checking import names_in
from memalign_bench.config.searchpath import quoted
from memalign_bench.errors import RequestError, refuse
from memalign_bench.loop.places import run_path, run_paths
from memalign_bench.loop.scoring.asking import ScoringOutcome, score_item, score_run
from memalign_bench.loop.scoring.judges import JudgeFolder, open_judges, read_folder
from memalign_bench.loop.scoring.records import Outcome
from memalign_bench.notebooks.facts.cells import notebook_language
from memalign_bench.types import Grade
from memalign_bench.wording import counted

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["work"]


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Score; 1 if the judge owes a grade."""
    _check_request(cfg)
    place = Path(cfg.results_dir) / str(cfg.loop)
    all_runs = cfg.run == "all"
    # All runs of the loop, or none where a single notebook is named, or the one run that is.
    runs = run_paths(place) if all_runs else [] if cfg.path else [run_path(place, cfg.run, "run")]
    if all_runs and not runs:
        raise RequestError(f"no generated run in {place}; memalign-bench generate makes one.")
    folder = read_folder(Path(str(cfg.judge)).expanduser() if cfg.judge else _best_judge(cfg))
    folder = folder.chosen(names_in(cfg.dimensions))
    backend = instance(cfg, "backend") if choices.get("backend") else None
    # Calls about a single notebook are kept in memory, unless call_store= names a file.
    default_store = place / "calls.sqlite" if runs else None
    store_user = folder.digest if runs else None
    with (
        CallStore(Path(cfg.call_store) if cfg.call_store else default_store, store_user) as store,
        open_judges(
            folder, backend_from, store, backend=backend, budget_usd=cfg.budget_usd
        ) as judges,
    ):
        if not runs:
            notebook = Path(cfg.path).expanduser()
            rows = score_item(judges, notebook, cfg.request, cfg.context)
            _say_language(notebook)
            return _print_grades(rows, folder, cfg.format)
        first_judge, code = next(iter(folder.records.values())), 0
        for run in runs:
            name = _judge_name(first_judge)
            say(f"{run.name}: {counted(len(judges), 'dimension')}, judge {folder.digest} ({name})")
            limit = cfg.max_minutes
            outcome = score_run(run, folder, judges, max_minutes=limit, progress=ConsoleProgress())
            code = max(code, _say_outcome(outcome))
    return code


def _say_language(notebook: Path) -> None:
    language = notebook_language(notebook.read_text("utf-8", errors="replace"))
    if language != "python":
        say(
            f"note: {notebook} is written in {language}; views with patterns for Python show"
            " little of it."
        )


def _check_request(cfg: DictConfig) -> None:
    wrong = []
    # Equal where both are given or neither is.
    if (cfg.run is None) == (cfg.path is None):
        wrong.append("set one of run=RUN (a generated run) and path=FILE (a single notebook).")
    if (cfg.judge is None) == (cfg.study is None):
        wrong.append("set one of judge=FOLDER (of export_judge) and study=NAME.")
    if cfg.format not in ("text", "json"):
        wrong.append(f"format must be text or json, got {cfg.format!r}.")
    for key in ("max_minutes", "budget_usd"):
        value = cfg[key]
        if value is not None and not (isinstance(value, int | float) and value > 0):
            wrong.append(f"{key} must be above 0 or null, got {value!r}.")
    refuse(wrong)


def _judge_name(record: Mapping[str, Any]) -> str:
    return f"{record.get('variant')} on {record['backend']['name']}"


def _best_judge(cfg: DictConfig) -> Path:
    """The judges of a study with the least mean error over dimensions, exported if need be."""
    from memalign_bench.cli import export_judge

    # In quotes: Hydra's grammar would take a comma in the path for a sweep.
    place = [f"study={quoted(str(cfg.study))}", f"results_dir={quoted(str(cfg.results_dir))}"]
    study = composed("report", place).cfg
    refused = []
    for variant, backend, mae in _judges_by_error(study):
        judge = {"variant": variant, "backend": backend}
        out = Path(cfg.results_dir) / str(cfg.study) / "judges" / export_judge.judge_folder(judge)
        description = f"{variant} on {backend}, mean cross-validated MAE {mae:.3f}"
        if any(out.glob("*.json")):
            say(f"best judge of {cfg.study}: {description}; as exported to {out}")
            return out
        overrides = [*place, "register=false", f"variant={quoted(variant)}", f"backend={backend}"]
        try:
            job = composed("export_judge", overrides)
            code = export_judge.work(job.cfg, job.choices, [])
        # No judge can be made of this variant; the next best may do.
        except RequestError as error:
            refused.append(f"{description}: {error}")
            continue
        if code:
            raise RequestError(
                f"the best judge of {cfg.study} ({description}) could not be exported."
            )
        say(f"best judge of {cfg.study}: {description}")
        return out
    lines = "\n".join(f"  {line}" for line in refused) or "  no variant asks a model"
    raise RequestError(f"no judge of {cfg.study} can be exported:\n{lines}")


def _judges_by_error(cfg: DictConfig) -> Iterator[tuple[str, str, float]]:
    """Variants that ask a model, with their mean MAE over all of the study's dimensions."""
    from memalign_bench.report.numbers.summary import summary

    table = summary(build_analysis(cfg))
    table = table[table["backend"] != "none"]
    grouped = table.groupby(["variant", "backend"])["mae"].agg(["mean", "count"])
    # A mean over some dimensions is not comparable with one over all; `count` passes over NaN.
    complete = grouped[grouped["count"] == table["dimension"].nunique()]
    # `groupby` sorted by variant and backend, and a stable sort leaves ties so.
    for row in complete.sort_values("mean", kind="stable").reset_index().to_dict("records"):
        yield str(row["variant"]), str(row["backend"]), float(row["mean"])


def _print_grades(
    rows: Sequence[Mapping[str, Any]], folder: JudgeFolder, output_format: str
) -> int:
    """The grades of one notebook with their reasons, on stdout."""
    scale = folder.scale
    words = dict(zip(scale.grades, scale.words, strict=True))
    titles = {
        name: dimension["title"] for name, dimension in folder.manifest()["dimensions"].items()
    }
    if output_format == "json":
        keys = ("dimension", "score", "outcome", "rationale", "distribution", "error")
        scores = [{key: row[key] for key in keys} for row in rows]
        value = {"judge": folder.digest, "scale": words, "scores": scores}
        sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    else:
        widest = max(map(len, titles.values()))
        for row in rows:
            grade = row["score"]
            shown = (
                str(row["outcome"]).replace("_", " ")
                if grade is None
                else _grade_text(grade, words)
            )
            why = row["rationale"] or row["error"]
            line = f"{titles[row['dimension']].ljust(widest)}  {shown:<14}  {why}"
            sys.stdout.write(f"{line.rstrip()}\n")
    return int(any(row["outcome"] == Outcome.FAILED for row in rows))


def _grade_text(grade: Grade, words: Mapping[Grade, str]) -> str:
    return f"{grade} ({words[grade]})" if words[grade] != str(grade) else str(grade)


def _say_outcome(outcome: ScoringOutcome) -> int:
    say(", ".join(f"{count} {name}" for name, count in outcome.counts.items()))
    if outcome.remembered:
        say(
            f"{counted(outcome.remembered, 'notebook')} that the judge was aligned on: each is"
            " asked about without its own example; guidelines may still hold what was said of it."
        )
    say_some(outcome.failures)
    if outcome.failures:
        rows = counted(len(outcome.failures), "row")
        say(f"{rows} without a usable answer; the same command asks again.")
    say(f"Scores: {outcome.path}")
    return int(bool(outcome.failures))
