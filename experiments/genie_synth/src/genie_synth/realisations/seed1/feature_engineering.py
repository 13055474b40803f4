"""Features as the authors of the development corpus make them."""

from __future__ import annotations

from genie_synth.realisations.parts.feature_engineering import (
    Recipe,
    aggregates,
    all_rows_rate,
    entry,
    future_window,
    has_id,
    has_nominal,
    is_series,
    keep_id,
)

__all__ = ["REALISATIONS"]


TARGET_ENCODER = "from sklearn.preprocessing import TargetEncoder"


REALISATIONS = (
    entry(
        "target_encoder_in_pipeline_linear",
        Recipe("linear", encoding="target_train", as_function=True),
        has_nominal,
    ),
    entry(
        "robust_neighbours_function",
        Recipe("distance", scaler="RobustScaler", as_function=True, named=False),
    ),
    entry(
        "target_encoder_in_pipeline_tree",
        Recipe("tree", encoding="target_train", scaler="", as_function=True, named=False),
        has_nominal,
    ),
    entry(
        "quantile_linear_function",
        Recipe("linear", scaler="RobustScaler", as_function=True),
    ),
    entry("scaled_tree_function", Recipe("tree", scaler="RobustScaler", as_function=True)),
    entry(
        "codes_tree_function",
        Recipe("tree", encoding="ordinal", scaler="", as_function=True, named=False),
        has_nominal,
    ),
    entry(
        "target_encoder_plain_columns",
        Recipe("tree", encoding="target_train", domain=False),
        has_nominal,
    ),
    entry("robust_plain_columns", Recipe("linear", scaler="RobustScaler", domain=False)),
    entry(
        "raw_scale_linear_function",
        Recipe("linear", scaler="", as_function=True, named=False),
    ),
    entry("raw_scale_neighbours_function", Recipe("distance", scaler="", as_function=True)),
    entry(
        "digits_kept_neighbours",
        Recipe("distance", as_function=True, extra=keep_id(".str[1:].astype(float)")),
        has_id,
        identifier_kept=True,
    ),
    entry(
        "digits_kept_tree",
        Recipe(
            "tree",
            as_function=True,
            extra=keep_id(".str[1:].astype(float)"),
            show_prep=False,
        ),
        has_id,
        identifier_kept=True,
    ),
    entry(
        "codes_neighbours_function",
        Recipe("distance", encoding="ordinal", as_function=True, named=False),
        has_nominal,
    ),
    entry(
        "target_encoder_all_rows",
        Recipe(
            "linear",
            as_function=True,
            extra=all_rows_rate(
                'encoder = TargetEncoder(target_type="«kind»")\n'
                'encoder.fit($df[["«group»"]], $df["«target»"])',
                '{d}["«group»_encoded"] = encoder.transform({d}[["«group»"]])[:, 0]',
                "«group»_encoded",
                TARGET_ENCODER,
            ),
            show_prep=False,
        ),
        has_nominal,
        encoding="target_all_rows",
    ),
    entry(
        "rank_of_group_all_rows",
        Recipe(
            "tree",
            as_function=True,
            extra=aggregates(
                'order = $df.groupby("«group»")["«target»"].mean().rank()',
                '{d}["«group»_rank"] = {d}["«group»"].map(order)',
                "«group»_rank",
            ),
            show_prep=False,
        ),
        has_nominal,
        encoding="aggregate_all_rows",
    ),
    entry(
        "quarter_mean",
        Recipe(
            "tree",
            as_function=True,
            extra=future_window(
                '{d}["quarter_level"] = {d}.groupby({d}["«stamp»"].dt.to_period("Q"))["«target»"]'
                '.transform("mean")',
                "quarter_level",
            ),
            show_prep=False,
        ),
        is_series,
        sees_future=True,
    ),
)
