"""Regression stories of the reported corpus (seed 0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from genie_synth.frames.draws import blank, identifiers, pick

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cars", "cars_incoming", "diabetes", "flats", "flats_new"]

FloatArray = np.ndarray[Any, np.dtype[np.floating[Any]]]

DISTRICTS = {
    "Altstadt": 14.5,
    "Hafen": 13.2,
    "Nordend": 11.8,
    "Muehlberg": 10.6,
    "Westpark": 10.1,
    "Gruenau": 8.9,
}
"""District -> rent of a square metre in EUR."""

BRANDS = {"Arvo": 31, "Belmont": 24, "Corsa": 17, "Duna": 13, "Elva": 20}
"""Brand -> price of a new car in thousand EUR."""


def _flats(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    district = pick(rng, dict.fromkeys(DISTRICTS, 1.0), n)
    area = (rng.gamma(9, 7.5, n) + 15).round(0)
    built = rng.choice([1910, 1935, 1958, 1972, 1990, 2008, 2018], n) + rng.integers(-6, 6, n)
    centre = rng.gamma(2, 1.8, n).round(1)
    heating = pick(rng, {"gas": 5, "district": 3, "oil": 2, "heat_pump": 1}, n)
    frame = pd.DataFrame(
        {
            "listing_id": identifiers("A", first, n),
            "district": district,
            "heating": heating,
            "area_m2": area,
            "rooms": np.maximum((area / 27 + rng.normal(0, 0.6, n)).round(0), 1),
            "floor": rng.integers(0, 8, n),
            "distance_centre_km": centre,
            "year_built": built,
        }
    )
    metre = np.array([DISTRICTS[name] for name in district])
    metre = metre + 0.05 * np.maximum(built - 1960, 0) - 0.25 * centre
    rent = area * metre + 60 * (heating == "heat_pump") + rng.normal(0, 55, n)
    return frame, np.maximum(rent, 240)


def flats(rng: np.random.Generator) -> pd.DataFrame:
    """Asking rents of one city; old houses more often come without their year."""
    frame, rent = _flats(rng, 1400, 2_001)
    frame["rent_eur"] = rent.round(0)
    lean = 1.0 + 2.0 * (frame["year_built"].to_numpy() < 1960)
    blank(rng, frame, "year_built", share=0.13, lean=lean)
    return frame


def flats_new(rng: np.random.Generator) -> pd.DataFrame:
    """Flats that go on the market next week, rent still open."""
    return _flats(rng, 35, 5_001)[0]


def _cars(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    brand = pick(rng, {"Arvo": 2, "Belmont": 3, "Corsa": 4, "Duna": 4, "Elva": 3}, n)
    age = rng.gamma(2.4, 2.3, n).clip(0.3, 20).round(1)
    mileage = np.maximum(age * rng.normal(14_500, 4_500, n), 500).round(-2)
    power = (rng.gamma(20, 4.6, n) + 20).round(0)
    frame = pd.DataFrame(
        {
            "car_id": identifiers("V", first, n),
            "brand": brand,
            "fuel": pick(rng, {"petrol": 5, "diesel": 3, "electric": 2}, n),
            "gearbox": pick(rng, {"manual": 3, "automatic": 2}, n),
            "age_years": age,
            "power_kw": power,
            "n_owners": 1 + rng.poisson(age / 6),
            "mileage_km": mileage,
        }
    )
    new = np.array([BRANDS[name] for name in brand]) * (0.4 + power / 180)
    worth = new * np.exp(-0.11 * age - mileage / 350_000)
    worth = worth * np.where(frame["fuel"].to_numpy() == "electric", 0.88, 1.0)
    return frame, worth * 1000 * rng.normal(1, 0.07, n)


def cars(rng: np.random.Generator) -> pd.DataFrame:
    """Sales of a used-car dealer; a few records lack the mileage, a few the price."""
    frame, price = _cars(rng, 1600, 40_001)
    frame["price_eur"] = np.maximum(price, 400).round(-1)
    blank(rng, frame, "mileage_km", share=0.005)
    blank(rng, frame, "price_eur", share=0.004)
    return frame


def cars_incoming(rng: np.random.Generator) -> pd.DataFrame:
    """Trade-ins of this week, to be priced."""
    return _cars(rng, 30, 60_001)[0]


def diabetes(rng: np.random.Generator) -> pd.DataFrame:
    """Diabetes progression after one year (scikit-learn, unscaled), rows shuffled."""
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(as_frame=True, scaled=False)
    order = rng.permutation(len(bunch.data))
    frame: pd.DataFrame = bunch.data.iloc[order].reset_index(drop=True)
    frame.columns = [
        *("age", "sex", "bmi", "blood_pressure", "total_chol", "ldl", "hdl"),
        *("chol_ratio", "log_triglycerides", "glucose"),
    ]
    frame["sex"] = np.where(frame["sex"].to_numpy() > 1.5, "f", "m")
    frame.insert(0, "patient_id", identifiers("P", 101, len(frame)))
    frame["progression"] = bunch.target.to_numpy()[order]
    return frame
