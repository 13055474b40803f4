"""Two scored runs, checked to be comparable, paired by case hash, and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from memalign_bench.errors import RequestError
from memalign_bench.loop.gate.verdicts import Call, GateRules, Pairs, Verdicts, verdicts
from memalign_bench.loop.scoring.records import OWED, Outcome, ScoredRun
from memalign_bench.scales import Grade, plain_number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Flip", "GateReport", "compare"]

_SHOWN = 5


class Flip(NamedTuple):
    """A case whose grades differ on a dimension.

    Attributes:
        dimension: Its name.
        case_id: The case.
        baseline: Grades of the baseline's notebooks, by repeat; None where the judge gave none.
        candidate: The same of the candidate's.
        severe: Whether the middle grade falls from the highest to the lowest.
        rationale: What the judge said of the candidate's lowest notebook.
    """

    dimension: str
    case_id: str
    baseline: tuple[Grade | None, ...]
    candidate: tuple[Grade | None, ...]
    severe: bool
    rationale: str

    @property
    def fall(self) -> float:
        """Mean of the candidate less that of the baseline."""
        return _mean(self.candidate) - _mean(self.baseline)


@dataclass(frozen=True)
class GateReport:
    """What a gate says of a candidate.

    Attributes:
        baseline: The baseline's run id.
        candidate: The candidate's.
        agents: Their agents.
        judge: What the records say of the judges.
        titles: Dimension -> name for people.
        rules: How it was decided.
        dimensions: What is said of each dimension.
        flips: Cases whose grades differ, largest falls first.
        warnings: What must be known of the comparison.
        without: Share of notebooks that are not there or cannot be read, in both runs.
    """

    baseline: str
    candidate: str
    agents: tuple[str, str]
    judge: Mapping[str, Any]
    titles: Mapping[str, str]
    rules: GateRules
    dimensions: Verdicts
    flips: tuple[Flip, ...]
    warnings: tuple[str, ...]
    without: tuple[float, float] = (0.0, 0.0)

    def called(self, call: Call) -> list[str]:
        """Names of the dimensions of which this is said."""
        return [self.titles[one.dimension] for one in self.dimensions if one.call is call]

    @property
    def severe(self) -> list[Flip]:
        """Cases that fall from the highest grade to the lowest."""
        return [flip for flip in self.flips if flip.severe]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the gate is shut; nothing where it is open."""
        told = []
        if worse := self.called(Call.WORSE):
            told.append(f"worse beyond {self.rules.margin:g} grades: {', '.join(worse)}")
        if self.rules.strict and (unclear := self.called(Call.CANNOT_TELL)):
            told.append(f"cannot tell (strict): {', '.join(unclear)}")
        before, after = self.without
        if after - before > self.rules.max_without:
            told.append(
                f"{after:.0%} of the candidate's notebooks are not there or cannot be read"
                f" (baseline: {before:.0%})"
            )
        limit = self.rules.max_severe
        if limit is not None and len(self.severe) > limit:
            told.append(
                f"{len(self.severe)} cases fall from the highest grade to the lowest, more than"
                f" {limit}"
            )
        return tuple(told)

    @property
    def passed(self) -> bool:
        """Whether the gate is open."""
        return not self.reasons


