"""What a report states above its numbers: data, judges and protocol, as the manifests say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.readings import NO_BACKEND
from memalign_bench.stats.resampling.units import MOST_UNITS
from memalign_bench.types import Grade
from memalign_bench.wording import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["grade_name", "study_facts"]


def study_facts(analysis: Analysis, look: Look) -> list[tuple[str, str]]:
    """What, when and on which data, as the manifests say; what they do not say is left out."""
    frames = analysis.frames
    manifests = list(frames.manifests.values())
    # The first speaks for all: `load_study` has checked that runs share one data set.
    dataset = manifests[0]["dataset"]
    rows = frames.predictions
    models = rows[["backend", "model"]].drop_duplicates().sort_values("backend")
    unfinished = ", ".join(
        m["run_id"] for m in manifests if m.get("status", "complete") != "complete"
    )
    facts = {
        "Data": f"{dataset['name']}, gold: {dataset.get('gold')}, digest {_short_digest(dataset)}",
        "Items": f"{rows['item_id'].nunique()} of {rows['case_id'].nunique()} cases,"
        f" {counted(rows['dimension'].nunique(), 'dimension')}{_resampling_note(rows)}",
        "Scale": str(frames.scale)
        if frames.scale.is_wide
        else ", ".join(grade_name(grade, look) for grade in look.grades),
        "Variants": ", ".join(look.variants),
        "Backends": "; ".join(
            f"{backend} ({model})" if backend != NO_BACKEND else "none (no model)"
            for backend, model in models.itertuples(index=False)
        ),
        "Scoring": _entries(manifests, "scoring"),
        "Applicability": _entries(manifests, "applicability"),
        "Reading": f"{look.reading}; missing answers: {analysis.missing}",
        "Folds": f"{_entries(manifests, 'folds')}; fold seeds {_distinct(rows['fold_seed'])};"
        f" repeats {rows['repeat'].nunique()}",
        # "12", or "12; with failed questions: RUN, RUN".
        "Runs": "; with failed questions: ".join(
            [str(len(manifests)), *filter(None, [unfinished])]
        ),
        "Finished": _entries(manifests, "finished"),
        "Code": _code_versions(manifests),
    }
    # What no manifest says is left out rather than shown empty.
    return [(name, text) for name, text in facts.items() if text]


def _resampling_note(rows: pd.DataFrame) -> str:
    """What is resampled, where that is not single cases."""
    grouped = rows["case_id"].nunique() > MOST_UNITS
    return f"; intervals over {MOST_UNITS:,} random groups of cases" if grouped else ""


def _short_digest(entry: Mapping[str, Any]) -> str:
    return str(entry.get("digest", ""))[:12]


def _distinct(column: pd.Series[Any]) -> str:
    return ", ".join(str(value) for value in sorted(set(column)))


def _entries(manifests: Sequence[Mapping[str, Any]], key: str) -> str:
    return ", ".join(sorted({str(m[key]) for m in manifests if m.get(key) not in (None, "")}))


def _code_versions(manifests: Sequence[Mapping[str, Any]]) -> str:
    versions = set()
    for manifest in manifests:
        version = manifest.get("versions", {}).get("memalign-bench", "")
        git = manifest.get("git") or {}
        commit = str(git.get("commit") or "")[:12]
        dirty = " (with uncommitted changes)" if git.get("dirty") else ""
        versions.add(
            " ".join(part for part in (version, commit and f"commit {commit}{dirty}") if part)
        )
    return "; ".join(sorted(versions - {""}))


def grade_name(grade: Grade | None, look: Look) -> str:
    """A grade with its word."""
    if grade is None:
        return "not applicable"
    words = dict(zip(look.grades, look.words, strict=True))
    if grade in words:
        # A scale without words has its numbers for them.
        return f"{grade} ({words[grade]})" if words[grade] != str(grade) else str(grade)
    return str(grade)
