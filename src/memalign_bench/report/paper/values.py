"""The values of the paper, as they are printed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.errors import RecordError
from memalign_bench.report.drawing.look import Look
from memalign_bench.report.notices import is_synthetic, notices
from memalign_bench.report.numbers.alignments import FULL, UNALIGNED
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.contrasts import ALPHA, claimed_rows
from memalign_bench.report.numbers.frames import StudyFrames, rows_of
from memalign_bench.report.numbers.missing_answers import MADE_OF_SILENCE
from memalign_bench.report.numbers.pairs import parts_of, settings_of
from memalign_bench.report.numbers.readings import NO_BACKEND
from memalign_bench.report.paper.claims import claims_sentence, judge_name
from memalign_bench.report.paper.sentences import limits, named_variants, results
from memalign_bench.report.prose import (
    CONSTANT_MARK,
    METRIC_NAMES,
    listed,
    number,
    p_value,
    typographic,
    with_interval,
)
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.types import Grade
from memalign_bench.wording import counted

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["paper_values"]

_SIDES = ["variant", "reference", "metric"]
"""What tells one claim from another on a dimension and backend."""

_MISSING = {
    "worst": "An answer that is missing costs the largest error possible for its item.",
    "exclude": "Items without an answer are left out of a judge's numbers.",
    "as_zero": "An answer that is missing counts as the grade zero.",
}
_SCORING = {
    "logprob": "The judge's grade is the most probable of the scale, from the exact probabilities"
    " of one token.",
    "checklist": "The judge's grade is the most probable under its answers to the rubric's"
    " criteria, each from the exact probabilities of one token.",
    "verdict": "The judge writes a rationale and then a grade.",
}
_READING = {
    "raw": "Distributions are read as they are.",
    "batch": "Distributions are read after division by their mean over the held-out items.",
}


def paper_values(
    analysis: Analysis, made: SectionNumbers, look: Look, shown: Sequence[str] | None
) -> dict[str, Any]:
    """All values that `paper.typ` asks for, but for the figure's.

    Args:
        analysis: The records, and how they are read.
        made: The numbers of the report's sections.
        look: The study's look.
        shown: Variants of the table and the sentences; an alignment that has one variant alone
            stands for it, None for the usual ones.

    Raises:
        RequestError: If what is to be shown is not in the study.
        RecordError: If a manifest lacks what the paper has to say.
    """
    frames = analysis.frames
    first = next(iter(frames.manifests.values()))
    variants = named_variants(look, shown)
    claims = claims_sentence(analysis, made["contrasts"])
    return {
        "study": _study_values(frames, look, first),
        "protocol": _protocol_values(analysis) | {"claims": claims},
        "notices": notices(frames),
        "results": results(analysis, made, look, variants),
        "table": _table_values(made, look, variants),
        "limits": limits(analysis, made, look),
    }


def _required(manifest: dict[str, Any], *keys: str) -> Any:
    value: Any = manifest
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if value in (None, ""):
        name = ".".join(keys)
        run_id = manifest.get("run_id")
        raise RecordError(f"runs/{run_id}/manifest.json lacks {name!r}, which the paper states.")
    return value


def _study_values(frames: StudyFrames, look: Look, first: dict[str, Any]) -> dict[str, str]:
    rows = frames.predictions
    models = rows[rows["backend"] != NO_BACKEND][["backend", "model"]].drop_duplicates()
    served = [
        backend if backend == model else f"{backend} ({model})"
        for backend, model in models.itertuples(index=False)
    ]
    raters = {str(name) for names in frames.items["raters"] for name in names}
    kind = "simulated rater" if is_synthetic(frames) else "rater"
    return {
        "name": frames.path.name,  # a folder may have been renamed since it was run
        "dataset": str(_required(first, "dataset", "name")),
        "gold": str(_required(first, "dataset", "gold")),
        "artefact": str(_required(first, "rubric", "artefact")),
        "backends": listed(sorted(served)) or "no model",
        "items": str(rows["item_id"].nunique()),
        "cases": str(rows["case_id"].nunique()),
        "dimensions": counted(rows["dimension"].nunique(), "dimension"),
        "raters": counted(len(raters), kind),
        "lowest": _grade_text(look.grades[0], look.words[0]),
        "highest": _grade_text(look.grades[-1], look.words[-1]),
    }


def _grade_text(grade: Grade, word: str) -> str:
    return str(grade) if word == str(grade) else f"{grade} ({word})"


def _protocol_values(analysis: Analysis) -> dict[str, str | bool]:
    frames, rows = analysis.frames, analysis.frames.predictions
    # Runs without a model have no way of scoring and show no examples.
    models = [m for m in frames.manifests.values() if m["backend"] != NO_BACKEND]
    scoring = sorted({str(_required(manifest, "scoring")) for manifest in models})
    folds = {str(_required(manifest, "folds")) for manifest in frames.manifests.values()}
    seeds, repeats = rows["fold_seed"].nunique(), rows["repeat"].nunique()
    return {
        "folds": " or ".join(sorted(folds)),
        "fold_seeds": f"{counted(seeds, 'fold seed')}, {counted(repeats, 'repeat')}",
        # A way of scoring that is none of the package's is called by its name.
        "scoring": " ".join(_SCORING.get(name, name) for name in scoring) or "No model was asked.",
        "examples": " ".join(sorted({_examples_sentence(manifest) for manifest in models})),
        "reading": _READING[analysis.reading],
        "calibrated": bool(rows["distribution"].notna().any()),
        "missing": _MISSING[analysis.missing],
        "level": "95 %",
        "resamples": f"{analysis.resampler.n_resamples:,}",
        "alpha": f"{ALPHA:g}",
        "margin": f"{analysis.margin:g}",
    }


def _examples_sentence(manifest: Mapping[str, Any]) -> str:
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


def _table_values(made: SectionNumbers, look: Look, variants: Sequence[str]) -> dict[str, Any]:
    summary, contrasts = made["summary"], made["contrasts"]
    several = len(look.backends) > 1
    family = contrasts[claimed_rows(contrasts)]
    # A plan may name several contrasts and metrics, each of which has columns of its own.
    sides = list(family[_SIDES].drop_duplicates().itertuples(index=False, name=None))
    sides = sides or [(FULL, UNALIGNED, "mae")]
    claims = {
        (*(row[name] for name in _SIDES), row["reference_backend"], row["dimension"]): row
        for row in rows_of(family)
    }
    shared = _shared_settings(summary, variants)
    # One line per dimension and backend, a column per variant.
    lines = []
    for backend in look.backends:
        # What asks no model stands beside the judges of every backend.
        here = summary[summary["backend"].isin([backend, NO_BACKEND])]
        cells = {(row["dimension"], row["variant"]): row for row in rows_of(here)}
        for name in look.dimensions(here["dimension"]):
            # Of any judge: the item set is the same for all of them.
            n = next(row["n_items"] for key, row in cells.items() if key[0] == name)
            title = f"{look.title(name)}, {backend}" if several else look.title(name)
            values = [_error_cell(cells.get((name, variant)), look) for variant in variants]
            gains = [_gain_cells(claims.get((*side, backend, name))) for side in sides]
            lines.append([title, str(n), *values, *chain.from_iterable(gains)])
    left_out = [name for name in look.variants if name not in variants]
    head = ["Dimension", "n", *(_column_name(name, shared) for name in variants)]
    gain_heads = [_gain_head(side, shared) for side in sides]
    caption = _table_caption(summary, look, left_out, sides)
    return {
        "head": [*head, *chain.from_iterable((name, "p (Holm)") for name in gain_heads)],
        "rows": lines,
        "caption": caption + (f" All are asked with {listed(sorted(shared))}." if shared else ""),
    }


def _shared_settings(summary: pd.DataFrame, variants: Sequence[str]) -> frozenset[str]:
    """Settings of every variant that asks a model: said once, they need not stand in each head."""
    asking = set(summary.loc[summary["backend"] != NO_BACKEND, "variant"])
    settings = [settings_of(name) for name in variants if name in asking]
    return frozenset.intersection(*settings) if settings else frozenset()


def _column_name(variant: str, shared: frozenset[str]) -> str:
    """A variant over a column, which may break where a setting has a dot or an equals sign."""
    alignment, *settings = parts_of(variant)
    own = [re.sub(r"([.=])", "\\1\u200b", name) for name in settings if name not in shared]
    return ", ".join([alignment.replace("_", " "), *own])


def _gain_head(side: tuple[str, str, str], shared: frozenset[str]) -> str:
    variant, reference, metric = side
    other = _column_name(reference, shared)
    against = "" if other == UNALIGNED else f" against {other}"
    measured = "" if metric == "mae" else f" ({METRIC_NAMES[metric]})"
    return f"{_column_name(variant, shared)}{against}: improvement{measured}"


def _table_caption(
    summary: pd.DataFrame,
    look: Look,
    left_out: Sequence[str],
    sides: Sequence[tuple[str, str, str]],
) -> str:
    # In a metric or two, one contrast is told once.
    gains = dict.fromkeys(
        f"{judge_name(variant)} over {'none' if other == UNALIGNED else judge_name(other)}"
        for variant, other, _ in sides
    )
    words = (
        f"Mean absolute error by dimension (reading: {look.reading}; in brackets the other one,"
        f" where there is one); improvement of {listed([*gains])} with its 95 % interval. An"
        " asterisk marks significance after Holm's"
        " correction."
    )
    if (summary["n_distinct_grades"] == 1).any():
        words += f" {CONSTANT_MARK}: constant judge."
    if left_out:
        words += f" Not shown: {listed(left_out)}."
    return words


def _error_cell(row: dict[str, Any] | None, look: Look) -> str:
    if row is None:
        return typographic("")
    other = row["mae_batch" if look.reading == "raw" else "mae_raw"]
    mark = CONSTANT_MARK if row["n_distinct_grades"] == 1 else ""
    # What asks no model has one reading, whose error would stand there twice.
    in_brackets = "" if np.isnan(other) or row["backend"] == NO_BACKEND else f" ({number(other)})"
    return number(row["mae"]) + mark + in_brackets


def _gain_cells(row: dict[str, Any] | None) -> list[str]:
    if row is None or MADE_OF_SILENCE in row["note"]:
        return [typographic(""), typographic("")]
    gain = with_interval(row["improvement"], row["low"], row["high"], signed=True)
    return [typographic(gain) + ("*" if row["significant"] else ""), p_value(row["p_holm"])]
