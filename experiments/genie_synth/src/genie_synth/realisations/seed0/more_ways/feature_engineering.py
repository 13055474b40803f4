"""More recipes of the reported corpus: other scalers, encoders, functions, and leaks."""

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

DENSE = '.rank(method="dense").astype(int)'


REALISATIONS = (
    # --- sound
    entry("robust_linear_with_domain", Recipe("linear", scaler="RobustScaler")),
    entry("function_tree_with_domain", Recipe("tree", as_function=True, named=False)),
    entry("function_linear_with_domain", Recipe("linear", as_function=True)),
    entry(
        "rates_from_training_tree",
        Recipe("tree", encoding="target_train", scaler=""),
        has_nominal,
    ),
    entry(
        "rates_from_training_linear",
        Recipe("linear", encoding="target_train", as_function=True),
        has_nominal,
    ),
    entry("maxabs_neighbours_with_domain", Recipe("distance", scaler="MaxAbsScaler")),
    entry(
        "ordinal_tree_function",
        Recipe("tree", encoding="ordinal", scaler="", as_function=True, named=False),
        has_nominal,
    ),
    # --- average
    entry("neighbours_plain_columns", Recipe("distance", domain=False)),
    entry(
        "ordinal_tree_plain_columns",
        Recipe("tree", encoding="ordinal", scaler="", domain=False),
        has_nominal,
    ),
    entry(
        "rates_from_training_plain_columns",
        Recipe("linear", encoding="target_train", domain=False, named=False),
        has_nominal,
    ),
    entry("unscaled_linear_function", Recipe("linear", scaler="", as_function=True)),
    entry(
        "number_kept_neighbours",
        Recipe("distance", extra=keep_id(DENSE), scaler="RobustScaler"),
        has_id,
        identifier_kept=True,
    ),
    entry("robust_linear_plain_columns", Recipe("linear", scaler="RobustScaler", domain=False)),
    # --- harmful
    entry(
        "rank_kept_tree",
        Recipe("tree", extra=keep_id(DENSE), named=False, show_prep=False),
        has_id,
        identifier_kept=True,
    ),
    entry(
        "ordinal_neighbours_with_domain",
        Recipe("distance", encoding="ordinal", scaler="MinMaxScaler"),
        has_nominal,
    ),
    entry(
        "group_usual_all_rows",
        Recipe(
            "tree",
            extra=aggregates(
                'usual = $df.groupby("«group»")["«target»"].mean().round(3)',
                '{d}["«group»_usual"] = {d}["«group»"].map(usual)',
                "«group»_usual",
            ),
            as_function=True,
            show_prep=False,
        ),
        has_nominal,
        encoding="aggregate_all_rows",
    ),
    entry(
        "smoothed_rate_all_rows",
        Recipe(
            "linear",
            extra=all_rows_rate(
                'stats_by = $df.groupby("«group»")["«target»"].agg(["sum", "count"])\n'
                'smooth = (stats_by["sum"] + 20 * $df["«target»"].mean())'
                ' / (stats_by["count"] + 20)',
                '{d}["«group»_rate"] = {d}["«group»"].map(smooth)',
                "«group»_rate",
            ),
            named=False,
            show_prep=False,
        ),
        has_nominal,
        encoding="target_all_rows",
    ),
    entry(
        "next_value",
        Recipe(
            "linear",
            extra=future_window(
                '{d}["trend_3"] = {d}["«target»"].shift(-1).ffill().rolling(3).mean().bfill()',
                "trend_3",
            ),
            show_prep=False,
        ),
        is_series,
        sees_future=True,
    ),
    entry(
        "deviation_from_whole_mean",
        Recipe(
            "distance",
            extra=future_window(
                '{d}["from_mean"] = {d}["«lag»"] - {d}["«target»"].mean()',
                "from_mean",
            ),
            scaler="MinMaxScaler",
            show_prep=False,
        ),
        is_series,
        sees_future=True,
    ),
)
