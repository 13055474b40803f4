"""Which variants of a study stand on one ablation ladder, in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from memalign_bench.report.numbers.alignments import FULL
from memalign_bench.report.numbers.pairs import is_swept, settings_of
from memalign_bench.report.numbers.readings import NO_BACKEND, variants

if TYPE_CHECKING:
    from memalign_bench.report.numbers.frames import StudyFrames

__all__ = ["COMPLETE_DIMENSIONS", "Ladder", "Ladders", "Step", "comparison_head", "ladders"]

COMPLETE_DIMENSIONS = "dimensions with every step"
"""Heads the mean over these where others were not asked in every step."""

_MIN_STEPS = 3
_MAX_LADDERS = 3
"""Settings shown of one backend; a sweep over many has tables of its own."""


class Step(NamedTuple):
    """A variant on the ladder; `backend` is `none` where no model is asked."""

    step: float
    isolates: str
    variant: str
    alignment: str
    backend: str


@dataclass(frozen=True)
class Ladder:
    """One setting of every alignment on one backend.

    Attributes:
        settings: What its top has set away from the defaults, "" for nothing.
        backend: The backend of the steps that ask a model.
        steps: Those without a model first, then in rising order.
    """

    settings: str
    backend: str
    steps: tuple[Step, ...]

    def step_of(self, alignment: str) -> Step | None:
        """The step of an alignment; None where there is none."""
        return next((step for step in self.steps if step.alignment == alignment), None)

    def step_before(self, step: Step) -> Step | None:
        """What a step is compared with: the one before that asks a model too."""
        with_model = [other for other in self.steps if other.backend != NO_BACKEND]
        # What asks no model stands outside this order: like the lowest, it has none before it.
        place = with_model.index(step) if step in with_model else 0
        return with_model[place - 1] if place else None


def comparison_head(reference: str, judge: str) -> str:
    """How a note on one comparison begins: a row has several.

    Args:
        reference: Its alignment.
        judge: Its alignment.
    """
    return f"{judge} against {reference}: "


class Ladders(NamedTuple):
    """The ladders of a study, and what was left out."""

    ladders: list[Ladder]
    notes: list[str]


def ladders(frames: StudyFrames) -> Ladders:
    """The complete ladders of each backend, one for each setting of `full`.

    A variant belongs to a setting of `full` (or of the highest step, where a study has no `full`)
    if it has no setting that this lacks, and the same value of every deciding key that both have;
    of several of one alignment the one that shares most. A setting with fewer steps than another
    is left out, and so are variants of a learning curve.
    """
    known = _known_steps(frames)
    shown, notes = [], []
    # In the order of tables; that of a set would differ from process to process.
    for backend in dict.fromkeys(step.backend for step in known if step.backend != NO_BACKEND):
        own_steps = {s: keys for s, keys in known.items() if s.backend in (backend, NO_BACKEND)}
        candidates = [_build_ladder(top, own_steps) for top in _top_steps(own_steps)]
        most = max(len(ladder.steps) for ladder in candidates)
        if most < _MIN_STEPS:
            continue
        complete = [ladder for ladder in candidates if len(ladder.steps) == most]
        shown += complete[:_MAX_LADDERS]
        notes += _left_out_notes(backend, candidates, complete, most)
    return Ladders(shown, notes)


def _left_out_notes(
    backend: str, candidates: Sequence[Ladder], complete: Sequence[Ladder], most: int
) -> list[str]:
    notes = []
    shorter = [ladder.settings or "the defaults" for ladder in candidates if ladder not in complete]
    if shorter:
        notes.append(
            f"On {backend} no ladder is shown with {'; '.join(shorter)}: it has fewer than {most}"
            " steps."
        )
    if len(complete) > _MAX_LADDERS:
        notes.append(
            f"On {backend} there are {len(complete)} settings; the first {_MAX_LADDERS} are shown."
        )
    return notes


def _known_steps(frames: StudyFrames) -> dict[Step, Mapping[str, Any]]:
    """Steps with the keys that decide their numbers, in the order of tables."""
    rungs: dict[tuple[str, str], tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
    for manifest in frames.manifests.values():
        # Records may lack any of these keys, and a YAML may say `ladder: null`.
        alignment = (manifest.get("config") or {}).get("alignment") or {}
        if alignment.get("ladder"):
            decides = (manifest.get("identity") or {}).get("decides") or {}
            key = (str(manifest["variant"]), str(manifest["backend"]))
            # Runs of one variant are set alike (they differ in dimensions or fold seeds).
            rungs.setdefault(key, (alignment["ladder"], decides))
    known = {}
    for variant, alignment, backend in variants(frames):
        if (variant, backend) in rungs and not is_swept(variant):
            rung, decides = rungs[variant, backend]
            step = Step(
                float(rung["step"]), str(rung.get("isolates", "")), variant, alignment, backend
            )
            known[step] = decides
    return known


def _top_steps(steps: Iterable[Step]) -> list[Step]:
    with_model = [step for step in steps if step.backend != NO_BACKEND]
    top = max(with_model, key=lambda step: step.step).alignment
    name = FULL if any(step.alignment == FULL for step in with_model) else top
    tops = [step for step in with_model if step.alignment == name]
    # The plainest first, since of many settings only the first few are shown.
    return sorted(tops, key=lambda step: (len(settings_of(step.variant)), step.variant))


def _build_ladder(top: Step, steps: Mapping[Step, Mapping[str, Any]]) -> Ladder:
    allowed, deciding = settings_of(top.variant), steps[top]
    chosen: dict[str, Step] = {}
    for step, keys in steps.items():
        settings = settings_of(step.variant)
        # Only what both have can contradict: `none` has no `memory.k`.
        same_keys = all(deciding[key] == value for key, value in keys.items() if key in deciding)
        if settings <= allowed and same_keys:
            rival = chosen.get(step.alignment)
            # Of several variants of one alignment the one with the most of the top's settings.
            if rival is None or len(settings) > len(settings_of(rival.variant)):
                chosen[step.alignment] = step
    ordered = sorted(chosen.values(), key=lambda s: (s.backend != NO_BACKEND, s.step, s.variant))
    # `full,memory.k=2` -> `memory.k=2`.
    return Ladder(top.variant.partition(",")[2], top.backend, tuple(ordered))
