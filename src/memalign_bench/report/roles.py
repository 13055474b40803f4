"""What each alignment of a study is, as its own YAML says and the records keep it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memalign_bench.report.frames import StudyFrames

__all__ = ["controls_of", "role_of"]


def role_of(frames: StudyFrames, alignment: str) -> str | None:
    """`memory`, `control` or `baseline`; None where neither record nor package tells.

    Records older than the key lack it: for an alignment of this package its YAML answers instead.
    An alignment from elsewhere is never guessed at, even where it bears a packaged name.
    """
    for manifest in frames.manifests.values():
        if manifest.get("alignment") != alignment:
            continue
        settings = (manifest.get("config") or {}).get("alignment") or {}
        role = (settings.get("ladder") or {}).get("role")
        if role is not None:
            return str(role)
        if not str(settings.get("_target_", "memalign_bench.")).startswith("memalign_bench."):
            return None
    return _packaged_role(alignment)


def controls_of(frames: StudyFrames, alignments: Iterable[str]) -> frozenset[str]:
    """Those alignments that are controls by their own word."""
    names = set(map(str, alignments))
    return frozenset(name for name in names if role_of(frames, name) == "control")


@cache
def _packaged_role(alignment: str) -> str | None:
    from omegaconf import OmegaConf

    package = Path(__file__).resolve().parents[1]
    # `conf/` lies in the wheel's package, or at the top of a checkout; `config` is a layer above.
    for folder in (package / "conf", package.parents[1] / "conf"):
        path = folder / "alignment" / f"{alignment}.yaml"
        if path.is_file():
            role = OmegaConf.select(OmegaConf.load(path), "ladder.role")
            return None if role is None else str(role)
    return None
