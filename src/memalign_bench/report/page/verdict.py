"""The verdict, which stands before every table: what improved, what got worse, what is equal.

It speaks of the study's claims alone; of everything else it says how much was looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memalign_bench.report.drawing.look import Look
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.claims import NO_PLAN, claims_of
from memalign_bench.report.numbers.contrasts import ALPHA, all_pairs
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.numbers.pairs import is_unaligned
from memalign_bench.report.numbers.readings import JudgeKey
from memalign_bench.report.prose import (
    METRIC_NAMES,
    count,
    listed,
    number,
    typographic,
    with_interval,
)

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
    how: str
    groups: tuple[VerdictGroup, ...]
    exploratory: tuple[str, ...]

    @property
    def tally(self) -> str:
        """How many claims came out in which way, those that none did included."""
        counts = {group.kind: len(group.findings) for group in self.groups}
        return ", ".join(f"{title.lower()}: {counts.get(k, 0)}" for k, title in _TITLES.items())


_MEASURED = {
    "mae": "the mean absolute error in grades",
    "spearman": "the rank correlation with the experts",
}

_TITLES = {
    "better": "Improved",
    "worse": "Got worse",
    "equal": "Equal within the margin",
    "open": "Cannot be told",
}


def verdict_of(analysis: Analysis, contrasts: pd.DataFrame, look: Look) -> Verdict:
    """The claims of a study by how they came out, and a line on every exploratory variant."""
    rows = contrasts[contrasts["p_holm"].notna()]
    found: dict[str, list[Finding]] = {kind: [] for kind in _TITLES}
    named = _names_in(rows)
    for row in rows_of(rows):
        kind = _kind(row)
        where = ", ".join([look.title(row["dimension"]), *(name(row) for name in named)])
        gain = with_interval(row["improvement"], row["low"], row["high"], signed=True)
        found[kind].append(Finding(where, typographic(gain), _more(kind, row, analysis)))
    groups = [VerdictGroup(k, title, tuple(found[k])) for k, title in _TITLES.items() if found[k]]
    question = _question(rows) if len(rows) else _no_claim(analysis)
    plan = claims_of(analysis, all_pairs(analysis)).sentence(analysis.frames.dimensions)
    how = f"{_how(analysis, rows)} {plan}" if len(rows) else plan
    return Verdict(question, how, tuple(groups), tuple(_exploratory(contrasts, look)))


def _names_in(claims: pd.DataFrame) -> list[Callable[[dict[str, Any]], str]]:
    """What a claim must be told by besides its dimension: what differs between the claims."""
    named: list[Callable[[dict[str, Any]], str]] = []
    if len(claims[["variant", "reference"]].drop_duplicates()) > 1:
        named.append(lambda row: f"{row['variant']} against {row['reference']}")
    if claims["reference_backend"].nunique() > 1:
        named.append(lambda row: str(row["reference_backend"]))
    if claims["metric"].nunique() > 1:
        named.append(lambda row: METRIC_NAMES[row["metric"]])
    return named


def _question(claims: pd.DataFrame) -> str:
    sides = [*dict.fromkeys(zip(claims["variant"], claims["reference"], strict=True))]
    told = [
        f"{name} judge better than {'the unaligned judge' if is_unaligned(other) else other}"
        for name, other in sides
    ]
    return f"Does {listed(told)}?"


def _how(analysis: Analysis, claims: pd.DataFrame) -> str:
    measured = [_MEASURED[metric] for metric in METRIC_NAMES if metric in set(claims["metric"])]
    return (
        f"Improvement of {listed(measured)}, {analysis.reading} reading, with 95 % intervals;"
        f" claims are corrected after Holm, and equal means within {analysis.margin:g}"
        f"{_of_what(analysis)}."
    )


def _no_claim(analysis: Analysis) -> str:
    why = "it holds no full memory beside the unaligned judge"
    if (plan := analysis.frames.plan) is not None:
        why = "it holds nothing that its plan names" if plan.contrasts else "its plan names none"
    return f"This study makes no claim: {why}. What it shows is exploratory."


def _kind(row: dict[str, Any]) -> str:
    if row["significant"]:
        return "better" if row["improvement"] > 0 else "worse"
    return "equal" if row["p_equivalent"] <= ALPHA else "open"


def _of_what(analysis: Analysis) -> str:
    """What a margin is a part of: a grade, where grades are one apart."""
    scale = analysis.frames.scale
    return " of a grade" if scale.unit == 1 else f" on a scale of {scale.span:g}"


def _more(kind: str, row: dict[str, Any], analysis: Analysis) -> str:
    words = [] if row["planned"] == NO_PLAN else [str(row["planned"])]
    if row["metric"] == "mae":
        words.append(f"{row['n_changed']} of {row['n_items']} items changed")
    if kind == "open" and not math.isnan(row["cases_needed"]):
        cases = int(row["cases_needed"])
        words.append(
            f"{count(_labels(analysis, row, cases), 'label')} ({count(cases, 'case')}) would find"
            f" an improvement of {analysis.margin:g}"
        )
    if kind == "open" and not math.isnan(row["detectable"]):
        first = row["detectable_holm"]
        strict = "" if math.isnan(first) else f", {number(first)} at the first Holm step"
        words.append(f"this study finds {number(row['detectable'])} or more at {ALPHA}{strict}")
    return "; ".join(words)


def _labels(analysis: Analysis, row: dict[str, Any], cases: int) -> int:
    """Labels on so many cases, with as many items a case as this study has on the dimension."""
    answers = analysis.answers[JudgeKey(row["dimension"], row["variant"], row["backend"])]
    return math.ceil(cases * len(set(answers.items)) / len(set(answers.cases)))


def _exploratory(contrasts: pd.DataFrame, look: Look) -> Sequence[str]:
    lines = []
    own = contrasts[contrasts["reading"].eq(look.reading) | ~contrasts["variant"].isin(
        contrasts.loc[contrasts["reading"].eq(look.reading), "variant"]
    )]  # fmt: skip
    rest = own[own["p_holm"].isna() & own["reference"].ne(own["variant"]) & own["metric"].eq("mae")]
    rest = rest[rest["reference"].map(is_unaligned).astype(bool)]
    for variant in look.ordered(rest["variant"]):
        mine = rest[rest["variant"] == variant]
        good = int(((mine["q_value"] <= ALPHA) & (mine["improvement"] > 0)).sum())
        bad = int(((mine["q_value"] <= ALPHA) & (mine["improvement"] < 0)).sum())
        lines.append(
            f"{variant}: smaller error on {good}, larger on {bad} of {len(mine)} comparisons with"
            f" the unaligned judge (q at most {ALPHA:g})."
        )
    return lines
