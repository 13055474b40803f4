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

from memalign_bench.corpus import (
    cases_classes,
    cases_dev_classes,
    cases_dev_numbers,
    cases_measures,
    cases_numbers,
    cases_services,
)
from memalign_bench.corpus.sketch import Case

__all__ = ["CASES", "case"]

CASES: Mapping[int, tuple[Case, ...]] = {
    0: (
        *(*cases_classes.CASES, *cases_services.CASES),
        *(*cases_numbers.CASES, *cases_measures.CASES),
    ),
    1: (*cases_dev_classes.CASES, *cases_dev_numbers.CASES),
}
"""Corpus seed -> its cases."""


def case(case_id: str) -> Case:
    """The case of that name, of either corpus.

    Raises:
        KeyError: If there is none; the message lists the names.
    """
    found = {entry.case_id: entry for cases in CASES.values() for entry in cases}
    if case_id not in found:
        raise KeyError(f"no case {case_id!r}; there are {', '.join(found)}.")
    return found[case_id]
