"""How a notebook is cut, headed, tidied and closed; acts on the finished list of cells."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from memalign_bench.corpus.sketch import Case, Cell, Realisation, Sketch

__all__ = [
    "EXPLAINED",
    "REALISATIONS",
    "bare",
    "big_cells",
    "commented",
    "disorder",
    "entry",
    "good",
    "heads_again",
    "one_cell",
    "open_ended",
    "well",
]

Write = Callable[[Sketch], None]
Step = Mapping[str, tuple[str, str]]

WORDS: Mapping[str, Step] = {
    "plain": {
        "load": ("Data", "One row of `{file}` is one {row}; `{target}` is what we want to know."),
        "explore": ("First look", "What is in the columns, and how `{target}` behaves."),
        "clean": ("Cleaning", "Small repairs, so that the following steps can rely on the table."),
        "features": ("Features", "Columns that say something about `{target}` before it is known."),
        "split": ("Training and test rows", "Part of the rows is kept for the final check."),
        "train": ("Model", "An estimator from scikit-learn, nothing exotic."),
        "evaluate": ("How good is it?", "Numbers that one can discuss with someone from {domain}."),
        "use": ("Predictions", "`{new_file}` comes in, `{target}` goes out."),
        "log": ("Keeping the result", "So that this attempt can be found again."),
    },
    "asked": {
        "load": ("What do we have?", "`{file}`, {rows} rows, collected for {domain}."),
        "explore": ("What does it look like?", "Ranges and gaps first, then `{target}`."),
        "clean": ("Is anything odd?", "What would trip the next steps is taken care of here."),
        "features": ("What do we feed the model?", "Inputs that are known at prediction time."),
        "split": ("Which rows test it?", "Rows that the model is checked on later."),
        "train": ("Which model?", "A small one first; the table is not large."),
        "evaluate": ("Does it work?", "Errors on `{target}`, in numbers."),
        "use": ("What about the new rows?", "The rows of `{new_file}` have no `{target}` yet."),
        "log": ("Where does it go?", "The outcome of this run is written down."),
    },
    "numbered": {
        "load": ("{n}. Load", "The table has {rows} rows; the column to predict is `{target}`."),
        "explore": ("{n}. Explore", "A look at the columns before any modelling."),
        "clean": ("{n}. Clean", "Rows and columns are brought into shape."),
        "features": ("{n}. Features", "The inputs are chosen and derived here."),
        "split": ("{n}. Split", "The rows are divided into two parts."),
        "train": ("{n}. Train", "The estimator is fitted."),
        "evaluate": ("{n}. Evaluate", "The fit is judged by its errors on `{target}`."),
        "use": ("{n}. Predict", "The rows in `{new_file}` are scored."),
        "log": ("{n}. Record", "The outcome is stored for later comparison."),
    },
    "verbs": {
        "load": ("Reading {file}", "Each line is a {row}. The question is about `{target}`."),
        "explore": ("Getting to know the columns", "Counts, ranges and the shape of `{target}`."),
        "clean": ("Repairing", "Whatever would break or mislead a model is handled here."),
        "features": ("Building inputs", "From what is recorded to what a model can use."),
        "split": ("Setting rows aside", "The estimator has to prove itself on part of the data."),
        "train": ("Fitting", "Now `{target}` is learnt from the inputs."),
        "evaluate": ("Judging the fit", "How far are we off, in terms of {domain}?"),
        "use": ("Answering the question", "These {row}s in `{new_file}` are still open."),
        "log": ("Writing it down", "A record of what was run."),
    },
    "memo": {
        "load": ("Source", "`{file}`: {rows} records from {domain}."),
        "explore": ("Inspection", "Distribution and completeness of the columns."),
        "clean": ("Preparation of the table", "The records are made fit for modelling."),
        "features": ("Inputs", "Columns used to explain `{target}`."),
        "split": ("Division of the records", "One part to learn from, one to check with."),
        "train": ("Estimation", "The relation between inputs and `{target}` is estimated."),
        "evaluate": ("Accuracy", "The estimate is compared with what happened."),
        "use": ("Application", "The estimate is applied to `{new_file}`."),
        "log": ("Record", "The outcome is kept with its settings."),
    },
    "steps": {
        "load": ("Step {letter}: get the data", "From disk, as delivered ({rows} rows)."),
        "explore": ("Step {letter}: look", "Before touching anything, see what is there."),
        "clean": ("Step {letter}: tidy", "Minor surgery on the table."),
        "features": ("Step {letter}: inputs", "Which columns go in, and in which form."),
        "split": ("Step {letter}: hold back", "Some rows are not shown to the estimator."),
        "train": ("Step {letter}: learn", "Fit an estimator of `{target}`."),
        "evaluate": ("Step {letter}: check", "Errors and what they mean for {domain}."),
        "use": ("Step {letter}: apply", "To the open rows in `{new_file}`."),
        "log": ("Step {letter}: keep", "Note down what came out."),
    },
    "brief": {
        "load": ("Input", "{rows} rows in `{file}`, target `{target}`."),
        "explore": ("Check", "Types, ranges, holes, and `{target}` itself."),
        "clean": ("Fix", "What the check turned up."),
        "features": ("Columns", "The ones that enter the model."),
        "split": ("Parts", "One to fit, one to test."),
        "train": ("Fit", "Estimator of `{target}`."),
        "evaluate": ("Error", "On `{target}`, as it would hit {domain}."),
        "use": ("Output", "Answers for `{new_file}`."),
        "log": ("Log", "The result is put on file."),
    },
    "story": {
        "load": ("Where we start", "Someone from {domain} handed us `{file}` with {rows} rows."),
        "explore": ("A walk through the table", "Before trusting it, we look at what is in it."),
        "clean": ("Making it usable", "Not everything can stay as it came."),
        "features": ("Telling the model what we know", "Every {row} becomes a line of numbers."),
        "split": ("Keeping ourselves honest", "Some rows stay locked away for later."),
        "train": ("Learning", "The model sees the other rows and learns `{target}`."),
        "evaluate": ("The moment of truth", "How wrong is it on `{target}`?"),
        "use": ("Back to the question", "Now for the {row}s in `{new_file}`."),
        "log": ("For the archive", "What was found is kept."),
    },
    "goals": {
        "load": ("Goal and data", "Goal: know `{target}`. Data: `{file}`, {rows} rows."),
        "explore": ("Understanding the data", "What can the columns say about the goal?"),
        "clean": ("Data quality", "Issues that stand between the data and the goal."),
        "features": ("From data to inputs", "Inputs of the model, as known beforehand."),
        "split": ("Validation design", "Which rows fit and which rows judge."),
        "train": ("Model building", "The estimator and its settings."),
        "evaluate": ("Goal reached?", "Measured in errors of `{target}`."),
        "use": ("Delivery", "Predictions for `{new_file}`."),
        "log": ("Documentation", "The run is documented."),
    },
}
"""Manner -> stage -> (header, a sentence that explains the step)."""

CLOSINGS: Mapping[str, str] = {
    "plain": "## Summary\nFrom {rows} rows of `{file}` a model for `{target}` was fitted; the"
    " numbers above under *How good is it?* say what it is worth.",
    "asked": "## So what?\nWe started from {rows} rows about {domain}, fitted a model of `{target}`"
    " and checked it above. The inputs are listed in the section on what we feed the model.",
    "numbered": "## {last}. Conclusion\n`{target}` was modelled from {inputs} inputs; part {judged}"
    " has the errors, and the steps can be rerun from top to bottom.",
    "verbs": "## What came out\n`{file}` was read, cleaned and turned into inputs; a model of"
    " `{target}` was fitted and judged. Rerun all cells in order to get the same numbers.",
    "memo": "## Summary for the reader\nThe relation between {inputs} inputs and `{target}` was"
    " estimated from {rows} records; the section *Accuracy* says how well.",
    "brief": "## Result\n{inputs} columns of `{file}` explain `{target}` as well as the section"
    " *Error* says; {rows} rows were used.",
    "story": "## Where we end\nThe {rows} rows of `{file}` have given us a model of `{target}`; how"
    " far to trust it stands under *The moment of truth*.",
    "goals": "## Conclusion for {domain}\n`{target}` is modelled from {inputs} inputs; whether that"
    " is good enough is answered under *Goal reached?*.",
    "steps": "## In short\nSteps A to {judged_letter} take the {rows} rows from disk to a checked"
    " estimate of `{target}`; what to remember is the error printed in step {judged_letter}.",
}


def _slots(case: Case, sketch: Sketch) -> dict[str, str]:
    row = case.facts.get("entity", "record")
    return {
        "file": case.file,
        "target": case.target,
        "domain": case.domain.replace("_", " "),
        "rows": str(len(sketch.frame)),
        "inputs": str(len(sketch.state["numeric"]) + len(sketch.state["nominal"])),
        "new_file": case.new_file or "new rows",
        "row": str(row),
        **_numbers(sketch),
    }


def _numbers(sketch: Sketch) -> dict[str, str]:
    """Where the model is judged and what follows the last section, as numbers and letters."""
    order = [stage for stage in WORDS["plain"] if stage in _present(sketch)]
    judged = order.index("evaluate") if "evaluate" in order else len(order) - 1
    return {
        "last": str(len(order) + 1),
        "judged": str(judged + 1),
        "judged_letter": ascii_uppercase[judged],
    }


def _title(sketch: Sketch) -> None:
    case = sketch.case
    name = case.story.replace("-", " ")
    sketch.text("title", f"# {name[0].upper()}{name[1:]}", role="header")


def _present(sketch: Sketch) -> set[str]:
    return {cell.stage for cell in sketch.cells if cell.kind == "code"}


def _headers(sketch: Sketch, manner: str, *, explained: bool, mark: int = 3) -> None:
    """A header above every step; the first `mark` of them are evidence (their first line)."""
    slots, present = _slots(sketch.case, sketch), _present(sketch)
    steps = [(stage, *words) for stage, words in WORDS[manner].items() if stage in present]
    for order, (stage, head, words) in enumerate(steps):
        source = f"## {head}\n{words}" if explained else f"## {head}"
        text = source.format(**slots, n=order + 1, letter=ascii_uppercase[order])
        first = text.split("\n")[0]
        cell = sketch.text(stage, text, evidence=first if order < mark else (), role="header")
        sketch.cells.remove(cell)
        sketch.cells.insert(_first_of(sketch.cells, stage), cell)


def _first_of(cells: Sequence[Cell], stage: str) -> int:
    """Where a cell must stand to come first in its stage."""
    return next(i for i, cell in enumerate(cells) if cell.stage == stage)


def _summary(sketch: Sketch, manner: str) -> None:
    text = CLOSINGS[manner].format(**_slots(sketch.case, sketch))
    sketch.text("close", text, evidence=text.split("\n")[0])


def _closing_missing(sketch: Sketch) -> None:
    """What stands last where a summary is missing is evidence."""
    last = sketch.ordered()[-1]
    if last.kind == "code":
        sketch.show(last, last.source.split("\n")[0])


def _contents(sketch: Sketch, manner: str) -> None:
    slots, present = _slots(sketch.case, sketch), _present(sketch)
    heads = [head for stage, (head, _) in WORDS[manner].items() if stage in present]
    text = "Contents: " + ", ".join(heads).format(**slots) + "."
    sketch.text("title", text, evidence="Contents:")


def well(manner: str, *, contents: bool = False) -> Write:
    """Headed and explained sections, and a summary; with `contents`, a list of them first."""

    def write(sketch: Sketch) -> None:
        _title(sketch)
        if contents:
            _contents(sketch, manner)
        _headers(sketch, manner, explained=True, mark=2 if contents else 3)
        _summary(sketch, manner)
        sketch.detail(n_cells=len(sketch.cells))

    return write


def bare(manner: str, *, summary: bool) -> Write:
    """Headers without a word of explanation."""

    def write(sketch: Sketch) -> None:
        _title(sketch)
        _headers(sketch, manner, explained=False, mark=5)
        if summary:
            _summary(sketch, manner)
        sketch.detail(n_cells=len(sketch.cells))

    return write


def open_ended(manner: str) -> Write:
    """Explained sections, and no summary."""

    def write(sketch: Sketch) -> None:
        _title(sketch)
        _headers(sketch, manner, explained=True, mark=2)
        _closing_missing(sketch)
        sketch.detail(n_cells=len(sketch.cells))

    return write


def heads_again(manner: str, form: str) -> Write:
    """The table is looked at over and over; one look a stage is left behind."""

    def write(sketch: Sketch) -> None:
        _title(sketch)
        present = _present(sketch)
        for stage in ("clean", "features", "split", "train"):
            if stage in present:
                sketch.code(stage, form, evidence=form, role="leftover")
        _headers(sketch, manner, explained=True, mark=1)
        _summary(sketch, manner)
        sketch.detail(n_cells=len(sketch.cells), what=form)

    return write


def commented(manner: str, lines: Mapping[str, str]) -> Write:
    """Code of earlier attempts is left behind as comments."""

    def write(sketch: Sketch) -> None:
        _title(sketch)
        present = _present(sketch)
        for stage, source in lines.items():
            if stage in present:
                sketch.code(stage, source, evidence=source.split("\n")[0], role="leftover")
        _headers(sketch, manner, explained=True, mark=1)
        _summary(sketch, manner)
        sketch.detail(n_cells=len(sketch.cells), what="commented-out lines")

    return write


BLOCKS = (
    ("load", "explore", "clean", "features", "split", "prepare"),
    ("train", "evaluate"),
    ("use", "log", "close"),
)


def _merge(sketch: Sketch, blocks: Sequence[Sequence[str]]) -> list[Cell]:
    """Merge the code of blocks of stages into one cell each; markdown with evidence follows."""
    ordered = sketch.ordered()
    merged: list[Cell] = []
    for block in blocks:
        code = [c for c in ordered if c.stage in block and _mergeable(c)]
        if code:
            code = [_printing(c) for c in code]
            cell = Cell("code", code[0].stage, "\n\n".join(c.source for c in code))
            cell.evidence = [pair for c in code for pair in c.evidence]
            merged.append(cell)
    taken = {stage for block in blocks for stage in block}
    rest = [c for c in ordered if c.stage not in taken or not _mergeable(c)]
    notes = [c for c in rest if c.kind == "markdown" and (c.evidence or c.role == "header")]
    sketch.cells = [*[c for c in rest if c.kind == "code"], *merged, *notes]
    return merged


_SILENT = re.compile(
    r"^(?:print|plt|sns|mlflow|ax|fig|Path)\b|\.(?:fit|hist|plot|append|sort|to_csv|write_text)\b"
)
"""Expressions that are written for what they do, not for what they show."""


def _printing(cell: Cell) -> Cell:
    """A cell for the middle of a larger one: what it showed at its end is printed now."""
    last = ast.parse(cell.source).body[-1:]
    shown = ast.get_source_segment(cell.source, last[0]) if last else None
    if not shown or not isinstance(last[0], ast.Expr) or _SILENT.search(shown):
        return cell
    head, _, rest = cell.source.rpartition(shown)
    printing = Cell("code", cell.stage, f"{head}print({shown}){rest}", role=cell.role)
    printing.evidence = [
        (owner, part if part in printing.source else _with_last(part, shown))
        for owner, part in cell.evidence
    ]
    return printing


def _with_last(part: str, shown: str) -> str:
    """A part of a cell's source, the last mention of what is shown printed."""
    head, _, rest = part.rpartition(shown)
    return f"{head}print({shown}){rest}"


