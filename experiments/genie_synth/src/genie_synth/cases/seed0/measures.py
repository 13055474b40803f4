"""Three more regression and four more forecasting cases of the reported corpus (seed 0)."""

from __future__ import annotations

from genie_synth.frames.seed0 import measures
from genie_synth.sketch.case import Case

__all__ = ["CASES"]

CASES = (
    Case(
        case_id="lorry-fuel",
        corpus=0,
        prompt=(
            "Our dispatchers guess the diesel a trip will take. trips.csv has 12,000 trips with"
            " their consumption. Build a model and give an estimate for every trip in"
            " trips_planned.csv."
        ),
        domain="road haulage",
        task="regression",
        target="fuel_l_per_100km",
        numeric=("load_t", "distance_km", "climb_m", "mean_speed_kmh", "outside_c"),
        nominal=("body", "road"),
        file="trips.csv",
        frame=measures.trips,
        id_column="trip_id",
        missing={"load_t": "the scale at one gate was out of order"},
        new_rows=measures.trips_planned,
        new_file="trips_planned.csv",
        facts={
            "entity": "trip",
            "entities": "trips",
            "outcome": "expected consumption",
            "unit": "l/100 km",
            "gaps": "few",
            "group": "body",
            "domain": (
                (
                    "climb_per_km",
                    '{d}["climb_m"] / {d}["distance_km"]',
                    "A thousand metres over ten kilometres cost more than over three hundred.",
                ),
                (
                    "drag",
                    '{d}["mean_speed_kmh"] ** 2 / 100',
                    "Air resistance grows with the square of the speed.",
                ),
            ),
        },
    ),
    Case(
        case_id="transfer-fees",
        corpus=0,
        prompt=(
            "I scout for a football club. players.csv has past transfers with the fee in million"
            " EUR. What would be a fair fee for each of the players in players_window.csv?"
        ),
        domain="sports",
        task="regression",
        target="fee_meur",
        numeric=("age", "minutes", "goals", "contract_years", "caps"),
        nominal=("role", "league"),
        file="players.csv",
        frame=measures.players,
        id_column="player_id",
        new_rows=measures.players_window,
        new_file="players_window.csv",
        facts={
            "entity": "player",
            "entities": "players",
            "outcome": "fair fee",
            "unit": "million EUR",
            "gaps": "",
            "group": "league",
            "domain": (
                (
                    "goals_per_match",
                    '90 * {d}["goals"] / ({d}["minutes"] + 90)',
                    "Goals mean something relative to the minutes played.",
                ),
                (
                    "years_to_peak",
                    '({d}["age"] - 25).abs()',
                    "Clubs pay most around twenty-five, so I use the distance from it.",
                ),
            ),
        },
    ),
    Case(
        case_id="mussel-growth",
        corpus=0,
        prompt=(
            "A student measured 140 mussels on our ropes (mussels.csv). Which conditions go with"
            " growth, and how exactly can growth_mm be explained? It is a small study; there are"
            " no further animals to predict."
        ),
        domain="marine biology",
        task="regression",
        target="growth_mm",
        numeric=("depth_m", "start_mm", "shell_g", "chlorophyll_ug", "days"),
        nominal=("site",),
        file="mussels.csv",
        frame=measures.mussels,
        id_column="mussel_id",
        missing={"shell_g": "some shells broke before they were weighed"},
        facts={
            "entity": "mussel",
            "entities": "mussels",
            "outcome": "expected growth",
            "unit": "mm",
            "gaps": "many",
            "group": "site",
            "domain": (
                (
                    "food_days",
                    '{d}["chlorophyll_ug"] * {d}["days"]',
                    "What an animal could eat is the food times the days it had.",
                ),
                (
                    "young",
                    '({d}["start_mm"] < 22).astype(int)',
                    "Small mussels still grow in length, large ones in weight.",
                ),
            ),
        },
    ),
    Case(
        case_id="bus-ridership",
        corpus=0,
        prompt=(
            "Passengers per day on our town's buses are in ridership.csv. For the duty roster I"
            " need a forecast for the seven days listed in ridership_week.csv, holidays included."
        ),
        domain="public transport",
        task="forecasting",
        target="passengers",
        numeric=("school_term", "rain_mm", "temperature_c"),
        nominal=("day_kind",),
        file="ridership.csv",
        frame=measures.ridership,
        time_index="date",
        missing={"temperature_c": "the thermometer at the depot fails for days"},
        new_rows=measures.ridership_week,
        new_file="ridership_week.csv",
        facts={
            "entity": "day",
            "entities": "days",
            "outcome": "expected passengers",
            "unit": "passengers",
            "gaps": "many",
            "group": "day_kind",
            "season": 7,
            "domain": (
                (
                    "soaked",
                    '({d}["rain_mm"] > 5).astype(int)',
                    "Cyclists take the bus when it really rains.",
                ),
                (
                    "pupils_ride",
                    '{d}["school_term"] * ({d}["day_kind"] == "weekday")',
                    "Pupils ride on school days, not in term-time weekends.",
                ),
            ),
        },
    ),
    Case(
        case_id="server-load",
        corpus=0,
        prompt=(
            "requests.csv has two months of hourly load of our shop, in thousand requests. We scale"
            " the servers a day ahead: what load should we expect in each of the hours in"
            " requests_day.csv?"
        ),
        domain="web operations",
        task="forecasting",
        target="requests_k",
        numeric=("weekend", "mailing_sent", "open_sessions"),
        nominal=("region",),
        file="requests.csv",
        frame=measures.requests,
        time_index="hour",
        new_rows=measures.requests_day,
        new_file="requests_day.csv",
        facts={
            "entity": "hour",
            "entities": "hours",
            "outcome": "expected load",
            "unit": "thousand requests",
            "gaps": "",
            "group": "region",
            "season": 24,
            "domain": (
                (
                    "night",
                    '{d}["hour"].dt.hour.isin([0, 1, 2, 3, 4, 5]).astype(int)',
                    "Between midnight and six nobody shops.",
                ),
                (
                    "busy_mailing",
                    '{d}["mailing_sent"] * {d}["open_sessions"] / 1000',
                    "A mailing moves more people when many are about already.",
                ),
            ),
        },
    ),
    Case(
        case_id="ski-visitors",
        corpus=0,
        prompt=(
            "I run a ski area and must plan lifts and staff. visitors.csv covers two years, day by"
            " day, with the snow gauge. How many visitors will come on the days in"
            " visitors_week.csv?"
        ),
        domain="tourism",
        task="forecasting",
        target="visitors",
        numeric=("snow_cm", "fresh_snow_cm", "wind_kmh"),
        nominal=("day_kind",),
        file="visitors.csv",
        frame=measures.skiers,
        time_index="date",
        missing={"snow_cm": "the snow gauge freezes for days"},
        new_rows=measures.skiers_week,
        new_file="visitors_week.csv",
        facts={
            "entity": "day",
            "entities": "days",
            "outcome": "expected visitors",
            "unit": "visitors",
            "gaps": "many",
            "group": "day_kind",
            "season": 7,
            "domain": (
                (
                    "powder",
                    '({d}["fresh_snow_cm"] >= 10).astype(int)',
                    "Ten centimetres of fresh snow bring the crowds.",
                ),
                (
                    "closed_lifts",
                    '({d}["wind_kmh"] > 45).astype(int)',
                    "Above 45 km/h the upper lifts stand still.",
                ),
            ),
        },
    ),
    Case(
        case_id="cash-machine",
        corpus=0,
        prompt=(
            "cash.csv is what one cash machine paid out per day, in thousand EUR. We refill it once"
            " a week: how much will be taken on each day of cash_week.csv? A forecast that knows"
            " paydays would be nice."
        ),
        domain="retail banking",
        task="forecasting",
        target="cash_keur",
        numeric=("market_day", "event_nearby", "machine_down_h"),
        nominal=("day_kind",),
        file="cash.csv",
        frame=measures.withdrawals,
        time_index="date",
        new_rows=measures.withdrawals_week,
        new_file="cash_week.csv",
        facts={
            "entity": "day",
            "entities": "days",
            "outcome": "expected withdrawals",
            "unit": "thousand EUR",
            "gaps": "",
            "group": "day_kind",
            "season": 7,
            "domain": (
                (
                    "payday",
                    '{d}["date"].dt.day.isin([1, 2, 15, 16]).astype(int)',
                    "Wages arrive on the first and the fifteenth.",
                ),
                (
                    "crowd",
                    '{d}["market_day"] + {d}["event_nearby"]',
                    "Market and concerts both bring people who pay in cash.",
                ),
            ),
        },
    ),
)
