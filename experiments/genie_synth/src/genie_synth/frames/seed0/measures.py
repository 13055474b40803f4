"""Regression and forecasting stories of the reported corpus (seed 0): roads, clubs, town, snow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from genie_synth.frames.draws import blank, identifiers, outages, pick

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "mussels",
    "players",
    "players_window",
    "requests",
    "requests_day",
    "ridership",
    "ridership_week",
    "skiers",
    "skiers_week",
    "trips",
    "trips_planned",
    "withdrawals",
    "withdrawals_week",
]

FloatArray = np.ndarray[Any, np.dtype[np.floating[Any]]]
WEEK, DAY = 7, 24


def _drift(rng: np.random.Generator, n: int, *, scale: float, memory: float) -> FloatArray:
    """First-order autoregressive noise."""
    steps, values = rng.normal(0, scale, n), np.zeros(n)
    for place in range(1, n):
        values[place] = memory * values[place - 1] + steps[place]
    return values


def _trips(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    body = pick(rng, {"box": 4, "tarpaulin": 3, "tanker": 2, "reefer": 2}, n)
    load = rng.gamma(8, 1.6, n).clip(1, 25).round(1)
    climb = rng.gamma(2, 260, n).round(0)
    speed = rng.normal(72, 7, n).round(1)
    frame = pd.DataFrame(
        {
            "trip_id": identifiers("R", first, n),
            "body": body,
            "road": pick(rng, {"motorway": 6, "country": 3, "city": 1}, n),
            "load_t": load,
            "distance_km": rng.gamma(3, 90, n).round(0) + 12,
            "climb_m": climb,
            "mean_speed_kmh": speed,
            "outside_c": rng.normal(11, 8, n).round(1),
        }
    )
    used = (
        19
        + 0.55 * load
        + 0.0035 * climb
        + 0.004 * (speed - 65) ** 2
        + 3.5 * (frame["road"].to_numpy() == "city")
        + 2.2 * (body == "reefer")
        + rng.normal(0, 1.3, n)
    )
    return frame, used


def trips(rng: np.random.Generator) -> pd.DataFrame:
    """Lorry trips of one haulier; a few lack the reading of the scale."""
    frame, used = _trips(rng, 12_000, 500_001)
    frame["fuel_l_per_100km"] = used.round(1)
    blank(rng, frame, "load_t", share=0.004)
    return frame


def trips_planned(rng: np.random.Generator) -> pd.DataFrame:
    """Trips planned for next week."""
    return _trips(rng, 60, 700_001)[0]


def _players(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    role = pick(rng, {"defender": 4, "midfielder": 4, "forward": 3, "keeper": 1}, n)
    age = rng.integers(17, 36, n)
    minutes = rng.gamma(4, 420, n).clip(0, 3400).round(0)
    goals = rng.poisson(np.where(role == "forward", 0.0035, 0.0011) * minutes)
    frame = pd.DataFrame(
        {
            "player_id": identifiers("Y", first, n),
            "role": role,
            "league": pick(rng, {"first": 3, "second": 4, "third": 5}, n),
            "age": age,
            "minutes": minutes,
            "goals": goals,
            "contract_years": rng.integers(1, 6, n),
            "caps": rng.poisson(0.12 * np.maximum(age - 18, 0)),
        }
    )
    level = {"first": 1.4, "second": 0.4, "third": -0.7}
    worth = np.exp(
        0.3
        + np.array([level[name] for name in frame["league"]])
        + 0.00035 * minutes
        + 0.05 * goals
        - 0.011 * (age - 25) ** 2
        + 0.11 * frame["contract_years"].to_numpy()
        + rng.normal(0, 0.28, n)
    )
    return frame, worth


def players(rng: np.random.Generator) -> pd.DataFrame:
    """Transfers of the last seasons, fee in million EUR."""
    frame, worth = _players(rng, 900, 1_001)
    frame["fee_meur"] = np.maximum(worth, 0.02).round(2)
    return frame


def players_window(rng: np.random.Generator) -> pd.DataFrame:
    """Players on our list for this window."""
    return _players(rng, 25, 5_001)[0]


def mussels(rng: np.random.Generator) -> pd.DataFrame:
    """Mussels of one season on ropes; not every shell could be weighed dry."""
    import pandas as pd

    n = 140
    depth = rng.choice([2.0, 4.0, 6.0, 8.0], n)
    site = pick(rng, {"inlet": 1, "bay": 1, "channel": 1}, n)
    start = rng.normal(24, 3, n).round(1)
    shell = (0.06 * start + rng.normal(0.4, 0.2, n)).clip(0.3).round(2)
    food = (3.4 - 0.22 * depth + 0.8 * (site == "channel") + rng.normal(0, 0.3, n)).round(2)
    frame = pd.DataFrame(
        {
            "mussel_id": identifiers("S", 1, n),
            "site": site,
            "depth_m": depth,
            "start_mm": start,
            "shell_g": shell,
            "chlorophyll_ug": food,
            "days": rng.choice([120, 150, 180], n),
        }
    )
    grown = 0.045 * frame["days"].to_numpy() * (0.5 + 0.35 * food) - 0.25 * (start - 24)
    frame["growth_mm"] = np.maximum(grown + rng.normal(0, 1.1, n), 0.4).round(1)
    blank(rng, frame, "shell_g", share=0.12)
    return frame


def _calendar(days: pd.DatetimeIndex, off: np.ndarray[Any, np.dtype[np.bool_]]) -> list[str]:
    weekend = days.day_of_week.to_numpy() >= 5
    return [str(name) for name in np.where(off, "holiday", np.where(weekend, "weekend", "weekday"))]


def _ridership(rng: np.random.Generator, n: int, start: str) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    days = pd.date_range(start, periods=n, freq="D")
    year = 2 * np.pi * days.day_of_year.to_numpy() / 365.25
    school = (~days.month.isin([7, 8])).astype(np.int64)
    off = np.isin(days.strftime("%m-%d"), ["01-01", "05-01", "06-24", "11-01", "12-25", "12-26"])
    kind = np.array(_calendar(days, off))
    rain = np.where(rng.random(n) < 0.3, rng.gamma(1.3, 4, n), 0).round(1)
    warm = (12 - 10 * np.cos(year) + _drift(rng, n, scale=1.5, memory=0.7)).round(1)
    frame = pd.DataFrame(
        {
            "date": days,
            "day_kind": kind,
            "school_term": school,
            "rain_mm": rain,
            "temperature_c": warm,
        }
    )
    riders = 8200 + 1900 * school - 3600 * (kind == "weekend") - 5200 * (kind == "holiday")
    riders = riders + 45 * np.minimum(rain, 15) - 18 * np.abs(warm - 14)
    return frame, riders + 1.1 * np.arange(n) + _drift(rng, n, scale=240, memory=0.5)


def ridership(rng: np.random.Generator) -> pd.DataFrame:
    """Passengers a day of a town's buses; the thermometer at the depot fails for days."""
    frame, riders = _ridership(rng, 900, "2021-06-01")
    outages(rng, frame, "temperature_c", spells=20, longest=5)
    frame["passengers"] = riders.round(0)
    return frame


