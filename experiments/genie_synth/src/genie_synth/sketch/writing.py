"""What realisations share: words of the case put into templates, and columns added twice.

A template has two kinds of gaps: `$df` and the like, which `Sketch` fills with this author's names,
and `«target»` and the like, which `fill` here replaces with words and columns of the case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from genie_synth.sketch.case import Case
from genie_synth.sketch.sketch import Sketch

__all__ = [
    "add_columns",
    "fill",
    "first_lag",
    "gap_column",
    "listed",
    "new_rows_source",
    "put",
    "show_line",
]

_GAP = re.compile(r"«(\w+)»")


def gap_column(case: Case) -> str:
    """The input column with missing values ("" where there is none)."""
    return next((column for column in case.missing if column != case.target), "")


def first_lag(case: Case) -> int:
    """Rows between a value and its nearest lag: the horizon where new rows are to be forecast."""
    return int(case.facts["season"]) if case.wants_predictions else 1


def listed(names: Sequence[str]) -> str:
    """Source of a list of strings, on several lines where it is long.

    >>> listed(["a", "b"])
    '["a", "b"]'
    """
    flat = "[" + ", ".join(f'"{name}"' for name in names) + "]"
    if len(flat) <= 76:
        return flat
    lines, line = [], "   "
    for name in names:
        if len(line) + len(name) > 76:
            lines.append(line)
            line = "   "
        line += f' "{name}",'
    return "[\n" + "\n".join([*lines, line]) + "\n]"


def fill(sketch: Sketch, template: str, **words: Any) -> str:
    """Replace `«word»` by words of the case and by those given.

    Raises:
        KeyError: If a word is neither.
    """
    case = sketch.case
    known: dict[str, Any] = {
        **{key: value for key, value in case.facts.items() if isinstance(value, str | int)},
        "target": case.target,
        "stamp": case.time_index,
        "id": case.id_column,
        "label": case.id_column or case.time_index,
        "gap": gap_column(case),
        "file": case.file,
        "new_file": case.new_file,
        "lag": f"lag_{first_lag(case)}" if case.time_index else "",
        "numeric": listed(sketch.state["numeric"]),
        "nominal": listed(sketch.state["nominal"]),
        **words,
    }
    return _GAP.sub(lambda match: str(known[match.group(1)]), template)


def put(
    sketch: Sketch, stage: str, template: str, evidence: Sequence[str] | str = (), **words: Any
) -> None:
    """Add a code cell from a template; evidence "all" marks the whole cell."""
    source = fill(sketch, template, **words).strip("\n")
    if evidence == "all":
        sketch.code(stage, source, source)
        return
    parts = [evidence] if isinstance(evidence, str) else list(evidence)
    sketch.code(stage, source, [fill(sketch, part, **words) for part in parts])


def show_line(sketch: Sketch, stage: str, part: str, dimension: str) -> None:
    """Mark the first code line of a stage that has `part` as evidence of another dimension.

    What one dimension writes may decide the grade of another: which estimator eats the features,
    which pipeline holds the imputer.
    """
    for cell in sketch.cells:
        if cell.stage == stage and cell.kind == "code":
            for line in cell.source.split("\n"):
                if part in line:
                    cell.evidence.append((dimension, line.strip()))
                    return


def add_columns(
    sketch: Sketch,
    stage: str,
    lines: Sequence[str],
    *,
    before: str = "",
    evidence: bool = True,
    history: bool = False,
) -> None:
    """Add columns to `$df` now and to new rows later (`new_rows_source`).

    Args:
        sketch: The notebook.
        stage: Where the cell goes.
        lines: Sources with `{d}` for the frame.
        before: Source that is run once, ahead of the lines (statistics of the frame, a function).
        evidence: Whether the cell shows a facet of the current dimension.
        history: Whether the lines need earlier rows with the target (lags, windows).
    """
    asked = [fill(sketch, line).replace("{d}", "$df") for line in lines]
    source = "\n".join([*([fill(sketch, before)] if before else []), *asked])
    sketch.code(stage, source, source if evidence else ())
    sketch.state.setdefault("new_steps", []).extend(fill(sketch, line) for line in lines)
    sketch.state["needs_history"] = sketch.state.get("needs_history", False) or history


def new_rows_source(sketch: Sketch) -> str:
    """Source that reads the new rows and gives them the columns that `$features` names."""
    case, steps = sketch.case, sketch.state.get("new_steps", [])
    sketch.need("import pandas as pd")
    dates = f', parse_dates=["{case.time_index}"]' if case.time_index else ""
    lines = [f'$new = pd.read_csv("{case.new_file}"{dates})']
    history = sketch.state.get("needs_history", False)
    if history:
        lines.append("n_new = len($new)")
        lines.append("$new = pd.concat([$df, $new], ignore_index=True)")
    lines += [str(step).replace("{d}", "$new") for step in steps]
    if history:
        lines.append("$new = $new.tail(n_new).copy()")
    return "\n".join(lines)
