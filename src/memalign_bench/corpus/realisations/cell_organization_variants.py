"""More ways of laying out a notebook in the reported corpus."""

from __future__ import annotations

from memalign_bench.corpus.realisations.cell_organization import (
    EXPLAINED,
    bare,
    big_cells,
    commented,
    disorder,
    entry,
    good,
    heads_again,
    one_cell,
    open_ended,
    well,
)

__all__ = ["REALISATIONS"]

OLD = {
    "features": "# $features = $features[:3]\n# print($features)\nprint(len($features))",
    "split": "# $X_test.to_csv('holdout.csv')\n# $y_test.hist()\nprint(len($X_test))",
}

REALISATIONS = (
    # --- good
    good(0, "brief_sections", "brief"),
    good(0, "told_as_a_story", "story"),
    good(0, "goals", "goals"),
    entry(0, "contents_and_questions", well("asked", contents=True), **EXPLAINED),
    entry(0, "contents_and_goals", well("goals", contents=True), **EXPLAINED),
    entry(0, "contents_and_story", well("story", contents=True), **EXPLAINED),
    # --- average
    entry(0, "bare_goals", bare("goals", summary=True), headers="bare", summary=True),
    entry(0, "bare_brief", bare("brief", summary=False), headers="bare"),
    entry(
        0,
        "describe_everywhere",
        heads_again("asked", "$df.describe().T.head(3)"),
        leftovers=["repeated_head"],
        **EXPLAINED,
    ),
    entry(
        0,
        "old_lines_in_goals",
        commented("goals", OLD),
        leftovers=["commented_code"],
        **EXPLAINED,
    ),
    entry(0, "story_without_end", open_ended("story"), headers="explained"),
    entry(0, "large_blocks", big_cells("goals", contents=True), layout="big_cells", **EXPLAINED),
    # --- bad
    entry(0, "guarded_script", one_cell("if True:", headed=True), layout="one_cell"),
    entry(
        0,
        "script_below_imports",
        one_cell("# from the file to the answer", headed=False, imports_too=False),
        layout="one_cell",
    ),
    entry(
        0,
        "setup_run_again",
        disorder("setup_again", "story", explained=True),
        counts="out_of_order",
        **EXPLAINED,
    ),
    entry(
        0,
        "middle_run_backwards",
        disorder("middle_reversed", "goals", explained=True),
        counts="out_of_order",
        **EXPLAINED,
    ),
    entry(
        0,
        "end_run_twice",
        disorder("late_twice", "brief", explained=False),
        counts="out_of_order",
        headers="bare",
    ),
    entry(
        0,
        "setup_again_bare",
        disorder("setup_again", "asked", explained=False),
        counts="out_of_order",
        headers="bare",
    ),
)
