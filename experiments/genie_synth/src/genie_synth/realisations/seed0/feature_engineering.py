"""Features as the authors of the reported corpus make them."""

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

NUMBER = '.str.extract(r"(\\d+)", expand=False).astype(int)'


REALISATIONS = (
    entry("onehot_scaled_tree_with_domain", Recipe("tree")),
    entry("onehot_scaled_linear_with_domain", Recipe("linear", named=False)),
    entry(
        "ordinal_tree_with_domain",
        Recipe("tree", encoding="ordinal", scaler=""),
        has_nominal,
    ),
    entry("minmax_neighbours_with_domain", Recipe("distance", scaler="MinMaxScaler")),
    entry("onehot_tree_plain_columns", Recipe("tree", domain=False, named=False)),
    entry("onehot_linear_plain_columns", Recipe("linear", domain=False)),
    entry("unscaled_linear_with_domain", Recipe("linear", scaler="")),
    entry("unscaled_neighbours_with_domain", Recipe("distance", scaler="", named=False)),
    entry(
        "number_kept_linear",
        Recipe("linear", extra=keep_id(NUMBER)),
        has_id,
        identifier_kept=True,
    ),
    entry(
        "number_kept_tree",
        Recipe("tree", extra=keep_id(NUMBER), show_prep=False),
        has_id,
        identifier_kept=True,
    ),
    entry(
        "ordinal_linear_with_domain",
        Recipe("linear", encoding="ordinal"),
        has_nominal,
    ),
    entry(
        "group_rate_all_rows",
        Recipe(
            "tree",
            extra=all_rows_rate(
                'rate = $df.groupby("«group»")["«target»"].mean()',
                '{d}["«group»_rate"] = {d}["«group»"].map(rate)',
                "«group»_rate",
            ),
            show_prep=False,
        ),
        has_nominal,
        encoding="target_all_rows",
    ),
    entry(
        "group_level_and_spread_all_rows",
        Recipe(
            "linear",
            extra=aggregates(
                'spread = $df.groupby("«group»")["«target»"].agg(["mean", "std"])',
                '{d}["«group»_level"] = {d}["«group»"].map(spread["mean"] - spread["std"])',
                "«group»_level",
            ),
            show_prep=False,
        ),
        has_nominal,
        encoding="aggregate_all_rows",
    ),
    entry(
        "centred_window",
        Recipe(
            "tree",
            extra=future_window(
                '{d}["level_15"] = {d}["«target»"].rolling(15, center=True, min_periods=1).mean()',
                "level_15",
            ),
            show_prep=False,
        ),
        is_series,
        sees_future=True,
    ),
    entry(
        "smoothed_both_ways",
        Recipe(
            "linear",
            extra=future_window(
                '{d}["smooth"] = {d}["«target»"].interpolate().ewm(span=9).mean()[::-1]'
                ".ewm(span=9).mean()[::-1]",
                "smooth",
            ),
            show_prep=False,
        ),
        is_series,
        sees_future=True,
    ),
)
