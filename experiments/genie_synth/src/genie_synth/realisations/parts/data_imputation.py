"""Missing values: filled before or after the split, in or beside the pipeline, or dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genie_synth.realisations.realisation import Realisation
from genie_synth.sketch.case import Case
from genie_synth.sketch.sketch import Sketch
from genie_synth.sketch.writing import add_columns, fill, gap_column, put

__all__ = [
    "FULL",
    "KNN",
    "SIMPLE",
    "TRAIN",
    "Write",
    "beside",
    "dropping",
    "entry",
    "few",
    "grouped",
    "in_frame",
    "many",
    "no_target",
    "series",
    "step",
    "target_filled",
]

Write = Callable[[Sketch], None]


Suits = Callable[[Case], bool]


TRAIN: Mapping[str, Any] = {"fit_scope": "train"}


FULL: Mapping[str, Any] = {"fit_scope": "full_frame"}


def _tell(sketch: Sketch) -> None:
    """Numbers that a rater could name."""
    column = gap_column(sketch.case)
    n_missing = int(sketch.frame[column].isna().sum())
    rows = int(sketch.frame[[column, sketch.case.target]].isna().any(axis=1).sum())
    sketch.detail(
        column=column,
        n_missing=n_missing,
        n_rows=len(sketch.frame),
        n_dropped=rows,
        share=round(n_missing / len(sketch.frame), 4),
    )


def _labelled_only(sketch: Sketch) -> None:
    """Rows without a target cannot be used: leave them out first."""
    if sketch.case.target in sketch.case.missing:
        put(sketch, "clean", '$df = $df.dropna(subset=["«target»"]).reset_index(drop=True)')


def in_frame(source: str, *imports: str, note: str = "") -> Write:
    """Close the gaps on the whole frame, in the clean stage."""

    def write(sketch: Sketch) -> None:
        _tell(sketch)
        _labelled_only(sketch)
        sketch.need(*imports)
        if note:
            sketch.text("clean", fill(sketch, note))
        put(sketch, "clean", source, "all")
        sketch.state["imputed"] = True

    return write


def dropping(source: str, evidence: Sequence[str]) -> Write:
    """Drop rows with gaps, target included."""

    def write(sketch: Sketch) -> None:
        _tell(sketch)
        put(sketch, "clean", source, evidence)
        sketch.state["imputed"] = True
        case = sketch.case
        columns = [*case.numeric, *case.nominal, case.target]
        share = float(sketch.frame[columns].isna().any(axis=1).mean())
        sketch.fact(dropped_share=round(share, 4))

    return write


def beside(source: str, *imports: str) -> Write:
    """Fit on the training rows after the split, outside the pipeline."""

    def write(sketch: Sketch) -> None:
        _tell(sketch)
        _labelled_only(sketch)
        sketch.need(*imports)
        put(sketch, "prepare", source, "all")
        sketch.state["imputed"] = True

    return write


def step(source: str, name: str, *imports: str, indicator_column: str = "") -> Write:
    """A step of the pipeline; `name` is the variable that holds it."""

    def write(sketch: Sketch) -> None:
        _tell(sketch)
        _labelled_only(sketch)
        sketch.need(*imports)
        if indicator_column:
            add_columns(sketch, "clean", [indicator_column])
            column = fill(sketch, indicator_column).split('"')[1]
            sketch.state["numeric"].append(column)
        put(sketch, "prepare", source, "all")
        sketch.state["impute_step"] = name

    return write


def target_filled(source: str, step: str) -> Write:
    """Fill the target as if it were an input; the input's gap is closed in the pipeline."""

    def write(sketch: Sketch) -> None:
        _tell(sketch)
        sketch.detail(column=sketch.case.target)
        put(sketch, "clean", source, "all")
        sketch.need("from sklearn.impute import SimpleImputer")
        put(sketch, "prepare", step)
        sketch.state["impute_step"] = "imputer"

    return write


def many(case: Case) -> bool:
    """Whether over 5 % of the rows have gaps."""
    return str(case.facts["gaps"]) == "many"


def few(case: Case) -> bool:
    """Whether under 1 % of the rows have gaps."""
    return str(case.facts["gaps"]) == "few"


def series(case: Case) -> bool:
    """Whether a time series has gaps."""
    return gaps(case) and case.time_index is not None


def gaps(case: Case) -> bool:
    """Whether an input has gaps."""
    return bool(gap_column(case))


def grouped(case: Case) -> bool:
    """Whether there are gaps and a nominal column to group by."""
    return gaps(case) and bool(case.facts["group"])


def no_target(case: Case) -> bool:
    """Whether some targets are missing."""
    return case.target in case.missing


def entry(name: str, write: Write, suits: Suits = gaps, **facets: Any) -> Realisation:
    """A realisation of data_imputation; the keywords are its facets."""
    return Realisation(name, "data_imputation", facets, write, suits)


SIMPLE = "from sklearn.impute import SimpleImputer"


KNN = "from sklearn.impute import KNNImputer"
