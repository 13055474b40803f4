"""The verdict, which stands before every table: what improved, what got worse, what is equal.

It speaks of the study's claims alone; of everything else it says how much was looked at.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memalign_bench.report.drawing.look import Look, in_own_reading
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.claims import NO_PLAN, Claims, claims_of
from memalign_bench.report.numbers.contrasts import ALPHA, all_pairs, claimed_rows
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.numbers.missing_answers import HANGS, MADE_OF_SILENCE, UNEQUAL
from memalign_bench.report.numbers.paired_answers import notes_say
from memalign_bench.report.numbers.pairs import is_unaligned
from memalign_bench.report.numbers.readings import JudgeKey
from memalign_bench.report.prose import METRIC_NAMES, listed, number, typographic, with_interval
from memalign_bench.types import Status
from memalign_bench.wording import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Finding", "Verdict", "VerdictGroup", "verdict_of"]

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
"""Kind of a group -> its title, in the order of the page."""


@dataclass(frozen=True)
class Finding:
    """One claim: where it is made, the improvement with its interval, and what else it needs.

    `hangs`: what was told of it could be turned, or made, by missing answers.
    """

    where: str
    improvement: str
    more: str
    hangs: bool


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
        findings = {group.kind: group.findings for group in self.groups}
        parts = []
        for kind, title in _TITLES.items():
            here = findings.get(kind, ())
            hanging = sum(finding.hangs for finding in here)
            parts.append(f"{title.lower()}: {len(here)}{_hanging_words(hanging)}")
        return ", ".join(parts)


def _hanging_words(n: int) -> str:
    return f" ({n} hanging on missing answers)" if n else ""


def verdict_of(analysis: Analysis, contrasts: pd.DataFrame, look: Look) -> Verdict:
    """The claims of a study by how they came out, and a line on every exploratory variant."""
    rows = contrasts[claimed_rows(contrasts)]
    findings: dict[str, list[Finding]] = {kind: [] for kind in _TITLES}
    names = _distinguishing_names(rows)
    for row in rows_of(rows):
        kind = _outcome(row)
        where = ", ".join([look.title(row["dimension"]), *(name(row) for name in names)])
        silence = _silence(analysis, row)
        # What silence made is no improvement.
        gain = (
            ""
            if silence
            else with_interval(row["improvement"], row["low"], row["high"], signed=True)
        )
        more = "; ".join([*_plan_words(row), *(silence or _details(kind, row, analysis))])
        hangs = (kind in ("better", "worse") and HANGS in row["note"]) or (
            kind == "equal" and UNEQUAL in row["note"]
        )
        findings[kind].append(Finding(where, typographic(gain), more, hangs))
    groups = [
        VerdictGroup(k, title, tuple(findings[k])) for k, title in _TITLES.items() if findings[k]
    ]
    claims = claims_of(analysis, all_pairs(analysis))
    question = _question_asked(rows) if len(rows) else _no_claim_sentence(claims)
    plan = claims.sentence(analysis.frames.dimensions)
    how = f"{_method_sentence(analysis, rows)} {plan}" if len(rows) else plan
    return Verdict(question, how, tuple(groups), tuple(_exploratory_lines(contrasts, look)))


def _distinguishing_names(claims: pd.DataFrame) -> list[Callable[[dict[str, Any]], str]]:
    """What a claim must be told by besides its dimension: what differs between the claims."""
    names: list[Callable[[dict[str, Any]], str]] = []
    if len(claims[["variant", "reference"]].drop_duplicates()) > 1:
        names.append(lambda row: f"{row['variant']} against {row['reference']}")
    if claims["reference_backend"].nunique() > 1:
        names.append(lambda row: str(row["reference_backend"]))
    if claims["metric"].nunique() > 1:
        names.append(lambda row: METRIC_NAMES[row["metric"]])
    return names


def _question_asked(claims: pd.DataFrame) -> str:
    # Each once, on however many dimensions and backends it is a claim.
    sides = [*dict.fromkeys(zip(claims["variant"], claims["reference"], strict=True))]
    clauses = [
        f"{name} judge better than {'the unaligned judge' if is_unaligned(other) else other}"
        for name, other in sides
    ]
    return f"Does {listed(clauses)}?"


def _method_sentence(analysis: Analysis, claims: pd.DataFrame) -> str:
    measured = [_MEASURED[metric] for metric in METRIC_NAMES if metric in set(claims["metric"])]
    return (
        f"Improvement of {listed(measured)}, {analysis.reading} reading, with 95 % intervals;"
        f" claims of a difference are corrected after Holm. Equal means within {analysis.margin:g}"
        f"{_margin_unit(analysis)}, tested for each claim by itself at {ALPHA:g}."
    )


def _no_claim_sentence(claims: Claims) -> str:
    return f"This study makes no claim: {claims.reason_for_none()}. What it shows is exploratory."


def _outcome(row: dict[str, Any]) -> str:
    if row["significant"]:
        return "better" if row["improvement"] > 0 else "worse"
    # Equal is a finding of its own (two one-sided tests), not the want of significance. Ranks have
    # no margin: their NaN compares as false, and the claim stays open.
    return "equal" if row["p_equivalent"] <= ALPHA else "open"


def _margin_unit(analysis: Analysis) -> str:
    """The unit of a margin: a grade where grades are one apart, else the scale's width."""
    scale = analysis.frames.scale
    return " of a grade" if scale.unit == 1 else f" on a scale of {scale.span:g}"


