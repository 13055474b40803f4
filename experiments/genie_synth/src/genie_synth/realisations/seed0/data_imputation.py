"""Missing values as the authors of the reported corpus treat them."""

from __future__ import annotations

from genie_synth.realisations.parts.data_imputation import (
    FULL,
    KNN,
    SIMPLE,
    TRAIN,
    beside,
    dropping,
    entry,
    few,
    grouped,
    in_frame,
    many,
    no_target,
    series,
    step,
    target_filled,
)

__all__ = ["REALISATIONS"]


REALISATIONS = (
    entry(
        "median_fillna_whole_frame",
        in_frame('$df["«gap»"] = $df["«gap»"].fillna($df["«gap»"].median())'),
        method="median",
        **FULL,
    ),
    entry(
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
        "zero_fillna",
        in_frame('$df["«gap»"] = $df["«gap»"].fillna(0)\n$df["«gap»"].isna().sum()'),
        method="zero",
    ),
    entry(
        "sentinel_replace",
        in_frame(
            '$df = $df.fillna({"«gap»": -999})\nprint($df["«gap»"].isna().sum(), "missing left")'
        ),
        method="sentinel",
    ),
    entry(
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
        "neighbour_step_plain",
        step("imputer = KNNImputer(n_neighbors=5)", "imputer", KNN),
        method="knn",
        in_pipeline=True,
        **TRAIN,
    ),
    entry(
        "median_step_indicator",
        step('imputer = SimpleImputer(strategy="median", add_indicator=True)', "imputer", SIMPLE),
        method="median",
        in_pipeline=True,
        indicator=True,
        **TRAIN,
    ),
    entry(
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
        "forward_fill_sorted",
        in_frame('$df = $df.sort_values("«stamp»")\n$df["«gap»"] = $df["«gap»"].ffill()'),
        series,
        method="forward_fill",
    ),
    entry(
        "neighbour_step_indicator",
        step("imputer = KNNImputer(n_neighbors=5, add_indicator=True)", "imputer", KNN),
        method="knn",
        in_pipeline=True,
        indicator=True,
        **TRAIN,
    ),
)
