"""Which part of a mean improvement's uncertainty comes from cases, items, folds and repeats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memalign_bench.report.drawing.look import look_of, own_contrasts
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.numbers.missing_answers import MADE_OF_SILENCE
from memalign_bench.report.numbers.paired_answers import paired_rows
from memalign_bench.report.numbers.readings import NO_ANSWERS, Answers, JudgeKey
from memalign_bench.report.prose import listed, number
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.tables.columns import count, judge_columns, real, word
from memalign_bench.report.tables.table import BY_JUDGE, Table
from memalign_bench.stats.variance import MAX_ROWS, VarianceComponents, variance_components

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "DOUBLED", "numbers", "table"]

COLUMNS = (
    "dimension",
    "variant",
    "backend",
    "reference",
    "component",
    "n_levels",
    "variance",
    "variance_error",
    "share",
    "se_now",
    "se_doubled",
    "note",
)

_REALS = ("variance", "variance_error", "share", "se_now", "se_doubled")
_GAIN = ["dimension", "backend", "reference"]  # what names a variant's improvements
_FEW_LEVELS = 5
"""Up to so many levels a variance is called uncertain."""


class _Factor(NamedTuple):
    """A component: its name for people, and those whose effect halves where it is doubled."""

    title: str
    halves: tuple[str, ...]


# Twice the cases bring their items and answers along, but no further folds.
_FACTORS: Mapping[str, _Factor] = {
    "case": _Factor("case", ("case", "item", "case_by_seed", "item_by_seed", "repeat")),
    "item": _Factor("item within case", ("item", "item_by_seed", "repeat")),
    "fold_seed": _Factor(
        "fold seed", ("fold_seed", "distillation", "case_by_seed", "item_by_seed", "repeat")
    ),
    "distillation": _Factor("distillation (a fold's)", ("distillation",)),
    "case_by_seed": _Factor("case by fold seed", ()),
    "item_by_seed": _Factor("item by fold seed", ()),
    "repeat": _Factor("repeat", ("repeat",)),
}
"""Coarse before fine: of two that cut the rows alike the first is kept."""

DOUBLED: Mapping[str, str] = {
    "case": "cases",
    "item": "items a case",
    "fold_seed": "fold seeds",
    "distillation": "distillations a fold",
    "repeat": "repeats",
}
"""What a study can have more of."""

_SINGLE_LEVEL = {
    "case": "one case",
    "fold_seed": "one fold seed",
    "distillation": "one fold",
    "case_by_seed": "one case and fold seed",
}


def numbers(analysis: Analysis, made: SectionNumbers) -> pd.DataFrame:
    """One row per improvement of MAE over the unaligned judge and component of its variance.

    `se_now` is the standard error of the mean improvement that all components make together,
    `se_doubled` what it would be with twice as many of this one's levels, the rest alike; `share`
    is of the variance of the mean. Where a judge without a model stands beside several backends,
    `reference` says on which of them (`none on small`).

    Returns:
        `COLUMNS`; no row where the study has one fold seed and one repeat, nor of a judge or
        reference that gave no answer.
    """
    import pandas as pd

    rows = analysis.frames.predictions
    table: list[dict[str, Any]] = []
    silent: list[tuple[str, str]] = []
    # With one answer an item, the item cannot be told from what is left over.
    if rows["fold_seed"].nunique() > 1 or rows["repeat"].nunique() > 1:
        for row in rows_of(own_contrasts(made["contrasts"], look_of(analysis), "mae")):
            # What silence made varies with the experts' grades alone.
            if MADE_OF_SILENCE in row["note"]:
                silent.append((row["variant"], row["dimension"]))
            else:
                table += _component_rows(analysis, row)
    frame = _with_backends_told(pd.DataFrame(table, columns=[*COLUMNS, "reference_backend"]))
    frame = frame.astype(dict.fromkeys(_REALS, "float64") | {"n_levels": "int64"})
    repeat_levels = frame.loc[frame["component"] == "repeat", "n_levels"]  # a level a row
    frame.attrs = {"sampled": bool((repeat_levels > MAX_ROWS).any()), "silent": silent}
    return frame


def _with_backends_told(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows with `none on small` for a reference, where a variant stands beside several backends.

    Without a model a judge answers alike beside each, and is held against each.
    """
    n_beside = frame.groupby(["variant", "backend"])["reference_backend"].transform("nunique")
    told = frame["reference"] + " on " + frame["reference_backend"]
    return frame.assign(reference=frame["reference"].where(n_beside < 2, told))[list(COLUMNS)]


