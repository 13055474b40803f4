"""Standings of scored runs: means by dimension and overall, ranks with ties, cost and time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from memalign_bench.errors import RequestError
from memalign_bench.loop.claims.labelled import LabelledSample
from memalign_bench.loop.claims.ppi import powered_mean
from memalign_bench.loop.claims.response import fit_response, response_mean
from memalign_bench.loop.scoring.records import ScoredRun
from memalign_bench.stats.clusters import case_mean
from memalign_bench.stats.multiplicity import holm
from memalign_bench.stats.planning.changes import rule_of_three
from memalign_bench.stats.resampling.bootstrap import Interval
from memalign_bench.stats.resampling.sign_flips import sign_flips

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OVERALL", "Claim", "Standings", "standings"]

OVERALL = "overall"
"""Stands for all dimensions together."""

Claim = Literal["response", "ppi", "opinion"]


class Standings(NamedTuple):
    """A leaderboard's numbers.

    Attributes:
        overall: One row a run, the best first: rank, mean over dimensions, cost, time.
        dimensions: One row a run and dimension.
        titles: Dimension -> name for people.
        notes: What must be known of them.
    """

    overall: pd.DataFrame
    dimensions: pd.DataFrame
    titles: Mapping[str, str]
    notes: tuple[str, ...]


def standings(
    runs: Sequence[ScoredRun],
    *,
    claim: Claim = "response",
    missing: str = "worst",
    level: float = 0.05,
    common: bool = False,
) -> Standings:
    """Rank runs that one judge has scored.

    A run's rank is one more than the number of runs that are confirmed to be better over all
    dimensions in which the judge goes along with the experts: sign flips over cases, paired by case
    and dimension where both have a grade, Holm over all pairs. `tied_with` names the runs that one
    is not told apart from. A run without any grade on a dimension that others have has no mean over
    dimensions.

    Args:
        runs: Scored runs.
        claim: How means are read: by the judge's response to the experts, by PPI++ (for labelled
            notebooks like the agents' own), or as the judge's opinion.
        missing: `worst` or `exclude`: what a notebook that an agent owes counts.
        level: Chance of a false order among all pairs.
        common: Use the cases that all runs have, where they are not about the same.

    Raises:
        RequestError: If there is no run, or they are about different cases or of several judges.
    """
    import pandas as pd

    cases = _shared_cases(runs, common=common)
    # One judge has scored all runs, so the labels of the first are those of all.
    # Without a labelled sample nothing speaks against the judge, so it counts; one that grades the
    # wrong way round is informative, and would rank the wrong way round.
    informative = [
        name
        for name, sample in runs[0].labelled.items()
        if sample is None or (sample.is_informative and sample.correlation > 0)
    ]
    # A judge that goes along with the experts nowhere ranks by all dimensions.
    ranked = informative or list(runs[0].titles)
    rows: list[dict[str, Any]] = []
    grades: dict[str, pd.DataFrame] = {}
    # Means by dimension.
    for run in runs:
        graded = run.graded(missing)
        graded_rows = graded[graded["case_hash"].isin(cases) & graded["grade"].notna()]
        grades[run.name] = graded_rows
        for name in run.titles:
            dimension_rows = graded_rows[graded_rows["dimension"] == name]
            if len(dimension_rows):
                rows.append(_dimension_row(run, name, dimension_rows, claim))
    if not rows:
        raise RequestError("not one notebook of these runs has a grade.")
    dimensions = pd.DataFrame(rows)
    means = {name: _cell_means(rows_of_run, ranked) for name, rows_of_run in grades.items()}
    ranks = _ranks(means, level)
    overall = pd.DataFrame(
        [
            _overall_row(run, dimensions, grades[run.name], ranks[run.name])
            for run in runs
            if len(grades[run.name])
        ]
    ).sort_values(["rank_number", "opinion"], ascending=[True, False], ignore_index=True)
    # Both tables list the runs in the order of the ranking.
    order = {run: place for place, run in enumerate(overall["run"])}
    # Stable, so that the dimensions of a run stay in their order.
    dimensions = dimensions.sort_values(
        "run", key=lambda column: column.map(order), kind="stable", ignore_index=True
    )
    notes = (
        *_notes(runs, dimensions, [n for n in runs[0].titles if n not in ranked]),
        *_notes_on_cells(means),
    )
    return Standings(overall, dimensions, runs[0].titles, notes)


def _shared_cases(runs: Sequence[ScoredRun], *, common: bool) -> set[str]:
    if not runs:
        raise RequestError("no scored run; memalign-bench score run=RUN judge=FOLDER makes one.")
    if len({run.judge["digest"] for run in runs}) > 1:
        raise RequestError("the runs were scored by several judges; name one with judge=DIGEST.")
    sets = {run.name: set(run.notebooks["case_hash"]) for run in runs}
    shared = set.intersection(*sets.values())
    if not shared:
        raise RequestError("the runs have no case in common (by their hashes).")
    if not common and (
        others := [name for name, case_hashes in sets.items() if case_hashes != shared]
    ):
        raise RequestError(
            f"the runs are about different cases: {', '.join(others)} have some that others lack."
            " Name those to compare with runs=[...], or say common_cases=true."
        )
    return shared


def _dimension_row(run: ScoredRun, name: str, rows: pd.DataFrame, claim: Claim) -> dict[str, Any]:
    values, cases = rows["grade"].to_numpy(float), rows["case_hash"].to_numpy(str)
    scale = (float(run.grades[0]), float(run.grades[-1]))
    opinion, opinion_interval = _opinion_mean(values, cases, scale)
    owed = rows["owed"].to_numpy(bool)
    mean, interval, note = _claimed_mean(run.labelled[name], values, cases, owed, scale, claim)
    return {
        "run": run.name,
        "agent": str(run.generated["agent"]),
        "dimension": name,
        "n_cases": len(set(cases)),
        "n_notebooks": len(values),
        "mean": opinion if mean is None else mean,
        "mean_low": opinion_interval.low if mean is None else interval.low,
        "mean_high": opinion_interval.high if mean is None else interval.high,
        "opinion": opinion,
        "opinion_low": opinion_interval.low,
        "opinion_high": opinion_interval.high,
        "claim": "opinion" if mean is None else claim,
        "note": note,
    }


def _opinion_mean(
    values: np.ndarray[Any, Any],
    cases: np.ndarray[Any, Any],
    scale: tuple[float, float],
    weights: np.ndarray[Any, Any] | None = None,
) -> tuple[float, Interval]:
    """The judge's mean; where all cases are alike, the rule of three."""
    estimate = case_mean(values, cases, weights)
    # The error of a single case is NaN, which is not above 0 either.
    if estimate.error > 0:
        return estimate.mean, _clip_interval(scale, estimate.interval())
    return estimate.mean, rule_of_three(estimate.mean, estimate.n_cases, scale)


