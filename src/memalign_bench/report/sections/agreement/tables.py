"""The table of agreement for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.frames import private_texts
from memalign_bench.report.numbers.readings import NO_BACKEND
from memalign_bench.report.numbers.summary import summary
from memalign_bench.report.prose import CONSTANT_MARK, MISSING_NAMES
from memalign_bench.report.sections.section import Section
from memalign_bench.report.tables.columns import (
    NumberRow,
    count,
    dimension_column,
    interval,
    real,
    word,
)
from memalign_bench.report.tables.table import BY_JUDGE, Table

if TYPE_CHECKING:
    import pandas as pd

    from memalign_bench.report.numbers.frames import StudyFrames

__all__ = ["SUMMARY", "constant_note", "table"]


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """One row per dimension and judge; constant judges carry a dagger."""
    columns = [
        dimension_column(analysis.frames.dimensions),
        word("variant", _marked_variant),
        word("backend", "backend"),
        count("items", "n_items", help="items that experts graded"),
        interval("MAE", "mae", help="mean absolute error in the study's reading", unit="grades"),
        real("MAE raw", "mae_raw", unit="grades"),
        real(
            "MAE batch", "mae_batch", unit="grades",
            help="after division by the mean distribution of the held-out answers",
        ),
        real(
            "MAE loo", "mae_loo", help="against the median of all raters but one, as the ceiling is"
        ),
        real("ceiling", "ceiling_loo", help="each human rater against the median of the others"),
        real("bias", "bias", signed=True, help="judge minus expert, over the answers given"),
        real("exact", "exact_agreement", help="share of answers equal to the expert's"),
        real("kappa", "kappa_quadratic", help="quadratic weighted kappa"),
        interval(
            "rank corr.", "spearman", help="Spearman's correlation within folds, averaged by size"
        ),
        count("scored", "n_scored", help="answers with a grade, over fold seeds"),
        count("abstained", "n_abstained", help="answers that it does not apply, over fold seeds",
              status="abstained"),
        count("failed", "n_failed", help="questions without a usable answer, over fold seeds",
              status="failed"),
        count("contradictory", "n_contradictory", status="contradictory",
              help="answers whose rationale names another grade than the one given beside it"),
        real("N/A recall", "na_recall",
             help="share of items that do not apply on which the judge says so"),
        real("N/A false", "na_false_rate",
             help="share of items that apply on which the judge abstains"),
    ]  # fmt: skip
    return Table(
        numbers,
        columns,
        _notes(analysis, numbers),
        # `summary` leaves its remarks in `attrs`, which a cached frame keeps.
        remarks=numbers.attrs["notes"],
        filters=BY_JUDGE,
    )


def _marked_variant(row: NumberRow) -> str:
    return str(row["variant"]) + (CONSTANT_MARK if row["n_distinct_grades"] == 1 else "")


def _notes(analysis: Analysis, numbers: pd.DataFrame) -> list[str]:
    notes = [
        f"Reading: {analysis.reading} grades{_read_raw_clause(analysis, numbers)}."
        f" {MISSING_NAMES[analysis.missing]}",
        "MAE in grades, lower is better; rank correlation within folds, averaged by size. Intervals"
        " over cases, given the memories learnt: logit-t for MAE, jackknife-t for rank correlation"
        " and for MAE in the batch reading. Ranks, kappa, exact agreement and bias are of the"
        " answers given (scored).",
    ]
    if numbers["mae_loo"].notna().any():
        notes.append(
            "The judge against the median of all raters but one (loo), beside that rater against"
            " the same (ceiling: what people reach)."
        )
    if (numbers["n_contradictory"] > 0).any():
        notes.append(
            "Contradictory: the rationale names another grade as its verdict than the one given"
            " beside it, which counts as it was given (found in English, where it says so plainly)."
        )
    elif private_texts(analysis.frames) and _asks_for_rationales(analysis.frames):
        notes.append(
            "Whether rationales contradict their grades is not known here: the texts are private."
        )
    return [*notes, *constant_note((numbers["n_distinct_grades"] == 1).any())]


def _asks_for_rationales(frames: StudyFrames) -> bool:
    """Whether a judge was asked for words beside its grades."""
    return any(m["backend"] != NO_BACKEND and m.get("scoring") == "verdict"
               for m in frames.manifests.values())  # fmt: skip


def _read_raw_clause(analysis: Analysis, numbers: pd.DataFrame) -> str:
    """Says which judges are read raw in a study that is read by batch; else empty."""
    # What asks no model has one reading in any case, and is not worth a word.
    without_batch = numbers["mae_batch"].isna() & (numbers["backend"] != NO_BACKEND)
    if analysis.reading == "raw" or not without_batch.any():
        return ""
    return " (raw where MAE batch is empty: verdicts, or folds of too few answers)"


def constant_note(constant: object) -> list[str]:
    """The legend of the dagger, where it is shown."""
    text = f"{CONSTANT_MARK} Constant: this judge gives every item of the dimension the same grade."
    return [text] if constant else []


# No YAML names it: every report has this table.
SUMMARY = Section("summary", "Summary", 0, lambda analysis, _: summary(analysis), table)
