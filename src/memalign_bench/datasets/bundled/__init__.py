"""Data that ships with the package. The notebooks are the output of `experiments/genie_synth`."""

from __future__ import annotations

from pathlib import Path

from memalign_bench.errors import RequestError

__all__ = ["bundled_path"]


def bundled_path(seed: int) -> Path:
    """Folder of the bundled notebooks of a seed.

    Raises:
        RequestError: If the seed is not shipped.
    """
    path = Path(__file__).parent / "genie_synth" / f"seed{seed}"
    if not path.is_dir():
        raise RequestError(
            f"no bundled corpus for seed {seed!r}; there are 0 (reported) and 1 (development)."
        )
    return path
