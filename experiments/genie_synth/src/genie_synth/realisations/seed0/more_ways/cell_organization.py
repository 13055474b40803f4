"""More ways of laying out a notebook in the reported corpus."""

from __future__ import annotations

from genie_synth.realisations.parts.cell_organization import (
    EXPLAINED,
    bare,
    big_cells,
    commented,
    disorder,
    entry,
    good,
    heads_again,
    one_cell,
    well,
)
from genie_synth.realisations.seed0.cell_organization import open_ended

__all__ = ["REALISATIONS"]

OLD = {
    "features": "# $features = $features[:3]\n# print($features)\nprint(len($features))",
    "split": "# $X_test.to_csv('holdout.csv')\n# $y_test.hist()\nprint(len($X_test))",
}


REALISATIONS = (
    # --- good
    good("brief_sections", "brief"),
    good("told_as_a_story", "story"),
    good("goals", "goals"),
    entry("contents_and_questions", well("asked", contents=True), **EXPLAINED),
    entry("contents_and_goals", well("goals", contents=True), **EXPLAINED),
    entry("contents_and_story", well("story", contents=True), **EXPLAINED),
    # --- average
    entry("bare_goals", bare("goals", summary=True), headers="bare", summary=True),
    entry("bare_brief", bare("brief", summary=False), headers="bare"),
    entry(
        "describe_everywhere",
        heads_again("asked", "$df.describe().T.head(3)"),
        leftovers=["repeated_head"],
        **EXPLAINED,
    ),
    entry(
        "old_lines_in_goals",
        commented("goals", OLD),
        leftovers=["commented_code"],
        **EXPLAINED,
    ),
    entry("story_without_end", open_ended("story"), headers="explained"),
    entry("large_blocks", big_cells("goals", contents=True), layout="big_cells", **EXPLAINED),
    # --- bad
    entry("guarded_script", one_cell("if True:", headed=True), layout="one_cell"),
    entry(
        "script_below_imports",
        one_cell("# from the file to the answer", headed=False, imports_too=False),
        layout="one_cell",
    ),
    entry(
        "setup_run_again",
        disorder("setup_again", "story", explained=True),
        counts="out_of_order",
        **EXPLAINED,
    ),
    entry(
        "middle_run_backwards",
        disorder("middle_reversed", "goals", explained=True),
        counts="out_of_order",
        **EXPLAINED,
    ),
    entry(
        "end_run_twice",
        disorder("late_twice", "brief", explained=False),
        counts="out_of_order",
        headers="bare",
    ),
    entry(
        "setup_again_bare",
        disorder("setup_again", "asked", explained=False),
        counts="out_of_order",
        headers="bare",
    ),
)
