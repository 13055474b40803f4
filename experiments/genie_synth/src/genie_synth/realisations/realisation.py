"""What a realisation is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from genie_synth.sketch.case import Case
from genie_synth.sketch.sketch import Sketch

__all__ = ["Realisation"]


@dataclass(frozen=True)
class Realisation:
    """One concrete way of writing code that shows some facets.

    Attributes:
        name: Unique slug over all dimensions and corpora ("median_before_split_fillna").
        dimension: The dimension whose facets it shows.
        facets: Planted facts, keys and values as in `facets.py`.
        write: Adds cells, evidence and facts to a sketch.
        suits: Whether it can be written for a case.
    """

    name: str
    dimension: str
    facets: Mapping[str, Any]
    write: Callable[[Sketch], None]
    suits: Callable[[Case], bool] = lambda case: True
