"""The ablation ladder: what each control and each memory adds to the step before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.report.numbers.alignments import FULL, UNALIGNED, controls_of
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.contrasts import ALPHA
from memalign_bench.report.numbers.curves import ALL_DIMENSIONS
from memalign_bench.report.numbers.missing_answers import (
    Bounds,
    equality_note,
    hanging_note,
    improvement_bounds,
    silence_note,
)
from memalign_bench.report.numbers.paired_answers import (
    CONSTANT_JUDGE,
    NO_CLAIM_POSSIBLE,
    one_grade_note,
    paired_rows,
)
from memalign_bench.report.numbers.pooled import compare, estimate_level
from memalign_bench.report.numbers.readings import Answers, JudgeKey
from memalign_bench.report.prose import CONSTANT_MARK, HOW_COMPARED, METRIC_NAMES
from memalign_bench.report.sections.agreement.tables import constant_note
from memalign_bench.report.sections.ladder.steps import (
    COMPLETE_DIMENSIONS,
    Ladder,
    Step,
    comparison_head,
    ladders,
)
from memalign_bench.report.sections.ladder.words import ladder_conclusions, ladder_sentences
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.tables.columns import count, dimension_column, interval, p_value, word
from memalign_bench.report.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["COLUMNS", "METRICS", "numbers", "table"]


METRICS = ("mae", "spearman")

_REFERENCES = ("before", "none", "full")
# before, gain_before, gain_before_low, gain_before_high, p_before, none, gain_none, ...
_CONTRASTS = tuple(
    column
    for name in _REFERENCES
    for column in (name, f"gain_{name}", f"gain_{name}_low", f"gain_{name}_high", f"p_{name}")
)
_HEAD = ("settings", "backend", "dimension", "metric", "step", "variant", "alignment", "isolates")
COLUMNS = (
    *_HEAD, "n_items", "value", "low", "high", *_CONTRASTS, "p_equivalent_full", "constant", "note",
)  # fmt: skip


@dataclass(frozen=True)
class _StepComparison:
    """One step against another; without numbers where the two share no row.

    Attributes:
        notes: What is said of the pair, from whichever side it is seen.
        gain: Improvement of the second over the first.
        low: Lower end of its interval.
        high: Upper end.
        p_value: Of no improvement; NaN where nothing is tested.
        equivalent_p: Of errors that differ beyond the margin; NaN where nothing is tested.
        silence: Which side gave no answer, so that nothing is tested; "" where both gave some.
        bounds: Of the gain, where answers are missing.
    """

    notes: tuple[str, ...]
    gain: float = np.nan
    low: float = np.nan
    high: float = np.nan
    p_value: float = np.nan
    equivalent_p: float = np.nan
    silence: str = ""
    bounds: Bounds | None = None

    def from_other_side(self) -> _StepComparison:
        """The first step against the second."""
        bounds = self.bounds and Bounds(-self.bounds.high, -self.bounds.low)
        return replace(self, gain=-self.gain, low=-self.high, high=-self.low, bounds=bounds)

    def answer_notes(self, margin: float, *, tells_equality: bool) -> list[str]:
        """What missing answers make of it."""
        if not self.bounds:
            return [self.silence] if self.silence else []
        is_equal = tells_equality and self.equivalent_p <= ALPHA
        unequal = equality_note(*self.bounds, margin) if is_equal else ""
        return [note for note in (hanging_note(self.gain, *self.bounds), unequal) if note]


@dataclass(frozen=True)
class _Source:
    """The analysis, with the comparisons that were computed already."""

    analysis: Analysis
    comparisons: dict[tuple[object, ...], _StepComparison] = field(default_factory=dict)

    def parts(self, step: Step, dimensions: Sequence[str]) -> list[Answers]:
        """The step's answers on each of these dimensions that has any."""
        known = self.analysis.answers
        judges = [JudgeKey(name, step.variant, step.backend) for name in dimensions]
        return [known[judge] for judge in judges if judge in known]


def numbers(analysis: Analysis, made: SectionNumbers) -> pd.DataFrame:
    """One row per ladder, dimension (and their mean), metric and step.

    `gain_before` is the improvement over the step before (among those that ask a model; `before`
    names it), `gain_none` that over the unaligned judge, `gain_full` that of `full` over this step;
    positive is better in either metric. Intervals and p-values over cases are those of the table of
    contrasts, over all dimensions at once where the mean is shown; `p_equivalent_full` is that of
    `full` and this step differing in MAE by more than the margin. All are exploratory and
    uncorrected. Steps without a model stand first, on each backend.

    Returns:
        `COLUMNS`; no row where the runs name no ladder, or fewer than three of its steps.
    """
    import pandas as pd

    shown = ladders(analysis.frames)
    source = _Source(analysis)
    dimensions = list(analysis.frames.dimensions)
    lines = [line for ladder in shown.ladders for line in _ladder_rows(source, ladder, dimensions)]
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    # Floats throughout: a column of None alone would hold objects, which `np.isnan` refuses.
    reals = ["step", "value", "low", "high", "p_equivalent_full"]
    reals += [column for column in _CONTRASTS if column not in _REFERENCES]
    frame = frame.astype(dict.fromkeys(reals, "float64") | {"n_items": "int64", "constant": "bool"})
    # `table` is given the frame alone, so what was left out goes with it.
    frame.attrs = {"notes": shown.notes}
    return frame


