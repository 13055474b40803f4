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
from memalign_bench.types import Grade

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OtherStudy", "combine_studies", "pair_similar_judges"]

Judge = tuple[str, str, str]
"""Variant, alignment, backend."""

_KEY = ["dimension", "item_id"]
_MAX_LISTED = 4
_QUESTION_KEYS = ("question", "levels", "not_applicable")


@dataclass(frozen=True)
class OtherStudy:
    """Another study, joined with the one that is reported.

    Attributes:
        name: The other study's name; the same where a study is held against itself.
        frames: This study's records with those of the other added, on the items that both have;
            the other's backends are called `BACKEND in NAME`.
        known: The judges of the other, backends as in `frames`.
        mismatch: What does not match, where only shared items are compared; else empty.
    """

    name: str
    frames: StudyFrames
    known: tuple[Judge, ...]
    mismatch: str

    @property
    def is_itself(self) -> bool:
        """Whether a study is held against itself."""
        return self.name == self.frames.path.name


def combine_studies(study: StudyFrames, other: StudyFrames, *, shared_only: bool) -> OtherStudy:
    """Join the records of two studies, checked to be of the same items.

    Args:
        study: The study that is reported.
        other: What it is held against.
        shared_only: Compare the items that both have, where they do not all match.

    Raises:
        RequestError: If items, labels, gold, scale or questions differ (then `shared_only` leaves
            out what differs, but for the scale), or nothing is shared; says what differs.
    """
    name = other.path.name
    # A scale that differs is refused in any case, other differences only without `shared_only`.
    if study.grades != other.grades or study.words != other.words:
        raise RequestError(
            f"against={name}: the scale is {_scale_words(other)} there and {_scale_words(study)} in"
            f" {study.path.name}; grades of two scales cannot be compared."
        )
    backends = set(study.predictions["backend"]) - {NO_BACKEND}
    if _is_same(study, other) and len(backends) < 2:
        raise RequestError(
            f"against={name} is the study itself: its judges are held against those of its first"
            f" backend, and it has no second one ({', '.join(sorted(backends)) or 'no model'})."
        )
    differences, shared = list(_differences(study, other)), _shared_keys(study, other)
    keys = set(map(tuple, study.predictions[_KEY].drop_duplicates().to_numpy()))
    count = f"{len(shared)} of {len(keys)} pairs of item and dimension are shared"
    if not shared:
        raise RequestError(
            f"against={name}: nothing is shared with {study.path.name}: {'; '.join(differences)}."
        )
    if differences and not shared_only:
        raise RequestError(
            f"against={name} is no study of the same items as {study.path.name}:"
            f" {'; '.join(differences)}. {count}: compare those with against_shared=true."
        )
    if not set(study.predictions["fold_seed"]) & set(other.predictions["fold_seed"]):
        raise RequestError(
            f"against={name} shares no fold seed with {study.path.name}: judges aligned on other"
            " folds learnt from other items; run one of them with the other's fold_seed=."
        )
    mismatch = f"Only what both share is compared ({count}): {'; '.join(differences)}."
    # A study against itself needs no renamed copy of its judges.
    frames = study if _is_same(study, other) else _join(study, other, shared)
    return OtherStudy(
        name, frames, _reference_judges(frames, study), mismatch if differences else ""
    )


def _is_same(study: StudyFrames, other: StudyFrames) -> bool:
    return study.path.resolve() == other.path.resolve()


def _join(study: StudyFrames, other: StudyFrames, shared: set[tuple[str, str]]) -> StudyFrames:
    import pandas as pd

    def shared_rows(rows: pd.DataFrame) -> pd.DataFrame:
        in_both = [key in shared for key in zip(rows["dimension"], rows["item_id"], strict=True)]
        return rows[in_both]

    renamed = shared_rows(other.predictions)
    renamed = renamed.assign(
        backend=[f"{name} in {other.path.name}" for name in renamed["backend"]]
    )
    rows = pd.concat([shared_rows(study.predictions), renamed], ignore_index=True)
    # Items and memory stay this study's; what `replace` makes is never taken for stored records.
    return replace(study, predictions=rows)


def _reference_judges(frames: StudyFrames, study: StudyFrames) -> tuple[Judge, ...]:
    """The judges to be held against; those of the other study, if there is one."""
    columns = ["variant", "alignment", "backend"]
    rows = frames.predictions[columns].drop_duplicates().itertuples(index=False)
    judges = [(str(variant), str(alignment), str(backend)) for variant, alignment, backend in rows]
    # Held against itself, a study's own judges are the references.
    own_backends = set(study.predictions["backend"]) if frames is not study else set()
    return tuple(judge for judge in judges if judge[2] not in own_backends)


def _scale_words(frames: StudyFrames) -> str:
    return ", ".join(f"{g} {w}" for g, w in zip(frames.grades, frames.words, strict=True))


def _differences(study: StudyFrames, other: StudyFrames) -> Iterator[str]:
    # Any run of each will do: `load_study` has checked that its runs share one data set.
    here, there = (next(iter(frames.manifests.values())) for frames in (study, other))
    for key in ("name", "digest", "gold"):
        left, right = here["dataset"].get(key), there["dataset"].get(key)
        if left != right:
            yield f"dataset.{key} is {_shorten(left)} here and {_shorten(right)} there"
    dimensions = {*other.dimensions}
    if changed := [name for name in _changed_dimensions(study, other) if name in dimensions]:
        yield f"rubric digests and the texts differ on {listed(changed[:_MAX_LISTED])}"
    if not_asked := [name for name in study.dimensions if name not in dimensions]:
        yield f"{listed(not_asked[:_MAX_LISTED])} not asked there"


