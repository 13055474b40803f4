"""What of an error is sight, what convention, and how much of the latter alignment mended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from memalign_bench.errors import RecordError
from memalign_bench.headroom.bound import NOTHING, TOGETHER
from memalign_bench.headroom.parts import SHARED, UNSEEN, UNSHARED
from memalign_bench.headroom.records import HeadroomRecords, read_headroom
from memalign_bench.report.numbers.analysis import Analysis
from memalign_bench.report.numbers.curves import by_dimension
from memalign_bench.report.numbers.paired_answers import paired_rows
from memalign_bench.report.numbers.pairs import pairs_of
from memalign_bench.report.numbers.readings import Answers, JudgeKey
from memalign_bench.report.sections.section import SectionNumbers
from memalign_bench.report.tables.columns import count, judge_columns, real, word
from memalign_bench.report.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "PARTS", "numbers", "table"]

PARTS = {"shared": SHARED, "not_shared": UNSHARED, "not_seen": UNSEEN}
"""Column of a part of the error -> what it is."""

COLUMNS = (
    "dimension",
    "variant",
    "alignment",
    "backend",
    "n_items",
    "mae",
    *PARTS,
    *(f"n_{name}" for name in PARTS),
    "noise",
    "literal",
    "convention_known",
    "gainable",
    "gained",
    "gained_share",
    "bound",
    "bound_nothing",
    "thresholds_from",
)


def numbers(analysis: Analysis, made: SectionNumbers) -> pd.DataFrame:
    """One row per dimension and judge whose sight was measured in the same view.

    `shared`, `not_shared` and `not_seen` are the error of the items of each part over all items, so
    that they add up to `mae`; `n_*` count those items. `noise`, `literal` and `convention_known`
    are errors without the judge's grades: of the experts' convention and of the literal one on
    the planted facts, and of the experts' on what the judge sees. `gainable` is the unaligned
    judge's error less `convention_known`, `gained` what this judge's is below the unaligned
    one's on the rows that both have, NaN where one of them gave no answer at all, `gained_share`
    their ratio where there is something to gain.
    `bound` is the error of the learnt regression, `bound_nothing` that of the training labels'
    median.

    Returns:
        `COLUMNS`; no row where `memalign-bench headroom` was not run.

    Raises:
        RecordError: If sight was measured on other items than the study's.
    """
    import pandas as pd

    lines: list[dict[str, Any]] = []
    for records in read_headroom(analysis.frames.path):
        _check_data(analysis, records)
        lines += _backend_rows(analysis, records)
    table = pd.DataFrame(lines, columns=list(COLUMNS))
    return by_dimension(table, analysis.frames.dimensions)


def _check_data(analysis: Analysis, records: HeadroomRecords) -> None:
    digests = {manifest["dataset"]["digest"] for manifest in analysis.frames.manifests.values()}
    if records.manifest["dataset"]["digest"] not in digests:
        raise RecordError(
            f"headroom of {records.manifest['backend']} in {analysis.frames.path.name} was measured"
            " on other items than the study's runs (another data set, n_cases or limit); run"
            " memalign-bench headroom again with theirs, or delete"
            f" headroom/{records.manifest['backend']}."
        )


def _backend_rows(analysis: Analysis, records: HeadroomRecords) -> Iterator[dict[str, Any]]:
    backend, view = records.manifest["backend"], records.manifest["view_name"]
    views = {
        (manifest["variant"], manifest["backend"]): manifest.get("view_name")
        for manifest in analysis.frames.manifests.values()
    }
    # The unaligned judge of each variant, on the same backend.
    references = {
        (pair.variant, pair.backend): pair.reference
        for pair in pairs_of(analysis.variants)
        if pair.backend == pair.reference_backend
    }
    for dimension in analysis.frames.dimensions:
        by_kind = {
            name: [row for row in records[name] if row["dimension"] == dimension]
            for name in records
        }
        # Sight may have been measured on fewer dimensions than the study has.
        if not by_kind["sight"] and not by_kind["bound"]:
            continue
        shared = _convention_errors(by_kind["sight"]) | _bound_errors(by_kind["bound"])
        for variant, alignment, name in analysis.variants:
            answers = analysis.answers.get(JudgeKey(dimension, variant, name))
            # What a judge sees was measured in one view: it says nothing of judges with another.
            if name != backend or views[variant, name] != view or answers is None:
                continue
            # What has no reference, as `none`, is held against itself: it gained nothing.
            unaligned = analysis.answers.get(
                JudgeKey(dimension, references.get((variant, name), variant), name)
            )
            yield {
                **{"dimension": dimension, "variant": variant, "alignment": alignment},
                **{"backend": backend, "thresholds_from": records.manifest["thresholds_from"]},
                **shared,
                **_judge_row(answers, unaligned, by_kind["sight"], shared["convention_known"]),
            }


def _convention_errors(sight: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Errors of conventions, of which no judge's grade is part; NaN without planted facts."""
    columns = {"noise": "true_grade", "literal": "literal_grade", "convention_known": "seen_grade"}
    return {
        name: float(np.mean([abs(row[column] - row["expert_score"]) for row in sight]))
        if sight
        else float("nan")
        for name, column in columns.items()
    }


