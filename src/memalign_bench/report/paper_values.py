"""The values of the paper, as they are printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.errors import RecordError
from memalign_bench.report.contrasts import ALPHA
from memalign_bench.report.drawing import table_rows
from memalign_bench.report.look import CONSTANT_MARK, NO_MODEL, Look
from memalign_bench.report.notices import is_synthetic, notices
from memalign_bench.report.sentences import SHOWN_VARIANTS, count, limits, listed, results
from memalign_bench.report.tables import Tables
from memalign_bench.report.views import number

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.frames import StudyFrames

__all__ = ["paper_values"]

_MISSING = {
    "worst": "An answer that is missing costs the largest error possible for its item.",
    "exclude": "Items without an answer are left out of a judge's numbers.",
    "as_zero": "An answer that is missing counts as the grade zero.",
}
_SCORING = {
    "logprob": "The judge's grade is the most probable of the scale, from the exact probabilities"
    " of one token.",
    "verdict": "The judge writes a rationale and then a grade.",
}
_READING = {
    "raw": "Distributions are read as they are.",
    "batch": "Distributions are read after division by their mean over the held-out items.",
}


def paper_values(
    frames: StudyFrames, tables: Tables, look: Look, *, n_resamples: int
) -> dict[str, Any]:
    """All values that `paper.typ` asks for, but for the figure's.

    Raises:
        RecordError: If a manifest lacks what the paper has to say.
    """
    summary, contrasts = tables.summary, tables.contrasts
    first = next(iter(frames.manifests.values()))
    return {
        "study": _study(frames, look, first),
        "protocol": _protocol(frames, summary, look, n_resamples),
        "notices": notices(frames),
        "results": results(frames, summary, contrasts, look),
        "table": _table(summary, contrasts, look),
        "limits": limits(frames, summary),
    }


def _need(manifest: dict[str, Any], *keys: str) -> Any:
    value: Any = manifest
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if value in (None, ""):
        name = ".".join(keys)
        run_id = manifest.get("run_id")
        raise RecordError(f"runs/{run_id}/manifest.json lacks {name!r}, which the paper states.")
    return value


def _study(frames: StudyFrames, look: Look, first: dict[str, Any]) -> dict[str, str]:
    rows = frames.predictions
    models = rows[rows["backend"] != NO_MODEL][["backend", "model"]].drop_duplicates()
    served = [f"{backend} ({model})" for backend, model in models.itertuples(index=False)]
    raters = {str(name) for names in frames.items["raters"] for name in names}
    kind = "simulated rater" if is_synthetic(frames) else "rater"
    return {
        "name": str(_need(first, "study")),
        "dataset": str(_need(first, "dataset", "name")),
        "gold": str(_need(first, "dataset", "gold")),
        "artefact": str(_need(first, "rubric", "artefact")),
        "backends": listed(sorted(served)) or "no model",
        "items": str(rows["item_id"].nunique()),
        "cases": str(rows["case_id"].nunique()),
        "dimensions": count(rows["dimension"].nunique(), "dimension"),
        "raters": count(len(raters), kind),
        "lowest": f"{look.grades[0]} ({look.words[0]})",
        "highest": f"{look.grades[-1]} ({look.words[-1]})",
    }


def _protocol(
    frames: StudyFrames, summary: pd.DataFrame, look: Look, n_resamples: int
) -> dict[str, str | bool]:
    rows = frames.predictions
    models = [m for m in frames.manifests.values() if m["backend"] != NO_MODEL]
    scoring = sorted({str(_need(manifest, "scoring")) for manifest in models})
    folds = {str(_need(manifest, "folds")) for manifest in frames.manifests.values()}
    seeds, repeats = rows["fold_seed"].nunique(), rows["repeat"].nunique()
    return {
        "folds": " or ".join(sorted(folds)),
        "fold_seeds": f"{count(seeds, 'fold seed')}, {count(repeats, 'repeat')}",
        "scoring": " ".join(_SCORING.get(name, name) for name in scoring) or "No model was asked.",
        "examples": " ".join(sorted({_examples_way(manifest) for manifest in models})),
        "reading": _READING[look.reading],
        "calibrated": bool(rows["distribution"].notna().any()),
        "missing": _MISSING[summary.attrs["missing"]],
        "level": "95 %",
        "resamples": f"{n_resamples:,}",
        "alpha": f"{ALPHA:g}",
    }


def _examples_way(manifest: Mapping[str, Any]) -> str:
    """How a run showed labelled examples; runs older than the choice listed them."""
    config = manifest.get("config", {})
    tokens = config.get("view", {}).get("example_tokens")
    length = "whole" if tokens is None else f"cut to {tokens} tokens"
    if config.get("prompt", {}).get("examples", "section") == "turns":
        return f"Labelled examples are turns that the judge has answered, shown {length}."
    return (
        f"Labelled examples stand in one list, each {length}. How they are shown decides whether a"
        " small judge takes them up at all."
    )


def _table(summary: pd.DataFrame, contrasts: pd.DataFrame, look: Look) -> dict[str, Any]:
    variants = [name for name in SHOWN_VARIANTS if name in set(summary["variant"])]
    several = len(look.backends) > 1
    claims = {
        (row["reference_backend"], row["dimension"]): row
        for row in table_rows(contrasts[contrasts["p_holm"].notna()])
    }
    lines = []
    for backend in look.backends:
        here = summary[summary["backend"].isin([backend, NO_MODEL])]
        cells = {(row["dimension"], row["variant"]): row for row in table_rows(here)}
        for name in look.dimensions(here["dimension"]):
            n = next(row["n_items"] for key, row in cells.items() if key[0] == name)
            title = f"{look.title(name)}, {backend}" if several else look.title(name)
            values = [_error(cells.get((name, variant)), look) for variant in variants]
            lines.append([title, str(n), *values, *_gain(claims.get((backend, name)))])
    left_out = [name for name in look.variants if name not in variants]
    head = ["Dimension", "n", *(name.replace("_", " ") for name in variants)]
    return {
        "head": [*head, "full: improvement", "p (Holm)"],
        "rows": lines,
        "caption": _table_caption(summary, look, left_out),
    }


def _table_caption(summary: pd.DataFrame, look: Look, left_out: Sequence[str]) -> str:
    words = (
        f"Mean absolute error by dimension (reading: {look.reading}; in brackets the other one,"
        " where there is one); improvement of the full memory over none with its 95 % interval. An"
        " asterisk marks significance after Holm's"
        " correction."
    )
    if (summary["n_distinct_grades"] == 1).any():
        words += f" {CONSTANT_MARK}: constant judge."
    if left_out:
        words += f" Not shown: {listed(left_out)}."
    return words


def _error(row: dict[str, Any] | None, look: Look) -> str:
    if row is None:
        return number(None)
    other = row["mae_batch" if look.reading == "raw" else "mae_raw"]
    mark = CONSTANT_MARK if row["n_distinct_grades"] == 1 else ""
    beside = "" if np.isnan(other) or row["backend"] == NO_MODEL else f" ({number(other)})"
    return number(row["mae"]) + mark + beside


def _gain(row: dict[str, Any] | None) -> list[str]:
    if row is None:
        return [number(None), number(None)]
    ends = f" [{number(row['low'])}, {number(row['high'])}]" if not np.isnan(row["low"]) else ""
    star = "*" if row["significant"] else ""
    p = row["p_holm"]
    return [
        number(row["improvement"], signed=True) + ends + star,
        "<0.001" if p < 0.001 else f"{p:.3f}",
    ]
