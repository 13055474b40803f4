"""Data that ships with the package. The notebooks are the output of `experiments/genie_synth`."""

from __future__ import annotations

from pathlib import Path

from memalign_bench.errors import RequestError

__all__ = ["DIFFICULTIES", "bundled_path"]

DIFFICULTIES = ("real", "plain")
"""How hard planted facts are to see: code written in many ways, or in one that states them."""


def bundled_path(seed: int, difficulty: str = "real") -> Path:
    """Folder of the bundled notebooks of a seed at a level of difficulty.

    Raises:
        RequestError: If the seed or the level is not shipped.
    """
    if difficulty not in DIFFICULTIES:
        known = " and ".join(DIFFICULTIES)
        raise RequestError(f"dataset.difficulty={difficulty!r}; there are {known}.")
    path = Path(__file__).parent / "genie_synth" / f"seed{seed}"
    if not path.is_dir():
        raise RequestError(
            f"no bundled corpus for seed {seed!r}; there are 0 (reported) and 1 (development)."
        )
    path = path if difficulty == "real" else path / difficulty
    if not path.is_dir():
        build = f"memalign-bench corpus action=build seed={seed} difficulty={difficulty} out=FOLDER"
        raise RequestError(
            f"the {difficulty} level of seed {seed} is not in this installation; build it"
            f" ({build}) and read it with dataset.path=FOLDER."
        )
    return path