def _component_rows(analysis: Analysis, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    keys = (
        JudgeKey(row["dimension"], row["reference"], row["reference_backend"]),
        JudgeKey(row["dimension"], row["variant"], row["backend"]),
    )
    before, after = (analysis.answers.get(key, NO_ANSWERS) for key in keys)
    pair = paired_rows(before, after, (row["reference"], row["variant"]))
    # A judge that was asked once under every fold seed has no distillation that could vary.
    factors = _factors(pair.after)
    gains = pair.before.error - pair.after.error
    # The study may have several fold seeds or repeats where these two have one.
    if len(gains) < 2 or max(len(set(factors["fold_seed"])), len(set(pair.after.repeats))) < 2:
        return
    fit = variance_components(gains, factors)
    # The standard error that all components make together.
    error_now = fit.mean_error()
    for component in fit.components:
        yield {
            **{name: row[name] for name in ("dimension", "variant", "backend", "reference")},
            "reference_backend": row["reference_backend"],
            "component": component.name,
            "n_levels": component.n_levels,
            "variance": component.variance,
            "variance_error": component.error,
            "share": component.mean_variance / error_now**2 if error_now else None,
            "se_now": error_now,
            "se_doubled": _error_when_doubled(fit, component.name),
            "note": _note(fit, component.name, error_now),
        }


def _factors(answers: Answers) -> dict[str, Any]:
    """Factor -> the level of each row."""
    seeds, _, folds = answers.fold_parts.T
    return {
        "case": answers.cases,
        "item": answers.items,
        "fold_seed": seeds,
        # Without the repeat: a fold learns once and is asked in every repeat.
        "distillation": _combine_levels(seeds, folds),
        "case_by_seed": _combine_levels(answers.cases, seeds),
        "item_by_seed": _combine_levels(answers.items, seeds),
        # A level a row: the residual, which has to be the last.
        "repeat": np.arange(len(seeds)),
    }


def _combine_levels(first: ArrayLike, second: ArrayLike) -> NDArray[np.intp]:
    """What names each row's pair of levels."""
    (_, left), (names, right) = (np.unique(one, return_inverse=True) for one in (first, second))
    pairs: NDArray[np.intp] = left * len(names) + right
    return pairs


def _error_when_doubled(fit: VarianceComponents, name: str) -> float | None:
    """The standard error with twice as many levels; None where that is nothing to have more of."""
    identifiable = {component.name for component in fit.components if component.identifiable}
    return fit.mean_error(_FACTORS[name].halves) if name in identifiable & {*DOUBLED} else None


def _note(fit: VarianceComponents, name: str, now: float) -> str:
    component = next(c for c in fit.components if c.name == name)
    if component.with_:
        other = _FACTORS[component.with_].title
        return f"not identifiable: part of {other}, which cuts the data alike"
    if not component.identifiable and component.n_levels == 1:
        return f"not identifiable: {_SINGLE_LEVEL.get(name, 'one level')}"
    if not component.identifiable:
        return "not identifiable: a mixture of the others in these data"
    remarks = []
    if not now:
        remarks.append("no item's error differs between the two")
    elif not component.variance:
        remarks.append("estimated at 0, the least that it can be")
    if name == "distillation":
        remarks.append(
            "of a fold's training labels together with their distillation, which no study repeats"
            " on its own: doubling distillations alone buys this at most"
        )
    if 1 < component.n_levels <= _FEW_LEVELS and name in DOUBLED:
        remarks.append(f"of {component.n_levels} levels: uncertain")
    return "; ".join(remarks)


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """The table for people."""
    columns = [
        *judge_columns(analysis.frames.dimensions),
        # Without a model alone: of all others it is the unaligned judge of their own backend.
        word("reference", lambda row: row["reference"] if " on " in row["reference"] else ""),
        word("component", lambda row: _FACTORS[row["component"]].title),
        count("levels", "n_levels"),
        real("variance", "variance", 3, help="of gains in grades, by REML"),
        real("+-", "variance_error", 3, help="standard error of the variance, for many levels"),
        real("share", "share", help="of the variance of the mean improvement"),
        real("error now", "se_now", 3, help="standard error of the mean improvement",
             unit="grades"),
        real("doubled", "se_doubled", 3, help="the same with twice as many levels of this",
             unit="grades"),
        word("note", "note"),
    ]  # fmt: skip
    notes = [
        "Gains (error of the unaligned judge minus the judge's, by item, fold seed and repeat) as a"
        " mean and independent effects of case, item within case, fold seed, fold (its training"
        " labels and what was distilled from them), case and item under another fold seed, and"
        " repeat; variances by REML, 0 where negative or tiny. Doubled: the standard error of the"
        " mean with twice as many cases (with all their items), items a case, fold seeds,"
        " distillations or repeats. It holds for this method on other cases, folds and answers,"
        " where intervals of the tables hold given the memories learnt. Grades are taken as read.",
    ]
    if numbers.attrs["sampled"]:
        notes.append(
            f"Variances are estimated on at most {MAX_ROWS:,} gains of a judge, of cases drawn at"
            " random; the errors of the mean are over all of them."
        )
    if silent := numbers.attrs["silent"]:
        told = [f"{variant} on {analysis.frames.dimensions[name]}" for variant, name in silent]
        notes.append(f"Left out, since one of the two gave no answer: {listed(told)}.")
    return Table(
        numbers,
        columns,
        notes,
        findings=_findings(analysis, numbers),
        filters=BY_JUDGE,
    )


def _findings(analysis: Analysis, numbers: pd.DataFrame) -> list[str]:
    """What doubling buys each variant, over its dimensions (root of the mean square)."""
    lines = []
    for variant in look_of(analysis).ordered(numbers["variant"]):
        rows = numbers[numbers["variant"] == variant]
        # `se_now` stands beside each component; once a dimension and pair of judges is enough.
        now = _root_mean_square(rows.drop_duplicates(_GAIN)["se_now"])
        doubled = []
        for name, title in DOUBLED.items():
            part = rows[(rows["component"] == name) & rows["se_doubled"].notna()]
            # Only what is known on every dimension: a mean over some would compare unlike sets.
            if len(part) == len(rows.drop_duplicates(_GAIN)):
                doubled.append(
                    f"{number(_root_mean_square(part['se_doubled']), 3)} with twice the {title}"
                )
        outlook = f"; it would be {listed(doubled)}" if doubled and now else ""
        lines.append(f"{variant}: standard error {number(now, 3)} grades{outlook}.")
    return lines


def _root_mean_square(values: pd.Series[Any]) -> float:
    return float(np.sqrt((values**2).mean()))
