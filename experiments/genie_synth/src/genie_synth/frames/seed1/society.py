"""Classification stories of the development corpus (seed 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from genie_synth.frames.draws import blank, identifiers, outcome, pick

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "contacts",
    "contacts_autumn",
    "payments",
    "payments_held",
    "stays",
    "stays_today",
    "students",
    "students_second_year",
    "vines",
    "vines_this_week",
    "voters",
]

FloatArray = np.ndarray[Any, np.dtype[np.floating[Any]]]


def _stays(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    age = rng.normal(66, 14, n).clip(20, 96).round(0)
    prior = rng.poisson(0.8, n)
    days = (1 + rng.gamma(2, 2.3, n)).round(0)
    sugar = rng.normal(6.6, 1.4, n).clip(4.2, 14).round(1)
    ward = pick(rng, {"cardiology": 3, "internal": 4, "surgery": 3, "pulmonary": 2}, n)
    frame = pd.DataFrame(
        {
            "stay_id": identifiers("H", first, n),
            "ward": ward,
            "admission": pick(rng, {"emergency": 5, "planned": 4, "transfer": 1}, n),
            "age": age,
            "length_of_stay": days,
            "prior_stays": prior,
            "n_medications": rng.poisson(6 + prior),
            "creatinine": rng.gamma(9, 0.12, n).round(2),
            "hba1c": sugar,
        }
    )
    score = (
        0.02 * (age - 66)
        + 0.7 * prior
        + 0.12 * days
        + 0.55 * (sugar - 6.6)
        + 0.7 * (ward == "pulmonary")
        + 0.5 * (frame["admission"].to_numpy() == "emergency")
    )
    return frame, score * 1.1


def stays(rng: np.random.Generator) -> pd.DataFrame:
    """Hospital stays; the sugar value is often not measured on short planned ones."""
    frame, score = _stays(rng, 2000, 7_001)
    frame["readmitted"] = outcome(rng, score, share=0.14)
    lean = 1.0 + 3.0 * (frame["admission"].to_numpy() == "planned")
    blank(rng, frame, "hba1c", share=0.15, lean=lean)
    return frame


def stays_today(rng: np.random.Generator) -> pd.DataFrame:
    """Patients who are discharged today."""
    return _stays(rng, 32, 9_501)[0]


def _payments(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    amount = rng.lognormal(3.9, 0.9, n).round(2)
    hour = rng.integers(0, 24, n)
    account = rng.gamma(1.3, 260, n).round(0)
    burst = rng.poisson(1.1, n)
    channel = pick(rng, {"app": 5, "web": 4, "phone": 1}, n)
    frame = pd.DataFrame(
        {
            "payment_id": identifiers("T", first, n),
            "country": pick(rng, {"DE": 5, "FR": 3, "PL": 2, "ES": 2, "RO": 1}, n),
            "channel": channel,
            "amount_eur": amount,
            "hour": hour,
            "account_age_days": account,
            "payments_24h": burst,
            "shipping_km": rng.gamma(1.1, 240, n).round(0),
        }
    )
    score = (
        0.9 * np.log(amount / 50)
        + 1.1 * (hour < 5)
        - 0.004 * np.minimum(account, 600)
        + 0.55 * burst
        + 0.9 * (channel == "phone")
        + 0.0012 * frame["shipping_km"].to_numpy()
    )
    return frame, score * 1.15


def payments(rng: np.random.Generator) -> pd.DataFrame:
    """Shop payments; one in twenty is charged back later. Complete records."""
    frame, score = _payments(rng, 3000, 100_001)
    frame["charged_back"] = outcome(rng, score, share=0.05)
    return frame


def payments_held(rng: np.random.Generator) -> pd.DataFrame:
    """Payments held for review this morning."""
    return _payments(rng, 48, 200_001)[0]


def _students(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    grade = rng.normal(2.6, 0.55, n).clip(1, 4).round(1)
    credits = rng.normal(23, 7, n).clip(0, 40).round(0)
    logins = rng.gamma(2.5, 2.4, n).round(1)
    faculty = pick(rng, {"science": 3, "law": 2, "arts": 3, "business": 3}, n)
    funding = pick(rng, {"grant": 3, "job": 4, "family": 3}, n)
    frame = pd.DataFrame(
        {
            "student_id": identifiers("M", first, n),
            "faculty": faculty,
            "funding": funding,
            "entry_grade": grade,
            "credits_term1": credits,
            "commute_min": rng.gamma(3, 11, n).round(0),
            "age": (18 + rng.gamma(1.6, 2.2, n)).round(0),
            "logins_per_week": logins,
        }
    )
    score = (
        0.9 * (grade - 2.6)
        - 0.16 * (credits - 23)
        - 0.22 * (logins - 6)
        + 0.7 * (funding == "job")
        + 0.6 * (faculty == "science")
    )
    return frame, score * 1.1


def students(rng: np.random.Generator) -> pd.DataFrame:
    """A cohort after its first year; a handful never linked an account."""
    frame, score = _students(rng, 1500, 31_001)
    frame["dropped_out"] = outcome(rng, score, share=0.44)
    blank(rng, frame, "logins_per_week", share=0.007)
    return frame


def students_second_year(rng: np.random.Generator) -> pd.DataFrame:
    """The next cohort, halfway through."""
    return _students(rng, 40, 36_001)[0]


def _contacts(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    recency = rng.gamma(1.4, 80, n).round(0)
    orders = rng.poisson(2.2, n)
    opens = rng.binomial(24, 0.3, n)
    segment = pick(rng, {"family": 4, "single": 3, "senior": 3}, n)
    frame = pd.DataFrame(
        {
            "contact_id": identifiers("K", first, n),
            "segment": segment,
            "region": pick(rng, {"north": 3, "south": 4, "east": 2, "west": 3}, n),
            "recency_days": recency,
            "orders_12m": orders,
            "spend_12m": (orders * rng.gamma(6, 9, n)).round(2),
            "opens_6m": opens,
            "mails_6m": np.full(n, 24) + rng.integers(0, 9, n),
        }
    )
    score = (
        -0.012 * np.minimum(recency, 300)
        + 0.35 * orders
        + 0.2 * (opens - 7)
        + 0.8 * (segment == "senior")
    )
    return frame, score * 1.15


def contacts(rng: np.random.Generator) -> pd.DataFrame:
    """Who answered the spring catalogue: one in nine. Complete records."""
    frame, score = _contacts(rng, 2300, 15_001)
    frame["responded"] = outcome(rng, score, share=0.11)
    return frame


def contacts_autumn(rng: np.random.Generator) -> pd.DataFrame:
    """Candidates for the autumn catalogue."""
    return _contacts(rng, 55, 18_001)[0]


def _vines(rng: np.random.Generator, n: int, first: int) -> tuple[pd.DataFrame, FloatArray]:
    import pandas as pd

    wet = rng.gamma(2.4, 3.1, n).clip(0, 24).round(1)
    warm = rng.normal(18, 4, n).round(1)
    spray = rng.integers(0, 22, n)
    variety = pick(rng, {"riesling": 4, "merlot": 3, "solaris": 2}, n)
    slope = pick(rng, {"flat": 4, "south": 4, "north": 2}, n)
    frame = pd.DataFrame(
        {
            "plot_id": identifiers("W", first, n),
            "variety": variety,
            "slope": slope,
            "temperature_c": warm,
            "humidity_pct": rng.normal(72, 10, n).clip(30, 100).round(0),
            "rain_mm": rng.gamma(1.1, 6, n).round(1),
            "days_since_spray": spray,
            "leaf_wetness_h": wet,
        }
    )
    score = (
        0.22 * (wet - 7)
        - 0.02 * (warm - 20) ** 2
        + 0.11 * (spray - 10)
        - 1.2 * (variety == "solaris")
        + 0.6 * (slope == "north")
        + 0.03 * (frame["humidity_pct"].to_numpy() - 72)
    )
    return frame, score * 1.2


def vines(rng: np.random.Generator) -> pd.DataFrame:
    """Weekly checks of vineyard plots for mildew; leaf sensors drop out in the rain."""
    frame, score = _vines(rng, 1300, 401)
    frame["infected"] = outcome(rng, score, share=0.47)
    lean = 1.0 + frame["rain_mm"].to_numpy() / 5
    blank(rng, frame, "leaf_wetness_h", share=0.10, lean=lean)
    return frame


def vines_this_week(rng: np.random.Generator) -> pd.DataFrame:
    """The plots before this week's round."""
    return _vines(rng, 30, 2_401)[0]


def voters(rng: np.random.Generator) -> pd.DataFrame:
    """US election study 1996 (statsmodels): who voted for the challenger, rows shuffled."""
    import pandas as pd
    from statsmodels.datasets import anes96

    raw = anes96.load_pandas().data
    order = rng.permutation(len(raw))
    raw = raw.iloc[order].reset_index(drop=True)
    school = np.select([raw["educ"] <= 2, raw["educ"] <= 5], ["school", "college"], "degree")
    town = np.select([raw["popul"] < 10, raw["popul"] < 250], ["rural", "town"], "city")
    return pd.DataFrame(
        {
            "respondent_id": identifiers("N", 1_001, len(raw)),
            "education": school,
            "residence": town,
            "age": raw["age"].astype(int),
            "income_bracket": raw["income"].astype(int),
            "tv_news_days": raw["TVnews"].astype(int),
            "own_left_right": raw["selfLR"].astype(int),
            "clinton_left_right": raw["ClinLR"].astype(int),
            "dole_left_right": raw["DoleLR"].astype(int),
            "voted_dole": raw["vote"].astype(int),
        }
    )
