"""Loads llama.cpp so that its threads do not spin, whoever is the first to need it."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["load_llama_cpp"]


def load_llama_cpp() -> Any:
    """The module `xllamacpp`, with threads that sleep soon when they wait for one another.

    By default OpenMP's threads spin for milliseconds at each of several hundred barriers a token:
    where another process takes a core, generation was measured at 2 tokens a second, and at 40
    with this. Read once, when the library is loaded; what the user has set stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    import xllamacpp

    return xllamacpp
