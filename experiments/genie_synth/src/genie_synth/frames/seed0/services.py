"""Classification stories of the reported corpus (seed 0): services, fields and cellars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from genie_synth.frames.draws import blank, identifiers, outcome, pick

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "appointments",
    "appointments_monday",
    "impressions",
    "impressions_tomorrow",
    "meters",
    "meters_route",
    "seedlings",
    "tickets",
    "tickets_open",
    "wines",
]

FloatArray = np.ndarray[Any, np.dtype[np.floating[Any]]]


def _impressions(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    device = pick(rng, {"phone": 6, "desktop": 3, "tablet": 1}, n)
    placement = pick(rng, {"feed": 5, "sidebar": 3, "banner": 2}, n)
    hour = rng.integers(0, 24, n)
    seen = rng.poisson(2.5, n)
    words = rng.integers(3, 19, n)
    past = rng.beta(1.2, 30, n).round(4)
    frame = pd.DataFrame(
        {
            "impression_id": identifiers("I", first, n),
            "device": device,
            "placement": placement,
            "hour": hour,
            "times_seen": seen,
            "headline_words": words,
            "past_click_rate": past,
        }
    )
    score = (
        30 * past
        - 0.22 * seen
        - 0.05 * np.abs(words - 8)
        + 0.9 * (placement == "feed")
        + 0.4 * ((hour >= 19) & (hour <= 22))
        + 0.3 * (device == "phone")
    )
    return frame, score


def impressions(rng: np.random.Generator) -> pd.DataFrame:
    """A day of ad impressions; four in a hundred are clicked."""
    frame, score = _impressions(rng, 100_000, 1)
    frame["clicked"] = outcome(rng, score, share=0.04)
    return frame


def impressions_tomorrow(rng: np.random.Generator) -> pd.DataFrame:
    """Impressions on offer for tomorrow."""
    return _impressions(rng, 200, 900_001)[0]


def _appointments(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    clinic = pick(rng, {"eye": 3, "skin": 3, "heart": 2, "bones": 2}, n)
    wait = rng.gamma(1.6, 13, n).round(0)
    missed = rng.poisson(0.5, n)
    distance = rng.gamma(2, 5, n).round(1)
    reminder = pick(rng, {"text": 6, "letter": 3, "none": 2}, n)
    frame = pd.DataFrame(
        {
            "appointment_id": identifiers("N", first, n),
            "clinic": clinic,
            "reminder": reminder,
            "days_ahead": wait,
            "missed_before": missed,
            "age": rng.integers(18, 90, n),
            "distance_km": distance,
            "visits_before": rng.poisson(3, n),
        }
    )
    score = (
        0.045 * wait
        + 0.75 * missed
        + 0.03 * distance
        - 0.015 * frame["age"].to_numpy()
        + 0.8 * (reminder == "none")
    )
    return frame, score


def appointments(rng: np.random.Generator) -> pd.DataFrame:
    """Outpatient appointments of a year; a third of the patients did not come."""
    frame, score = _appointments(rng, 6000, 100_001)
    frame["no_show"] = outcome(rng, score, share=0.34)
    blank(rng, frame, "distance_km", share=0.006)
    return frame


def appointments_monday(rng: np.random.Generator) -> pd.DataFrame:
    """Monday's list."""
    return _appointments(rng, 45, 200_001)[0]