def _clip_interval(scale: tuple[float, float], interval: Interval) -> Interval:
    low, high = np.clip(interval[:2], *scale)
    return interval._replace(low=float(low), high=float(high))


def _claimed_mean(  # noqa: PLR0917 - what a row holds, and how it is read
    labelled: LabelledSample | None,
    values: np.ndarray[Any, Any],
    cases: np.ndarray[Any, Any],
    owed: np.ndarray[Any, Any],
    scale: tuple[float, float],
    claim: Claim,
) -> tuple[float | None, Interval, str]:
    """The mean as the experts would have it; None for what only the judge says."""
    nothing = Interval(np.nan, np.nan, "none")
    if claim == "opinion":
        return None, nothing, ""
    if labelled is None:
        return None, nothing, "no labelled sample: the judge's opinion"
    note = "" if labelled.is_informative else _uninformative_note(labelled)
    if claim == "ppi":
        powered = powered_mean(values, cases, labelled)
        return float(np.clip(powered.mean, *scale)), _clip_interval(scale, powered.interval()), note
    try:
        response = fit_response(labelled)
    except ValueError as error:
        return None, nothing, f"the judge's opinion: {error}"
    # What an agent owes is known to be the lowest grade: it stands as what the judge gives that.
    read = np.where(owed, response.shown(scale[0]), values)
    mean, interval = response_mean(read, cases, response, scale)
    return mean, interval, "; ".join(filter(None, [note, interval.note]))


def _uninformative_note(labelled: LabelledSample) -> str:
    return (
        f"labels buy nothing: |r| = {abs(labelled.correlation):.2f} of judge and experts over"
        f" {labelled.n_items} items is below 1/sqrt(n - 2)"
    )


class _Cell(NamedTuple):
    """What is graded: a case on a dimension."""

    case: str
    dimension: str


def _cell_means(rows: pd.DataFrame, names: Sequence[str]) -> dict[_Cell, float]:
    """Cell -> its mean over notebooks, on these dimensions."""
    counted = rows[rows["dimension"].isin(names)]
    means = counted.groupby(["case_hash", "dimension"])["grade"].mean()
    return {
        _Cell(str(case), str(name)): float(mean)
        for (case, name), mean in zip(means.index.to_list(), means, strict=True)
    }


class _Rank(NamedTuple):
    number: int
    tied: tuple[str, ...]


