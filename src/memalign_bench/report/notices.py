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
_SMALL = (
    "A small judge: its numbers hang on how it is asked (digits or words, chat template or plain"
    " text, the reading of its probabilities) as much as on any memory. The way of asking was"
    " fixed before these data were looked at."
)


def dataset_name(frames: StudyFrames) -> str:
    """Name of the study's data set."""
    return str(next(iter(frames.manifests.values()))["dataset"]["name"])


def is_synthetic(frames: StudyFrames) -> bool:
    """Whether the study's items are generated and its raters simulated."""
    return dataset_name(frames) in SYNTHETIC_DATASETS


def notices(frames: StudyFrames) -> list[str]:
    """Notices of a study: what its data set brings along, simulated or small judges."""
    manifests = list(frames.manifests.values())
    told = [str(m["dataset"]["notice"]) for m in manifests if m["dataset"].get("notice")]
    found = list(dict.fromkeys(told))
    if is_synthetic(frames) and not any("simulated" in notice for notice in found):
        found.insert(0, _SYNTHETIC)
    backends = {str(manifest["backend"]) for manifest in manifests}
    if "scripted" in backends:
        found.append(_SCRIPTED)
    if any(name.startswith("embedded") for name in backends):
        found.append(_SMALL)
    return found
