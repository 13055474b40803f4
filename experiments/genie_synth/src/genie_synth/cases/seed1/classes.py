"""The six classification cases of the development corpus (seed 1)."""

from __future__ import annotations

from genie_synth.frames.seed1 import society
from genie_synth.sketch.case import Case

__all__ = ["CASES"]

CASES = (
    Case(
        case_id="hospital-readmission",
        corpus=1,
        prompt=(
            "stays.csv lists hospital stays and whether the patient came back within 30 days"
            " (about one in seven). Build a readmission model and tell the ward which of the"
            " patients discharged today (stays_today.csv) need a follow-up call."
        ),
        domain="hospital care",
        task="classification",
        target="readmitted",
        numeric=("age", "length_of_stay", "prior_stays", "n_medications", "creatinine", "hba1c"),
        nominal=("ward", "admission"),
        file="stays.csv",
        frame=society.stays,
        id_column="stay_id",
        imbalanced=True,
        missing={"hba1c": "often not measured on planned stays"},
        new_rows=society.stays_today,
        new_file="stays_today.csv",
        facts={
            "entity": "patient",
            "entities": "patients",
            "outcome": "to be called after discharge",
            "gaps": "many",
            "group": "ward",
            "domain": (
                (
                    "pills_per_decade",
                    '{d}["n_medications"] / ({d}["age"] / 10)',
                    "Many drugs at a young age point to a complicated illness.",
                ),
                (
                    "frequent_guest",
                    '({d}["prior_stays"] >= 3).astype(int)',
                    "From the third stay on a patient counts as chronic here.",
                ),
            ),
        },
    ),
    Case(
        case_id="chargebacks",
        corpus=1,
        prompt=(
            "One payment in twenty is charged back. Learn from payments.csv and tell us which of"
            " the held payments (payments_held.csv) to refuse. Please leave MLflow and similar"
            " tracking out, compliance has not cleared it."
        ),
        domain="payments",
        task="classification",
        target="charged_back",
        numeric=("amount_eur", "hour", "account_age_days", "payments_24h", "shipping_km"),
        nominal=("country", "channel"),
        file="payments.csv",
        frame=society.payments,
        id_column="payment_id",
        imbalanced=True,
        new_rows=society.payments_held,
        new_file="payments_held.csv",
        rules_out_tracking=True,
        facts={
            "entity": "payment",
            "entities": "payments",
            "outcome": "to be refused",
            "gaps": "",
            "group": "country",
            "domain": (
                (
                    "small_hours",
                    '({d}["hour"] < 5).astype(int)',
                    "Stolen cards are tried at night, so the small hours get a flag.",
                ),
                (
                    "amount_per_day",
                    '{d}["amount_eur"] / ({d}["account_age_days"] + 1)',
                    "A large order on a young account is what fraud looks like.",
                ),
            ),
        },
    ),
    Case(
        case_id="student-dropout",
        corpus=1,
        prompt=(
            "We would like to offer tutoring to students who may drop out. students.csv is last"
            " year's cohort; please say who in students_second_year.csv should get an invitation."
        ),
        domain="education",
        task="classification",
        target="dropped_out",
        numeric=("entry_grade", "credits_term1", "commute_min", "age", "logins_per_week"),
        nominal=("faculty", "funding"),
        file="students.csv",
        frame=society.students,
        id_column="student_id",
        missing={"logins_per_week": "a handful never linked an account"},
        new_rows=society.students_second_year,
        new_file="students_second_year.csv",
        facts={
            "entity": "student",
            "entities": "students",
            "outcome": "to be invited to tutoring",
            "gaps": "few",
            "group": "faculty",
            "domain": (
                (
                    "behind_plan",
                    '({d}["credits_term1"] < 20).astype(int)',
                    "Twenty credits is what the study plan asks of the first term.",
                ),
                (
                    "commute_share",
                    '{d}["commute_min"] / ({d}["credits_term1"] + 1)',
                    "A long way to few courses is where people give up.",
                ),
            ),
        },
    ),
    Case(
        case_id="catalogue-response",
        corpus=1,
        prompt=(
            "contacts.csv shows who answered our spring catalogue (11 %). Printing is expensive:"
            " whom in contacts_autumn.csv should we send the autumn one?"
        ),
        domain="marketing",
        task="classification",
        target="responded",
        numeric=("recency_days", "orders_12m", "spend_12m", "opens_6m", "mails_6m"),
        nominal=("segment", "region"),
        file="contacts.csv",
        frame=society.contacts,
        id_column="contact_id",
        imbalanced=True,
        new_rows=society.contacts_autumn,
        new_file="contacts_autumn.csv",
        facts={
            "entity": "contact",
            "entities": "contacts",
            "outcome": "worth a catalogue",
            "gaps": "",
            "group": "segment",
            "domain": (
                (
                    "open_rate",
                    '{d}["opens_6m"] / {d}["mails_6m"]',
                    "Opens only mean something against the number of mails sent.",
                ),
                (
                    "basket",
                    '{d}["spend_12m"] / ({d}["orders_12m"] + 1)',
                    "Big baskets come from people who read the catalogue.",
                ),
            ),
        },
    ),
    Case(
        case_id="vine-mildew",
        corpus=1,
        prompt=(
            "Predict mildew infection in our vineyard plots from the weekly checks in vines.csv."
            " This week's readings are in vines_this_week.csv: which plots should we spray?"
        ),
        domain="agriculture",
        task="classification",
        target="infected",
        numeric=("temperature_c", "humidity_pct", "rain_mm", "days_since_spray", "leaf_wetness_h"),
        nominal=("variety", "slope"),
        file="vines.csv",
        frame=society.vines,
        id_column="plot_id",
        missing={"leaf_wetness_h": "leaf sensors drop out in the rain"},
        new_rows=society.vines_this_week,
        new_file="vines_this_week.csv",
        facts={
            "entity": "plot",
            "entities": "plots",
            "outcome": "to be sprayed",
            "gaps": "many",
            "group": "variety",
            "domain": (
                (
                    "mildew_window",
                    '{d}["temperature_c"].between(15, 25).astype(int)',
                    "The spores need 15 to 25 degrees, so that window gets a flag.",
                ),
                (
                    "washed_off",
                    '{d}["rain_mm"] * {d}["days_since_spray"]',
                    "Rain washes the last treatment off, the more the older it is.",
                ),
            ),
        },
    ),
    Case(
        case_id="election-survey",
        corpus=1,
        prompt=(
            "voters.csv comes from a 1996 election survey. How well do age, income, education and"
            " placement on the left-right scale explain the vote for Dole? It is for a seminar, we"
            " only need the model and how good it is."
        ),
        domain="political science",
        task="classification",
        target="voted_dole",
        numeric=(
            *("age", "income_bracket", "tv_news_days", "own_left_right"),
            *("clinton_left_right", "dole_left_right"),
        ),
        nominal=("education", "residence"),
        file="voters.csv",
        frame=society.voters,
        id_column="respondent_id",
        facts={
            "entity": "respondent",
            "entities": "respondents",
            "outcome": "voting for Dole",
            "gaps": "",
            "group": "education",
            "domain": (
                (
                    "closer_to_dole",
                    '({d}["own_left_right"] - {d}["clinton_left_right"]).abs()'
                    ' - ({d}["own_left_right"] - {d}["dole_left_right"]).abs()',
                    "Spatial voting: people choose the candidate who stands nearer to them.",
                ),
                (
                    "gap_seen",
                    '{d}["dole_left_right"] - {d}["clinton_left_right"]',
                    "How far apart a respondent sees the candidates.",
                ),
            ),
        },
    ),
)
