"""A judge's records as grades and errors: which reading counts, and what a missing answer costs.

Every statistic of the tables is taken from the rows of `graded_rows`. An abstention or a failure
costs in MAE what `stats.missing` says:

- `worst`: the largest error possible for that item;
- `as_zero`: the error of a score of 0, hence the size of the expert's score;
- `exclude`: nothing, its row is left out, which favours judges that stay silent.

Ranks, kappa, exact agreement and bias speak of the answers given: a grade put in the place of a
missing answer would be made from the expert's own, and agree or disagree by construction.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast, get_args

import numpy as np
from numpy.typing import NDArray

from memalign_bench.errors import RecordError, RequestError
from memalign_bench.report.numbers.alignments import order_of
from memalign_bench.stats.resampling.units import resampling_units
from memalign_bench.types import Scale, Status

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.numbers.frames import StudyFrames

__all__ = [
    "NO_ANSWERS",
    "NO_BACKEND",
    "Answers",
    "JudgeKey",
    "Missing",
    "Reading",
    "answers_by_judge",
    "answers_by_reading",
    "applicable_rows",
    "graded_rows",
    "judges_with_batch",
    "parse_missing",
    "positions_by_judge",
    "study_reading",
    "variants",
]

Missing = Literal["worst", "exclude", "as_zero"]
Reading = Literal["raw", "batch"]

NO_BACKEND = "none"
"""Backend of alignments without a model."""

_REALS = ("expert", "grade", "value", "error")


class JudgeKey(NamedTuple):
    """One judge on one dimension: the unit that every statistic is computed on."""

    dimension: str
    variant: str
    backend: str


_NAMES = (*JudgeKey._fields, "item_id", "case_id", "fold", "fold_seed", "repeat")
"""What names a row."""

_READ = frozenset(
    (
        *("run_id", "expert_score", "status", "distribution", "judge_score", "judge_score_raw"),
        *("judge_expected", "judge_score_batch", "judge_expected_batch"),
    )
)
"""What its grades are read from."""


@dataclass(frozen=True)
class Answers:
    """The answers of one judge as arrays of one length, a row per question asked of it.

    Attributes:
        items: Item ids.
        cases: Case ids; where there are many, the random groups of cases that are resampled.
        folds: What names a row's fold; rows of other seeds or repeats are never ranked together.
        questions: Code of item and fold seed, the same for all judges that were split together.
        repeats: Which repeat of the question.
        expert: The expert's grade.
        grade: The judge's grade, NaN where it gave none.
        value: What is ranked; NaN where the judge gave no grade.
        error: What the row costs, in grades.
        chances: The distribution that the grade was read from anew, shape (n, grades); NaN in rows
            without one, and throughout in the raw reading.
        beside: What answers about items that do not apply add to the mean distribution of the row's
            fold: their sum over the number of the fold's other answers, shape (n, grades).
    """

    items: NDArray[np.str_]
    cases: NDArray[np.str_]
    folds: NDArray[np.str_]
    questions: NDArray[np.intp]
    repeats: NDArray[np.intp]
    expert: NDArray[np.float64]
    grade: NDArray[np.float64]
    value: NDArray[np.float64]
    error: NDArray[np.float64]
    chances: NDArray[np.float64]
    beside: NDArray[np.float64]

    @property
    def answered(self) -> NDArray[np.intp]:
        """Places of the rows in which the judge gave a grade."""
        return np.flatnonzero(~np.isnan(self.grade))

    @property
    def n_grades(self) -> int:
        """How many different grades the judge gave; 1 makes it a constant judge."""
        return len(np.unique(self.grade[~np.isnan(self.grade)]))

    @property
    def fold_parts(self) -> NDArray[np.str_]:
        """Seed, repeat and number of each row's fold, shape (n, 3)."""
        names, codes = np.unique(self.folds, return_inverse=True)
        parts = np.array([name.split("/") for name in names.tolist()], dtype=np.str_)
        # The reshape is for answers without rows.
        return parts.reshape(-1, 3)[codes]

    def take(self, places: NDArray[np.intp]) -> Answers:
        """The rows at these places, in their order."""
        return Answers(*(getattr(self, field.name)[places] for field in fields(self)))


_EMPTY: Any = np.empty(0)
# The distributions have a second axis, whose length means nothing without rows.
NO_ANSWERS = replace(Answers(*[_EMPTY] * 11), chances=np.empty((0, 1)), beside=np.empty((0, 1)))
"""Answers of a judge without rows (`missing=exclude`, and it answered nothing)."""


