"""Forecasting stories of the reported corpus (seed 0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from genie_synth.frames.draws import outages

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["bakery", "bakery_week", "demand", "demand_week", "unemployment"]

FloatArray = np.ndarray[Any, np.dtype[np.floating[Any]]]
WEEK = 7


def _noise(rng: np.random.Generator, n: int, *, scale: float, memory: float) -> FloatArray:
    """First-order autoregressive noise."""
    steps, values = rng.normal(0, scale, n), np.zeros(n)
    for i in range(1, n):
        values[i] = memory * values[i - 1] + steps[i]
    return values


def _day_type(days: pd.DatetimeIndex, holiday: np.ndarray[Any, np.dtype[np.bool_]]) -> list[str]:
    weekday = days.day_of_week.to_numpy()
    names = np.where(weekday == 5, "saturday", np.where(weekday == 6, "sunday", "workday"))
    return [str(name) for name in np.where(holiday, "sunday", names)]


def _demand(rng: np.random.Generator, n: int, start: str) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    days = pd.date_range(start, periods=n, freq="D")
    year = 2 * np.pi * days.day_of_year.to_numpy() / 365.25
    temperature = 10 - 9.5 * np.cos(year - 0.3) + _noise(rng, n, scale=1.6, memory=0.8)
    wind = rng.gamma(3, 1.6, n)
    holiday = np.isin(days.strftime("%m-%d"), ["01-01", "05-01", "10-03", "12-25", "12-26"])
    day_type = _day_type(days, holiday)
    level = 520 + 9.0 * np.maximum(15 - temperature, 0) + 5.0 * np.maximum(temperature - 21, 0)
    level = level - 55 * (np.array(day_type) == "saturday") - 95 * (np.array(day_type) == "sunday")
    frame = pd.DataFrame(
        {
            "date": days,
            "day_type": day_type,
            "temperature_c": temperature.round(1),
            "wind_ms": wind.round(1),
        }
    )
    return frame, level + 0.02 * np.arange(n) + _noise(rng, n, scale=11, memory=0.6)


def demand(rng: np.random.Generator) -> pd.DataFrame:
    """Three years of a utility's daily load; the weather station fails now and then."""
    frame, level = _demand(rng, 1096, "2021-01-01")
    outages(rng, frame, "temperature_c", spells=24, longest=6)
    frame["demand_mwh"] = level.round(1)
    return frame


def demand_week(rng: np.random.Generator) -> pd.DataFrame:
    """The next seven days, with the weather forecast."""
    return _demand(rng, WEEK, "2024-01-02")[0]


def _bakery(rng: np.random.Generator, n: int, start: str) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    days = pd.date_range(start, periods=n, freq="D")
    year = 2 * np.pi * days.day_of_year.to_numpy() / 365.25
    closed = np.isin(
        days.strftime("%m-%d"), ["01-01", "01-02", "05-01", "08-05", "08-06", "12-25", "12-26"]
    )
    day_type = _day_type(days, closed)
    promo = (rng.random(n) < 0.14).astype(np.int64)
    rain = np.where(rng.random(n) < 0.35, rng.gamma(1.2, 5, n), 0).round(1)
    frame = pd.DataFrame(
        {
            "date": days,
            "day_type": day_type,
            "promo": promo,
            "rain_mm": rain,
            "temperature_c": (11 - 9 * np.cos(year) + rng.normal(0, 2.5, n)).round(1),
        }
    )
    names = np.array(day_type)
    level = 240 + 70 * (names == "saturday") + 25 * (names == "sunday") + 45 * promo
    level = level - 2.2 * np.minimum(rain, 20) + 18 * np.cos(year)
    sold = np.maximum(level + _noise(rng, n, scale=14, memory=0.4), 20).round(0)
    return frame, np.where(closed, 0.0, sold)


def bakery(rng: np.random.Generator) -> pd.DataFrame:
    """Two years of loaves sold a day in one shop; none on the days it is closed."""
    frame, sold = _bakery(rng, 790, "2022-01-03")
    frame["loaves_sold"] = sold.astype(np.int64)
    return frame


def bakery_week(rng: np.random.Generator) -> pd.DataFrame:
    """The next seven days: calendar, promotions and weather forecast."""
    return _bakery(rng, WEEK, "2024-03-04")[0]


def unemployment(rng: np.random.Generator) -> pd.DataFrame:
    """US macroeconomic quarters 1959 to 2009 (statsmodels), as they are."""
    import pandas as pd
    from statsmodels.datasets import macrodata

    del rng  # real data: nothing is drawn
    raw = macrodata.load_pandas().data
    months = (raw["quarter"].astype(int) * 3 - 2).astype(str)
    years = raw["year"].astype(int).astype(str)
    quarter = pd.to_datetime(years + "-" + months + "-01", format="%Y-%m-%d")
    growth = raw["realgdp"].pct_change().fillna(0.0).mul(100).round(2)
    return pd.DataFrame(
        {
            "quarter": quarter,
            "gdp_growth_pct": growth,
            "inflation_pct": raw["infl"],
            "tbill_rate_pct": raw["tbilrate"],
            "real_rate_pct": raw["realint"],
            "unemployment_pct": raw["unemp"],
        }
    )
