"""How authors of the reported corpus lay a notebook out."""

from __future__ import annotations

from genie_synth.realisations.parts.cell_organization import (
    EXPLAINED,
    Write,
    bare,
    commented,
    disorder,
    entry,
    good,
    headers,
    heads_again,
    one_cell,
    title,
    well,
)
from genie_synth.sketch.sketch import Sketch

__all__ = ["REALISATIONS", "open_ended"]


def _closing_missing(sketch: Sketch) -> None:
    """What stands last where a summary is missing is evidence."""
    last = sketch.ordered()[-1]
    if last.kind == "code":
        sketch.show(last, last.source.split("\n")[0])


def open_ended(manner: str) -> Write:
    """Explained sections, and no summary."""

    def write(sketch: Sketch) -> None:
        title(sketch)
        headers(sketch, manner, explained=True, mark=2)
        _closing_missing(sketch)
        sketch.detail(n_cells=len(sketch.cells))

    return write


ATTEMPTS = {
    "clean": "# $df = $df.dropna()\n# $df = $df[$df.index > 100]",
    "train": "# $model.fit($X_train, $y_train)\n# print($model.score($X_test, $y_test))",
}


REALISATIONS = (
    good("plain_sections", "plain"),
    good("questions", "asked"),
    good("numbered_sections", "numbered"),
    entry("contents_and_sections", well("plain", contents=True), **EXPLAINED),
    entry("bare_numbers", bare("numbered", summary=True), headers="bare", summary=True),
    entry("bare_questions", bare("asked", summary=False), headers="bare"),
    entry(
        "head_everywhere",
        heads_again("plain", "$df.head()"),
        leftovers=["repeated_head"],
        **EXPLAINED,
    ),
    entry(
        "commented_attempts",
        commented("numbered", ATTEMPTS),
        leftovers=["commented_code"],
        **EXPLAINED,
    ),
    entry("no_summary", open_ended("asked"), headers="explained"),
    entry("one_cell", one_cell("", headed=True), layout="one_cell"),
    entry("one_untitled_cell", one_cell("# all in one go", headed=False), layout="one_cell"),
    entry(
        "late_rerun",
        disorder("late_rerun", "plain", explained=True),
        counts="out_of_order",
        **EXPLAINED,
    ),
    entry(
        "swapped_runs",
        disorder("swapped", "numbered", explained=False),
        counts="out_of_order",
        headers="bare",
    ),
)
