"""Regression and forecasting stories of the development corpus (seed 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from genie_synth.frames.draws import blank, identifiers, outages, pick

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "calls",
    "calls_week",
    "carbon",
    "mixes",
    "parcels",
    "parcels_van",
    "policies",
    "policies_renewal",
    "river",
    "river_week",
]

FloatArray = np.ndarray[Any, np.dtype[np.floating[Any]]]


def _parcels(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    depot = pick(rng, {"Bremen": 3, "Kassel": 2, "Ulm": 2, "Jena": 1}, n)
    service = pick(rng, {"standard": 6, "express": 3, "freight": 1}, n)
    weight = rng.gamma(1.6, 3.2, n).clip(0.1).round(1)
    distance = rng.gamma(3, 45, n).round(0)
    stops = rng.integers(0, 60, n)
    frame = pd.DataFrame(
        {
            "parcel_id": identifiers("D", first, n),
            "depot": depot,
            "service": service,
            "distance_km": distance,
            "stops_before": stops,
            "pickup_hour": rng.integers(6, 20, n),
            "rain_mm": np.where(rng.random(n) < 0.3, rng.gamma(1.2, 4, n), 0).round(1),
            "weight_kg": weight,
        }
    )
    hours = 3 + distance / 42 + 0.16 * stops + 0.12 * weight
    hours = hours + 0.1 * frame["rain_mm"].to_numpy() + 5 * (service == "freight")
    hours = hours * np.where(service == "express", 0.62, 1.0) + 1.5 * (depot == "Jena")
    return frame, np.maximum(hours + rng.normal(0, 1.4, n), 0.8)


def parcels(rng: np.random.Generator) -> pd.DataFrame:
    """Deliveries of a month; a few were not weighed, a few never got a door scan."""
    frame, hours = _parcels(rng, 1800, 500_001)
    frame["hours_to_door"] = hours.round(1)
    blank(rng, frame, "weight_kg", share=0.004)
    blank(rng, frame, "hours_to_door", share=0.005)
    return frame


def parcels_van(rng: np.random.Generator) -> pd.DataFrame:
    """Parcels loaded this morning."""
    return _parcels(rng, 42, 600_001)[0]


def _policies(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    age = rng.normal(46, 14, n).clip(18, 88).round(0)
    driven = rng.gamma(5, 2_700, n).round(-2)
    bonus = rng.integers(0, 18, n)
    vehicle = pick(rng, {"compact": 5, "estate": 3, "suv": 3, "sports": 1}, n)
    frame = pd.DataFrame(
        {
            "policy_id": identifiers("Y", first, n),
            "region": pick(rng, {"coast": 2, "metro": 4, "hills": 2, "plain": 3}, n),
            "vehicle": vehicle,
            "age": age,
            "bonus_class": bonus,
            "vehicle_value_k": rng.gamma(4, 5.5, n).round(1),
            "annual_km": driven,
        }
    )
    risk = 60 + 0.045 * driven + 260 * (vehicle == "sports") + 180 * (age < 26) - 22 * bonus
    risk = risk + 140 * (frame["region"].to_numpy() == "metro")
    return frame, risk + 5 * frame["vehicle_value_k"].to_numpy() + rng.normal(0, 130, n)


def policies(rng: np.random.Generator) -> pd.DataFrame:
    """Motor policies and the cost of their claims in a year; many cost nothing."""
    frame, cost = _policies(rng, 1700, 66_001)
    frame["claim_cost_eur"] = np.where(cost < 420, 0.0, cost).round(0)
    blank(rng, frame, "annual_km", share=0.12, lean=1.0 + (frame["age"].to_numpy() > 60))
    return frame


def policies_renewal(rng: np.random.Generator) -> pd.DataFrame:
    """Policies that renew in January."""
    return _policies(rng, 38, 77_001)[0]


def mixes(rng: np.random.Generator) -> pd.DataFrame:
    """Concrete mixes of a test laboratory and their strength; complete records."""
    import pandas as pd

    n = 900
    cement, water = rng.normal(300, 70, n).clip(140), rng.normal(182, 18, n).clip(130)
    slag, age = rng.gamma(1.1, 60, n), rng.choice([3, 7, 14, 28, 56, 90], n)
    plastic = rng.gamma(1.4, 4, n)
    binder = pick(rng, {"portland": 5, "composite": 3, "pozzolan": 2}, n)
    strength = 21 * (cement + 0.6 * slag) / water * np.log1p(age) / np.log(29) + 0.4 * plastic
    strength = strength - 4.5 * (binder == "pozzolan") + rng.normal(0, 3, n)
    return pd.DataFrame(
        {
            "mix_id": identifiers("Q", 301, n),
            "binder": binder,
            "curing": pick(rng, {"water": 3, "air": 2}, n),
            "cement_kg": cement.round(0),
            "slag_kg": slag.round(0),
            "water_kg": water.round(0),
            "plasticiser_kg": plastic.round(1),
            "age_days": age,
            "strength_mpa": np.maximum(strength, 2).round(1),
        }
    )


def _noise(rng: np.random.Generator, n: int, *, scale: float, memory: float) -> FloatArray:
    """First-order autoregressive noise."""
    steps, values = rng.normal(0, scale, n), np.zeros(n)
    for i in range(1, n):
        values[i] = memory * values[i - 1] + steps[i]
    return values


def _calls(rng: np.random.Generator, n: int, start: str) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    days = pd.date_range(start, periods=n, freq="D")
    weekday = days.day_of_week.to_numpy()
    closed = np.isin(days.strftime("%m-%d"), ["01-01", "04-07", "05-01", "12-24", "12-25", "12-26"])
    kind = np.where(weekday == 0, "monday", np.where(weekday >= 5, "weekend", "midweek"))
    campaign = np.repeat(rng.random(n // 4 + 1) < 0.2, 4)[:n].astype(np.int64)
    tickets = np.maximum(140 + _noise(rng, n, scale=12, memory=0.7), 20).round(0)
    frame = pd.DataFrame(
        {
            "day": days,
            "day_kind": [str(name) for name in kind],
            "campaign": campaign,
            "open_tickets": tickets,
            "invoices_sent": rng.poisson(np.where(days.day.to_numpy() <= 5, 900, 220)),
        }
    )
    level = 310 + 130 * (weekday == 0) - 190 * (weekday >= 5) + 75 * campaign
    level = level + 0.09 * frame["invoices_sent"].to_numpy() + 0.5 * (tickets - 140)
    taken = np.maximum(level + _noise(rng, n, scale=16, memory=0.4), 15).round(0)
    return frame, np.where(closed, 0.0, taken)


def calls(rng: np.random.Generator) -> pd.DataFrame:
    """Calls a day at a service desk over two years; none on public holidays."""
    frame, taken = _calls(rng, 760, "2022-02-01")
    frame["n_calls"] = taken.astype(np.int64)
    return frame


def calls_week(rng: np.random.Generator) -> pd.DataFrame:
    """The next seven days of the rota."""
    return _calls(rng, 7, "2024-03-02")[0]


def _river(rng: np.random.Generator, n: int, start: str) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    days = pd.date_range(start, periods=n, freq="D")
    year = 2 * np.pi * days.day_of_year.to_numpy() / 365.25
    rain = np.where(rng.random(n) < 0.42, rng.gamma(1.1, 7, n), 0).round(1)
    warm = 8 - 10 * np.cos(year - 0.3) + _noise(rng, n, scale=1.5, memory=0.75)
    snow = np.maximum(45 * np.cos(year - 0.7) + rng.normal(0, 4, n), 0).round(0)
    store = np.zeros(n)
    for i in range(n):
        store[i] = 0.86 * (store[i - 1] if i else 20.0) + 0.9 * rain[i]
    season = np.array(["winter", "spring", "summer", "autumn"])[(days.month.to_numpy() % 12) // 3]
    frame = pd.DataFrame(
        {
            "date": days,
            "season": [str(name) for name in season],
            "temperature_c": warm.round(1),
            "snow_cm": snow,
            "rain_mm": rain,
        }
    )
    melt = 1.6 * np.maximum(warm, 0) * (snow > 0)
    return frame, np.maximum(18 + 0.9 * store + melt + rng.normal(0, 2.5, n), 4)


def river(rng: np.random.Generator) -> pd.DataFrame:
    """Inflow to a reservoir over three years; the rain gauge freezes and clogs."""
    frame, inflow = _river(rng, 1090, "2021-03-01")
    frame["inflow_m3s"] = inflow.round(1)
    outages(rng, frame, "rain_mm", spells=20, longest=7)
    return frame


def river_week(rng: np.random.Generator) -> pd.DataFrame:
    """The next seven days, with the rain forecast."""
    return _river(rng, 7, "2024-02-24")[0]


def carbon(rng: np.random.Generator) -> pd.DataFrame:
    """Monthly CO2 at Mauna Loa (statsmodels, weekly flasks averaged), gaps closed beforehand."""
    import pandas as pd
    from statsmodels.datasets import co2

    del rng  # real data: nothing is drawn
    weekly = co2.load_pandas().data["co2"]
    monthly = weekly.resample("MS").mean().interpolate()
    flasks = weekly.resample("MS").count()
    season = np.array(["winter", "spring", "summer", "autumn"])[monthly.index.month % 12 // 3]
    return pd.DataFrame(
        {
            "month": monthly.index,
            "season": [str(name) for name in season],
            "n_flasks": flasks.to_numpy(),
            "month_number": monthly.index.month.astype(int),
            "co2_ppm": monthly.round(2).to_numpy(),
        }
    )
