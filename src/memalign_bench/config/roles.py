"""Every backend can also distil and embed: `reflection=NAME` and `embedding=NAME`, without files.

A backend is one YAML in the group `backend` (or `backend/model`, where its choice brings settings
of other groups along, which must not come with a second role). Its two further roles are told to
Hydra's store of configurations, which stands behind every folder: a YAML of the same name in a
group `reflection` or `embedding` goes before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

__all__ = ["ROLES", "SEARCHPATH", "folders_in", "offer_roles", "places_in"]

ROLES = ("reflection", "embedding")
"""Groups whose choices are the backends' names, and `same` for the judge's own model."""

_BACKEND_GROUPS = ("backend", "backend/model")
"""Of two files of one name, the later is the model alone."""

SEARCHPATH = "hydra.searchpath="
"""Begins the word that adds folders of configuration."""


def offer_roles(folders: Iterable[Path]) -> None:
    """Offer the backends whose YAMLs lie in these folders of configuration in every role."""
    from hydra.core.config_store import ConfigStore

    # Storing the same again changes nothing, so this may come before every composition.
    store = ConfigStore.instance()
    for folder in folders:
        for group in _BACKEND_GROUPS:
            for path in (folder / group).glob("*.yaml"):
                # `_here_` is the role's own node: what the backend's YAML says lands there.
                node = {"defaults": [{f"/{group}@_here_": path.stem}]}
                for role in ROLES:
                    store.store(path.stem, node, group=role, provider="memalign_bench")


def folders_in(overrides: Sequence[str]) -> Iterator[Path]:
    """Folders of configuration that overrides add, as `hydra.searchpath=[file://...]`."""
    for place in places_in(overrides):
        yield Path(place.removeprefix("file://"))


def places_in(overrides: Sequence[str]) -> Iterator[str]:
    """The same as they are written.

    >>> list(places_in(["fold_seed=1", "hydra.searchpath=[file:///mine, 'file:///ours']"]))
    ['file:///mine', 'file:///ours']
    """
    for word in overrides:
        if word.startswith(SEARCHPATH):
            places = word.removeprefix(SEARCHPATH).strip("[]").split(",")
            yield from filter(None, (place.strip(" '\"") for place in places))
