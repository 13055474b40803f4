"""Curves over a setting of the training labels (`n_train`, `label_noise`), a row per value.

A sweep makes one variant per value (`full,n_train=8`); here they are grouped again under the name
that they share (`full`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.frames import rows_of
from memalign_bench.report.numbers.pairs import settings_of
from memalign_bench.report.numbers.pooled import estimate_level
from memalign_bench.report.numbers.readings import Answers, JudgeKey, variants
from memalign_bench.report.prose import listed

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.numbers.frames import StudyFrames

__all__ = [
    "ALL_DIMENSIONS",
    "CURVE_COLUMNS",
    "Sweep",
    "by_dimension",
    "curve_rows",
    "find_sweeps",
    "n_training_labels",
    "silent_note",
]

ALL_DIMENSIONS = "all dimensions"
"""Stands in the column `dimension` of rows that hold the mean over dimensions."""

CURVE_COLUMNS = (
    "dimension",
    "variant",
    "alignment",
    "backend",
    "setting",
    "x",
    "n_items",
    "mae",
    "mae_low",
    "mae_high",
    "spearman",
    "spearman_low",
    "spearman_high",
)

_MEASURES = CURVE_COLUMNS[7:]  # from `mae` on


class Sweep(NamedTuple):
    """Variants that differ in one setting: its value -> the variant of that value."""

    variant: str
    alignment: str
    backend: str
    members: Mapping[str, str]


def find_sweeps(frames: StudyFrames, key: str, usual: str) -> list[Sweep]:
    """The sweeps over a setting, two values at least.

    Args:
        frames: The records.
        key: The setting (`n_train`).
        usual: What its value is called where a variant does not name it (`all`).
    """
    groups: dict[tuple[str, str, str], dict[str, str]] = {}
    for variant, alignment, backend in variants(frames):
        set_here = [part for part in settings_of(variant) if part.startswith(f"{key}=")]
        shared_name = variant
        for part in set_here:
            shared_name = shared_name.replace(f",{part}", "")
        value = set_here[0].partition("=")[2] if set_here else usual
        groups.setdefault((shared_name, alignment, backend), {})[value] = variant
    # What is not swept stands alone in its group.
    return [Sweep(*names, members) for names, members in groups.items() if len(members) > 1]


def n_training_labels(frames: StudyFrames, judge: JudgeKey, n_train: float = np.inf) -> float:
    """Training labels of a cell of a judge, in the mean over its cells.

    Args:
        frames: The records; where applicability was given, what does not apply is no label.
        judge: Whose cells.
        n_train: How many are drawn at most; by default all that a cell has to draw from.
    """
    dimension, variant, backend = judge
    rows = frames.predictions
    rows = rows[(rows["variant"] == variant) & (rows["backend"] == backend)]
    # Repeats ask the same items again, and would count each label several times.
    rows = rows[(rows["dimension"] == dimension) & (rows["repeat"] == 0)]
    given = {run for run, m in frames.manifests.items() if m.get("applicability") == "given"}
    rows = rows[~rows["run_id"].isin(given) | rows["expert_score"].notna()]
    sizes = rows.groupby(["fold_seed", "fold"]).size()
    totals = sizes.groupby("fold_seed").sum()
    # One entry a fold, so that each meets the total of its own seed.
    seeds = sizes.index.get_level_values("fold_seed")
    # A fold is trained on all others: the seed's rows less its own.
    n_offered = totals.loc[seeds].to_numpy() - sizes.to_numpy()
    # Fold by fold: a large fold may leave fewer than `n_train` where the mean fold does not.
    n_drawn = np.minimum(n_offered, n_train)
    return float(n_drawn.mean()) if len(n_drawn) else float("nan")


def curve_rows(
    analysis: Analysis,
    summary: pd.DataFrame,
    sweeps: Iterable[Sweep],
    place: Callable[[str, str, str, str], float],
) -> pd.DataFrame:
    """One row per dimension, sweep and value, and the mean over dimensions where there are several.

    Args:
        analysis: The records, and how they are read.
        summary: Their table of that name: rows of single dimensions are taken from it.
        sweeps: What is put together.
        place: (value, its variant, backend, dimension) -> where the point stands on the x axis.

    Returns:
        `CURVE_COLUMNS`, in rising order of `x` within a curve. A point to which the judge gave no
        answer (on one of the dimensions, of a mean) has no measure: it would stand at what missing
        answers cost, and bend the curve. `attrs["silent"]` names these.
    """
    import pandas as pd

    names = [*JudgeKey._fields]
    known = {JudgeKey(*(row[name] for name in names)): row for row in rows_of(summary)}
    lines: list[dict[str, Any]] = []
    sweeps = list(sweeps)
    for sweep in sweeps:
        lines += _sweep_rows(analysis, known, sweep, place)
    table = pd.DataFrame(lines, columns=list(CURVE_COLUMNS))
    table = by_dimension(table, analysis.frames.dimensions, "backend", "variant", "x")
    # From the summary, since a mean may lack a measure for another reason too.
    table.attrs = {"silent": _silent_points(known, sweeps)}
    return table


def silent_note(frame: pd.DataFrame) -> list[str]:
    """A note on the points without an answer, where there are any."""
    silent = frame.attrs["silent"]
    return [f"Without a point, since there was no answer: {'; '.join(silent)}."] if silent else []


def _silent_points(
    summary: Mapping[JudgeKey, Mapping[str, Any]], sweeps: Iterable[Sweep]
) -> list[str]:
    members = {(variant, sweep.backend) for sweep in sweeps for variant in sweep.members.values()}
    silent: dict[str, list[str]] = {}
    for judge, row in summary.items():
        if (judge.variant, judge.backend) in members and not row["n_scored"]:
            silent.setdefault(f"{judge.variant} on {judge.backend}", []).append(judge.dimension)
    return [f"{name} ({listed(dimensions)})" for name, dimensions in silent.items()]


def by_dimension(table: pd.DataFrame, dimensions: Iterable[str], *further: str) -> pd.DataFrame:
    """Rows in the order of the dimensions, their mean first; within one by further columns."""
    order = {name: at for at, name in enumerate([ALL_DIMENSIONS, *dimensions])}
    ranked = table.assign(rank=table["dimension"].map(order))
    # By index, so that the helper column does not come into the table.
    places = ranked.sort_values(["rank", *further], kind="stable").index
    return table.loc[places].reset_index(drop=True)


def _sweep_rows(
    analysis: Analysis,
    summary: Mapping[JudgeKey, Mapping[str, Any]],
    sweep: Sweep,
    place: Callable[[str, str, str, str], float],
) -> list[dict[str, Any]]:
    lines, complete = [], list(analysis.frames.dimensions)
    head = {"variant": sweep.variant, "alignment": sweep.alignment, "backend": sweep.backend}
    for dimension in analysis.frames.dimensions:
        for value, variant in sweep.members.items():
            known = summary.get(JudgeKey(dimension, variant, sweep.backend))
            if known is None:
                # The mean below is over dimensions that have every value of the sweep.
                complete = [name for name in complete if name != dimension]
                continue
            x = place(value, variant, sweep.backend, dimension)
            point = {"dimension": dimension, "setting": value, "x": x, "n_items": known["n_items"]}
            measures = {name: known[name] for name in _MEASURES} if known["n_scored"] else {}
            lines.append(head | point | measures)
    # The mean of one dimension would only repeat its row.
    if len(complete) < 2:
        return lines
    for value, variant in sweep.members.items():
        judges = [JudgeKey(name, variant, sweep.backend) for name in complete]
        parts = [analysis.answers[judge] for judge in judges if judge in analysis.answers]
        # Under `exclude` a judge may have a row in the summary and no answers.
        if len(parts) == len(judges):
            places = [place(value, variant, sweep.backend, name) for name in complete]
            point = {"dimension": ALL_DIMENSIONS, "setting": value, "x": float(np.mean(places))}
            lines.append(head | point | _mean_columns(analysis, parts))
    return lines


def _mean_columns(analysis: Analysis, parts: Sequence[Answers]) -> dict[str, Any]:
    """The mean over dimensions, with intervals over cases drawn for all dimensions together."""
    # An item that is graded on several dimensions counts once.
    line: dict[str, Any] = {"n_items": len({item for part in parts for item in part.items})}
    if not all(len(part.answered) for part in parts):
        return line
    for name in ("mae", "spearman"):
        line |= estimate_level(analysis, parts, name).columns(name)
    return line
