"""Six more classification cases of the reported corpus (seed 0)."""

from __future__ import annotations

from genie_synth.frames.seed0 import services
from genie_synth.sketch.case import Case

__all__ = ["CASES"]

CASES = (
    Case(
        case_id="ad-clicks",
        corpus=0,
        prompt=(
            "Attached is one day of ad impressions, 100,000 rows (impressions.csv). I need a click"
            " model, quick to retrain, and the impressions in impressions_tomorrow.csv that we"
            " should bid on because a click is likely."
        ),
        domain="online advertising",
        task="classification",
        target="clicked",
        numeric=("hour", "times_seen", "headline_words", "past_click_rate"),
        nominal=("device", "placement"),
        file="impressions.csv",
        frame=services.impressions,
        id_column="impression_id",
        imbalanced=True,
        new_rows=services.impressions_tomorrow,
        new_file="impressions_tomorrow.csv",
        facts={
            "entity": "impression",
            "entities": "impressions",
            "outcome": "likely to be clicked",
            "gaps": "",
            "group": "placement",
            "domain": (
                (
                    "evening",
                    '{d}["hour"].between(19, 22).astype(int)',
                    "People click from the sofa, so the evening gets a flag.",
                ),
                (
                    "worn_out",
                    '({d}["times_seen"] > 4).astype(int)',
                    "After the fourth showing nobody looks at an ad any more.",
                ),
            ),
        },
    ),
    Case(
        case_id="clinic-no-shows",
        corpus=0,
        prompt=(
            "A third of our outpatients never turn up. From appointments.csv, can you predict who"
            " stays away? The booking office would then phone the patients in"
            " appointments_monday.csv who will probably not come."
        ),
        domain="outpatient care",
        task="classification",
        target="no_show",
        numeric=("days_ahead", "missed_before", "age", "distance_km", "visits_before"),
        nominal=("clinic", "reminder"),
        file="appointments.csv",
        frame=services.appointments,
        id_column="appointment_id",
        missing={"distance_km": "addresses abroad have no distance"},
        new_rows=services.appointments_monday,
        new_file="appointments_monday.csv",
        facts={
            "entity": "appointment",
            "entities": "appointments",
            "outcome": "likely to stay away",
            "gaps": "few",
            "group": "clinic",
            "domain": (
                (
                    "missed_rate",
                    '{d}["missed_before"] / ({d}["visits_before"] + {d}["missed_before"] + 1)',
                    "One missed visit of two is another habit than one of twenty.",
                ),
                (
                    "far_off",
                    '({d}["days_ahead"] > 28).astype(int)',
                    "Beyond four weeks people forget, so I flag the long waits.",
                ),
            ),
        },
    ),
    Case(
        case_id="meter-tampering",
        corpus=0,
        prompt=(
            "We are a distribution grid operator and some customers bypass the meter. meters.csv"
            " has 5,000 inspected connections with the finding. Rank the meters of next week's"
            " route (meters_route.csv): which ones look tampered with?"
        ),
        domain="utilities",
        task="classification",
        target="tampered",
        numeric=("floor_area_m2", "billed_kwh", "drop_pct", "meter_age_years", "unpaid_bills"),
        nominal=("premises", "district"),
        file="meters.csv",
        frame=services.meters,
        id_column="meter_id",
        imbalanced=True,
        missing={"floor_area_m2": "old contracts do not state the floor area"},
        new_rows=services.meters_route,
        new_file="meters_route.csv",
        facts={
            "entity": "meter",
            "entities": "meters",
            "outcome": "likely to be tampered with",
            "gaps": "many",
            "group": "district",
            "domain": (
                (
                    "sharp_drop",
                    '({d}["drop_pct"] > 20).astype(int)',
                    "A fall by a fifth within a year rarely has an innocent cause.",
                ),
                (
                    "kwh_per_year_of_age",
                    '{d}["billed_kwh"] / {d}["meter_age_years"]',
                    "Worn meters run slow, so I set the bill against the meter's age.",
                ),
            ),
        },
    ),
    Case(
        case_id="seedling-survival",
        corpus=0,
        prompt=(
            "We planted 420 oaks and went back after three years (seedlings.csv). I want to know"
            " how well survival can be told from the planting protocol, and what matters. No"
            " forecast for new trees is needed."
        ),
        domain="forestry",
        task="classification",
        target="alive",
        numeric=("height_cm", "soil_moisture_pct", "weed_cover", "browsed_twigs"),
        nominal=("shelter", "slope"),
        file="seedlings.csv",
        frame=services.seedlings,
        id_column="tree_id",
        missing={"soil_moisture_pct": "the probe did not reach the roots everywhere"},
        facts={
            "entity": "tree",
            "entities": "trees",
            "outcome": "likely to be alive",
            "gaps": "many",
            "group": "slope",
            "domain": (
                (
                    "hungry_deer",
                    '({d}["browsed_twigs"] >= 2).astype(int)',
                    "Two bitten twigs mean that deer have found the tree.",
                ),
                (
                    "choked",
                    '{d}["weed_cover"] / {d}["height_cm"]',
                    "Weeds smother small trees first, so cover goes over height.",
                ),
            ),
        },
    ),
    Case(
        case_id="ticket-escalations",
        corpus=0,
        prompt=(
            "tickets.csv lists closed support tickets and whether they were escalated. Train"
            " something simple and mark the ones in tickets_open.csv that will likely escalate."
            " Please keep it in the notebook: no experiment tracking, our server is down."
        ),
        domain="software support",
        task="classification",
        target="escalated",
        numeric=("words", "replies", "first_answer_hours", "tickets_before", "exclamation_marks"),
        nominal=("plan", "area"),
        file="tickets.csv",
        frame=services.tickets,
        id_column="ticket_id",
        imbalanced=True,
        new_rows=services.tickets_open,
        new_file="tickets_open.csv",
        rules_out_tracking=True,
        facts={
            "entity": "ticket",
            "entities": "tickets",
            "outcome": "likely to be escalated",
            "gaps": "",
            "group": "area",
            "domain": (
                (
                    "back_and_forth",
                    '{d}["replies"] / ({d}["first_answer_hours"] + 1)',
                    "Many replies after a slow first answer are the pattern that agents fear.",
                ),
                (
                    "shouting",
                    '({d}["exclamation_marks"] > 0).astype(int)',
                    "A single exclamation mark tells a customer who has had enough.",
                ),
            ),
        },
    ),
    Case(
        case_id="wine-cellar",
        corpus=0,
        prompt=(
            "wines.csv has lab values of 178 bottles; barolo is 1 for the cultivar we sell under"
            " that name. How reliably can the lab tell it from the other two? Nothing needs to be"
            " predicted beyond these bottles."
        ),
        domain="oenology",
        task="classification",
        target="barolo",
        numeric=("alcohol", "malic_acid", "ash", "magnesium", "color_intensity", "hue"),
        nominal=(),
        file="wines.csv",
        frame=services.wines,
        id_column="bottle_id",
        facts={
            "entity": "bottle",
            "entities": "bottles",
            "outcome": "likely to be Barolo",
            "gaps": "",
            "group": "",
            "domain": (
                (
                    "depth_of_color",
                    '{d}["color_intensity"] * {d}["hue"]',
                    "Tasters judge a red by how deep and how bright it is, together.",
                ),
                (
                    "acid_per_alcohol",
                    '{d}["malic_acid"] / {d}["alcohol"]',
                    "Ripeness shows in little acid for the alcohol.",
                ),
            ),
        },
    ),
)
