"""Which comparisons are a study's claims: those of its registered plan, or the usual ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

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
    """What of a study's comparisons is claimed, and whether that was planned.

    Attributes:
        plan: The registered plan; None where there is none that can be relied on.
        problems: Why nothing counts as planned, or what is read otherwise than planned.
        usual: The claims of a study without a plan: MAE of these pairs.
        under: (variant, backend) all of whose runs were made under the plan.
        pairs: Every pair that the study compares.
    """

    plan: StudyPlan | None
    problems: tuple[str, ...]
    usual: frozenset[Pair]
    under: frozenset[tuple[str, str]]
    pairs: tuple[Pair, ...] = ()

    def metrics(self, pair: Pair, dimension: str) -> tuple[str, ...]:
        """The metrics in which this pair is a claim on a dimension, in the study's own reading."""
        if self.plan is None:
            return ("mae",) if pair in self.usual else ()
        models = {pair.backend, pair.reference_backend} - {NO_BACKEND}
        named = self.plan.names(pair.variant, pair.reference, models)
        here = self.plan.dimensions is None or dimension in self.plan.dimensions
        return self.plan.metrics if named and here else ()

    def word(self, pair: Pair, *, claimed: bool) -> str:
        """`planned`, `not planned` or `no plan`."""
        if self.plan is None:
            return NOT_PLANNED if self.problems else NO_PLAN
        sides = {(pair.variant, pair.backend), (pair.reference, pair.reference_backend)}
        return PLANNED if claimed and sides <= self.under and not self.problems else NOT_PLANNED

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
        told = (
            f"Planned: {named} registered before the study's first call"
            f" (plan {self.plan.digest[:12]}{words})."
        )
        lacks = self._not_run(self.plan, tuple(dimensions))
        return told + (f" Planned, but not run: {'; '.join(lacks)}." if lacks else "")

    def _not_run(self, plan: StudyPlan, dimensions: Sequence[str]) -> list[str]:
        held = {(p.variant, p.reference, place) for p in self.pairs for place in p[2::2]}
        lacks = [
            f"{one.variant} against {one.reference} on {backend}"
            for one in plan.contrasts
            for backend in plan.backends
            if (*one, backend) not in held
        ]
        return lacks + [name for name in plan.dimensions or () if name not in dimensions]


def claims_of(analysis: Analysis, pairs: Sequence[Pair]) -> Claims:
    """The claims of a study, from its plan where one was registered."""
    frames = analysis.frames
    plan, manifests = frames.plan, frames.manifests.values()
    digests = {plan_digest(manifest) for manifest in manifests} - {None}
    usual, every = frozenset(claimed_pairs(pairs)), tuple(pairs)
    if plan is None or digests - {plan.digest}:
        lost = "missing" if plan is None else "not the one that runs of this study were made under"
        return Claims(None, (f"plan.json is {lost}",) if digests else (), usual, frozenset(), every)
    told = [(str(m["variant"]), str(m["backend"]), plan_digest(m)) for m in manifests]
    outside = {(variant, backend) for variant, backend, digest in told if digest is None}
    under = frozenset((variant, backend) for variant, backend, _ in told) - outside
    return Claims(plan, tuple(_read_otherwise(analysis, plan)), usual, under, every)


def _read_otherwise(analysis: Analysis, plan: StudyPlan) -> Iterator[str]:
    now = {
        "reading": analysis.reading,
        "missing": analysis.missing,
        "margin": analysis.margin,
        "n_resamples": analysis.resampler.n_resamples,
        "seed": analysis.resampler.seed,
        **INTERVALS,
    }
    reading = "batch" if plan.calibration == "batch" else "raw"
    for key, then in ({"reading": reading} | {**plan.stats} | {**plan.intervals}).items():
        if key in now and now[key] != then:
            yield f"{key} is {now[key]}, planned was {then}"


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
    found = []
    for one in plan.contrasts:
        for backend in plan.backends:
            # What asks no model is the same beside every backend.
            sides = [
                next((place for place in (backend, NO_BACKEND) if (name, place) in alignment), None)
                for name in one
            ]
            mine, theirs = sides
            if mine is not None and theirs is not None:
                name = alignment[one.variant, mine]
                found.append(Pair(one.variant, name, mine, one.reference, theirs))
    return [pair for pair in dict.fromkeys(found) if pair not in pairs]
