"""More ways of treating missing values in the reported corpus, good and bad with the same tools."""

from __future__ import annotations

from genie_synth.realisations.parts.data_imputation import (
    FULL,
    KNN,
    SIMPLE,
    TRAIN,
    Write,
    beside,
    entry,
    grouped,
    in_frame,
    series,
    step,
)
from genie_synth.sketch.sketch import Sketch
from genie_synth.sketch.writing import add_columns, fill

__all__ = ["REALISATIONS"]

NUMPY = "import numpy as np"


def _flagged(write: Write, line: str) -> Write:
    """Mark the gaps in a column of their own first; the column is an input."""

    def both(sketch: Sketch) -> None:
        write(sketch)
        add_columns(sketch, "clean", [line])
        sketch.state["numeric"].append(fill(sketch, line).split('"')[1])

    return both


REALISATIONS = (
    # --- harmful
    entry(
        "mode_fillna_whole_frame",
        in_frame(
            'usual = $df["«gap»"].mode()[0]\n$df["«gap»"] = $df["«gap»"].fillna(usual)\n'
            'print("most frequent:", usual)'
        ),
        method="mode",
        **FULL,
    ),
    entry(
        "np_where_median_whole_frame",
        in_frame(
            'middle = np.nanmedian($df["«gap»"])\n'
            '$df["«gap»"] = np.where($df["«gap»"].isna(), middle, $df["«gap»"])',
            NUMPY,
        ),
        method="median",
        **FULL,
    ),
    entry(
        "draws_from_whole_frame",
        in_frame(
            'seen = $df["«gap»"].dropna()\nempty = $df["«gap»"].isna()\n'
            "drawn = seen.sample(int(empty.sum()), replace=True, random_state=4)\n"
            '$df.loc[empty, "«gap»"] = drawn.to_numpy()'
        ),
        method="mixed",
        **FULL,
    ),
    entry(
        "function_minus_one",
        in_frame(
            'def close_gaps(rows):\n    return rows.fillna({"«gap»": -1})\n\n\n'
            "$df = close_gaps($df)"
        ),
        method="sentinel",
    ),
    entry(
        "zero_step_indicator",
        step(
            'imputer = SimpleImputer(strategy="constant", fill_value=0, add_indicator=True)',
            "imputer",
            SIMPLE,
        ),
        method="zero",
        indicator=True,
        in_pipeline=True,
    ),
    entry(
        "backward_fill_sorted",
        in_frame('$df = $df.sort_values("«stamp»")\n$df["«gap»"] = $df["«gap»"].bfill()'),
        series,
        method="backward_fill",
    ),
    entry(
        "zeros_by_mask",
        in_frame(
            'empty = $df["«gap»"].isna()\n$df.loc[empty, "«gap»"] = 0.0\n'
            'print(int(empty.sum()), "values set")'
        ),
        method="zero",
    ),
    # --- basic
    entry(
        "train_group_median_mapped",
        beside(
            '$X_train, $X_test, kinds = $X_train.copy(), $X_test.copy(), $df["«group»"]\n'
            'typical = $X_train["«gap»"].groupby(kinds.loc[$X_train.index]).median()\n'
            "for part in ($X_train, $X_test):\n"
            "    guess = kinds.loc[part.index].map(typical).fillna(typical.median())\n"
            '    part.loc[:, "«gap»"] = part["«gap»"].fillna(guess)'
        ),
        grouped,
        method="group_median",
        **TRAIN,
    ),
    entry(
        "train_medians_dictionary",
        beside(
            "medians = $X_train[numeric].median().to_dict()\n"
            "$X_train = $X_train.fillna(medians)\n$X_test = $X_test.fillna(medians)"
        ),
        method="median",
        **TRAIN,
    ),
    entry(
        "train_function_fill",
        beside(
            "def filled(part, known):\n"
            '    return part.assign(«gap»=part["«gap»"].fillna(known["«gap»"].mean()))\n\n\n'
            "$X_test = filled($X_test, $X_train)\n$X_train = filled($X_train, $X_train)"
        ),
        method="mean",
        **TRAIN,
    ),
    entry(
        "train_nearest_beside",
        beside(
            "neighbours = KNNImputer(n_neighbors=7).fit($X_train[numeric])\n"
            "$X_train, $X_test = $X_train.copy(), $X_test.copy()\n"
            "$X_train[numeric] = neighbours.transform($X_train[numeric])\n"
            "$X_test[numeric] = neighbours.transform($X_test[numeric])",
            KNN,
        ),
        method="knn",
        **TRAIN,
    ),
    entry(
        "frequent_step_plain",
        step('imputer = SimpleImputer(strategy="most_frequent")', "imputer", SIMPLE),
        method="mode",
        in_pipeline=True,
        **TRAIN,
    ),
    entry(
        "flag_column_and_train_median",
        _flagged(
            beside(
                'middle = $X_train["«gap»"].median()\n'
                '$X_train = $X_train.assign(«gap»=$X_train["«gap»"].fillna(middle))\n'
                '$X_test = $X_test.assign(«gap»=$X_test["«gap»"].fillna(middle))'
            ),
            '{d}["«gap»_missing"] = {d}["«gap»"].isna().astype(int)',
        ),
        method="median",
        indicator=True,
        **TRAIN,
    ),
    # --- sound
    entry(
        "union_of_value_and_flag",
        step(
            "imputer = make_union(\n"
            '    SimpleImputer(strategy="median"), MissingIndicator(error_on_new=False)\n)',
            "imputer",
            SIMPLE,
            "from sklearn.impute import MissingIndicator",
            "from sklearn.pipeline import make_union",
        ),
        method="median",
        in_pipeline=True,
        indicator=True,
        **TRAIN,
    ),
    entry(
        "frequent_step_indicator",
        step(
            'imputer = SimpleImputer(strategy="most_frequent", add_indicator=True)',
            "imputer",
            SIMPLE,
        ),
        method="mode",
        in_pipeline=True,
        indicator=True,
        **TRAIN,
    ),
    entry(
        "mean_step_from_settings",
        step(
            'options = {"strategy": "mean", "add_indicator": True}\n'
            "imputer = SimpleImputer(**options)",
            "imputer",
            SIMPLE,
        ),
        method="mean",
        in_pipeline=True,
        indicator=True,
        **TRAIN,
    ),
    entry(
        "given_column_and_neighbour_step",
        step(
            "imputer = KNNImputer(n_neighbors=9)  # learns from training rows, in the pipeline",
            "imputer",
            KNN,
            indicator_column='{d}["«gap»_given"] = {d}["«gap»"].notna().astype(int)',
        ),
        method="knn",
        in_pipeline=True,
        indicator=True,
        **TRAIN,
    ),
    entry(
        "missing_column_and_median_step",
        step(
            'imputer = SimpleImputer(strategy="median")\nimputer',
            "imputer",
            SIMPLE,
            NUMPY,
            indicator_column='{d}["no_«gap»"] = np.where({d}["«gap»"].isna(), 1, 0)',
        ),
        method="median",
        in_pipeline=True,
        indicator=True,
        **TRAIN,
    ),
    entry(
        "forward_fill_by_index",
        in_frame(
            '$df = $df.set_index("«stamp»").sort_index()\n'
            '$df["«gap»"] = $df["«gap»"].ffill()\n$df = $df.reset_index()'
        ),
        series,
        method="forward_fill",
    ),
)