def _bound_errors(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    errors: dict[str, list[int]] = {}
    for row in rows:
        errors.setdefault(row["source"], []).append(abs(row["predicted"] - row["expert_score"]))
    means = {source: float(np.mean(values)) for source, values in errors.items()}
    used = [source for source in means if source != NOTHING]
    # The bound from all sources together, where that was fitted: a single one has no such rows.
    best = TOGETHER if TOGETHER in means else next(iter(used), NOTHING)
    nothing = float("nan")
    return {"bound": means.get(best, nothing), "bound_nothing": means.get(NOTHING, nothing)}


def _judge_row(
    answers: Answers,
    reference: Answers | None,
    sight: Sequence[dict[str, Any]],
    convention_known: float,
) -> dict[str, Any]:
    part_of = {row["item_id"]: row["part"] for row in sight}
    items = sorted(set(answers.items.tolist()))
    mae = float(answers.error.mean()) if len(answers.error) else float("nan")
    line: dict[str, Any] = {"n_items": len(items), "mae": mae}
    # Parts of some of the items would not add up to the error of all.
    all_known = set(items) <= set(part_of)
    parts = np.array([part_of.get(item, "") for item in answers.items.tolist()])
    for name, what in PARTS.items():
        among = np.where(parts == what, answers.error, 0.0)
        line[name] = float(among.mean()) if all_known else float("nan")
        # Items, while errors are means over rows: fold seeds and repeats count there.
        line[f"n_{name}"] = sum(part_of.get(item) == what for item in items) if all_known else None
    unaligned = float("nan")
    if reference is not None and len(reference.answered):
        unaligned = float(reference.error.mean())
    gainable = unaligned - convention_known
    gained = float("nan")
    # What silence costs was not lost by aligning, nor is what it cost the other gained.
    if reference is not None and len(reference.answered) and len(answers.answered):
        # Under `exclude` each may lack rows that the other has.
        both = paired_rows(reference, answers, ("", ""))
        if len(both.after.error):
            gained = float(both.before.error.mean() - both.after.error.mean())
    ratio = gained / gainable if gainable > 0 else float("nan")
    return line | {"gainable": gainable, "gained": gained, "gained_share": ratio}


def table(analysis: Analysis, numbers: pd.DataFrame) -> Table:
    """The table for people."""
    columns = [
        *judge_columns(analysis.frames.dimensions),
        count("items", "n_items"),
        real("MAE", "mae", unit="grades", help="the three parts together"),
        real("seen, shared", "shared", help="error of items whose facts it sees and whose grade the"
             " rubric's plain text gives too: raters' noise and carelessness"),
        real("seen, not shared", "not_shared", help="error of items whose facts it sees, and whose"
             " grade only the experts' convention gives: what alignment can mend"),
        real("not seen", "not_seen", help="error of items whose grade does not follow from what it"
             " sees, whatever the convention"),
        count("items seen, shared", "n_shared"),
        count("seen, not shared", "n_not_shared"),
        count("not seen", "n_not_seen"),
        real("raters' noise", "noise", help="experts' convention on the planted facts"),
        real("literal", "literal", help="the rubric's plain text on the planted facts: what not"
             " knowing the convention costs whoever sees everything"),
        real("convention known", "convention_known", help="experts' convention on what the judge"
             " sees"),
        real("gainable", "gainable", signed=True, help="unaligned error less that"),
        real("gained", "gained", signed=True, help="unaligned error less this judge's"),
        real("learnt bound", "bound", help="regression on what the judge shows, labels of other"
             " folds: at most so much need be left"),
        real("labels alone", "bound_nothing", help="the training labels' median"),
        word("thresholds", "thresholds_from", help="where the answers' thresholds were chosen"),
    ]  # fmt: skip
    notes = [
        "The judge answers a yes/no question about each planted fact. An item is seen where the"
        " experts' convention over the facts that the judge sees gives the grade before raters'"
        " noise, whatever the others may be. It is shared where the literal reading gives that"
        " grade too. A judge's grades need not rest on its answers: a part says what could be known"
        " of its items, not why it erred.",
        "The learnt bound is an upper bound of what is left when the convention is mended, and no"
        " measure of sight: it uses whatever goes with the grades. No intervals: exploratory.",
    ]
    return Table(numbers, columns, notes)