def _mergeable(cell: Cell) -> bool:
    return cell.kind == "code" and cell.role not in ("install", "fails")


STAGES_OF_ONE = tuple(stage for block in BLOCKS for stage in block)


def one_cell(wrap: str, *, headed: bool, imports_too: bool = True) -> Write:
    """Everything in one cell, under the line `wrap` (indented where that ends with a colon)."""

    def write(sketch: Sketch) -> None:
        stages = ("imports", *STAGES_OF_ONE) if imports_too else STAGES_OF_ONE
        (cell,) = _merge(sketch, (stages,))
        if wrap.endswith(":"):
            cell.source = _indented(cell.source)
            cell.evidence = [(owner, _indented(part)[4:]) for owner, part in cell.evidence]
        cell.source = f"{wrap}\n{cell.source}" if wrap else cell.source
        lines = cell.source.split("\n")
        sketch.show(cell, lines[0])
        if headed:
            _title(sketch)
        sketch.detail(n_cells=len(sketch.cells), n_lines=len(lines))

    return write


def _indented(source: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in source.split("\n"))


def big_cells(manner: str, *, contents: bool = False) -> Write:
    """Explained sections over a few large cells."""

    def write(sketch: Sketch) -> None:
        merged = _merge(sketch, BLOCKS)
        _title(sketch)
        if contents:
            _contents(sketch, manner)
        _headers(sketch, manner, explained=True, mark=1)
        _summary(sketch, manner)
        for cell in merged[:2]:
            lines = [line for line in cell.source.split("\n") if line.strip()]
            sketch.show(cell, lines[0])
        longest = max(len(cell.source.split("\n")) for cell in merged)
        sketch.detail(n_cells=len(sketch.cells), n_lines=longest)

    return write


