"""Backends side by side: error over all dimensions, what it took, and how sure the order is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.pooled import estimate_level
from memalign_bench.report.numbers.readings import NO_BACKEND, Answers, JudgeKey
from memalign_bench.report.prose import listed
from memalign_bench.report.sections.section import Section
from memalign_bench.report.tables.columns import count, interval, real, share, word
from memalign_bench.report.tables.table import Table
from memalign_bench.stats.resampling.bootstrap import cluster_mean

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.numbers.frames import StudyFrames

__all__ = ["BACKENDS", "BACKEND_COLUMNS", "compare_backends", "pareto_front", "table"]

BACKEND_COLUMNS = (
    "variant",
    "alignment",
    "backend",
    "model",
    "n_dimensions",
    "n_items",
    "n_rows",
    "n_failed",
    "mae",
    "mae_low",
    "mae_high",
    "best_share",
    "mean_rank",
    "prompt_tokens",
    "completion_tokens",
    "cost_usd",
    "latency_s",
    "alignment_tokens",
    "alignment_s",
)


class _Competitor(NamedTuple):
    """One backend of a variant, with its answers on the shared dimensions."""

    variant: str
    alignment: str
    backend: str
    dimensions: tuple[str, ...]
    parts: tuple[Answers, ...]

    @property
    def is_silent(self) -> bool:
        """Whether it gave no answer on one of the dimensions."""
        return not all(len(part.answered) for part in self.parts)


def compare_backends(analysis: Analysis, *, on_one_axis: bool = False) -> pd.DataFrame:
    """One row per variant and backend, over the dimensions that all backends of it have.

    `on_one_axis`: over the dimensions that all rows have, so that variants compare as well.

    `mae` is the mean over dimensions of the mean absolute error, with a 95 % interval over
    cases. `best_share` is the share of bootstrap resamples of cases in which the backend's error
    is the least among the backends of its variant (shared where they tie), `mean_rank` its mean
    rank there: 1 is best, and values apart from whole numbers show an order that hangs on the
    cases drawn. Tokens, cost and seconds are means over the questions asked there; `latency_s` is
    what a question's calls took when they were made, under that run's concurrency, and
    `alignment_tokens` and `alignment_s` are what distilling took in all cells there, its seconds
    those of its calls one after the other; missing where records are older or came from a cassette.

    A backend that gave no answer on one of the dimensions is in no ranking, and where only one is
    left there is none: both columns are missing. `attrs["silent"]` has variant and backend of each.

    Returns:
        `BACKEND_COLUMNS`; no row where no variant was run on two backends.
    """
    import pandas as pd

    lines: list[dict[str, Any]] = []
    silent: list[tuple[str, str]] = []
    for group in _competitor_groups(analysis, on_one_axis=on_one_axis):
        lines += _ranking_rows(analysis, group)
        silent += [(one.variant, one.backend) for one in group if one.is_silent]
    frame = pd.DataFrame(lines, columns=list(BACKEND_COLUMNS))
    frame.attrs = {"silent": silent}
    return frame.astype({"best_share": "float64", "mean_rank": "float64"})


def _competitor_groups(analysis: Analysis, *, on_one_axis: bool) -> list[list[_Competitor]]:
    """The backends of each variant, on the dimensions that all of them have."""
    answers = analysis.answers
    by_variant: dict[str, list[tuple[str, str]]] = {}
    for variant, alignment, backend in analysis.variants:
        if backend != NO_BACKEND:
            by_variant.setdefault(variant, []).append((alignment, backend))
    # Only variants that two backends have, on the dimensions that all of them have.
    shared_by_variant = {
        variant: [
            dimension
            for dimension in analysis.frames.dimensions
            if all(JudgeKey(dimension, variant, backend) in answers for _, backend in members)
        ]
        for variant, members in by_variant.items()
        if len(members) > 1
    }
    if on_one_axis and shared_by_variant:
        everywhere = set.intersection(*map(set, shared_by_variant.values()))
        shared_by_variant = {
            variant: [dimension for dimension in shared if dimension in everywhere]
            for variant, shared in shared_by_variant.items()
        }
    groups = []
    for variant, shared in shared_by_variant.items():
        members = by_variant[variant]
        if not shared:
            continue
        groups.append(
            [
                _Competitor(
                    variant,
                    alignment,
                    backend,
                    tuple(shared),
                    tuple(answers[JudgeKey(name, variant, backend)] for name in shared),
                )
                for alignment, backend in members
            ]
        )
    return groups


def _ranking_rows(analysis: Analysis, group: Sequence[_Competitor]) -> list[dict[str, Any]]:
    # Against silence whatever answers is best.
    places = _resampled_places(analysis, [one for one in group if not one.is_silent])
    return [
        {
            "variant": competitor.variant,
            "alignment": competitor.alignment,
            "backend": competitor.backend,
            "n_dimensions": len(competitor.parts),
            "n_items": len({item for part in competitor.parts for item in part.items}),
            **estimate_level(analysis, competitor.parts, "mae").columns("mae"),
            **places.get(competitor.backend, {}),
            **_effort_columns(analysis.frames, competitor),
        }
        for competitor in group
    ]


def _resampled_places(
    analysis: Analysis, group: Sequence[_Competitor]
) -> dict[str, dict[str, float]]:
    """Backend -> how often it is best, and its mean rank; empty where nothing is to be ranked."""
    from scipy.stats import rankdata

    if len(group) < 2:
        return {}
    resampler = analysis.resampler
    # Of all backends and dimensions together: each resample draws the same cases for all.
    cases = sorted(
        {str(case) for competitor in group for part in competitor.parts for case in part.cases}
    )
    index_of = {case: index for index, case in enumerate(cases)}

    def error_of(competitor: _Competitor, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = [
            cluster_mean(part.error, [index_of[str(case)] for case in part.cases], weights)
            for part in competitor.parts
        ]
        # NaN where a dimension has no row in a resample: a mean of the others does not compare.
        return np.asarray(np.mean(columns, axis=0))

    weights = resampler.weights(cases)
    # Shape (backends, resamples).
    resampled = np.stack([error_of(competitor, weights) for competitor in group])
    # A resample in which one backend has no answer cannot be ranked.
    complete = ~np.isnan(resampled).any(axis=0)
    # Rounded, since errors that differ in the last bit are ties.
    ranks = rankdata(resampled[:, complete].round(12), axis=0)
    is_best = resampled[:, complete].round(12) == resampled[:, complete].round(12).min(axis=0)
    # Backends that tie share a resample evenly.
    best = (is_best / is_best.sum(axis=0)).mean(axis=1)
    return {
        competitor.backend: {"best_share": float(at_best), "mean_rank": float(rank.mean())}
        for competitor, at_best, rank in zip(group, best, ranks, strict=True)
    }


def _effort_columns(frames: StudyFrames, competitor: _Competitor) -> dict[str, Any]:
    # On the shared dimensions, as the error is: prompts of others may be longer, or shorter.
    own_rows, waits = (
        table[
            (table["variant"] == competitor.variant)
            & (table["backend"] == competitor.backend)
            & table["dimension"].isin(competitor.dimensions)
        ]
        for table in (frames.predictions, frames.timings)
    )
    asked = own_rows[own_rows["status"] != "not_asked"]
    # 0 stands for not known: those calls came with a cassette.
    waits = waits[waits["latency_s"] > 0]
    costs = asked["cost_usd"].dropna()
    # What distilling took, over all cells there; runs that overlap share cells.
    distillations = {
        (cell["dimension"], cell["fold_seed"], cell["fold"]): cell.get("distillation", {})
        for cell in frames.memory
        if (cell["variant"], cell["backend"]) == (competitor.variant, competitor.backend)
        and cell["dimension"] in competitor.dimensions
    }
    return {
        # The same in every row: `load_study` refuses a backend of several models.
        "model": str(own_rows["model"].iloc[0]),
        "n_rows": len(asked),
        "n_failed": int((asked["status"] == "failed").sum()),
        "prompt_tokens": float(asked["prompt_tokens"].mean()),
        "completion_tokens": float(asked["completion_tokens"].mean()),
        "cost_usd": float(costs.mean()) if len(costs) else float("nan"),
        "latency_s": float(waits["latency_s"].mean()) if len(waits) else float("nan"),
        "alignment_tokens": sum(
            spent.get("prompt_tokens", 0) + spent.get("completion_tokens", 0)
            for spent in distillations.values()
        ),
        "alignment_s": _alignment_seconds(frames, competitor),
    }


def _alignment_seconds(frames: StudyFrames, competitor: _Competitor) -> float:
    """Seconds of all distilling calls; NaN where a run or one of its cells does not tell."""
    seconds: dict[tuple[Any, ...], float] = {}
    for manifest in frames.manifests.values():
        if (manifest["variant"], manifest["backend"]) != (competitor.variant, competitor.backend):
            continue
        # An older manifest has no list.
        for cell in manifest.get("alignment_seconds", [{"latency_s": None}]):
            if cell.get("dimension", competitor.dimensions[0]) not in competitor.dimensions:
                continue
            if cell["latency_s"] is None:
                return float("nan")
            # Runs that overlap share cells; each counts once.
            seconds[manifest["fold_seed"], cell["dimension"], cell["fold"]] = cell["latency_s"]
    return float(sum(seconds.values()))


def pareto_front(cost: Sequence[float], error: Sequence[float]) -> list[int]:
    """Places of the points that no other beats in both cost and error, by rising cost.

    >>> pareto_front([1.0, 2.0, 3.0, 2.5], [0.9, 0.5, 0.4, 0.6])
    [0, 1, 2]
    """
    front: list[int] = []
    # By cost, of equal cost the least error first: what is kept errs less than all before it.
    for at in sorted(range(len(cost)), key=lambda n: (cost[n], error[n])):
        if not front or error[at] < error[front[-1]]:
            front.append(at)
    return front


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """The table for people."""
    columns = [
        word("variant", "variant"),
        word("backend", "backend"),
        word("model", "model"),
        count("dimensions", "n_dimensions"),
        count("items", "n_items", help="items that experts graded"),
        interval("MAE", "mae", help="mean over dimensions of the mean absolute error",
                 unit="grades"),
        share("best in", "best_share",
              help="resamples of cases in which its error is the least of its variant"),
        real("mean rank", "mean_rank", help="over resamples of cases; 1 is best"),
        real("prompt tokens", "prompt_tokens", 0, help="a question"),
        real("generated", "completion_tokens", 0, help="tokens a question"),
        real("USD", "cost_usd", 6, help="a question"),
        real("seconds", "latency_s",
             help="a question's calls when they were made, under that concurrency"),
        count("aligning, tokens", "alignment_tokens", help="of all distilling"),
        real("aligning, seconds", "alignment_s",
             help="of all distilling calls when they were made"),
        count("failed", "n_failed"),
    ]  # fmt: skip
    notes = [
        "MAE is the mean over dimensions, on those that all backends of a variant have; best in:"
        " share of bootstrap resamples of cases in which its MAE is the least of its variant.",
        "Tokens, USD and seconds are means a question; seconds are those of the calls when they"
        " were made, under that run's concurrency. Aligning: all distilling of the variant.",
    ]
    if silent := numbers.attrs["silent"]:
        told = [f"{variant} on {backend}" for variant, backend in silent]
        notes.append(f"In no ranking, since they gave no answer on a dimension: {listed(told)}.")
    return Table(numbers, columns, notes)


BACKENDS = Section(
    "backends", "Backends", 0.1, lambda analysis, _: compare_backends(analysis), table
)
