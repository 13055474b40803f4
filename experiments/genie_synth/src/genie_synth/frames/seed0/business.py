"""Classification stories of the reported corpus (seed 0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from genie_synth.frames.draws import blank, identifiers, outcome, pick

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "bookings",
    "bookings_open",
    "customers",
    "customers_active",
    "flights",
    "flights_tomorrow",
    "loans",
    "loans_pending",
    "machines",
    "machines_tonight",
    "tumours",
]

FloatArray = np.ndarray[Any, np.dtype[np.floating[Any]]]


def _flights(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    carrier = pick(rng, {"Borea": 4, "Skyline": 3, "Volanta": 2, "JetOne": 2}, n)
    origin = pick(rng, {"AMS": 4, "CDG": 3, "LIS": 2, "VIE": 2, "ARN": 1}, n)
    hour = rng.integers(6, 23, n)
    inbound = np.maximum(rng.gamma(1.2, 14, n) - 8 + (hour - 6) * 0.6, 0).round(0)
    wind = rng.gamma(3, 2.4, n).round(1)
    frame = pd.DataFrame(
        {
            "flight_id": identifiers("F", first, n),
            "carrier": carrier,
            "origin": origin,
            "dep_hour": hour,
            "distance_km": rng.integers(280, 2900, n),
            "wind_ms": wind,
            "load_factor": rng.beta(9, 2, n).round(2),
            "inbound_delay_min": inbound,
        }
    )
    score = (
        0.07 * np.minimum(inbound, 60)
        + 0.10 * (wind - 7)
        + 0.9 * (hour >= 17)
        + 0.8 * (carrier == "JetOne")
        + 0.5 * (origin == "CDG")
    )
    return frame, score * 1.2


def flights(rng: np.random.Generator) -> pd.DataFrame:
    """Departures of one summer; night flights report the inbound delay less often."""
    frame, score = _flights(rng, 1800, 10_001)
    frame["delayed"] = outcome(rng, score, share=0.42)
    lean = 1.0 + 2.0 * (frame["dep_hour"].to_numpy() >= 20)
    blank(rng, frame, "inbound_delay_min", share=0.09, lean=lean)
    return frame


def flights_tomorrow(rng: np.random.Generator) -> pd.DataFrame:
    """Tomorrow's departures, complete, without the outcome."""
    return _flights(rng, 40, 20_001)[0]


