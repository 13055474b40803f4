"""The regression and forecasting cases of the reported corpus (seed 0)."""

from __future__ import annotations

from genie_synth.frames.seed0 import quantities, series
from genie_synth.sketch.case import Case

__all__ = ["CASES"]

CASES = (
    Case(
        case_id="flat-rents",
        corpus=0,
        prompt=(
            "We run a rental portal. Estimate the monthly rent of a flat from flats.csv, and"
            " suggest an asking rent for each of the flats in flats_new.csv."
        ),
        domain="real estate",
        task="regression",
        target="rent_eur",
        numeric=("area_m2", "rooms", "floor", "distance_centre_km", "year_built"),
        nominal=("district", "heating"),
        file="flats.csv",
        frame=quantities.flats,
        id_column="listing_id",
        missing={"year_built": "owners of old houses often do not know the year"},
        new_rows=quantities.flats_new,
        new_file="flats_new.csv",
        facts={
            "entity": "flat",
            "entities": "flats",
            "outcome": "suggested rent",
            "unit": "EUR",
            "gaps": "many",
            "group": "district",
            "domain": (
                (
                    "m2_per_room",
                    '{d}["area_m2"] / {d}["rooms"]',
                    "Large rooms are what tenants pay for, so I use the area of a room.",
                ),
                (
                    "walkable",
                    '({d}["distance_centre_km"] < 1.5).astype(int)',
                    "Up to a mile from the centre people walk, and the rent shows it.",
                ),
            ),
        },
    ),
    Case(
        case_id="used-cars",
        corpus=0,
        prompt=(
            "cars.csv lists used cars we sold. Predict the price of a car and give me a price for"
            " every trade-in of this week (cars_incoming.csv). Keep it simple: no MLflow or other"
            " tracking needed."
        ),
        domain="automotive",
        task="regression",
        target="price_eur",
        numeric=("age_years", "power_kw", "n_owners", "mileage_km"),
        nominal=("brand", "fuel", "gearbox"),
        file="cars.csv",
        frame=quantities.cars,
        id_column="car_id",
        missing={
            "mileage_km": "a few records lack the reading",
            "price_eur": "a few sales were never entered",
        },
        new_rows=quantities.cars_incoming,
        new_file="cars_incoming.csv",
        rules_out_tracking=True,
        facts={
            "entity": "car",
            "entities": "trade-ins",
            "outcome": "suggested price",
            "unit": "EUR",
            "gaps": "few",
            "group": "brand",
            "domain": (
                (
                    "power_per_year",
                    '{d}["power_kw"] / ({d}["age_years"] + 1)',
                    "Power keeps its price in young cars only, so it is set against the age.",
                ),
                (
                    "nearly_new",
                    '({d}["age_years"] < 1.5).astype(int)',
                    "The first year costs the most, so nearly new cars get a flag.",
                ),
            ),
        },
    ),
    Case(
        case_id="diabetes-progression",
        corpus=0,
        prompt=(
            "Using diabetes.csv, model disease progression one year after baseline from the"
            " clinical measurements. We want to know how close such a model gets before we plan a"
            " study around it."
        ),
        domain="medicine",
        task="regression",
        target="progression",
        numeric=(
            *("age", "bmi", "blood_pressure", "total_chol", "ldl", "hdl", "chol_ratio"),
            *("log_triglycerides", "glucose"),
        ),
        nominal=("sex",),
        file="diabetes.csv",
        frame=quantities.diabetes,
        id_column="patient_id",
        facts={
            "entity": "patient",
            "entities": "patients",
            "outcome": "expected progression",
            "unit": "points",
            "gaps": "",
            "group": "sex",
            "domain": (
                (
                    "ldl_hdl_ratio",
                    '{d}["ldl"] / {d}["hdl"]',
                    "Clinicians read the two cholesterols as a ratio.",
                ),
                (
                    "bmi_pressure",
                    '{d}["bmi"] * {d}["blood_pressure"] / 100',
                    "Overweight and high pressure together are worse than either.",
                ),
            ),
        },
    ),
    Case(
        case_id="energy-demand",
        corpus=0,
        prompt=(
            "Forecast our daily electricity demand. demand.csv has three years of history with"
            " weather; demand_week.csv has the weather forecast for the next seven days, for which"
            " we must buy energy. What demand should we plan for on each day?"
        ),
        domain="energy",
        task="forecasting",
        target="demand_mwh",
        numeric=("temperature_c", "wind_ms"),
        nominal=("day_type",),
        file="demand.csv",
        frame=series.demand,
        time_index="date",
        missing={"temperature_c": "the weather station fails for days"},
        new_rows=series.demand_week,
        new_file="demand_week.csv",
        facts={
            "entity": "day",
            "entities": "days",
            "outcome": "expected demand",
            "unit": "MWh",
            "gaps": "many",
            "group": "day_type",
            "season": 7,
            "domain": (
                (
                    "winter_month",
                    '{d}["date"].dt.month.isin([11, 12, 1, 2]).astype(int)',
                    "People heat from November to February, so those months get a flag.",
                ),
                (
                    "off_day",
                    '({d}["day_type"] != "workday").astype(int)',
                    "Offices and plants stand still on weekends and holidays.",
                ),
            ),
        },
    ),
    Case(
        case_id="bakery-sales",
        corpus=0,
        prompt=(
            "I own a bakery and bake too much or too little. bakery.csv has the loaves sold per day"
            " for two years (zero when closed). How many loaves should I bake on each day of next"
            " week, see bakery_week.csv?"
        ),
        domain="retail",
        task="forecasting",
        target="loaves_sold",
        numeric=("promo", "rain_mm", "temperature_c"),
        nominal=("day_type",),
        file="bakery.csv",
        frame=series.bakery,
        time_index="date",
        new_rows=series.bakery_week,
        new_file="bakery_week.csv",
        facts={
            "entity": "day",
            "entities": "days",
            "outcome": "baking plan",
            "unit": "loaves",
            "gaps": "",
            "zeros": True,
            "group": "day_type",
            "season": 7,
            "domain": (
                (
                    "wet_day",
                    '({d}["rain_mm"] > 2).astype(int)',
                    "When it rains properly, people do not stop at the shop.",
                ),
                (
                    "month_start",
                    '({d}["date"].dt.day <= 5).astype(int)',
                    "Sales go up when wages have been paid.",
                ),
            ),
        },
    ),
    Case(
        case_id="unemployment-rate",
        corpus=0,
        prompt=(
            "unemployment.csv holds quarterly US macro data. Model the unemployment rate from its"
            " own past and the other indicators, and report how far off such a forecast would have"
            " been in the most recent years."
        ),
        domain="economics",
        task="forecasting",
        target="unemployment_pct",
        numeric=("gdp_growth_pct", "inflation_pct", "tbill_rate_pct", "real_rate_pct"),
        nominal=(),
        file="unemployment.csv",
        frame=series.unemployment,
        time_index="quarter",
        facts={
            "entity": "quarter",
            "entities": "quarters",
            "outcome": "expected unemployment rate",
            "unit": "points",
            "gaps": "",
            "group": "",
            "season": 4,
            "domain": (
                (
                    "shrinking",
                    '({d}["gdp_growth_pct"].shift(1) < 0).astype(int)',
                    "A quarter of falling output costs jobs in the next one.",
                ),
                (
                    "rate_change",
                    '{d}["tbill_rate_pct"].shift(1) - {d}["tbill_rate_pct"].shift(2)',
                    "Rising short rates slow hiring, so I use last quarter's change.",
                ),
            ),
        },
    ),
)
