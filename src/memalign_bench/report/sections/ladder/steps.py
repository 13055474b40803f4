"""Which variants of a study stand on one ablation ladder, in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from memalign_bench.report.numbers.alignments import FULL
from memalign_bench.report.numbers.pairs import on_a_curve, settings_of
from memalign_bench.report.numbers.readings import NO_BACKEND, variants

if TYPE_CHECKING:
    from memalign_bench.report.numbers.frames import StudyFrames

__all__ = ["COMPLETE_DIMENSIONS", "Ladder", "Ladders", "Step", "ladders"]

COMPLETE_DIMENSIONS = "dimensions with every step"
"""Heads the mean over these where others were not asked in every step."""

_LEAST_STEPS = 3
_MOST_LADDERS = 3
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

    def named(self, alignment: str) -> Step | None:
        """The step of an alignment; None where there is none."""
        return next((step for step in self.steps if step.alignment == alignment), None)

    def before(self, step: Step) -> Step | None:
        """What a step is compared with: the one before that asks a model too."""
        asked = [one for one in self.steps if one.backend != NO_BACKEND]
        place = asked.index(step) if step in asked else 0
        return asked[place - 1] if place else None


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
    known = _steps(frames)
    found, notes = [], []
    for backend in dict.fromkeys(one.backend for one in known if one.backend != NO_BACKEND):
        mine = {s: keys for s, keys in known.items() if s.backend in (backend, NO_BACKEND)}
        made = [_ladder(head, mine) for head in _heads(mine)]
        most = max(len(one.steps) for one in made)
        if most < _LEAST_STEPS:
            continue
        complete = [one for one in made if len(one.steps) == most]
        found += complete[:_MOST_LADDERS]
        notes += _left_out(backend, made, complete, most)
    return Ladders(found, notes)


def _left_out(
    backend: str, made: Sequence[Ladder], complete: Sequence[Ladder], most: int
) -> list[str]:
    notes = []
    short = [one.settings or "the defaults" for one in made if one not in complete]
    if short:
        notes.append(
            f"On {backend} no ladder is shown with {'; '.join(short)}: it has fewer than {most}"
            " steps."
        )
    if len(complete) > _MOST_LADDERS:
        notes.append(
            f"On {backend} there are {len(complete)} settings; the first {_MOST_LADDERS} are shown."
        )
    return notes


def _steps(frames: StudyFrames) -> dict[Step, Mapping[str, Any]]:
    """Steps with the keys that decide their numbers, in the order of tables."""
    rungs: dict[tuple[str, str], tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
    for manifest in frames.manifests.values():
        alignment = (manifest.get("config") or {}).get("alignment") or {}
        if alignment.get("ladder"):
            decides = (manifest.get("identity") or {}).get("decides") or {}
            key = (str(manifest["variant"]), str(manifest["backend"]))
            rungs.setdefault(key, (alignment["ladder"], decides))
    found = {}
    for variant, alignment, backend in variants(frames):
        if (variant, backend) in rungs and not on_a_curve(variant):
            rung, decides = rungs[variant, backend]
            step = Step(
                float(rung["step"]), str(rung.get("isolates", "")), variant, alignment, backend
            )
            found[step] = decides
    return found


def _heads(steps: Iterable[Step]) -> list[Step]:
    asked = [one for one in steps if one.backend != NO_BACKEND]
    top = max(asked, key=lambda one: one.step).alignment
    name = FULL if any(one.alignment == FULL for one in asked) else top
    heads = [one for one in asked if one.alignment == name]
    return sorted(heads, key=lambda one: (len(settings_of(one.variant)), one.variant))


def _ladder(head: Step, steps: Mapping[Step, Mapping[str, Any]]) -> Ladder:
    allowed, deciding = settings_of(head.variant), steps[head]
    chosen: dict[str, Step] = {}
    for step, keys in steps.items():
        own = settings_of(step.variant)
        alike = all(deciding[key] == value for key, value in keys.items() if key in deciding)
        if own <= allowed and alike:
            known = chosen.get(step.alignment)
            if known is None or len(own) > len(settings_of(known.variant)):
                chosen[step.alignment] = step
    ordered = sorted(chosen.values(), key=lambda s: (s.backend != NO_BACKEND, s.step, s.variant))
    return Ladder(head.variant.partition(",")[2], head.backend, tuple(ordered))
