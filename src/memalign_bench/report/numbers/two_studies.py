"""Two studies of the same items as one set of records: the second's judges bear its name.

Pairs are made by item, dimension, fold seed and repeat, as within a study.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from memalign_bench.errors import RequestError
from memalign_bench.report.numbers.frames import StudyFrames
from memalign_bench.report.numbers.pairs import Pair, settings_of
from memalign_bench.report.numbers.readings import NO_BACKEND
from memalign_bench.report.prose import listed

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OtherStudy", "judges_alike", "other_study"]

Judge = tuple[str, str, str]
"""Variant, alignment, backend."""

_KEY = ["dimension", "item_id"]
_SHOWN = 4
_WORDS = ("question", "levels", "not_applicable")


@dataclass(frozen=True)
class OtherStudy:
    """What a study is held against.

    Attributes:
        name: The other study's name; the same where a study is held against itself.
        frames: This study's records with those of the other added, on the items that both have;
            the other's backends are called `BACKEND in NAME`.
        known: The judges of the other, backends as in `frames`.
        told: What does not match, where only shared items are compared.
    """

    name: str
    frames: StudyFrames
    known: tuple[Judge, ...]
    told: str

    @property
    def is_itself(self) -> bool:
        """Whether a study is held against itself."""
        return self.name == self.frames.path.name


def other_study(mine: StudyFrames, other: StudyFrames, *, shared_only: bool) -> OtherStudy:
    """Put two studies side by side.

    Args:
        mine: The study that is reported.
        other: What it is held against.
        shared_only: Compare the items that both have, where they do not all match.

    Raises:
        RequestError: If items, labels, gold, scale or questions differ (then `shared_only` leaves
            out what differs, but for the scale), or nothing is shared; says what differs.
    """
    name = other.path.name
    if mine.grades != other.grades or mine.words != other.words:
        raise RequestError(
            f"against={name}: the scale is {_scale(other)} there and {_scale(mine)} in"
            f" {mine.path.name}; grades of two scales cannot be compared."
        )
    differing, shared = list(_differing(mine, other)), _shared(mine, other)
    every = set(map(tuple, mine.predictions[_KEY].drop_duplicates().to_numpy()))
    count = f"{len(shared)} of {len(every)} pairs of item and dimension are shared"
    if not shared:
        raise RequestError(
            f"against={name}: nothing is shared with {mine.path.name}: {'; '.join(differing)}."
        )
    if differing and not shared_only:
        raise RequestError(
            f"against={name} is no study of the same items as {mine.path.name}:"
            f" {'; '.join(differing)}. {count}: compare those with against_shared=true."
        )
    if not set(mine.predictions["fold_seed"]) & set(other.predictions["fold_seed"]):
        raise RequestError(
            f"against={name} shares no fold seed with {mine.path.name}: judges aligned on other"
            " folds learnt from other items; run one of them with the other's fold_seed=."
        )
    told = f"Only what both share is compared ({count}): {'; '.join(differing)}."
    frames = mine if _is_same(mine, other) else _joined(mine, other, shared)
    return OtherStudy(name, frames, _known(frames, mine), told if differing else "")


def _is_same(mine: StudyFrames, other: StudyFrames) -> bool:
    return mine.path.resolve() == other.path.resolve()


def _joined(mine: StudyFrames, other: StudyFrames, shared: set[tuple[str, str]]) -> StudyFrames:
    import pandas as pd

    def only(rows: pd.DataFrame) -> pd.DataFrame:
        kept = [key in shared for key in zip(rows["dimension"], rows["item_id"], strict=True)]
        return rows[kept]

    theirs = only(other.predictions)
    theirs = theirs.assign(backend=theirs["backend"] + f" in {other.path.name}")
    rows = pd.concat([only(mine.predictions), theirs], ignore_index=True)
    return replace(mine, predictions=rows)


def _known(frames: StudyFrames, mine: StudyFrames) -> tuple[Judge, ...]:
    """The judges to be held against; those of the other study, if there is one."""
    columns = ["variant", "alignment", "backend"]
    rows = frames.predictions[columns].drop_duplicates().itertuples(index=False)
    every = [(str(variant), str(alignment), str(backend)) for variant, alignment, backend in rows]
    own = set(mine.predictions["backend"]) if frames is not mine else set()
    return tuple(judge for judge in every if judge[2] not in own)


def _scale(frames: StudyFrames) -> str:
    return ", ".join(f"{g} {w}" for g, w in zip(frames.grades, frames.words, strict=True))


def _differing(mine: StudyFrames, other: StudyFrames) -> Iterator[str]:
    one, two = (next(iter(frames.manifests.values())) for frames in (mine, other))
    for key in ("name", "digest", "gold"):
        left, right = one["dataset"].get(key), two["dataset"].get(key)
        if left != right:
            yield f"dataset.{key} is {_short(left)} here and {_short(right)} there"
    asked = {*other.dimensions}
    if changed := [name for name in _not_asked_alike(mine, other) if name in asked]:
        yield f"rubric digests and the texts differ on {listed(changed[:_SHOWN])}"
    if apart := [name for name in mine.dimensions if name not in asked]:
        yield f"{listed(apart[:_SHOWN])} not asked there"


def _short(value: Any) -> str:
    return str(value)[:12]


def _not_asked_alike(mine: StudyFrames, other: StudyFrames) -> set[str]:
    """Dimensions whose question differs: those of no digest in common, and of other words."""
    digests, theirs = _digests(mine), _digests(other)
    texts, there = _texts(mine), _texts(other)
    return {
        name
        for name in mine.dimensions
        if not digests.get(name, set()) & theirs.get(name, set())
        and (texts.get(name) is None or texts[name] != there.get(name))
    }


def _digests(frames: StudyFrames) -> dict[str, set[tuple[str, tuple[str, ...]]]]:
    """Digests of the rubric as far as it was asked, by dimension: of equal sets they compare."""
    found: dict[str, set[tuple[str, tuple[str, ...]]]] = {}
    for manifest in frames.manifests.values():
        names = tuple(sorted(manifest.get("dimensions", ())))
        for name in names:
            found.setdefault(name, set()).add((str(manifest["rubric"].get("digest")), names))
    return found


def _texts(frames: StudyFrames) -> dict[str, Any]:
    """The words of each question, where the records hold them; how items are shown is no part."""
    found: dict[str, Any] = {}
    for manifest in frames.manifests.values():
        config = (manifest.get("config") or {}).get("rubric") or {}
        for name, entry in (config.get("dimensions") or {}).items():
            found[name] = {key: entry.get(key) for key in _WORDS}
    return found


def _shared(mine: StudyFrames, other: StudyFrames) -> set[tuple[str, str]]:
    """(dimension, item id) that both have, of the same case and label, asked the same question.

    Where the data sets differ, an item must also look alike in every view that both hold.
    """
    labels, theirs = _labels(mine), _labels(other)
    changed = _not_asked_alike(mine, other)
    one, two = (next(iter(frames.manifests.values()))["dataset"] for frames in (mine, other))
    alike = one.get("digest") == two.get("digest")
    views, others = ({}, {}) if alike else (_views(mine), _views(other))
    return {
        key
        for key, label in labels.items()
        if theirs.get(key) == label
        and key[0] not in changed
        and all(others.get(place, text) == text for place, text in views.get(key, {}).items())
    }


def _labels(frames: StudyFrames) -> dict[tuple[str, str], tuple[Any, ...]]:
    columns = [*_KEY, "case_id", "expert_score"]
    rows = frames.predictions[columns].drop_duplicates().itertuples(index=False)
    return {(str(name), str(item)): tuple(more) for name, item, *more in rows}


def _views(frames: StudyFrames) -> dict[Any, Any]:
    """(dimension, item id) -> {(dimension, item id, view): text}, and each of these -> its text."""
    found: dict[Any, Any] = {}
    columns = [*_KEY, "view_name", "view"]
    for name, item, view, text in frames.items[columns].itertuples(index=False):
        found.setdefault((name, item), {})[name, item, view] = text
        found[name, item, view] = text
    return found


def judges_alike(mine: Sequence[Judge], other: OtherStudy) -> list[Pair]:
    """Every judge with the one of the same alignment that is most like it in the other study.

    The same variant goes before one with other settings, the same backend before all others; a
    backend that the other study does not have is held against each of its backends. A study held
    against itself pairs each variant's backends.

    Args:
        mine: (variant, alignment, backend) of the study that is reported.
        other: What it is held against.
    """
    pairs = []
    for at, (variant, alignment, backend) in enumerate(mine):
        known = other.known if not other.is_itself else mine[:at]
        alike = [one for one in known if one[1] == alignment]
        if other.is_itself:
            alike = [one for one in alike if one[0] == variant and NO_BACKEND not in one[2:]]
        for place in _places(backend, [one[2] for one in alike], other):
            names = [one[0] for one in alike if one[2] == place]
            reference = max(names, key=lambda name: (name == variant, *_likeness(name, variant)))
            pairs.append(Pair(variant, alignment, backend, reference, place))
    return pairs


def _places(backend: str, places: Sequence[str], other: OtherStudy) -> list[str]:
    same = f"{backend} in {other.name}"
    return [same] if same in places else list(dict.fromkeys(places))


def _likeness(left: str, right: str) -> tuple[int, int]:
    """How many settings two variants share, and (negative) how many only one has."""
    one, two = settings_of(left), settings_of(right)
    return len(one & two), -len(one ^ two)
