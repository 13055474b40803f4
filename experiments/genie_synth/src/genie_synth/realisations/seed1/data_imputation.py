"""Missing values as the authors of the development corpus treat them."""

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
        "mean_where_whole_frame",
        in_frame(
            'average = $df["«gap»"].mean()\n'
            '$df["«gap»"] = $df["«gap»"].where($df["«gap»"].notna(), average)\n'
            'print(f"filled with {average:.2f}")'
        ),
        method="mean",
        **FULL,
    ),
    entry(
        "neighbours_whole_frame",
        in_frame(
            "measured = «numeric»\n"
            "filler = KNNImputer(n_neighbors=7)\n"
            "$df[measured] = filler.fit_transform($df[measured])",
            KNN,
        ),
        method="knn",
        **FULL,
    ),
    entry(
        "group_mean_whole_frame",
        in_frame(
            '$df["«gap»"] = $df.groupby("«group»")["«gap»"].transform(\n'
            "    lambda part: part.fillna(part.mean())\n"
            ")"
        ),
        grouped,
        method="group_median",
        **FULL,
    ),
    entry(
        "constant_zero_imputer",
        in_frame(
            'filler = SimpleImputer(strategy="constant", fill_value=0.0)\n'
            '$df["«gap»"] = filler.fit_transform($df[["«gap»"]])[:, 0]',
            SIMPLE,
        ),
        method="zero",
    ),
    entry(
        "sentinel_mask",
        in_frame(
            'unknown = $df["«gap»"].isna()\n$df.loc[unknown, "«gap»"] = -1\n'
            "print(unknown.sum(), 'values set')",
        ),
        method="sentinel",
    ),
    entry(
        "notna_filter_many",
        dropping(
            'complete = $df["«gap»"].notna()\n$df = $df[complete].reset_index(drop=True)\n'
            'print(f"{complete.mean():.1%} of the rows remain")',
            [
                "$df = $df[complete].reset_index(drop=True)",
                'print(f"{complete.mean():.1%} of the rows remain")',
            ],
        ),
        many,
        method="drop_rows",
        dropped_share=0.1,
    ),
    entry(
        "target_mean_filled",
        target_filled(
            '$df["«target»"] = $df["«target»"].where(\n'
            '    $df["«target»"].notna(), $df["«target»"].mean()\n'
            ")",
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
        "train_mean_loop",
        beside(
            "filled = []\n"
            "for part in ($X_train, $X_test):\n"
            '    values = part["«gap»"].fillna($X_train["«gap»"].mean())\n'
            "    filled.append(part.assign(«gap»=values))\n"
            "$X_train, $X_test = filled"
        ),
        method="mean",
        **TRAIN,
    ),
    entry(
        "train_neighbours_beside",
        beside(
            "measured = «numeric»\n"
            "filler = KNNImputer(n_neighbors=7).fit($X_train[measured])\n"
            "$X_train, $X_test = $X_train.copy(), $X_test.copy()\n"
            "$X_train[measured] = filler.transform($X_train[measured])\n"
            "$X_test[measured] = filler.transform($X_test[measured])",
            KNN,
        ),
        method="knn",
        **TRAIN,
    ),
    entry(
        "mean_step_bare",
        step('filler = SimpleImputer(strategy="mean")', "filler", SIMPLE),
        method="mean",
        in_pipeline=True,
        **TRAIN,
    ),
    entry(
        "weighted_neighbour_step_bare",
        step('filler = KNNImputer(n_neighbors=8, weights="distance")', "filler", KNN),
        method="knn",
        in_pipeline=True,
        **TRAIN,
    ),
    entry(
        "mean_step_with_mark",
        step(
            "# learned from the training part only; a second column marks what was missing\n"
            'filler = SimpleImputer(strategy="mean", add_indicator=True)',
            "filler",
            SIMPLE,
        ),
        method="mean",
        in_pipeline=True,
        indicator=True,
        **TRAIN,
    ),
    entry(
        "mark_column_and_neighbour_step",
        step(
            "filler = KNNImputer(n_neighbors=8)  # goes into the pipeline",
            "filler",
            KNN,
            indicator_column='{d}["no_«gap»"] = {d}["«gap»"].isna().astype(float)',
        ),
        method="knn",
        in_pipeline=True,
        indicator=True,
        **TRAIN,
    ),
    entry(
        "drop_few_counted",
        dropping(
            "incomplete = $df.isna().any(axis=1)\n"
            'print(f"{incomplete.mean():.2%} of the rows are incomplete and left out")\n'
            "$df = $df[~incomplete].reset_index(drop=True)",
            [
                'print(f"{incomplete.mean():.2%} of the rows are incomplete and left out")\n'
                "$df = $df[~incomplete].reset_index(drop=True)"
            ],
        ),
        few,
        method="drop_rows",
        dropped_share=0.008,
    ),
    entry(
        "last_reading_carried",
        in_frame(
            '$df = $df.set_index("«stamp»").sort_index()\n'
            '$df["«gap»"] = $df["«gap»"].ffill()\n'
            "$df = $df.reset_index()"
        ),
        series,
        method="forward_fill",
    ),
    entry(
        "median_step_with_mark",
        step(
            'filler = SimpleImputer(strategy="median", add_indicator=True)\nfiller.get_params()',
            "filler",
            SIMPLE,
        ),
        method="median",
        in_pipeline=True,
        indicator=True,
        **TRAIN,
    ),
)