def ridership_week(rng: np.random.Generator) -> pd.DataFrame:
    """The next seven days."""
    return _ridership(rng, WEEK, "2023-11-18")[0]


def _requests(rng: np.random.Generator, n: int, start: str) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    hours = pd.date_range(start, periods=n, freq="h")
    clock = 2 * np.pi * hours.hour.to_numpy() / 24
    weekend = (hours.day_of_week.to_numpy() >= 5).astype(np.int64)
    mailing = (rng.random(n) < 0.03).astype(np.int64)
    frame = pd.DataFrame(
        {
            "hour": hours,
            "region": pick(rng, {"primary": 9, "failover": 1}, n),
            "weekend": weekend,
            "mailing_sent": mailing,
            "open_sessions": (900 - 420 * np.cos(clock) + rng.normal(0, 60, n)).round(0),
        }
    )
    load = 64 - 30 * np.cos(clock - 0.4) - 16 * weekend + 35 * mailing
    slow = 0.006 * np.arange(n) + _drift(rng, n, scale=3.2, memory=0.6)
    return frame, np.maximum(load + slow, 3)


def requests(rng: np.random.Generator) -> pd.DataFrame:
    """Two months of a web shop's load, by the hour."""
    frame, load = _requests(rng, 60 * DAY, "2024-01-08")
    frame["requests_k"] = load.round(1)
    return frame