def disorder(kind: str, manner: str, *, explained: bool) -> Write:
    """The cells are run in another order than they stand; only the counts tell."""

    def write(sketch: Sketch) -> None:
        _title(sketch)
        _headers(sketch, manner, explained=explained, mark=0)
        if explained:
            _summary(sketch, manner)
        sketch.state["counts"] = kind
        code = [cell for cell in sketch.ordered() if cell.kind == "code"]
        for cell in (code[0], code[-1]):
            sketch.show(cell, cell.source.split("\n")[0])
        sketch.detail(n_cells=len(sketch.cells))

    return write


def entry(corpus: int, name: str, write: Write, **facets: Any) -> Realisation:
    """A realisation of cell_organization; the keywords are its facets."""
    return Realisation(f"cells_{name}", "cell_organization", corpus, facets, write)


def good(corpus: int, name: str, manner: str) -> Realisation:
    """Explained sections in one manner, and its summary."""
    return entry(corpus, name, well(manner), headers="explained", summary=True)


OLD_0 = {
    "clean": "# $df = $df.dropna()\n# $df = $df[$df.index > 100]",
    "train": "# $model.fit($X_train, $y_train)\n# print($model.score($X_test, $y_test))",
}
OLD_1 = {
    "features": "# $features.remove($features[0])\n# $features\nlen($features)",
    "evaluate": "# old version\n# print($model.predict($X_test)[:20])\nlen($X_test)",
}
EXPLAINED: Mapping[str, Any] = {"headers": "explained", "summary": True}

