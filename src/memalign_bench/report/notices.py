"""What a reader must know of the data before the numbers: said wherever results are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memalign_bench.report.frames import StudyFrames

__all__ = ["SYNTHETIC_DATASETS", "dataset_name", "is_synthetic", "notices"]

SYNTHETIC_DATASETS = ("genie_synth", "planted")

_SYNTHETIC = (
    "Synthetic data: the items were generated and the raters are simulated. No human graded"
    " anything here; the numbers say how a judge follows planted conventions, not how it agrees"
    " with people."
)
_SCRIPTED = (
    "Simulated judge: the scripted backend answers by rule, with a known effect of memory. Its"
    " numbers test the method and say nothing of any language model."
)


def dataset_name(frames: StudyFrames) -> str:
    """Name of the study's data set."""
    return str(next(iter(frames.manifests.values()))["dataset"]["name"])


def is_synthetic(frames: StudyFrames) -> bool:
    """Whether the study's items are generated and its raters simulated."""
    return dataset_name(frames) in SYNTHETIC_DATASETS


def notices(frames: StudyFrames) -> list[str]:
    """Notices of a study: synthetic data, simulated judge, and what its data set brings along."""
    found = [_SYNTHETIC] if is_synthetic(frames) else []
    if "scripted" in {manifest["backend"] for manifest in frames.manifests.values()}:
        found.append(_SCRIPTED)
    for manifest in frames.manifests.values():
        notice = manifest["dataset"].get("notice")
        if notice and str(notice) not in found:
            found.append(str(notice))
    return found
