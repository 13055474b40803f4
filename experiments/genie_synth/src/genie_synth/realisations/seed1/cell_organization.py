"""How authors of the development corpus lay a notebook out."""

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

__all__ = ["REALISATIONS"]

ATTEMPTS = {
    "features": "# $features.remove($features[0])\n# $features\nlen($features)",
    "evaluate": "# old version\n# print($model.predict($X_test)[:20])\nlen($X_test)",
}


REALISATIONS = (
    good("verbs", "verbs"),
    good("memo", "memo"),
    good("lettered_steps", "steps"),
    entry("contents_and_verbs", well("verbs", contents=True), **EXPLAINED),
    entry("bare_steps", bare("steps", summary=True), headers="bare", summary=True),
    entry("bare_memo", bare("memo", summary=False), headers="bare"),
    entry(
        "tail_everywhere",
        heads_again("memo", "$df.tail(3)"),
        leftovers=["repeated_head"],
        **EXPLAINED,
    ),
    entry(
        "old_lines_kept", commented("verbs", ATTEMPTS), leftovers=["commented_code"], **EXPLAINED
    ),
    entry("few_big_cells", big_cells("steps"), layout="big_cells", **EXPLAINED),
    entry(
        "script_in_a_cell",
        one_cell('if __name__ == "__main__":', headed=False, imports_too=False),
        layout="one_cell",
    ),
    entry(
        "titled_cell_after_imports",
        one_cell("", headed=True, imports_too=False),
        layout="one_cell",
    ),
    entry(
        "jumping_counts",
        disorder("jumping", "memo", explained=True),
        counts="out_of_order",
        **EXPLAINED,
    ),
    entry(
        "bottom_first",
        disorder("bottom_first", "steps", explained=False),
        counts="out_of_order",
        headers="bare",
    ),
)
