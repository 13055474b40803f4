"""The cases: what users asked for, 25 reported and 12 for development, none shared.

Keys of `Case.facts`: `entity`, `entities` (what a row is, singular and plural), `outcome` (the
answer in the prompt's terms: "expected to be delayed"), `unit` (of a numeric target), `gaps` (how
many rows have missing values: "" none, "few" under 1 %, "many" over 5 %), `zeros` (whether a
numeric target has zeros), `group` (a nominal column to aggregate by, or ""), `season` (rows of one
seasonal cycle of a series; also the forecast horizon), `domain` (features that need knowledge of
the field: name, source template with `{d}` for the frame, and why).
"""

from __future__ import annotations

from collections.abc import Mapping

from genie_synth.cases.seed0 import classes, measures, numbers, services
from genie_synth.cases.seed1 import classes as dev_classes
from genie_synth.cases.seed1 import numbers as dev_numbers
from genie_synth.sketch.case import Case

__all__ = ["CASES"]

CASES: Mapping[int, tuple[Case, ...]] = {
    0: (*classes.CASES, *services.CASES, *numbers.CASES, *measures.CASES),
    1: (*dev_classes.CASES, *dev_numbers.CASES),
}
"""Corpus seed -> its cases."""
