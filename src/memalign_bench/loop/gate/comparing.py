"""Two scored runs, checked to be comparable, paired by case hash, and compared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from memalign_bench.errors import RequestError
from memalign_bench.loop.gate.verdicts import Call, GateRules, Pairs, Verdicts, verdicts
from memalign_bench.loop.scoring.records import OWED, Outcome, ScoredRun
from memalign_bench.scales import Grade, plain_number
from memalign_bench.wording import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Flip", "GateReport", "compare"]

_MAX_LISTED = 5


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

    def dimensions_called(self, call: Call) -> list[str]:
        """Names of the dimensions of which this is said."""
        return [
            self.titles[evidence.dimension] for evidence in self.dimensions if evidence.call is call
        ]

    @property
    def severe(self) -> list[Flip]:
        """Cases that fall from the highest grade to the lowest."""
        return [flip for flip in self.flips if flip.severe]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the gate is shut; nothing where it is open."""
        reasons = []
        if worse := self.dimensions_called(Call.WORSE):
            reasons.append(f"worse beyond {self.rules.margin:g} grades: {', '.join(worse)}")
        if self.rules.strict and (unclear := self.dimensions_called(Call.CANNOT_TELL)):
            reasons.append(f"cannot tell (strict): {', '.join(unclear)}")
        before, after = self.without
        if after - before > self.rules.max_without:
            reasons.append(
                f"{after:.0%} of the candidate's notebooks are not there or cannot be read"
                f" (baseline: {before:.0%})"
            )
        limit = self.rules.max_severe
        if limit is not None and len(self.severe) > limit:
            reasons.append(
                f"{counted(len(self.severe), 'case')} from the highest grade to the lowest, more"
                f" than {limit}"
            )
        return tuple(reasons)

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
        dimensions: Which dimensions; None for all that a case of either run is about.
        common: Compare the cases that both have, where the runs are not about the same.

    Raises:
        RequestError: If they are not comparable: no pair, other cases, judges or rubrics, a
            dimension that was not scored, too many rows without a grade; with all that differs.
    """
    # Whether the runs can be compared at all.
    # A dimension that is named twice counts once.
    names = list(dict.fromkeys(_asked(baseline, candidate) if dimensions is None else dimensions))
    if obstacles := list(_obstacles(baseline, candidate, names, common=common)):
        raise RequestError(_refusal(baseline, candidate, obstacles))
    # Everything below is over the cases that both runs have.
    # By hash, not by id: a case with another text or other data is another case.
    shared = set(baseline.notebooks["case_hash"]) & set(candidate.notebooks["case_hash"])
    before, after = (
        rows[rows["case_hash"].isin(shared)]
        for rows in (run.graded(rules.missing) for run in (baseline, candidate))
    )
    # Pairs of each dimension; one with too few is refused, not left out.
    pairs, unpaired = {}, []
    for name in names:
        paired = _paired_means(before, after, name, candidate.grades)
        if not len(paired.baseline):
            unpaired.append(f"{name}: no case with a grade in both runs.")
        elif paired.missing > rules.max_missing:
            unpaired.append(
                f"{name}: {paired.missing:.0%} of the cases have no grade in both runs, more than"
                f" max_missing={rules.max_missing:g}; scores.parquet says why, row by row."
            )
        else:
            pairs[name] = paired
    if unpaired:
        raise RequestError(_refusal(baseline, candidate, unpaired))
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


def _asked(baseline: ScoredRun, candidate: ScoredRun) -> list[str]:
    """Dimensions that a case of either run is about; a judge may have others."""
    asked = {*baseline.scores["dimension"], *candidate.scores["dimension"]}
    # The candidate's first, in their order; what only the baseline has is told as an obstacle.
    return [name for name in {**candidate.titles, **baseline.titles} if name in asked]


def _refusal(baseline: ScoredRun, candidate: ScoredRun, problems: Sequence[str]) -> str:
    lines = "\n".join(f"  {line}" for line in problems)
    return f"{baseline.name} and {candidate.name} cannot be compared, so nothing passes:\n{lines}"


def _obstacles(
    baseline: ScoredRun, candidate: ScoredRun, names: Sequence[str], *, common: bool
) -> Iterator[str]:
    """What stands against a comparison, a line each."""
    if baseline.path.resolve() == candidate.path.resolve():
        yield "they are one and the same run, which shows nothing; name another baseline."
    old, new = baseline.judge, candidate.judge
    if old["scale"] != new["scale"]:
        yield f"scale: {old['scale']['grades']} and {new['scale']['grades']}."
    # Each dimension must have been scored in both, by the same text.
    known = set(old["dimensions"]) & set(new["dimensions"])
    if unscored := [name for name in names if name not in known]:
        scored = ", ".join(sorted(known)) or "none"
        yield f"dimensions: {', '.join(unscored)} not scored in both; scored are: {scored}."
    if not names:
        yield "dimensions: none is named."
    changed = [
        name
        for name in names
        if name in known
        and old["dimensions"][name]["rubric_digest"] != new["dimensions"][name]["rubric_digest"]
    ]
    if changed:
        yield f"rubric: another text for {', '.join(changed)}."
    # Another judge measures with another yardstick.
    if old["digest"] != new["digest"]:
        yield (
            f"judge: {old['digest']} ({old['variant']} on {old['backend']}) and {new['digest']}"
            f" ({new['variant']} on {new['backend']}); score both with one:"
            " memalign-bench score run=RUN judge=FOLDER."
        )
    yield from _case_obstacles(baseline, candidate, common=common)
    # What an agent owes is a grade of its own, but nothing to measure another agent by.
    for run, silent in ((baseline, set(Outcome) - {Outcome.SCORED}), (candidate, {Outcome.FAILED})):
        if run.scores["outcome"].isin(silent).all():
            yield f"{run.name}: {_no_grades_message(run)}"


def _no_grades_message(run: ScoredRun) -> str:
    counts = run.scores["outcome"].value_counts()
    outcomes = ", ".join(f"{count} {name}" for name, count in counts.items())
    return f"not one notebook has a grade ({outcomes or 'no row'})."


def _case_obstacles(baseline: ScoredRun, candidate: ScoredRun, *, common: bool) -> Iterator[str]:
    old, new = (
        # A case has a row for each repeat, which fall together here.
        dict(zip(run.notebooks["case_hash"], run.notebooks["case_id"], strict=True))
        for run in (baseline, candidate)
    )
    if not set(old) & set(new):
        yield "cases: not one in common (by their hashes)."
    elif not common and set(old) != set(new):
        for run, own_cases, other_cases in ((baseline, old, new), (candidate, new, old)):
            if missing := [own_cases[key] for key in own_cases if key not in other_cases]:
                shown = ", ".join(map(str, missing[:_MAX_LISTED]))
                more = (
                    f" and {len(missing) - _MAX_LISTED} more" if len(missing) > _MAX_LISTED else ""
                )
                yield (
                    f"cases: only {run.name} has {shown}{more} (a case is known by a hash of all"
                    " of it); common_cases=true compares those that both have."
                )


def _paired_means(
    before: pd.DataFrame, after: pd.DataFrame, name: str, grades: Sequence[Grade]
) -> Pairs:
    """Mean grades of the cases that have one in both runs, and the share of those that have not."""
    own_rows = [rows[rows["dimension"] == name] for rows in (before, after)]
    old, new = (
        # Over the notebooks with a grade: a failure of the judge counts in no mean and no share.
        rows[rows["grade"].notna()].groupby("case_hash")[["grade", "owed"]].mean()
        for rows in own_rows
    )
    either = set[str]().union(*(rows["case_hash"] for rows in own_rows))
    both = sorted(set(old.index) & set(new.index))
    old, new = old.loc[both].astype(float), new.loc[both].astype(float)
    return Pairs(
        old["grade"].to_numpy(),
        new["grade"].to_numpy(),
        widest=float(grades[-1] - grades[0]),
        missing=1 - len(both) / len(either) if either else 1.0,
        lowest=float(grades[0]),
        owed=(new["owed"] - old["owed"]).to_numpy(),
    )


def _flips(
    before: pd.DataFrame, after: pd.DataFrame, names: Sequence[str], grades: Sequence[Grade]
) -> list[Flip]:
    """Cases whose grades differ: severe ones, then the largest falls; without a grade last."""
    flips = []
    for name in names:
        old, new = (
            dict(iter(rows[rows["dimension"] == name].groupby("case_hash")))
            for rows in (before, after)
        )
        for case in old:
            if case in new:
                flip = _flip_of_case(name, old[case], new[case], grades)
                # Repeats have no order: the same grades in another order are no flip.
                # As texts, since None, for a notebook without a grade, does not compare with
                # numbers.
                if sorted(flip.baseline, key=str) != sorted(flip.candidate, key=str):
                    flips.append(flip)

    def place(flip: Flip) -> tuple[object, ...]:
        # False sorts before True. A NaN compares with nothing, and would leave any order.
        fall = math.inf if math.isnan(flip.fall) else flip.fall
        return (not flip.severe, fall, flip.dimension, flip.case_id)

    return sorted(flips, key=place)


def _flip_of_case(name: str, old: pd.DataFrame, new: pd.DataFrame, grades: Sequence[Grade]) -> Flip:
    # The lowest grade; a notebook without one only where there is no other.
    worst_row = new.sort_values("grade", na_position="last", kind="stable").iloc[0]
    # By the middle grade, so that one stray repeat makes no case severe.
    severe = old["grade"].median() == grades[-1] and new["grade"].median() == grades[0]
    reason = str(worst_row["rationale"] or worst_row["error"])
    return Flip(
        name, str(worst_row["case_id"]), _by_repeat(old), _by_repeat(new), bool(severe), reason
    )


def _by_repeat(rows: pd.DataFrame) -> tuple[Grade | None, ...]:
    grades = rows.sort_values("repeat")["grade"]
    return tuple(None if np.isnan(grade) else plain_number(grade) for grade in grades)


def _mean(grades: Sequence[Grade | None]) -> float:
    given = [grade for grade in grades if grade is not None]
    return sum(given) / len(given) if given else float("nan")


def _warnings(baseline: ScoredRun, candidate: ScoredRun, rules: GateRules) -> Iterator[str]:
    notices = [run.generated.get("notice") for run in (baseline, candidate)]
    data = candidate.judge.get("data") or {}
    # Both runs and the judge's data often have one and the same notice.
    for notice in dict.fromkeys([*notices, data.get("notice")]):
        if notice:
            yield str(notice)
    for run in (baseline, candidate):
        counts = run.scores["outcome"].value_counts()
        if owed := [f"{counts[kind]} {kind.value}" for kind in OWED if kind in counts]:
            treatment = "the lowest grade" if rules.missing == "worst" else "left out"
            yield f"{run.name}: {', '.join(owed)} ({treatment})."
        if failed := counts.get(Outcome.FAILED):
            rows = counted(failed, "row")
            yield f"{run.name}: {rows} without a usable answer of the judge, left out."
        if n_known := run.manifest.get("remembered"):
            yield (
                f"{run.name}: {n_known} of its notebooks are among those the judge was aligned on;"
                " they were asked about without their own example, but guidelines may hold them."
            )