def _customers(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    contract = pick(rng, {"monthly": 5, "one_year": 3, "two_year": 2}, n)
    tenure = rng.integers(1, 73, n)
    fee = (rng.choice([19.0, 29.0, 44.0, 69.0], n) + rng.normal(0, 2, n)).round(2)
    calls = rng.poisson(0.9 + 1.2 * (contract == "monthly"))
    frame = pd.DataFrame(
        {
            "customer_id": identifiers("C", first, n),
            "contract": contract,
            "payment": pick(rng, {"card": 5, "transfer": 3, "invoice": 2}, n),
            "tenure_months": tenure,
            "monthly_fee": fee,
            "data_gb": rng.gamma(2.2, 9, n).round(1),
            "support_calls": calls,
            "total_billed": (fee * tenure * rng.normal(1, 0.05, n)).round(2),
        }
    )
    score = (
        1.5 * (contract == "monthly")
        + 0.55 * calls
        - 0.045 * tenure
        + 0.025 * (fee - 40)
        + 0.7 * (frame["payment"].to_numpy() == "invoice")
    )
    return frame, score * 1.1


def customers(rng: np.random.Generator) -> pd.DataFrame:
    """Mobile customers of a year; about one in eight leaves."""
    frame, score = _customers(rng, 2400, 50_001)
    frame["churned"] = outcome(rng, score, share=0.12)
    blank(rng, frame, "total_billed", share=0.007)
    return frame


def customers_active(rng: np.random.Generator) -> pd.DataFrame:
    """Customers up for renewal next month."""
    return _customers(rng, 60, 70_001)[0]


def _loans(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    income = rng.lognormal(3.6, 0.4, n).round(1)
    amount = (income * rng.uniform(0.1, 0.9, n)).round(1)
    years = np.minimum(rng.gamma(1.7, 4, n), 38).round(1)
    arrears = rng.poisson(0.35, n)
    purpose = pick(rng, {"car": 4, "home": 3, "debt": 3, "business": 1.5}, n)
    frame = pd.DataFrame(
        {
            "loan_id": identifiers("L", first, n),
            "purpose": purpose,
            "housing": pick(rng, {"rent": 5, "own": 4, "family": 1}, n),
            "income_k": income,
            "amount_k": amount,
            "term_months": rng.choice([12, 24, 36, 48, 60], n),
            "past_arrears": arrears,
            "employment_years": years,
        }
    )
    score = (
        3.2 * amount / income
        + 1.0 * arrears
        - 0.12 * years
        + 0.9 * (purpose == "business")
        + 0.5 * (purpose == "debt")
    )
    return frame, score * 1.15


def loans(rng: np.random.Generator) -> pd.DataFrame:
    """Consumer loans with their outcome after two years; the self-employed leave a gap."""
    frame, score = _loans(rng, 2200, 300_001)
    frame["defaulted"] = outcome(rng, score, share=0.09)
    lean = 1.0 + 3.0 * (frame["purpose"].to_numpy() == "business")
    blank(rng, frame, "employment_years", share=0.11, lean=lean)
    return frame


def loans_pending(rng: np.random.Generator) -> pd.DataFrame:
    """Applications on the desk this morning."""
    return _loans(rng, 50, 400_001)[0]


def _bookings(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    channel = pick(rng, {"online": 6, "agency": 3, "direct": 2}, n)
    lead = rng.gamma(1.3, 55, n).round(0)
    requests = rng.poisson(0.7, n)
    frame = pd.DataFrame(
        {
            "booking_id": identifiers("B", first, n),
            "channel": channel,
            "room_type": pick(rng, {"standard": 6, "superior": 3, "suite": 1}, n),
            "lead_days": lead,
            "nights": rng.integers(1, 10, n),
            "guests": rng.choice([1, 2, 2, 2, 3, 4], n),
            "price_eur": rng.normal(118, 30, n).clip(45).round(0),
            "special_requests": requests,
            "past_cancellations": rng.poisson(0.2 + 0.3 * (channel == "online")),
        }
    )
    score = (
        0.014 * np.minimum(lead, 250)
        + 0.9 * (channel == "online")
        - 0.8 * requests
        + 0.9 * frame["past_cancellations"].to_numpy()
        + 0.01 * (frame["price_eur"].to_numpy() - 118)
    )
    return frame, score * 1.1


def bookings(rng: np.random.Generator) -> pd.DataFrame:
    """Bookings of a seaside hotel, two in five cancelled; nothing is missing."""
    frame, score = _bookings(rng, 2000, 8_001)
    frame["cancelled"] = outcome(rng, score, share=0.39)
    return frame


def bookings_open(rng: np.random.Generator) -> pd.DataFrame:
    """Bookings for next week that may still be cancelled."""
    return _bookings(rng, 45, 12_001)[0]


def _machines(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    wear = rng.uniform(0, 240, n).round(0)
    torque = rng.normal(40, 9, n).clip(5).round(1)
    temperature = rng.normal(61, 5, n).round(1)
    vibration = rng.gamma(4, 0.6, n).round(2)
    line = pick(rng, {"L1": 3, "L2": 3, "L3": 2, "L4": 1}, n)
    frame = pd.DataFrame(
        {
            "reading_id": identifiers("R", first, n),
            "line": line,
            "shift": pick(rng, {"early": 1, "late": 1, "night": 1}, n),
            "temperature_c": temperature,
            "torque_nm": torque,
            "speed_rpm": (1900 - 11 * torque + rng.normal(0, 60, n)).round(0),
            "tool_wear_min": wear,
            "vibration_mms": vibration,
        }
    )
    score = (
        0.022 * (wear - 120)
        + 0.09 * (torque - 40)
        + 0.14 * (temperature - 61)
        + 0.5 * (vibration - 2.4)
        + 0.8 * (line == "L4")
    )
    return frame, score * 1.2


def machines(rng: np.random.Generator) -> pd.DataFrame:
    """Readings of milling machines; one in sixteen is followed by a breakdown within a day."""
    frame, score = _machines(rng, 2600, 1_001)
    frame["failed"] = outcome(rng, score, share=0.06)
    return frame


def machines_tonight(rng: np.random.Generator) -> pd.DataFrame:
    """The last reading of every machine that runs tonight."""
    return _machines(rng, 36, 9_001)[0]


def tumours(rng: np.random.Generator) -> pd.DataFrame:
    """Wisconsin breast cancer data (scikit-learn), mean measurements only, rows shuffled."""
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer(as_frame=True)
    columns = [name for name in bunch.data.columns if name.startswith("mean ")]
    order = rng.permutation(len(bunch.data))
    frame: pd.DataFrame = bunch.data[columns].iloc[order].reset_index(drop=True)
    frame.columns = [name.removeprefix("mean ").replace(" ", "_") for name in columns]
    frame.insert(0, "sample_id", identifiers("S", 501, len(frame)))
    frame["malignant"] = 1 - bunch.target.to_numpy()[order]
    return frame