def compare(
    baseline: ScoredRun,
    candidate: ScoredRun,
    rules: GateRules,
    dimensions: Sequence[str] | None = None,
    *,
    common: bool = False,
) -> GateReport:
    """Compare a candidate with a baseline.

    Args:
        baseline: What was before.
        candidate: What may be released.
        rules: How to decide.
        dimensions: Which dimensions; None for all that were scored.
        common: Compare the cases that both have, where the runs are not about the same.

    Raises:
        RequestError: If they are not comparable: no pair, other cases, judges or rubrics, a
            dimension that was not scored, too many rows without a grade; with all that differs.
    """
    names = list(dimensions) if dimensions is not None else list(candidate.titles)
    if wrong := list(_differing(baseline, candidate, names, common=common)):
        raise RequestError(_refused(baseline, candidate, wrong))
    shared = set(baseline.notebooks["case_hash"]) & set(candidate.notebooks["case_hash"])
    before, after = (
        rows[rows["case_hash"].isin(shared)]
        for rows in (run.graded(rules.missing) for run in (baseline, candidate))
    )
    pairs, lost = {}, []
    for name in names:
        found = _paired(before, after, name, float(candidate.grades[-1] - candidate.grades[0]))
        if not len(found.baseline):
            lost.append(f"{name}: no case with a grade in both runs.")
        elif found.missing > rules.max_missing:
            lost.append(
                f"{name}: {found.missing:.0%} of the cases have no grade in both runs, more than"
                f" max_missing={rules.max_missing:g}; scores.parquet says why, row by row."
            )
        else:
            pairs[name] = found
    if lost:
        raise RequestError(_refused(baseline, candidate, lost))
    return GateReport(
        baseline=baseline.name,
        candidate=candidate.name,
        agents=(str(baseline.generated["agent"]), str(candidate.generated["agent"])),
        judge=candidate.judge,
        titles={name: candidate.titles[name] for name in names},
        rules=rules,
        dimensions=verdicts(pairs, candidate.labelled, rules),
        flips=tuple(_flips(before, after, names, candidate.grades)),
        warnings=tuple(_warnings(baseline, candidate, rules)),
        without=(baseline.share_without, candidate.share_without),
    )


def _refused(baseline: ScoredRun, candidate: ScoredRun, wrong: Sequence[str]) -> str:
    lines = "\n".join(f"  {line}" for line in wrong)
    return f"{baseline.name} and {candidate.name} cannot be compared, so nothing passes:\n{lines}"


def _differing(
    baseline: ScoredRun, candidate: ScoredRun, names: Sequence[str], *, common: bool
) -> Iterator[str]:
    """What stands against a comparison, a line each."""
    if baseline.path.resolve() == candidate.path.resolve():
        yield "they are one and the same run, which shows nothing; name another baseline."
    old, new = baseline.judge, candidate.judge
    if old["scale"] != new["scale"]:
        yield f"scale: {old['scale']['grades']} and {new['scale']['grades']}."
    known = set(old["dimensions"]) & set(new["dimensions"])
    if strangers := [name for name in names if name not in known]:
        told = ", ".join(sorted(known)) or "none"
        yield f"dimensions: {', '.join(strangers)} not scored in both; scored are: {told}."
    if not names:
        yield "dimensions: none is named."
    rubrics = [
        name
        for name in names
        if name in known
        and old["dimensions"][name]["rubric_digest"] != new["dimensions"][name]["rubric_digest"]
    ]
    if rubrics:
        yield f"rubric: another text for {', '.join(rubrics)}."
    if old["digest"] != new["digest"]:
        yield (
            f"judge: {old['digest']} ({old['variant']} on {old['backend']}) and {new['digest']}"
            f" ({new['variant']} on {new['backend']}); score both with one:"
            " memalign-bench score run=RUN judge=FOLDER."
        )
    yield from _cases_differing(baseline, candidate, common=common)
    # What an agent owes is a grade of its own, but nothing to measure another agent by.
    for run, silent in ((baseline, set(Outcome) - {Outcome.SCORED}), (candidate, {Outcome.FAILED})):
        if run.scores["outcome"].isin(silent).all():
            yield f"{run.name}: {_nothing_scored(run)}"


def _nothing_scored(run: ScoredRun) -> str:
    counts = run.scores["outcome"].value_counts()
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    return f"not one notebook has a grade ({told or 'no row'})."