def _ladder_rows(source: _Source, ladder: Ladder, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    # The highest step says which dimensions count: below it there may be labels and no judge.
    asked = [name for name in names if source.parts(ladder.steps[-1], [name])]
    # The mean first, then each dimension.
    blocks = [*_mean_blocks(source, ladder, asked), *((name, [name], ladder) for name in asked)]
    for dimension, members, here in blocks:
        for metric in METRICS:
            for step in here.steps:
                if source.parts(step, members):
                    head = {"settings": ladder.settings, "backend": ladder.backend}
                    head |= {"dimension": dimension, "metric": metric}
                    yield head | _step_row(source, here, step, (dimension, members, metric))


def _mean_blocks(
    source: _Source, ladder: Ladder, names: list[str]
) -> Iterator[tuple[str, list[str], Ladder]]:
    """Means over dimensions: those that have every step, and all, of the steps that all have."""
    complete = [name for name in names if all(source.parts(s, [name]) for s in ladder.steps)]
    # A step that lacks a dimension is in no mean over all.
    complete_steps = tuple(s for s in ladder.steps if len(source.parts(s, names)) == len(names))
    # A second mean only where it covers more dimensions, and still holds steps to compare.
    is_partial = len(names) > max(len(complete), 1) and len(complete_steps) > 1
    if len(complete) > 1:
        yield COMPLETE_DIMENSIONS if is_partial else ALL_DIMENSIONS, complete, ladder
    if is_partial:
        yield ALL_DIMENSIONS, names, replace(ladder, steps=complete_steps)


def _step_row(
    source: _Source, ladder: Ladder, step: Step, where: tuple[str, list[str], str]
) -> dict[str, Any]:
    _, members, metric = where
    parts = source.parts(step, members)
    level = estimate_level(source.analysis, parts, metric)
    n_constant = sum(part.n_grades == 1 for part in parts)
    notes = (
        [f"constant judge on {n_constant} of {len(parts)} dimensions"]
        # Of a single dimension the column `constant` says it.
        if n_constant and parts[1:]
        else []
    )
    none, full = ladder.step_of(UNALIGNED), ladder.step_of(FULL)
    line: dict[str, Any] = {
        **step._asdict(),
        "n_items": len({item for part in parts for item in part.items}),
        "value": level.point,
        "low": level.interval.low,
        "high": level.interval.high,
        "constant": n_constant == len(parts),
    }
    del line["backend"]  # the ladder's, also for what asks no model
    # Each step against the one before and against none, and full against each step.
    pairs = {"before": (ladder.step_before(step), step), "none": (none, step), "full": (step, full)}
    for name, (reference, judge) in pairs.items():
        # No step is held against itself: `none` over none, full over full.
        if reference is None or judge is None or reference == judge:
            line[name] = ""
            continue
        compared = _comparison(source, reference, judge, where)
        # A column names the other step: the reference, or `full` where that is the judge.
        line |= {
            name: judge.variant if name == "full" else reference.variant,
            f"gain_{name}": compared.gain,
            f"gain_{name}_low": compared.low,
            f"gain_{name}_high": compared.high,
            f"p_{name}": compared.p_value,
        }
        if name == "full":
            line["p_equivalent_full"] = compared.equivalent_p
        head = comparison_head(reference.alignment, judge.alignment)
        # A row tells of equality with `full` alone.
        on_answers = compared.answer_notes(source.analysis.margin, tells_equality=name == "full")
        told = [*compared.notes, *(head + note for note in on_answers)]
        notes += [note for note in told if note not in notes]
    return line | {"note": "; ".join(notes)}


def _comparison(
    source: _Source, reference: Step, judge: Step, where: tuple[str, list[str], str]
) -> _StepComparison:
    """Improvement of one step over another, with interval and p."""
    dimension, members, metric = where
    # Ladders of one backend share steps, and their means may cover other dimensions.
    what = (dimension, *members, metric)
    # Each pair is compared once, from whichever side it is met first.
    if (mirrored := source.comparisons.get((*what, judge, reference))) is not None:
        return mirrored.from_other_side()
    key = (*what, reference, judge)
    if key not in source.comparisons:
        source.comparisons[key] = _compare_steps(source, reference, judge, where)
    return source.comparisons[key]


def _compare_steps(
    source: _Source, reference: Step, judge: Step, where: tuple[str, list[str], str]
) -> _StepComparison:
    dimension, members, metric = where
    # Of several dimensions both sides have each. A single one may be missing on either side, and
    # then there is no pair.
    sides = zip(source.parts(reference, members), source.parts(judge, members), strict=False)
    names = (reference.variant, judge.variant)
    pairs = [paired_rows(before, after, names) for before, after in sides]
    # Constant judges are marked in the row itself. Each note once, in the order of the dimensions.
    notes = tuple(
        dict.fromkeys(n for pair in pairs for n in pair.notes if not n.startswith(CONSTANT_JUDGE))
    )
    if not pairs or not all(len(pair.before.items) for pair in pairs):
        return _StepComparison((*notes, f"no row in common with {reference.variant}"))
    # As the table of contrasts names its draws, so that both tables show one p-value.
    draw_names = (dimension, *judge[2:], reference.variant, reference.backend)
    comparison = compare(source.analysis, pairs, metric, draw_names)
    if comparison is None:
        return _StepComparison((*notes, f"no item that both answered with {reference.variant}"))
    # As in the table of contrasts: what silence made is shown, and not tested.
    if silence := silence_note(pairs, (reference.alignment, judge.alignment)):
        return _StepComparison(notes, comparison.gain, silence=silence)
    head = comparison_head(reference.alignment, judge.alignment)
    one_grade = one_grade_note(pairs) if metric == "mae" else ""
    if one_grade:
        notes += (head + one_grade,)
    elif not np.isnan(comparison.p_value) and comparison.smallest_p > ALPHA:
        smallest = f"smallest attainable p is {comparison.smallest_p:.3g}"
        notes += (f"{head}{smallest}: {NO_CLAIM_POSSIBLE}",)
    return _StepComparison(
        notes,
        comparison.gain,
        comparison.interval.low,
        comparison.interval.high,
        p_value=np.nan if one_grade else comparison.p_value,
        equivalent_p=np.nan if one_grade else comparison.equivalent_p,
        bounds=improvement_bounds(source.analysis, pairs) if metric == "mae" else None,
    )


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """The table for people, and what it says of each step in words."""
    titles = analysis.frames.dimensions
    several = numbers["settings"].nunique() > 1
    columns = [
        word("settings", lambda row: (row["settings"] or "defaults") if several else ""),
        word("backend", "backend"),
        dimension_column(titles),
        word("metric", lambda row: METRIC_NAMES[row["metric"]]),
        word("step", lambda row: row["alignment"] + (CONSTANT_MARK if row["constant"] else "")),
        word("isolates", "isolates"),
        count("items", "n_items"),
        interval("value", "value", ("low", "high")),
        interval("over the step before", "gain_before", signed=True),
        p_value("p", "p_before"),
        interval("over none", "gain_none", signed=True),
        p_value("p", "p_none"),
        interval("full over this", "gain_full", signed=True,
                 help="what both memories add to this step"),
        p_value("p", "p_full"),
        p_value("p (equal)", "p_equivalent_full", help="of the errors differing beyond the margin"),
        word("note", "note"),
    ]  # fmt: skip
    partial = numbers["dimension"].eq(COMPLETE_DIMENSIONS).any()
    which = " of the steps that all of them have" if partial else " over those that have every step"
    # Where `full` is no step the columns on it are empty, and left out.
    has_full = (numbers["alignment"] == FULL).any()
    on_full = (
        " full is compared with every step: what both memories add to it; p (equal): of the errors"
        f" of full and this step differing by more than {analysis.margin:g}."
    )
    notes = [
        "Every step is compared with the step before (of those that ask a model) and with the"
        f" unaligned judge.{on_full if has_full else ''} Positive is better in either metric;"
        f" {HOW_COMPARED} All of it is exploratory and uncorrected.",
        f"Reading: {analysis.reading}. {ALL_DIMENSIONS.capitalize()}: the mean{which}, cases drawn"
        " for all of them together. Variants:"
        f" {'; '.join(dict.fromkeys(numbers['variant']))}.",
        *numbers.attrs["notes"],
        *constant_note(numbers["constant"].any()),
    ]
    controls = controls_of(analysis.frames, numbers["alignment"])
    return Table(
        numbers,
        columns,
        notes,
        ladder_conclusions(numbers, titles, controls),
        in_words=ladder_sentences(numbers, titles, controls),
        filters={"dimension": "", "backend": "", "metric": "mae"},
    )
