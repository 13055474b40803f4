"""Every backend can also distil and embed: `reflection=NAME` and `embedding=NAME`, without files.

A backend is one YAML in the group `backend` (or `backend/model`, where its choice brings settings
of other groups along, which must not come with a second role). Its two further roles are told to
Hydra's store of configurations, which stands behind every folder: a YAML of the same name in a
group `reflection` or `embedding` goes before.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

__all__ = ["ROLES", "offer_roles"]

ROLES = ("reflection", "embedding")
"""Groups whose choices are the backends' names, and `same` for the judge's own model."""

_BACKEND_GROUPS = ("backend", "backend/model")
"""Of two files of one name, the later is the model alone."""


def offer_roles(folders: Iterable[Path]) -> None:
    """Offer the backends whose YAMLs lie in these folders of configuration in every role."""
    # What a name stands for is settled by the last of the groups that has it.
    groups = {
        path.stem: group
        for folder in folders
        for group in _BACKEND_GROUPS
        for path in (folder / group).glob("*.yaml")
    }
    for name, group in groups.items():
        # This comes before every composition, and storing takes longer than looking.
        if _OFFERED.get(name) != group:
            _offer(name, group)
            _OFFERED[name] = group


_OFFERED: dict[str, str] = {}
"""Backend -> the group that Hydra's store knows it by."""


def _offer(name: str, group: str) -> None:
    from hydra.core.config_store import ConfigStore

    # `_here_` is the role's own node: what the backend's YAML says lands there.
    node = {"defaults": [{f"/{group}@_here_": name}]}
    for role in ROLES:
        ConfigStore.instance().store(name, node, group=role, provider="memalign_bench")