def _meters(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    premises = pick(rng, {"flat": 5, "house": 4, "shop": 2, "workshop": 1}, n)
    area = rng.gamma(6, 16, n).round(0)
    expected = area * rng.normal(38, 6, n) * np.where(premises == "workshop", 2.2, 1.0)
    tampered = rng.random(n) < 0.12
    billed = expected * np.where(tampered, rng.uniform(0.3, 0.75, n), rng.normal(1, 0.16, n))
    drop = np.where(tampered, rng.normal(28, 14, n), rng.normal(1, 11, n)).round(1)
    frame = pd.DataFrame(
        {
            "meter_id": identifiers("M", first, n),
            "premises": premises,
            "district": pick(rng, {"north": 3, "docks": 2, "hill": 2, "centre": 3}, n),
            "floor_area_m2": area,
            "billed_kwh": np.maximum(billed, 50).round(0),
            "drop_pct": drop,
            "meter_age_years": rng.integers(1, 35, n),
            "unpaid_bills": rng.poisson(0.4 + 0.5 * tampered),
        }
    )
    score = 0.07 * drop + 1.6 * tampered + 0.5 * frame["unpaid_bills"].to_numpy()
    return frame, score


def meters(rng: np.random.Generator) -> pd.DataFrame:
    """Inspected electricity meters; old ones more often lack the floor area."""
    frame, score = _meters(rng, 5000, 300_001)
    frame["tampered"] = outcome(rng, score * 1.3, share=0.08)
    lean = 1.0 + 0.1 * frame["meter_age_years"].to_numpy(dtype=float)
    blank(rng, frame, "floor_area_m2", share=0.11, lean=lean)
    return frame


def meters_route(rng: np.random.Generator) -> pd.DataFrame:
    """Meters on next week's inspection route."""
    return _meters(rng, 50, 400_001)[0]


def seedlings(rng: np.random.Generator) -> pd.DataFrame:
    """Planted oaks after three years; the soil probe did not always reach the roots."""
    import pandas as pd

    n = 420
    shelter = pick(rng, {"tube": 3, "fence": 2, "none": 3}, n)
    slope = pick(rng, {"south": 3, "north": 3, "flat": 2}, n)
    height = rng.normal(42, 9, n).round(1)
    soil = rng.gamma(9, 2.3, n).round(1)
    weeds = rng.integers(0, 5, n)
    frame = pd.DataFrame(
        {
            "tree_id": identifiers("T", 1, n),
            "shelter": shelter,
            "slope": slope,
            "height_cm": height,
            "soil_moisture_pct": soil,
            "weed_cover": weeds,
            "browsed_twigs": rng.poisson(np.where(shelter == "none", 2.4, 0.5)),
        }
    )
    score = (
        0.05 * (height - 42)
        + 0.14 * (soil - 20)
        - 0.5 * weeds
        - 0.6 * frame["browsed_twigs"].to_numpy()
        - 0.6 * (slope == "south")
    )
    frame["alive"] = outcome(rng, score, share=0.56)
    blank(rng, frame, "soil_moisture_pct", share=0.14)
    return frame


def _tickets(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    plan = pick(rng, {"free": 5, "team": 3, "enterprise": 2}, n)
    area = pick(rng, {"login": 4, "billing": 3, "sync": 3, "export": 2}, n)
    replies = rng.poisson(2.2, n)
    first_hours = rng.gamma(1.4, 4, n).round(1)
    frame = pd.DataFrame(
        {
            "ticket_id": identifiers("K", first, n),
            "plan": plan,
            "area": area,
            "words": rng.integers(8, 400, n),
            "replies": replies,
            "first_answer_hours": first_hours,
            "tickets_before": rng.poisson(1.5, n),
            "exclamation_marks": rng.poisson(0.4, n),
        }
    )
    score = (
        0.45 * replies
        + 0.12 * first_hours
        + 0.9 * (area == "sync")
        + 0.8 * (plan == "enterprise")
        + 0.5 * frame["exclamation_marks"].to_numpy()
    )
    return frame, score * 1.2


def tickets(rng: np.random.Generator) -> pd.DataFrame:
    """Closed support tickets of a software house; one in seven was escalated."""
    frame, score = _tickets(rng, 3200, 7_001)
    frame["escalated"] = outcome(rng, score, share=0.14)
    return frame


def tickets_open(rng: np.random.Generator) -> pd.DataFrame:
    """Tickets that are open this morning."""
    return _tickets(rng, 40, 15_001)[0]


def wines(rng: np.random.Generator) -> pd.DataFrame:
    """Chemical analyses of three cultivars (scikit-learn), rows shuffled; 1 is the first one."""
    from sklearn.datasets import load_wine

    bunch = load_wine(as_frame=True)
    order = rng.permutation(len(bunch.data))
    columns = ["alcohol", "malic_acid", "ash", "magnesium", "color_intensity", "hue"]
    frame: pd.DataFrame = bunch.data[columns].iloc[order].reset_index(drop=True)
    frame.insert(0, "bottle_id", identifiers("B", 1, len(frame)))
    frame["barolo"] = (bunch.target.to_numpy()[order] == 0).astype(int)
    return frame