def _cases_differing(baseline: ScoredRun, candidate: ScoredRun, *, common: bool) -> Iterator[str]:
    old, new = (
        dict(zip(run.notebooks["case_hash"], run.notebooks["case_id"], strict=True))
        for run in (baseline, candidate)
    )
    if not set(old) & set(new):
        yield "cases: not one in common (by their hashes)."
    elif not common and set(old) != set(new):
        for run, mine, other in ((baseline, old, new), (candidate, new, old)):
            if only := [mine[key] for key in mine if key not in other]:
                shown = ", ".join(map(str, only[:_SHOWN]))
                more = f" and {len(only) - _SHOWN} more" if len(only) > _SHOWN else ""
                yield (
                    f"cases: only {run.name} has {shown}{more} (a case is known by a hash of all"
                    " of it); cases=common compares those that both have."
                )


def _paired(before: pd.DataFrame, after: pd.DataFrame, name: str, widest: float) -> Pairs:
    """Mean grades of the cases that have one in both runs, and the share of those that have not."""
    old, new = (
        rows[rows["dimension"] == name].groupby("case_hash")["grade"].mean()
        for rows in (before, after)
    )
    either, both = set(old.index) | set(new.index), set(old.index) & set(new.index)
    told = np.array([[old[one], new[one]] for one in sorted(both)], dtype=float).reshape(-1, 2)
    graded = told[~np.isnan(told).any(axis=1)]
    missing = 1 - len(graded) / len(either) if either else 1.0
    return Pairs(graded[:, 0], graded[:, 1], widest, missing)


def _flips(
    before: pd.DataFrame, after: pd.DataFrame, names: Sequence[str], grades: Sequence[Grade]
) -> list[Flip]:
    """Cases whose grades differ, largest falls first."""
    found = []
    for name in names:
        old, new = (
            dict(iter(rows[rows["dimension"] == name].groupby("case_hash")))
            for rows in (before, after)
        )
        for case in old:
            if case in new:
                flip = _flip(name, old[case], new[case], grades)
                if sorted(flip.baseline, key=str) != sorted(flip.candidate, key=str):
                    found.append(flip)
    return sorted(found, key=lambda one: (not one.severe, one.fall, one.dimension, one.case_id))


def _flip(name: str, old: pd.DataFrame, new: pd.DataFrame, grades: Sequence[Grade]) -> Flip:
    told = new.sort_values("grade", na_position="last", kind="stable").iloc[0]
    severe = old["grade"].median() == grades[-1] and new["grade"].median() == grades[0]
    why = str(told["rationale"] or told["error"])
    return Flip(name, str(told["case_id"]), _by_repeat(old), _by_repeat(new), bool(severe), why)


def _by_repeat(rows: pd.DataFrame) -> tuple[Grade | None, ...]:
    grades = rows.sort_values("repeat")["grade"]
    return tuple(None if np.isnan(grade) else plain_number(grade) for grade in grades)


def _mean(grades: Sequence[Grade | None]) -> float:
    given = [grade for grade in grades if grade is not None]
    return sum(given) / len(given) if given else float("nan")


def _warnings(baseline: ScoredRun, candidate: ScoredRun, rules: GateRules) -> Iterator[str]:
    notices = [run.generated.get("notice") for run in (baseline, candidate)]
    data = candidate.judge.get("data") or {}
    for notice in dict.fromkeys([*notices, data.get("notice")]):
        if notice:
            yield str(notice)
    for run in (baseline, candidate):
        counts = run.scores["outcome"].value_counts()
        if told := [f"{counts[kind]} {kind.value}" for kind in OWED if kind in counts]:
            how = "the lowest grade" if rules.missing == "worst" else "left out"
            yield f"{run.name}: {', '.join(told)} ({how})."
        if failed := counts.get(Outcome.FAILED):
            yield f"{run.name}: {failed} rows without a usable answer of the judge, left out."
        if seen := run.manifest.get("remembered"):
            yield (
                f"{run.name}: {seen} of its notebooks are among those the judge was aligned on;"
                " they were asked about without their own example, but guidelines may hold them."
            )
