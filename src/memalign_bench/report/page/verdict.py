"""The verdict, which stands before every table: what improved, what got worse, what is equal.

It speaks of the study's claims alone; of everything else it says how much was looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.contrasts import ALPHA
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.prose import count, number, typographic, with_interval

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Finding", "Verdict", "VerdictGroup", "verdict_of"]


@dataclass(frozen=True)
class Finding:
    """One claim: where it is made, the improvement with its interval, and what else it needs."""

    where: str
    improvement: str
    more: str


@dataclass(frozen=True)
class VerdictGroup:
    """The claims that came out alike; `kind` is `better`, `worse`, `equal` or `open`."""

    kind: str
    title: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Verdict:
    """What a reader takes home."""

    question: str
    groups: tuple[VerdictGroup, ...]
    exploratory: tuple[str, ...]


_TITLES = {
    "better": "Improved",
    "worse": "Got worse",
    "equal": "Equal within the margin",
    "open": "Cannot be told",
}


def verdict_of(analysis: Analysis, contrasts: pd.DataFrame, look: Look) -> Verdict:
    """The claims of a study by how they came out, and a line on every exploratory variant."""
    claims = contrasts[contrasts["p_holm"].notna()]
    found: dict[str, list[Finding]] = {kind: [] for kind in _TITLES}
    several = claims["reference_backend"].nunique() > 1
    for row in rows_of(claims):
        kind = _kind(row)
        where = look.title(row["dimension"]) + (f", {row['backend']}" if several else "")
        gain = with_interval(row["improvement"], row["low"], row["high"], signed=True)
        found[kind].append(Finding(where, typographic(gain), _more(kind, row, analysis.margin)))
    groups = [VerdictGroup(k, title, tuple(found[k])) for k, title in _TITLES.items() if found[k]]
    if len(claims):
        names = ", ".join(dict.fromkeys(claims["variant"]))
        question = (
            f"Does {names} err less than the unaligned judge? Improvement of the mean absolute"
            f" error in grades, {look.reading} reading, with 95 % intervals; claims are corrected"
            f" after Holm, and equal means within {analysis.margin:g} of a grade."
        )
    else:
        question = (
            "This study makes no claim: it holds no full memory beside the unaligned judge. What"
            " it shows is exploratory."
        )
    return Verdict(question, tuple(groups), tuple(_exploratory(contrasts, look)))


def _kind(row: dict[str, Any]) -> str:
    if row["significant"]:
        return "better" if row["improvement"] > 0 else "worse"
    return "equal" if row["p_equivalent"] <= ALPHA else "open"


def _more(kind: str, row: dict[str, Any], margin: float) -> str:
    words = [f"{row['n_changed']} of {row['n_items']} items changed"]
    if kind == "open" and not math.isnan(row["cases_needed"]):
        words.append(
            f"{count(int(row['cases_needed']), 'case')} would find an improvement of {margin:g}"
        )
    if kind == "open" and not math.isnan(row["detectable"]):
        first = row["detectable_holm"]
        strict = "" if math.isnan(first) else f", {number(first)} at the first Holm step"
        words.append(f"this study finds {number(row['detectable'])} or more at {ALPHA}{strict}")
    return "; ".join(words)


def _exploratory(contrasts: pd.DataFrame, look: Look) -> Sequence[str]:
    lines = []
    own = contrasts[contrasts["reading"].eq(look.reading) | ~contrasts["variant"].isin(
        contrasts.loc[contrasts["reading"].eq(look.reading), "variant"]
    )]  # fmt: skip
    rest = own[own["p_holm"].isna() & own["reference"].ne(own["variant"]) & own["metric"].eq("mae")]
    for variant in look.ordered(rest["variant"]):
        mine = rest[rest["variant"] == variant]
        good = int(((mine["q_value"] <= ALPHA) & (mine["improvement"] > 0)).sum())
        bad = int(((mine["q_value"] <= ALPHA) & (mine["improvement"] < 0)).sum())
        lines.append(
            f"{variant}: smaller error on {good}, larger on {bad} of {len(mine)} comparisons with"
            f" the unaligned judge (q at most {ALPHA:g})."
        )
    return lines
