"""`memalign-bench export_judge`: a study's variant, aligned on all labels and shipped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from memalign_bench.cli.lines import say
from memalign_bench.config import build_tracker, rebuild, study_of
from memalign_bench.config.checking import names_in
from memalign_bench.datasets.mlflow_server import without_userinfo
from memalign_bench.errors import AlignmentError, FailedCallError, RequestError, first_line
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.frames import StudyFrames, load_study
from memalign_bench.report.numbers.summary import summary
from memalign_bench.scales import plain_number
from memalign_bench.shipping.export import (
    JudgeQuery,
    align_on_all,
    check_exportable,
    opened_models,
    plan_again,
    runs_of,
)
from memalign_bench.shipping.judge_file import judge_from
from memalign_bench.shipping.mlflow_judge import lost_in_mlflow
from memalign_bench.shipping.registry import register_judge
from memalign_bench.study import records
from memalign_bench.study.plan import Plan
from memalign_bench.study.running.aligning import Models
from memalign_bench.study.whereabouts import known_places
from memalign_bench.wording import counted

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from memalign_bench.study.tracking import MlflowTracker

__all__ = ["judge_folder", "work"]

_SCORE_COLUMNS = (
    *("n_items", "n_scored", "n_abstained", "n_failed", "mae", "mae_low", "mae_high"),
    *("mae_raw", "mae_batch", "spearman", "spearman_low", "spearman_high"),
)


class _ExportJob(NamedTuple):
    """What every dimension's export shares."""

    cfg: DictConfig
    out: Path
    frames: StudyFrames
    scores: Mapping[str, Mapping[str, Any]]
    runs: Mapping[str, list[str]]
    tracker: MlflowTracker | None


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Align, write and register; 1 if a dimension failed or MLflow did."""
    study_dir = Path(cfg.results_dir) / study_of(cfg)
    # Which runs are meant, and of which dimensions.
    query = JudgeQuery(choices.get("alignment"), choices.get("backend"), cfg.variant)
    runs = runs_of(study_dir, query)
    # Runs of one variant differ in fold seed and dimensions alone: any stands for the settings.
    first = runs[0]
    dimensions = _wanted_dimensions(cfg, runs)
    # The runs' plan, made again on this machine.
    known = known_places(study_dir, first["run_id"])
    spec = rebuild(first, cfg, choices, search, known)
    check_exportable(first, spec)
    plan = plan_again(first, spec)
    # Align on all labels and write, one dimension after the other.
    frames = _only_variant(load_study(study_dir), first)
    job = _ExportJob(
        cfg,
        Path(cfg.out) if cfg.out else study_dir / "judges" / judge_folder(first),
        frames,
        _cross_validated_scores(frames, cfg),
        {name: [run["run_id"] for run in runs if name in run["dimensions"]] for name in dimensions},
        _tracker(cfg, known["groups"].get("tracker", {})) if cfg.register else None,
    )
    with opened_models(plan) as models:
        # `max` goes through all of them: where one fails, the others are still exported.
        return max(_export_dimension(job, plan, name, models) for name in dimensions)


def _tracker(cfg: DictConfig, known: Mapping[str, Any]) -> MlflowTracker | None:
    """Where the study was tracked, unless the command line names another place."""
    from hydra.core.hydra_config import HydraConfig

    from memalign_bench.study.tracking import MlflowTracker

    # `tracker=none` counts too: a place noted earlier must not bring tracking back.
    set_here = [word for word in HydraConfig.get().overrides.task if word.startswith("tracker")]
    if set_here or not known.get("uri"):
        return build_tracker(cfg)
    return MlflowTracker(known["uri"], known["experiment"])


def _wanted_dimensions(cfg: DictConfig, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The dimensions asked for, in the rubric's order; all that were run by default."""
    order = [entry["name"] for entry in runs[0]["rubric"]["dimensions"]]
    known = [name for name in order if any(name in run["dimensions"] for run in runs)]
    wanted = known if cfg.dimensions is None else names_in(cfg.dimensions) or []
    strangers = [name for name in wanted if name not in known]
    if strangers or not wanted:
        raise RequestError(f"dimensions {strangers} were not run; these were: {', '.join(known)}.")
    return [name for name in known if name in wanted]


def judge_folder(manifest: Mapping[str, Any]) -> str:
    """A folder name for variant and backend; what a file system may not like becomes `-`."""
    return re.sub(r"[^\w.,=+-]", "-", f"{manifest['variant']},{manifest['backend']}")


