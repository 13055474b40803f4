"""Missing values: filled before or after the split, in or beside the pipeline, or dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from memalign_bench.corpus.sketch import Case, Realisation, Sketch
from memalign_bench.corpus.writing import add_columns, fill, gap_column, put

__all__ = [
    "FULL",
    "KNN",
    "REALISATIONS",
    "SIMPLE",
    "TRAIN",
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


def entry(corpus: int, name: str, write: Write, suits: Suits = gaps, **facets: Any) -> Realisation:
    """A realisation of data_imputation; the keywords are its facets."""
    return Realisation(name, "data_imputation", corpus, facets, write, suits)


SIMPLE = "from sklearn.impute import SimpleImputer"
KNN = "from sklearn.impute import KNNImputer"

REALISATIONS = (
    entry(
        0,
        "median_fillna_whole_frame",
        in_frame('$df["«gap»"] = $df["«gap»"].fillna($df["«gap»"].median())'),
        method="median",
        **FULL,
    ),
    entry(
        0,
        "mean_imputer_whole_frame",
        in_frame(
            'imputer = SimpleImputer(strategy="mean")\n'
            '$df[["«gap»"]] = imputer.fit_transform($df[["«gap»"]])',
            SIMPLE,
        ),
        method="mean",
        **FULL,
    ),
    entry(
        0,
        "group_median_whole_frame",
        in_frame(
            'typical = $df.groupby("«group»")["«gap»"].transform("median")\n'
            '$df["«gap»"] = $df["«gap»"].fillna(typical)',
            note="Where «gap» is missing I take what is typical for the same «group».",
        ),
        grouped,
        method="group_median",
        **FULL,
    ),
    entry(
        0,
        "zero_fillna",
        in_frame('$df["«gap»"] = $df["«gap»"].fillna(0)\n$df["«gap»"].isna().sum()'),
        method="zero",
    ),
    entry(
        0,
        "sentinel_replace",
        in_frame(
            '$df = $df.fillna({"«gap»": -999})\nprint($df["«gap»"].isna().sum(), "missing left")'
        ),
        method="sentinel",
    ),
    entry(
        0,
        "dropna_many",
        dropping(
            "$df = $df.dropna().reset_index(drop=True)\nprint(len($df))",
            ["$df = $df.dropna().reset_index(drop=True)"],
        ),
        many,
        method="drop_rows",
        dropped_share=0.1,
    ),
    entry(
        0,
        "target_fillna_median",
        target_filled(
            '$df["«target»"] = $df["«target»"].fillna($df["«target»"].median())',
            'imputer = SimpleImputer(strategy="median", add_indicator=True)',
        ),
        no_target,
        method="median",
        imputed_target=True,
        indicator=True,
        in_pipeline=True,
        **TRAIN,
    ),
    entry(
        0,
        "train_median_fillna",
        beside(
            'middle = $X_train["«gap»"].median()\n'
            "$X_train, $X_test = $X_train.copy(), $X_test.copy()\n"
            '$X_train["«gap»"] = $X_train["«gap»"].fillna(middle)\n'
            '$X_test["«gap»"] = $X_test["«gap»"].fillna(middle)'
        ),
        method="median",
        **TRAIN,
    ),
    entry(
        0,
        "train_mean_imputer",
        beside(
            'imputer = SimpleImputer(strategy="mean").fit($X_train[["«gap»"]])\n'
            '$X_train = $X_train.assign(«gap»=imputer.transform($X_train[["«gap»"]])[:, 0])\n'
            '$X_test = $X_test.assign(«gap»=imputer.transform($X_test[["«gap»"]])[:, 0])',
            SIMPLE,
        ),
        method="mean",
        **TRAIN,
    ),
    entry(
        0,
        "median_step_plain",
        step(
            'imputer = SimpleImputer(strategy="median")  # fitted with the model',
            "imputer",
            SIMPLE,
        ),
        method="median",
        in_pipeline=True,
        **TRAIN,
    ),
    entry(
        0,
        "neighbour_step_plain",
        step("imputer = KNNImputer(n_neighbors=5)", "imputer", KNN),
        method="knn",
        in_pipeline=True,
        **TRAIN,
    ),
    entry(
        0,
        "median_step_indicator",
        step('imputer = SimpleImputer(strategy="median", add_indicator=True)', "imputer", SIMPLE),
        method="median",
        in_pipeline=True,
        indicator=True,
        **TRAIN,
    ),
    entry(
        0,
        "flag_column_and_mean_step",
        step(
            'imputer = SimpleImputer(strategy="mean")  # first step of the pipeline below',
            "imputer",
            SIMPLE,
            indicator_column='{d}["«gap»_unknown"] = {d}["«gap»"].isna().astype(int)',
        ),
        method="mean",
        in_pipeline=True,
        indicator=True,
        **TRAIN,
    ),
    entry(
        0,
        "dropna_few",
        dropping(
            "before = len($df)\n$df = $df.dropna(subset=$df.columns).reset_index(drop=True)\n"
            'print(f"{before - len($df)} of {before} rows dropped")',
            [
                "$df = $df.dropna(subset=$df.columns).reset_index(drop=True)",
                'print(f"{before - len($df)} of {before} rows dropped")',
            ],
        ),
        few,
        method="drop_rows",
        dropped_share=0.008,
    ),
    entry(
        0,
        "forward_fill_sorted",
        in_frame('$df = $df.sort_values("«stamp»")\n$df["«gap»"] = $df["«gap»"].ffill()'),
        series,
        method="forward_fill",
    ),
    entry(
        0,
        "neighbour_step_indicator",
        step("imputer = KNNImputer(n_neighbors=5, add_indicator=True)", "imputer", KNN),
        method="knn",
        in_pipeline=True,
        indicator=True,
        **TRAIN,
    ),
)
