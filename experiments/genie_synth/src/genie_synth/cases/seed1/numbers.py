"""The regression and forecasting cases of the development corpus (seed 1)."""

from __future__ import annotations

from genie_synth.frames.seed1 import works
from genie_synth.sketch.case import Case

__all__ = ["CASES"]

CASES = (
    Case(
        case_id="parcel-times",
        corpus=1,
        prompt=(
            "Customers ask when their parcel arrives. Learn the hours from pickup to door from"
            " parcels.csv, and give an estimate for each parcel loaded this morning"
            " (parcels_van.csv)."
        ),
        domain="logistics",
        task="regression",
        target="hours_to_door",
        numeric=("distance_km", "stops_before", "pickup_hour", "rain_mm", "weight_kg"),
        nominal=("depot", "service"),
        file="parcels.csv",
        frame=works.parcels,
        id_column="parcel_id",
        missing={
            "weight_kg": "a few parcels were not weighed",
            "hours_to_door": "a few never got a door scan",
        },
        new_rows=works.parcels_van,
        new_file="parcels_van.csv",
        facts={
            "entity": "parcel",
            "entities": "parcels",
            "outcome": "expected time to the door",
            "unit": "hours",
            "gaps": "few",
            "group": "depot",
            "domain": (
                (
                    "km_per_stop",
                    '{d}["distance_km"] / ({d}["stops_before"] + 1)',
                    "A dense round is slow per kilometre, so distance is set against stops.",
                ),
                (
                    "after_cutoff",
                    '({d}["pickup_hour"] >= 16).astype(int)',
                    "What is picked up after 16:00 misses the evening line-haul.",
                ),
            ),
        },
    ),
    Case(
        case_id="motor-claims",
        corpus=1,
        prompt=(
            "Our actuaries want the expected yearly claim cost per motor policy. policies.csv has"
            " last year's costs (zero for most good drivers); price the renewals in"
            " policies_renewal.csv."
        ),
        domain="insurance",
        task="regression",
        target="claim_cost_eur",
        numeric=("age", "bonus_class", "vehicle_value_k", "annual_km"),
        nominal=("region", "vehicle"),
        file="policies.csv",
        frame=works.policies,
        id_column="policy_id",
        missing={"annual_km": "older customers skip the question"},
        new_rows=works.policies_renewal,
        new_file="policies_renewal.csv",
        facts={
            "entity": "policy",
            "entities": "policies",
            "outcome": "expected claim cost",
            "unit": "EUR",
            "gaps": "many",
            "zeros": True,
            "group": "region",
            "domain": (
                (
                    "young_driver",
                    '({d}["age"] < 26).astype(int)',
                    "Tariffs have a surcharge up to 25, the model gets the same step.",
                ),
                (
                    "value_per_class",
                    '{d}["vehicle_value_k"] / ({d}["bonus_class"] + 1)',
                    "An expensive car without a bonus history is the costly combination.",
                ),
            ),
        },
    ),
    Case(
        case_id="concrete-strength",
        corpus=1,
        prompt=(
            "mixes.csv has test results of concrete mixes. Can compressive strength be predicted"
            " from the recipe, and how precisely? This is a quick feasibility check, do not set up"
            " any experiment tracking."
        ),
        domain="civil engineering",
        task="regression",
        target="strength_mpa",
        numeric=("cement_kg", "slag_kg", "water_kg", "plasticiser_kg", "age_days"),
        nominal=("binder", "curing"),
        file="mixes.csv",
        frame=works.mixes,
        id_column="mix_id",
        rules_out_tracking=True,
        facts={
            "entity": "mix",
            "entities": "mixes",
            "outcome": "expected strength",
            "unit": "MPa",
            "gaps": "",
            "group": "binder",
            "domain": (
                (
                    "water_cement",
                    '{d}["water_kg"] / {d}["cement_kg"]',
                    "Every handbook explains strength by the water-cement ratio.",
                ),
                (
                    "mature",
                    '({d}["age_days"] >= 28).astype(int)',
                    "After 28 days concrete counts as cured.",
                ),
            ),
        },
    ),
    Case(
        case_id="service-calls",
        corpus=1,
        prompt=(
            "Plan our service desk: calls.csv has two years of daily calls (none on public"
            " holidays). How many calls will come in on each day of calls_week.csv?"
        ),
        domain="customer service",
        task="forecasting",
        target="n_calls",
        numeric=("campaign", "open_tickets", "invoices_sent"),
        nominal=("day_kind",),
        file="calls.csv",
        frame=works.calls,
        time_index="day",
        new_rows=works.calls_week,
        new_file="calls_week.csv",
        facts={
            "entity": "day",
            "entities": "days",
            "outcome": "expected load",
            "unit": "calls",
            "gaps": "",
            "zeros": True,
            "group": "day_kind",
            "season": 7,
            "domain": (
                (
                    "invoice_days",
                    '({d}["day"].dt.day <= 5).astype(int)',
                    "Invoices go out in the first days of a month, and people call about them.",
                ),
                (
                    "busy_campaign",
                    '{d}["campaign"] * {d}["open_tickets"]',
                    "A campaign on top of a backlog is when the phones do not stop.",
                ),
            ),
        },
    ),
    Case(
        case_id="reservoir-inflow",
        corpus=1,
        prompt=(
            "river.csv records three years of daily inflow to our reservoir with rain, snow and"
            " temperature. Forecast the inflow for the days in river_week.csv so that we can set"
            " the gates."
        ),
        domain="hydrology",
        task="forecasting",
        target="inflow_m3s",
        numeric=("temperature_c", "snow_cm", "rain_mm"),
        nominal=("season",),
        file="river.csv",
        frame=works.river,
        time_index="date",
        missing={"rain_mm": "the gauge freezes and clogs"},
        new_rows=works.river_week,
        new_file="river_week.csv",
        facts={
            "entity": "day",
            "entities": "days",
            "outcome": "expected inflow",
            "unit": "m3/s",
            "gaps": "many",
            "group": "season",
            "season": 7,
            "domain": (
                (
                    "melt",
                    '{d}["temperature_c"].clip(lower=0) * ({d}["snow_cm"] > 0)',
                    "Snow feeds the river only when it thaws: degrees above zero on snow.",
                ),
                (
                    "hard_frost",
                    '({d}["temperature_c"] < -5).astype(int)',
                    "In hard frost the upper brooks stop running.",
                ),
            ),
        },
    ),
    Case(
        case_id="carbon-dioxide",
        corpus=1,
        prompt=(
            "carbon.csv is the monthly CO2 record of Mauna Loa. Build a forecasting model for the"
            " concentration and show how well it would have done on the most recent years."
        ),
        domain="climate",
        task="forecasting",
        target="co2_ppm",
        numeric=("n_flasks", "month_number"),
        nominal=("season",),
        file="carbon.csv",
        frame=works.carbon,
        time_index="month",
        facts={
            "entity": "month",
            "entities": "months",
            "outcome": "expected concentration",
            "unit": "ppm",
            "gaps": "",
            "group": "season",
            "season": 12,
            "domain": (
                (
                    "growing_season",
                    '{d}["month"].dt.month.between(5, 9).astype(int)',
                    "Northern plants take up CO2 from May to September.",
                ),
                (
                    "years_since_start",
                    '({d}["month"] - {d}["month"].min()).dt.days / 365.25',
                    "Emissions push the level up year after year, hence a clock.",
                ),
            ),
        },
    ),
)