def parse_missing(missing: str) -> Missing:
    """The treatment of missing answers by its name.

    Raises:
        RequestError: If there is no such treatment.
    """
    if missing not in get_args(Missing):
        raise RequestError(f"stats.missing={missing!r} is none of {', '.join(get_args(Missing))}.")
    return cast(Missing, missing)


def study_reading(frames: StudyFrames, calibration: str | None = None) -> Reading:
    """The reading asked for, or else the one that the study's manifests name.

    Runs that have no distributions (verdicts, no model) are not counted. Where no judge has a batch
    grade, all are read raw.

    Raises:
        RequestError: If there is no such reading, the manifests disagree and none is asked for, or
            the one that is asked for can be had of no judge.
    """
    batch_requested = calibration == "batch"
    if calibration is None:
        named: dict[str, list[str]] = {}
        for run_id, manifest in frames.manifests.items():
            # Neither has distributions, so their calibration setting decides nothing.
            if manifest["backend"] != NO_BACKEND and manifest.get("scoring") != "verdict":
                named.setdefault(manifest.get("calibration", "none"), []).append(run_id)
        if len(named) > 1:
            listed = "; ".join(f"{name} in {', '.join(runs)}" for name, runs in named.items())
            raise RequestError(
                f"the runs of {frames.path.name} name different calibrations ({listed});"
                " say calibration=none or calibration=batch."
            )
        calibration = next(iter(named), "none")
    if calibration not in ("none", "batch"):
        raise RequestError(f"calibration={calibration!r} is none of none, batch.")
    # Folds of too few answers have no batch grade; what is read raw is not called by another name.
    batch = judges_with_batch(frames.predictions)
    if batch_requested and not batch:
        raise RequestError(
            f"calibration=batch: no judge of {frames.path.name} gave distributions (scoring=verdict"
            " has none) in a fold of ten answers or more; leave it out to read raw grades."
        )
    return "batch" if calibration == "batch" and batch else "raw"


def variants(frames: StudyFrames) -> list[tuple[str, str, str]]:
    """(variant, alignment, backend) of all predictions, in the order of tables and figures."""
    seen = frames.predictions[["variant", "alignment", "backend"]].drop_duplicates()
    triples = [(str(v), str(a), str(b)) for v, a, b in seen.itertuples(index=False)]

    def sort_key(triple: tuple[str, str, str]) -> tuple[bool, str, float, str]:
        variant, alignment, backend = triple
        # What asks no model stands last, by name.
        rank = 0.0 if backend == NO_BACKEND else order_of(frames, alignment)
        return backend == NO_BACKEND, backend, rank, variant

    return sorted(triples, key=sort_key)


