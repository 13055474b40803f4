"""Which comparisons are a study's claims: those of its registered plan, or the usual ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from memalign_bench.report.numbers.alignments import FULL
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.pairs import Pair, claimed_pairs
from memalign_bench.report.numbers.readings import NO_BACKEND
from memalign_bench.study.registered.registering import plan_digest
from memalign_bench.study.registered.study_plan import INTERVALS, StudyPlan

__all__ = ["NOT_PLANNED", "NO_PLAN", "PLANNED", "Claims", "claims_of", "planned_pairs"]

PLANNED, NOT_PLANNED, NO_PLAN = "planned", "not planned", "no plan"
"""What the column `planned` says of a row."""


@dataclass(frozen=True)
class Claims:
    """Which comparisons of a study are claims, and whether they were planned.

    Attributes:
        plan: The registered plan; None where there is none that can be relied on.
        problems: Why nothing counts as planned, or what is read otherwise than planned.
        default_pairs: The claims of a study without a plan: MAE of these pairs.
        run_under_plan: (variant, backend) all of whose runs were made under the plan.
        pairs: Every pair that the study compares.
    """

    plan: StudyPlan | None
    problems: tuple[str, ...]
    default_pairs: frozenset[Pair]
    run_under_plan: frozenset[tuple[str, str]]
    pairs: tuple[Pair, ...] = ()

    def metrics(self, pair: Pair, dimension: str) -> tuple[str, ...]:
        """The metrics in which this pair is a claim on a dimension, in the study's own reading."""
        if self.plan is None:
            return ("mae",) if pair in self.default_pairs else ()
        # What asks no model has no backend that a plan could name.
        models = {pair.backend, pair.reference_backend} - {NO_BACKEND}
        named = self.plan.names(pair.variant, pair.reference, models)
        here = self.plan.dimensions is None or dimension in self.plan.dimensions
        return self.plan.metrics if named and here else ()

    def word(self, pair: Pair, *, claimed: bool) -> str:
        """`planned`, `not planned` or `no plan`."""
        if self.plan is None:
            # A plan that was lost or replaced is not the same as none.
            return NOT_PLANNED if self.problems else NO_PLAN
        sides = {(pair.variant, pair.backend), (pair.reference, pair.reference_backend)}
        planned = claimed and sides <= self.run_under_plan and not self.problems
        return PLANNED if planned else NOT_PLANNED

    def sentence(self, dimensions: Iterable[str]) -> str:
        """Whether a plan was registered, and kept; what it names and the study does not hold."""
        if self.plan is None and not self.problems:
            return (
                "No plan was registered before this study's first call: which comparisons are"
                " claims follows the usual rule (full against none)."
            )
        if self.problems:
            return f"Not planned: {'; '.join(self.problems)}. No claim counts as planned."
        assert self.plan is not None
        words = f", {self.plan.words.name}" if self.plan.words else ""
        named = "the claims were" if self.plan.contrasts else "that there is no claim was"
        text = (
            f"Planned: {named} registered before the study's first call"
            f" (plan {self.plan.digest[:12]}{words})."
        )
        not_run = self._not_run(self.plan, tuple(dimensions))
        return text + (f" Planned, but not run: {'; '.join(not_run)}." if not_run else "")

    def reason_for_none(self) -> str:
        """Why a study that makes no claim makes none, as the end of a sentence."""
        if self.plan is not None:
            held = "it holds nothing that its plan names"
            return held if self.plan.contrasts else "its plan names none"
        if any(pair.alignment == FULL for pair in self.pairs):
            return "it holds several variants of the full memory, and none of them is the plain one"
        return "it holds no full memory beside the unaligned judge"

    def _not_run(self, plan: StudyPlan, dimensions: Sequence[str]) -> list[str]:
        # One of a pair's backends is "none" where a side asks no model.
        compared = {
            (pair.variant, pair.reference, place)
            for pair in self.pairs
            for place in (pair.backend, pair.reference_backend)
        }
        missing = [
            f"{contrast.variant} against {contrast.reference} on {backend}"
            for contrast in plan.contrasts
            for backend in plan.backends
            if (*contrast, backend) not in compared
        ]
        return missing + [name for name in plan.dimensions or () if name not in dimensions]


def claims_of(analysis: Analysis, pairs: Sequence[Pair]) -> Claims:
    """The claims of a study, from its plan where one was registered."""
    frames = analysis.frames
    plan, manifests = frames.plan, frames.manifests.values()
    # None: runs that were made without a plan.
    digests = {plan_digest(manifest) for manifest in manifests} - {None}
    default_pairs, all_pairs = frozenset(claimed_pairs(pairs)), tuple(pairs)
    # A plan that was removed, or replaced after runs were made under another, vouches for nothing.
    if plan is None or digests - {plan.digest}:
        lost = "missing" if plan is None else "not the one that runs of this study were made under"
        problems = (f"plan.json is {lost}",) if digests else ()
        return Claims(None, problems, default_pairs, frozenset(), all_pairs)
    runs = [(str(m["variant"]), str(m["backend"]), plan_digest(m)) for m in manifests]
    # One run outside the plan is enough to spoil a judge: its rows are pooled.
    without_plan = {(variant, backend) for variant, backend, digest in runs if digest is None}
    under_plan = frozenset((variant, backend) for variant, backend, _ in runs) - without_plan
    deviations = tuple(_deviations(analysis, plan))
    return Claims(plan, deviations, default_pairs, under_plan, all_pairs)


def _deviations(analysis: Analysis, plan: StudyPlan) -> Iterator[str]:
    read_with = {
        "reading": analysis.reading,
        "missing": analysis.missing,
        # In steps of the scale, as it is asked for and planned.
        "margin": round(analysis.margin / analysis.frames.scale.unit, 12),
        "n_resamples": analysis.resampler.n_resamples,
        "seed": analysis.resampler.seed,
        **INTERVALS,
    }
    # A plan of jobs without distributions has None, and these have the raw reading only.
    reading = "batch" if plan.calibration == "batch" else "raw"
    for key, planned in ({"reading": reading} | {**plan.stats} | {**plan.intervals}).items():
        # What a plan holds and no report hangs on (`spreads`) is no deviation.
        if key in read_with and not _is_same(read_with[key], planned):
            yield f"{key} is {read_with[key]}, planned was {planned}"


def _is_same(read: object, planned: object) -> bool:
    """Whether two settings are equal, reals but for rounding: a margin is brought to the scale."""
    if isinstance(read, float) and isinstance(planned, int | float):
        return math.isclose(read, planned)
    return read == planned


def planned_pairs(
    plan: StudyPlan | None, known: Sequence[tuple[str, str, str]], pairs: Sequence[Pair]
) -> list[Pair]:
    """The pairs that a plan names and that are not compared anyway.

    Args:
        plan: The plan.
        known: (variant, alignment, backend) of the study.
        pairs: Those that are compared in every study.
    """
    if plan is None:
        return []
    alignment = {(variant, backend): name for variant, name, backend in known}
    planned = []
    for contrast in plan.contrasts:
        for backend in plan.backends:
            # What asks no model is the same beside every backend.
            sides = [
                next((place for place in (backend, NO_BACKEND) if (name, place) in alignment), None)
                for name in contrast
            ]
            judge_backend, reference_backend = sides
            if judge_backend is not None and reference_backend is not None:
                name = alignment[contrast.variant, judge_backend]
                planned.append(
                    Pair(
                        contrast.variant, name, judge_backend, contrast.reference, reference_backend
                    )
                )
    # Once each: where neither side asks a model, every backend gave the same pair.
    return [pair for pair in dict.fromkeys(planned) if pair not in pairs]
