"""Child seeds hashed from names, so that no result hangs on a global generator or on call order."""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["child_seed", "generator"]


def child_seed(root: int, *names: object) -> int:
    """Seed in [0, 2**63) that depends on the root seed and the names, and on nothing else.

    >>> child_seed(0, "folds", 4) == child_seed(0, "folds", 4)
    True
    >>> child_seed(0, "folds", 4) == child_seed(0, "folds", 5)
    False
    """
    # A separator that names do not hold, or ("ab", "c") and ("a", "bc") would share a seed.
    text = "\x1f".join([str(root), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(root: int, *names: object) -> np.random.Generator:
    """NumPy generator seeded with `child_seed(root, *names)`."""
    return np.random.default_rng(child_seed(root, *names))