def requests_day(rng: np.random.Generator) -> pd.DataFrame:
    """The next 24 hours, with the planned mailings."""
    return _requests(rng, DAY, "2024-03-08")[0]


def _skiers(rng: np.random.Generator, n: int, start: str) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    days = pd.date_range(start, periods=n, freq="D")
    season = np.cos(2 * np.pi * (days.day_of_year.to_numpy() - 35) / 365.25)
    snow = np.maximum(55 + 60 * season + _drift(rng, n, scale=6, memory=0.9), 0).round(0)
    fresh = np.where(rng.random(n) < 0.2, rng.gamma(1.5, 7, n), 0).round(0)
    off = np.isin(days.strftime("%m-%d"), ["12-25", "12-26", "01-01", "01-06"])
    kind = np.array(_calendar(days, off))
    frame = pd.DataFrame(
        {
            "date": days,
            "day_kind": kind,
            "snow_cm": snow,
            "fresh_snow_cm": fresh,
            "wind_kmh": rng.gamma(3, 8, n).round(0),
        }
    )
    came = 420 + 5.5 * snow + 9 * fresh - 4 * frame["wind_kmh"].to_numpy()
    came = came + 520 * (kind == "weekend") + 900 * (kind == "holiday")
    return frame, np.maximum(came + _drift(rng, n, scale=70, memory=0.4), 15)


def skiers(rng: np.random.Generator) -> pd.DataFrame:
    """Visitors a day of a ski area, all the year; the snow gauge freezes now and then."""
    frame, came = _skiers(rng, 730, "2022-01-01")
    outages(rng, frame, "snow_cm", spells=18, longest=5)
    frame["visitors"] = came.round(0)
    return frame


def skiers_week(rng: np.random.Generator) -> pd.DataFrame:
    """The next seven days, with the forecast of the avalanche service."""
    return _skiers(rng, WEEK, "2024-01-01")[0]


def _withdrawals(rng: np.random.Generator, n: int, start: str) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    days = pd.date_range(start, periods=n, freq="D")
    payday = days.day.isin([1, 2, 15, 16]).astype(np.int64)
    market = (days.day_of_week.to_numpy() == 5).astype(np.int64)
    off = np.isin(days.strftime("%m-%d"), ["01-01", "05-01", "12-25", "12-26"])
    kind = np.array(_calendar(days, off))
    frame = pd.DataFrame(
        {
            "date": days,
            "day_kind": kind,
            "market_day": market,
            "event_nearby": (rng.random(n) < 0.06).astype(np.int64),
            "machine_down_h": np.where(rng.random(n) < 0.07, rng.integers(1, 9, n), 0),
        }
    )
    taken = 21 + 9 * payday + 8 * market - 5 * (kind == "holiday")
    taken = taken + 12 * frame["event_nearby"].to_numpy()
    taken = taken - 1.1 * frame["machine_down_h"].to_numpy()
    return frame, np.maximum(taken + _drift(rng, n, scale=2.4, memory=0.5), 1)


def withdrawals(rng: np.random.Generator) -> pd.DataFrame:
    """Cash taken from one machine a day, in thousand EUR."""
    frame, taken = _withdrawals(rng, 620, "2022-04-01")
    frame["cash_keur"] = taken.round(1)
    return frame


def withdrawals_week(rng: np.random.Generator) -> pd.DataFrame:
    """The next seven days."""
    return _withdrawals(rng, WEEK, "2023-12-12")[0]
