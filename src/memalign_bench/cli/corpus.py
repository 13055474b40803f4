"""`memalign-bench corpus`: exports the bundled notebooks; their generator builds and audits."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from memalign_bench.config import instance
from memalign_bench.datasets.export import export
from memalign_bench.datasets.folder import FolderSource
from memalign_bench.errors import RequestError
from memalign_bench.wording import counted

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["GENERATOR_ACTIONS", "work"]

GENERATOR_ACTIONS = "memalign_bench.corpus"
"""Group of the entry points with which the generator offers what it does."""


def work(cfg: DictConfig, choices: Mapping[str, str], search: Sequence[str]) -> int:
    """Do what `action` says."""
    if cfg.action == "export":
        return _export(cfg)
    if cfg.action in ("audit", "build"):
        return _action_of_generator(cfg.action)(cfg)
    raise RequestError(f"action must be audit, build or export, got {cfg.action!r}.")


def _export(cfg: DictConfig) -> int:
    if not cfg.out:
        raise RequestError("action=export needs out=FOLDER.")
    rubric = instance(cfg, "rubric")
    data = FolderSource("genie_synth", cfg.path, cfg.seed, cfg.difficulty).load(rubric)
    files = export(data, str(cfg.format), Path(cfg.out), rubric.scale.not_applicable)
    written = f"{counted(len(data.item), 'item')} as {cfg.format}: {counted(len(files), 'file')}"
    sys.stderr.write(f"{written} in {cfg.out}\n")
    return 0


def _action_of_generator(action: str) -> Callable[[DictConfig], int]:
    """What the generator's distribution offers under this name.

    Raises:
        RequestError: If it is not installed, or lacks a library that it needs.
    """
    install = "in a checkout of memalign-bench, pip install ./experiments/genie_synth"
    # Found by its entry point and not imported: the generator is a distribution of its own.
    offered = entry_points(group=GENERATOR_ACTIONS, name=action)
    if not offered:
        raise RequestError(
            f"action={action!r} needs the generator of the notebooks (distribution genie-synth),"
            f" which is not installed: {install}."
        )
    try:
        action_function: Callable[[DictConfig], int] = next(iter(offered)).load()
    # The generator is there, but not a library that it imports.
    except ModuleNotFoundError as error:
        raise RequestError(
            f"action={action!r} needs {error.name!r}, which is not installed: {install}."
        ) from error
    return action_function