def _only_variant(frames: StudyFrames, manifest: Mapping[str, Any]) -> StudyFrames:
    """The study's frames with the predictions of one variant alone."""
    rows = frames.predictions
    is_variant = (rows["variant"] == manifest["variant"]) & (rows["backend"] == manifest["backend"])
    return replace(frames, predictions=rows[is_variant].reset_index(drop=True))


def _held_out_grades(
    frames: StudyFrames, dimension: str, reading: str, manifest: Mapping[str, Any]
) -> dict[str, Any]:
    """What the judges of the folds said of items they had not seen, beside the experts' grades.

    A judge that ships its habit is read relative to it, of which the batch reading is the nearest
    that held-out items have; with `prior=` the grades are relative as they stand.
    """
    batch = reading == "relative" and manifest["config"].get("prior", "none") == "none"
    column = "judge_score_batch" if batch else "judge_score_raw"
    rows = frames.predictions
    graded = rows[(rows["dimension"] == dimension) & rows["expert_score"].notna()]
    graded = graded[graded[column].notna()]  # N/A is missing on either side
    names = ["item_id", "case_id", "fold_seed", "expert_score", column]
    values = [
        [str(item), str(case), int(seed), plain_number(expert), plain_number(judge)]
        for item, case, seed, expert, judge in graded[names].values
    ]
    # Sorted: the same records give the same file, in whatever order they were read.
    return {"columns": names, "rows": sorted(values)}


def _cross_validated_scores(frames: StudyFrames, cfg: DictConfig) -> dict[str, dict[str, Any]]:
    """Dimension -> the cross-validated scores of the variant, as the report has them."""
    stats = cfg.stats
    analysis = Analysis.of(frames, cfg.calibration, stats.missing, stats.n_resamples, stats.seed)
    shared = {"reading": analysis.reading, "missing": analysis.missing}
    return {
        str(line["dimension"]): {
            **{key: _json_number(line[key]) for key in _SCORE_COLUMNS},
            **shared,
        }
        for line in summary(analysis).to_dict("records")
    }


def _json_number(value: Any) -> int | float | None:
    if isinstance(value, int | np.integer):
        return int(value)
    # NaN is no JSON; a score that could not be computed becomes null.
    return None if np.isnan(value) else float(value)


def _export_dimension(job: _ExportJob, plan: Plan, dimension: str, models: Models) -> int:
    """Write one judge, and register it; 1 if that failed."""
    try:
        record = align_on_all(plan, dimension, models, habit=job.cfg.habit)
    # The others may still do. A BackendError would meet all of them, and is not caught.
    except (AlignmentError, FailedCallError) as error:
        say(f"{dimension}: not exported: {error}")
        return 1
    manifest = job.frames.manifests[job.runs[dimension][0]]
    record |= {
        "scores": dict(job.scores[dimension]),
        "runs": job.runs[dimension],
        "held_out": _held_out_grades(job.frames, dimension, record["reading"], manifest),
    }
    path = job.out / f"{dimension}.json"
    records.write_json(path, record)
    say(f"{path}: {_judge_line(record)}")
    return 0 if job.tracker is None else _register(job, record, path, models)


def _judge_line(record: Mapping[str, Any]) -> str:
    memory, scores = record["judge"]["memory"], record["scores"]
    n_examples = len(memory["examples"]) if memory else 0
    mae = "unknown" if scores["mae"] is None else f"{scores['mae']:.3f}"
    return (
        f"{counted(len(record['judge']['guidelines']), 'guideline')},"
        f" {counted(n_examples, 'example')}, cross-validated"
        f" MAE {mae} ({scores['reading']})"
    )


def _register(job: _ExportJob, record: Mapping[str, Any], path: Path, models: Models) -> int:
    cfg, tracker = job.cfg, job.tracker
    assert tracker is not None
    # MLflow's judge has guidelines alone: the examples stay behind in the file.
    judge = judge_from({**record["judge"], "memory": None}, models.judge, models.embedding).judge
    model_and_fields = (cfg.mlflow_model or f"openai:/{record['backend']['model']}", cfg.passed_as)
    try:
        version = register_judge(tracker, record, path, judge, model_and_fields)
    except Exception as error:  # MLflow, its store and its network raise whatever they like
        # A tracking address may hold a password, and errors quote the address.
        reason = f"{type(error).__name__}: {without_userinfo(first_line(error))}"
        say(f"  not registered in MLflow ({reason}); the file is complete.")
        return 1
    state = "registered" if version.is_new else "was registered"
    say(f"  {state} as {version.name!r}, version {version.version}, asking {model_and_fields[0]}")
    say(f"  left behind, in the file only: {', '.join(lost_in_mlflow(record))}")
    return 0