def _silence(analysis: Analysis, row: dict[str, Any]) -> list[str]:
    """Which side of a claim gave no answer, and how that came; empty where both gave one."""
    rows = analysis.frames.predictions
    asked = rows[(rows["dimension"] == row["dimension"]) & rows["expert_score"].notna()]
    told = []
    for side, place in (("reference", "reference_backend"), ("variant", "backend")):
        own = asked[(asked["variant"] == row[side]) & (asked["backend"] == row[place])]
        statuses = Counter(map(str, own["status"]))
        if not statuses[Status.SCORED]:
            how = [
                f"{statuses[status]} of {len(own)} {status.value}"
                for status in (Status.FAILED, Status.ABSTAINED)
                if statuses[status]
            ]
            told.append(f"{row[side]} gave no answer ({', '.join(how)})")
    return told


def _plan_words(row: dict[str, Any]) -> list[str]:
    return [] if row["planned"] == NO_PLAN else [str(row["planned"])]


def _details(kind: str, row: dict[str, Any], analysis: Analysis) -> list[str]:
    # What has no p for another reason (no row in common, ranks undefined) says it in its note.
    if math.isnan(row["p_value"]):
        return [row["note"]]
    words = []
    if row["metric"] == "mae":
        words.append(f"the errors differ on {row['n_changed']} of {row['n_items']} items")
    words += [note for note in row["note"].split("; ") if note.startswith((HANGS, UNEQUAL))]
    # What an open claim would need.
    if kind == "open" and not math.isnan(row["cases_needed"]):
        cases = int(row["cases_needed"])
        words.append(
            f"{counted(_n_labels(analysis, row, cases), 'label')} ({counted(cases, 'case')}) would"
            f" find an improvement of {analysis.margin:g}"
        )
    if kind == "open" and not math.isnan(row["detectable"]):
        at_first_step = row["detectable_holm"]
        # Of one claim alone the first step is the level itself.
        at_step = (
            ""
            if math.isnan(at_first_step) or at_first_step == row["detectable"]
            else f", {number(at_first_step)} at the first Holm step"
        )
        words.append(f"this study finds {number(row['detectable'])} or more at {ALPHA}{at_step}")
    return words


def _n_labels(analysis: Analysis, row: dict[str, Any], cases: int) -> int:
    """Labels on so many cases, with as many items a case as this study has on the dimension."""
    # A claim is in the study's own reading, so these are the answers that it is made of.
    answers = analysis.answers[JudgeKey(row["dimension"], row["variant"], row["backend"])]
    return math.ceil(cases * len(set(answers.items)) / analysis.n_cases(answers.items))


def _exploratory_lines(contrasts: pd.DataFrame, look: Look) -> Sequence[str]:
    lines = []
    # A judge may have the study's reading on one dimension, and only the raw one on another.
    own = in_own_reading(contrasts, look)
    # Exploratory rows against the unaligned judge, in MAE; backends against each other are left
    # out, and so are claims that could not be tested.
    rest = own[~claimed_rows(own) & own["reference"].ne(own["variant"]) & own["metric"].eq("mae")]
    rest = rest[rest["reference"].map(is_unaligned).astype(bool)]
    for variant in look.ordered(rest["variant"]):
        own_rows = rest[rest["variant"] == variant]
        sure, gain = own_rows["q_value"] <= ALPHA, own_rows["improvement"]
        hangs = notes_say(own_rows, HANGS)
        good, bad = (
            f"{int(told.sum())}{_hanging_words(int((told & hangs).sum()))}"
            for told in (sure & (gain > 0), sure & (gain < 0))
        )
        untold = int(notes_say(own_rows, MADE_OF_SILENCE).sum())
        lines.append(
            f"{variant}: smaller error on {good}, larger on {bad} of {len(own_rows)} comparisons"
            f" with the unaligned judge (q at most {ALPHA:g})"
            + (f"; {untold} cannot be told, since a judge gave no answer" if untold else "")
            + "."
        )
    return lines