def _ranks(means: Mapping[str, Mapping[_Cell, float]], level: float) -> dict[str, _Rank]:
    pairs = list(combinations(means, 2))
    gaps, p_values = [], []
    for first, second in pairs:
        # Paired by case and dimension: a hard one is hard for both, and a mean over what each
        # happens to have would be better for whoever has no grade on the hard ones.
        by_case: dict[str, list[float]] = {}
        for cell in sorted(set(means[first]) & set(means[second])):
            by_case.setdefault(cell.case, []).append(means[first][cell] - means[second][cell])
        differences = [float(np.mean(gaps_of_case)) for gaps_of_case in by_case.values()]
        # Runs that share no graded case cannot be told apart.
        gaps.append(float(np.mean(differences)) if by_case else 0.0)
        p_values.append(sign_flips(differences, [*by_case]).p_value() if by_case else 1.0)
    confirmed = holm(p_values) <= level
    # How many runs each is confirmed to be below.
    above = dict.fromkeys(means, 0)
    tied: dict[str, list[str]] = {name: [] for name in means}
    for (first, second), gap, is_confirmed in zip(pairs, gaps, confirmed, strict=True):
        if is_confirmed and gap:
            above[second if gap > 0 else first] += 1
        else:
            tied[first].append(second)
            tied[second].append(first)
    return {name: _Rank(1 + n, tuple(tied[name])) for name, n in above.items()}


def _overall_row(
    run: ScoredRun, dimensions: pd.DataFrame, rows: pd.DataFrame, rank: _Rank
) -> dict[str, Any]:
    """Means over dimensions. The ends of the interval are averaged too.

    That is wide enough however the errors of the dimensions hang together, since the standard
    deviation of a mean is at most the mean of the standard deviations.
    """
    own_rows = dimensions[dimensions["run"] == run.name]
    scale = (float(run.grades[0]), float(run.grades[-1]))
    # A cell counts once, whatever its number of notebooks, and every dimension as much as another.
    means = _cell_means(rows, list(run.titles))
    n_cells = Counter(cell.dimension for cell in means)
    cases = np.array([cell.case for cell in means])
    # Exactly 1 where every cell has a grade.
    weights = np.array([max(n_cells.values()) / n_cells[cell.dimension] for cell in means])
    opinion, opinion_interval = _opinion_mean(np.array([*means.values()]), cases, scale, weights)
    # A mean over fewer dimensions than the others' does not stand beside theirs.
    if len(own_rows) < dimensions["dimension"].nunique():
        own_rows = own_rows.assign(mean=np.nan, mean_low=np.nan, mean_high=np.nan)
        opinion, opinion_interval = np.nan, Interval(np.nan, np.nan, "none")
    notebooks = run.notebooks
    costs = notebooks["cost"].astype("float64")
    return {
        "rank": f"{rank.number}{'=' if rank.tied else ''}",
        "rank_number": rank.number,
        "run": run.name,
        "tied_with": ", ".join(rank.tied),
        "agent": str(run.generated["agent"]),
        "backend": str(run.generated.get("backend", "none")),
        "model": str(run.generated.get("model", "none")),
        "n_cases": len(set(cases)),
        "n_notebooks": len(notebooks),
        # skipna=False: pandas would take the mean over the dimensions that happen to have a value.
        "mean": float(own_rows["mean"].mean(skipna=False)),
        "mean_low": float(own_rows["mean_low"].mean(skipna=False)),
        "mean_high": float(own_rows["mean_high"].mean(skipna=False)),
        "opinion": opinion,
        "opinion_low": opinion_interval.low,
        "opinion_high": opinion_interval.high,
        "executed": float(notebooks["executed"].mean()),
        # One cost that is not known leaves the sum unknown.
        "cost_usd": float(costs.sum(skipna=False)),
        "seconds_a_notebook": float(notebooks["seconds"].mean()),
        "tokens_a_notebook": float(
            (notebooks["prompt_tokens"] + notebooks["completion_tokens"]).mean()
        ),
    }


def _notes(
    runs: Sequence[ScoredRun], dimensions: pd.DataFrame, left_out: Sequence[str]
) -> tuple[str, ...]:
    titles = runs[0].titles
    notices = [run.generated.get("notice") for run in runs]
    notices.append((runs[0].judge.get("data") or {}).get("notice"))
    notes = [str(notice) for notice in dict.fromkeys(notices) if notice]
    if left_out:
        notes.append(
            "Not counted for ranks, since the judge does not go along with the experts there: "
            f"{', '.join(titles[name] for name in left_out)}."
        )
    row_notes = dimensions[dimensions["note"] != ""].drop_duplicates(["dimension", "note"])
    notes += [f"{titles[str(row.dimension)]}: {row.note}." for row in row_notes.itertuples()]
    if known := [run.name for run in runs if run.manifest.get("remembered")]:
        notes.append(
            f"The judge was aligned on notebooks of {', '.join(known)}: asked about without their"
            " own example, but guidelines may hold them."
        )
    return tuple(notes)


def _notes_on_cells(means: Mapping[str, Mapping[_Cell, float]]) -> Iterator[str]:
    """Which runs lack a grade that another has."""
    known = set[_Cell]().union(*means.values())
    lacking = [
        f"{name} on {len(known) - len(own)}" for name, own in means.items() if len(own) < len(known)
    ]
    if lacking:
        yield (
            f"Of {len(known)} pairs of case and dimension without a grade: {', '.join(lacking)}."
            " Two runs are told apart by the pairs on which both have one."
        )