REALISATIONS = (
    # reported corpus
    good(0, "plain_sections", "plain"),
    good(0, "questions", "asked"),
    good(0, "numbered_sections", "numbered"),
    entry(0, "contents_and_sections", well("plain", contents=True), **EXPLAINED),
    entry(0, "bare_numbers", bare("numbered", summary=True), headers="bare", summary=True),
    entry(0, "bare_questions", bare("asked", summary=False), headers="bare"),
    entry(
        0,
        "head_everywhere",
        heads_again("plain", "$df.head()"),
        leftovers=["repeated_head"],
        **EXPLAINED,
    ),
    entry(
        0,
        "commented_attempts",
        commented("numbered", OLD_0),
        leftovers=["commented_code"],
        **EXPLAINED,
    ),
    entry(0, "no_summary", open_ended("asked"), headers="explained"),
    entry(0, "one_cell", one_cell("", headed=True), layout="one_cell"),
    entry(0, "one_untitled_cell", one_cell("# all in one go", headed=False), layout="one_cell"),
    entry(
        0,
        "late_rerun",
        disorder("late_rerun", "plain", explained=True),
        counts="out_of_order",
        **EXPLAINED,
    ),
    entry(
        0,
        "swapped_runs",
        disorder("swapped", "numbered", explained=False),
        counts="out_of_order",
        headers="bare",
    ),
    # development corpus
    good(1, "verbs", "verbs"),
    good(1, "memo", "memo"),
    good(1, "lettered_steps", "steps"),
    entry(1, "contents_and_verbs", well("verbs", contents=True), **EXPLAINED),
    entry(1, "bare_steps", bare("steps", summary=True), headers="bare", summary=True),
    entry(1, "bare_memo", bare("memo", summary=False), headers="bare"),
    entry(
        1,
        "tail_everywhere",
        heads_again("memo", "$df.tail(3)"),
        leftovers=["repeated_head"],
        **EXPLAINED,
    ),
    entry(
        1, "old_lines_kept", commented("verbs", OLD_1), leftovers=["commented_code"], **EXPLAINED
    ),
    entry(1, "few_big_cells", big_cells("steps"), layout="big_cells", **EXPLAINED),
    entry(
        1,
        "script_in_a_cell",
        one_cell('if __name__ == "__main__":', headed=False, imports_too=False),
        layout="one_cell",
    ),
    entry(
        1,
        "titled_cell_after_imports",
        one_cell("", headed=True, imports_too=False),
        layout="one_cell",
    ),
    entry(
        1,
        "jumping_counts",
        disorder("jumping", "memo", explained=True),
        counts="out_of_order",
        **EXPLAINED,
    ),
    entry(
        1,
        "bottom_first",
        disorder("bottom_first", "steps", explained=False),
        counts="out_of_order",
        headers="bare",
    ),
)