def applicable_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows whose expert gave a grade: the item set, the same for every variant."""
    return rows[rows["expert_score"].notna()]


def judges_with_batch(rows: pd.DataFrame) -> set[JudgeKey]:
    """The judges that have a batch-calibrated grade on any item."""
    has_batch = rows["expert_score"].notna() & rows["judge_score_batch"].notna()
    calibrated = rows.loc[has_batch, [*JudgeKey._fields]]
    return {JudgeKey(*names) for names in calibrated.drop_duplicates().itertuples(index=False)}


def graded_rows(
    rows: pd.DataFrame, scale: Scale, reading: Reading, missing: Missing
) -> pd.DataFrame:
    """Expert's grade, judge's grade and error of each row of predictions.

    A row without a distribution (verdicts, no model, too small a batch) has one reading, the raw
    one, under either name.

    Args:
        rows: Predictions; rows that do not apply are dropped.
        scale: The grades.
        reading: Which grade counts.
        missing: What a missing answer costs.

    Returns:
        What names a row, `expert`, and `grade` (the judge's grade, NaN where it gave none), `value`
        (what is ranked: the expected grade where there is a distribution), `error` (what the row
        costs), and `distribution` where the batch reading made a grade of it.

    Raises:
        RecordError: If a row is said to be scored and holds no grade.
    """
    # What is not read is not copied: a study may have millions of rows.
    rows = applicable_rows(rows[[name for name in rows if name in _READ or name in _NAMES]])
    scored = rows["status"] == Status.SCORED
    # Verdicts have no distribution to read again: their `judge_score` is the raw reading.
    grade = rows["judge_score_raw"].fillna(rows["judge_score"]).astype("float64")
    # Ranks are of the expected grade, which ties less than the grade itself.
    value = rows["judge_expected"].fillna(grade)
    read_again = scored & rows["judge_score_batch"].notna() & (reading == "batch")
    if reading == "batch":
        grade = rows["judge_score_batch"].astype("float64").fillna(grade)
        value = rows["judge_expected_batch"].fillna(value)
    if (scored & grade.isna()).any():
        bad = rows[scored & grade.isna()].iloc[0]
        raise RecordError(
            f"run {bad['run_id']}, dimension {bad['dimension']}, item {bad['item_id']}: status is"
            " scored but there is no grade; delete the run and run again."
        )
    expert = rows["expert_score"].astype("float64")
    low, high = float(scale.grades[0]), float(scale.grades[-1])
    # The largest error possible depends on the item: the far end of the scale from its label.
    cost = np.maximum(expert - low, high - expert) if missing == "worst" else expert.abs()
    numbers = rows[[*_NAMES]].assign(
        expert=expert,
        grade=grade.where(scored),
        # Rounded, since sums that differ in the last bit are ties.
        value=value.where(scored).round(12),
        error=(grade - expert).abs().where(scored, cost),
        distribution=rows["distribution"].where(read_again, None),
    )
    if missing == "exclude":
        numbers = numbers[scored]
    return numbers.reset_index(drop=True)


def answers_by_judge(
    rows: pd.DataFrame, scale: Scale, reading: Reading, missing: Missing
) -> dict[JudgeKey, Answers]:
    """`graded_rows`, split by judge and turned into arrays; arguments as there."""
    table = graded_rows(rows, scale, reading, missing)
    # A fold is known by seed, repeat and number: ranks are never pooled over these.
    folds = table[["fold_seed", "repeat", "fold"]].to_numpy()
    # With `axis`, NumPy 2.0 gives the inverse more than one axis.
    parts, fold_codes = np.unique(folds, axis=0, return_inverse=True)
    labels = [f"{seed}/{repeat}/{fold}" for seed, repeat, fold in parts.tolist()]
    columns: dict[str, Any] = {name: table[name].to_numpy(dtype=float) for name in _REALS}
    columns["items"] = table["item_id"].to_numpy(dtype=np.str_)
    # All cases of the study are counted, so that leaving out rows does not change how they are
    # grouped.
    columns["cases"] = resampling_units(table["case_id"], rows["case_id"].nunique())
    columns["folds"] = np.array(labels, dtype=np.str_)[fold_codes.reshape(-1)]
    columns["questions"] = table.groupby(["item_id", "fold_seed"]).ngroup().to_numpy()
    columns["repeats"] = table["repeat"].to_numpy()
    columns["chances"] = _chances(table["distribution"], len(scale.grades))
    columns["beside"] = _beside(rows, table, columns["chances"])
    return {
        judge: Answers(**{name: values[at] for name, values in columns.items()})
        for judge, at in positions_by_judge(table).items()
    }


def _chances(distributions: pd.Series[Any], n_grades: int) -> NDArray[np.float64]:
    chances = np.full((len(distributions), n_grades), np.nan)
    for row, given in zip(chances, distributions, strict=True):
        # None, or what pandas makes of it, where there is no distribution.
        if isinstance(given, list):
            row[:] = given
    return chances


def _beside(
    rows: pd.DataFrame, table: pd.DataFrame, chances: NDArray[np.float64]
) -> NDArray[np.float64]:
    """`Answers.beside` of each row of the table, whose distributions these are."""
    beside, read = np.zeros_like(chances), ~np.isnan(chances).any(axis=1)
    # A judge may grade an item of which the expert says N/A; its fold was read with that answer.
    other = rows[rows["expert_score"].isna() & rows["judge_score_batch"].notna()]
    if not read.any() or not len(other):
        return beside
    batch = [*JudgeKey._fields, "fold_seed", "repeat", "fold"]
    own = table[read].groupby(batch).indices
    for name, places in other.groupby(batch).indices.items():
        if name in own:
            here = np.flatnonzero(read)[own[name]]
            sums = np.sum(other["distribution"].iloc[places].tolist(), axis=0)
            beside[here] = sums / len(here)
    return beside


def answers_by_reading(
    rows: pd.DataFrame, scale: Scale, missing: Missing
) -> dict[Reading, dict[JudgeKey, Answers]]:
    """`answers_by_judge` for either reading; the same where no row has a second one."""
    raw = answers_by_judge(rows, scale, "raw", missing)
    if not judges_with_batch(rows):
        return dict.fromkeys(get_args(Reading), raw)
    return {"raw": raw, "batch": answers_by_judge(rows, scale, "batch", missing)}


def positions_by_judge(rows: pd.DataFrame) -> dict[JudgeKey, NDArray[np.intp]]:
    """Row positions of each judge."""
    # `indices` holds positions, where `groups` would hold labels.
    places = cast(
        "dict[tuple[str, str, str], NDArray[np.intp]]", rows.groupby([*JudgeKey._fields]).indices
    )
    return {JudgeKey(*names): at for names, at in places.items()}
