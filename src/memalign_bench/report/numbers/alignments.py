"""Role, order and label of each alignment of a study, from its YAML as the records keep it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memalign_bench.report.numbers.frames import StudyFrames

__all__ = [
    "DEFAULT_ORDER",
    "FULL",
    "MEDIAN",
    "UNALIGNED",
    "controls_of",
    "order_of",
    "packaged_conf",
    "recorded_rung",
    "role_of",
    "synthetic_by_name",
]

UNALIGNED = "none"
"""The alignment that every other is held against."""

FULL = "full"
"""The alignment that a study's claims are about."""

MEDIAN = "median_label"
"""The control that figures draw as a line: what an answer without a judge costs."""

_PACKAGE_PREFIX = "memalign_bench."

DEFAULT_ORDER = 35.0
"""Order of an alignment without one: behind the memories, before what asks no model."""


def recorded_rung(frames: StudyFrames, alignment: str) -> Mapping[str, Any]:
    """What an alignment's YAML says under `ladder`: step, isolates, role, order, label, mark.

    Records older than a key lack it: for an alignment of this package its YAML answers instead.
    An alignment from elsewhere is never guessed at, even where it bears a packaged name.
    """
    rung: dict[str, Any] = {}
    packaged = True
    for manifest in frames.manifests.values():
        if manifest.get("alignment") == alignment:
            settings = (manifest.get("config") or {}).get("alignment") or {}
            # `_target_` is Hydra's: the class that was built. One run of a foreign class is enough.
            packaged &= str(settings.get("_target_", _PACKAGE_PREFIX)).startswith(_PACKAGE_PREFIX)
            ladder = settings.get("ladder") or {}
            # The first run that has a key decides.
            rung = {key: value for key, value in ladder.items() if value is not None} | rung
    if not packaged:
        return rung
    # What was recorded goes before what the package says today.
    return {**(_packaged_yaml("alignment", alignment).get("ladder") or {}), **rung}


def role_of(frames: StudyFrames, alignment: str) -> str | None:
    """`memory`, `control` or `baseline`; None where neither record nor package tells."""
    role = recorded_rung(frames, alignment).get("role")
    return None if role is None else str(role)


def order_of(frames: StudyFrames, alignment: str) -> float:
    """Where an alignment stands among others in tables and figures; rising."""
    return float(recorded_rung(frames, alignment).get("order", DEFAULT_ORDER))


def controls_of(frames: StudyFrames, alignments: Iterable[str]) -> frozenset[str]:
    """Those of the alignments whose role is `control`."""
    names = set(map(str, alignments))
    return frozenset(name for name in names if role_of(frames, name) == "control")


def synthetic_by_name(dataset: str) -> bool:
    """Whether this package's YAML of a data set says that it is synthetic."""
    return bool(_packaged_yaml("dataset", dataset).get("synthetic"))


@cache
def _packaged_yaml(group: str, name: str) -> Mapping[str, Any]:
    """A choice's YAML as this package ships it; nothing where there is none."""
    from omegaconf import OmegaConf

    path = packaged_conf() / group / f"{name}.yaml"
    if not path.is_file():
        return {}
    # Unresolved: ${memory} and its like point into a whole configuration, of which this is a
    # part.
    node: Any = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    inner = node.get(group)  # a choice that sets keys of several groups
    return inner if isinstance(inner, Mapping) else node


def packaged_conf() -> Path:
    """Where this package's `conf/` lies; `config`, which knows it too, is a layer above.

    In the wheel it is in the package, in a checkout at the top.
    """
    package = Path(__file__).resolve().parents[2]
    own = package / "conf"
    # Up from src/memalign_bench by way of src.
    return own if own.is_dir() else package.parents[1] / "conf"