def _shorten(value: Any) -> str:
    return str(value)[:12]


def _changed_dimensions(study: StudyFrames, other: StudyFrames) -> set[str]:
    """Dimensions whose question differs: those of no digest in common, and of other words."""
    here, there = _rubric_digests(study), _rubric_digests(other)
    # A dimension whose text no record holds counts as changed unless a digest is shared.
    text_here, text_there = _question_texts(study), _question_texts(other)
    return {
        name
        for name in study.dimensions
        if not here.get(name, set()) & there.get(name, set())
        and (text_here.get(name) is None or text_here[name] != text_there.get(name))
    }


def _rubric_digests(frames: StudyFrames) -> dict[str, set[tuple[str, tuple[str, ...]]]]:
    """The rubrics each dimension was asked under: digest, and the dimensions asked with it."""
    found: dict[str, set[tuple[str, tuple[str, ...]]]] = {}
    for manifest in frames.manifests.values():
        # A digest covers all dimensions of its run, so it compares only with one of the same.
        names = tuple(sorted(manifest.get("dimensions", ())))
        for name in names:
            found.setdefault(name, set()).add((str(manifest["rubric"].get("digest")), names))
    return found


def _question_texts(frames: StudyFrames) -> dict[str, Any]:
    """The words of each question, where the records hold them; how items are shown is no part."""
    found: dict[str, Any] = {}
    for manifest in frames.manifests.values():
        config = (manifest.get("config") or {}).get("rubric") or {}
        for name, entry in (config.get("dimensions") or {}).items():
            found[name] = {key: entry.get(key) for key in _QUESTION_KEYS}
    return found


def _shared_keys(study: StudyFrames, other: StudyFrames) -> set[tuple[str, str]]:
    """(dimension, item id) that both have, of the same case and label, asked the same question.

    Where the data sets differ, an item must also look alike in every view that both hold.
    """
    labels, other_labels = _labels_by_key(study), _labels_by_key(other)
    changed = _changed_dimensions(study, other)
    here, there = (next(iter(frames.manifests.values()))["dataset"] for frames in (study, other))
    # The digest covers the items' texts; only where it differs need they be compared.
    same_data = here.get("digest") == there.get("digest")
    views, other_views = ({}, {}) if same_data else (_views_by_key(study), _views_by_key(other))
    # Same label, same question, and, where the data differ, the same text in every shared view.
    return {
        key
        for key, label in labels.items()
        if other_labels.get(key) == label
        and key[0] not in changed
        # A view that the other study lacks is no difference.
        and all(other_views.get(place, text) == text for place, text in views.get(key, {}).items())
    }


def _labels_by_key(frames: StudyFrames) -> dict[tuple[str, str], tuple[str, Grade | None]]:
    """(dimension, item id) -> its case and the expert's grade, None where that is N/A."""
    rows = frames.predictions[[*_KEY, "case_id", "expert_score"]].drop_duplicates()
    # None, since pandas's marks of a missing value are equal to nothing, not even themselves.
    grades = rows["expert_score"].astype(object).where(rows["expert_score"].notna(), None)
    keys = zip(rows["dimension"].map(str), rows["item_id"].map(str), strict=True)
    return dict(zip(keys, zip(rows["case_id"].map(str), grades, strict=True), strict=True))


def _views_by_key(frames: StudyFrames) -> dict[Any, Any]:
    """(dimension, item id) -> {(dimension, item id, view): text}, and each of these -> its text."""
    found: dict[Any, Any] = {}
    columns = [*_KEY, "view_name", "view"]
    for name, item, view, text in frames.items[columns].itertuples(index=False):
        found.setdefault((name, item), {})[name, item, view] = text
        found[name, item, view] = text
    return found


def pair_similar_judges(judges: Sequence[Judge], other: OtherStudy) -> list[Pair]:
    """Every judge with the one of the same alignment that is most like it in the other study.

    The same variant goes before one with other settings, the same backend before all others; a
    backend that the other study does not have is held against each of its backends. A study held
    against itself pairs each variant's backends.

    Args:
        judges: (variant, alignment, backend) of the study that is reported.
        other: What it is held against.
    """
    pairs = []
    for position, (variant, alignment, backend) in enumerate(judges):
        # Each pair of backends once: a judge is held against those before it.
        known = other.known if not other.is_itself else judges[:position]
        alike = [judge for judge in known if judge[1] == alignment]
        if other.is_itself:
            alike = [
                judge for judge in alike if judge[0] == variant and NO_BACKEND not in judge[2:]
            ]
        # Of the same alignment, the variant with the most settings in common.
        for place in _reference_backends(backend, [judge[2] for judge in alike], other):
            names = [judge[0] for judge in alike if judge[2] == place]
            reference = max(names, key=lambda name: (name == variant, *_similarity(name, variant)))
            pairs.append(Pair(variant, alignment, backend, reference, place))
    return pairs


def _reference_backends(backend: str, places: Sequence[str], other: OtherStudy) -> list[str]:
    # Backends of the other study were renamed like this when the two were joined.
    same = f"{backend} in {other.name}"
    return [same] if same in places else list(dict.fromkeys(places))


def _similarity(left: str, right: str) -> tuple[int, int]:
    """How many settings two variants share, and (negative) how many only one has."""
    left_settings, right_settings = settings_of(left), settings_of(right)
    return len(left_settings & right_settings), -len(left_settings ^ right_settings)
