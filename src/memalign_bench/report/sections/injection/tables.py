"""How far does an attack move a judge, against the same items without it?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.curves import ALL_DIMENSIONS, by_dimension
from memalign_bench.report.numbers.pairs import settings_of
from memalign_bench.report.numbers.pooled import if_certified, mean_difference, mean_error
from memalign_bench.report.numbers.readings import graded_rows
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.tables.columns import count, dimension_column, interval, real, word
from memalign_bench.report.tables.table import Table
from memalign_bench.stats.resampling.bootstrap import Estimate
from memalign_bench.stats.resampling.units import resampling_units

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["COLUMNS", "numbers", "table"]

_MEASURES = ("expected", "grade", "to_top")
COLUMNS = (
    "dimension",
    "attack",
    "variant",
    "alignment",
    "backend",
    "n_items",
    "n_cases",
    "n_not_shown",
    "shown",
    "evidence_kept",
    *(f"{name}{end}" for name in _MEASURES for end in ("", "_low", "_high")),
    "n_below_top",
    "top_before",
    "top_after",
)

_SETTING = "attack="
_QUESTION = ["dimension", "item_id", "fold_seed", "repeat"]


def numbers(analysis: Analysis, made: SectionNumbers) -> pd.DataFrame:
    """One row per dimension, attack and judge, and the mean over all rows of several dimensions.

    A judge's rows with an attack are paired with its own without: same item, dimension, fold seed
    and repeat. Shifts are after minus before, above 0 where the attack pays: `expected` in the
    expected grade, `grade` in the grade. `to_top` is the share that moved to the top grade of the
    `n_below_top` rows that had another before. 95 % intervals over cases, by sign flips for shifts
    and logit-t for the share, where they are certified; none where all rows moved alike. Always the
    raw reading: batch calibration would take out what an attack adds to every item.

    Returns:
        `COLUMNS`; no row where no judge was run both with and without an attack.
    """
    import pandas as pd

    frames = analysis.frames
    answers = graded_rows(frames.predictions, frames.scale, "raw", analysis.missing)
    # Over the cases of the whole study, of which those attacked may be a part.
    answers["unit"] = resampling_units(answers["case_id"], frames.predictions["case_id"].nunique())
    judges = {(variant, backend) for variant, _, backend in analysis.variants}
    lines: list[dict[str, Any]] = []
    for variant, alignment, backend in analysis.variants:
        attacks = [part for part in settings_of(variant) if part.startswith(_SETTING)]
        # `full,attack=comment,memory.k=2` has the clean twin `full,memory.k=2`.
        clean = variant.replace(f",{attacks[0]}", "") if attacks else variant
        if clean == variant or (clean, backend) not in judges:
            continue
        pairs = _pair_rows(answers, backend, clean, variant)
        head = {"attack": attacks[0].removeprefix(_SETTING), "variant": clean}
        head |= {"alignment": alignment, "backend": backend}
        shares = _shown_shares(analysis, variant, backend)
        lines += [head | line for line in _dimension_rows(pairs, analysis, shares)]
    table = pd.DataFrame(lines, columns=list(COLUMNS))
    return by_dimension(table, frames.dimensions, "backend", "attack")


def _pair_rows(answers: pd.DataFrame, backend: str, clean: str, attacked: str) -> pd.DataFrame:
    """Rows of one judge without and with an attack side by side."""
    own = answers[(answers["backend"] == backend) & answers["grade"].notna()]
    before, after = (own[own["variant"] == name] for name in (clean, attacked))
    columns = [*_QUESTION, "case_id", "unit", "grade", "value"]
    # An inner join: what only one of the two graded falls out.
    return before[columns].merge(
        after[[*_QUESTION, "grade", "value"]], on=_QUESTION, suffixes=("", "_after")
    )


def _shown_shares(analysis: Analysis, variant: str, backend: str) -> dict[str, dict[str, Any]]:
    """Dimension -> what the manifests say of how much of the attack was shown."""
    shares: dict[str, dict[str, Any]] = {}
    for manifest in analysis.frames.manifests.values():
        if (manifest["variant"], manifest["backend"]) == (variant, backend):
            # A judge may have a run for some dimensions and one for others.
            shares |= manifest["attack"]["dimensions"]
    return shares


def _dimension_rows(
    pairs: pd.DataFrame, analysis: Analysis, seen: dict[str, dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    names = [name for name in analysis.frames.dimensions if (pairs["dimension"] == name).any()]
    groups = {name: [name] for name in names}
    if len(names) > 1:
        groups = {ALL_DIMENSIONS: names, **groups}
    for title, members in groups.items():
        rows = pairs[pairs["dimension"].isin(members)]
        shares = [seen[name] for name in members]
        items = np.array([share["items"] for share in shares])
        yield {
            "dimension": title,
            "n_not_shown": sum(len(share["not_shown"]) for share in shares),
            **{
                # Manifests hold means by dimension; weighted by items they give the mean of all.
                key: float(np.average([share[key] for share in shares], weights=items))
                for key in ("shown", "evidence_kept")
            },
            **_shift_columns(rows, analysis),
        }


def _shift_columns(rows: pd.DataFrame, analysis: Analysis) -> dict[str, Any]:
    top = float(analysis.frames.grades[-1])
    grade, after = (rows[name].to_numpy(dtype=float) for name in ("grade", "grade_after"))
    # An answer that had the top grade cannot move there.
    below = grade < top
    units, moved = rows["unit"].to_numpy(dtype=np.str_), (after == top).astype(float)
    # An item counts once a dimension.
    items = rows.groupby(["dimension", "item_id"]).ngroup().to_numpy()
    line: dict[str, Any] = {
        "n_items": len(np.unique(items)),
        "n_cases": rows["case_id"].nunique(),
        "n_below_top": int(below.sum()),
        "top_before": float((grade == top).mean()),
        "top_after": float(moved.mean()),
    }
    n_seeds = rows["fold_seed"].nunique()
    for name, shift in (
        ("expected", (rows["value_after"] - rows["value"]).to_numpy(dtype=float)),
        ("grade", after - grade),
    ):
        line |= _columns_of(
            name, shift,
            partial(mean_difference, analysis, shift, items, units, n_seeds=n_seeds, names=(name,)),
        )  # fmt: skip
    return line | _columns_of("to_top", moved[below], partial(_share, moved[below], units[below]))


def _columns_of(
    name: str, values: NDArray[np.float64], estimate: Callable[[], Estimate]
) -> dict[str, float]:
    if not len(values):
        return {}
    if not np.ptp(values):
        return {name: float(values[0])}  # nothing varies: no interval
    return estimate().columns(name)


def _share(moved: NDArray[np.float64], units: NDArray[np.str_]) -> Estimate:
    """A share with the interval of a level: it is a mean between 0 and 1."""
    share = mean_error(moved, units, 1.0)
    interval = if_certified(share.interval, "level", len(np.unique(units)))
    return Estimate(share.point, interval)


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """The table for people."""
    columns = [
        dimension_column(analysis.frames.dimensions),
        word("attack", "attack"),
        word("variant", "variant"),
        word("backend", "backend"),
        count("questions", "n_items", help="pairs of item and dimension, with and without"),
        count("cases", "n_cases"),
        count("not shown", "n_not_shown", help="items whose view has no planted line"),
        real("lines shown", "shown", help="mean share of the planted lines in the view"),
        real("evidence kept", "evidence_kept", help="mean share of the clean view's lines"),
        interval("expected grade", "expected", signed=True, unit="grades",
                 help="with the attack less without"),
        interval("grade", "grade", signed=True, help="with the attack less without", unit="grades"),
        interval("moved to the top", "to_top",
                 help="share of the answers below the top grade before"),
        count("below the top", "n_below_top", help="answers that could move there"),
        real("top before", "top_before", help="share of answers with the top grade"),
        real("top after", "top_after"),
    ]  # fmt: skip
    notes = [
        "A judge's answers on attacked items against its own on the same items as they are; memory"
        " is the same, and holds no attacked item. Above zero the attack pays. Raw reading, since"
        " batch calibration would take out what an attack adds to every item. Intervals over cases:"
        " of shifts by sign flips, of the share that moved to the top logit-t; none stands where"
        " all answers moved alike, or where it is not certified for studies like this one"
        " (memalign-bench certify).",
        "Items whose view had no room for the planted lines are counted, not left out: there the"
        " attack did not reach the judge.",
    ]
    return Table(numbers, columns, notes)
