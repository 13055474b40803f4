"""The six classification cases of the reported corpus (seed 0)."""

from __future__ import annotations

from genie_synth.frames.seed0 import business
from genie_synth.sketch.case import Case

__all__ = ["CASES"]

CASES = (
    Case(
        case_id="flight-delays",
        corpus=0,
        prompt=(
            "Our operations desk wants to know which flights will leave late. Please build a model"
            " on last summer's departures in flights.csv and tell us which of tomorrow's flights"
            " (flights_tomorrow.csv) we should expect to be delayed."
        ),
        domain="aviation",
        task="classification",
        target="delayed",
        numeric=("dep_hour", "distance_km", "wind_ms", "load_factor", "inbound_delay_min"),
        nominal=("carrier", "origin"),
        file="flights.csv",
        frame=business.flights,
        id_column="flight_id",
        missing={"inbound_delay_min": "night flights report the inbound delay less often"},
        new_rows=business.flights_tomorrow,
        new_file="flights_tomorrow.csv",
        facts={
            "entity": "flight",
            "entities": "flights",
            "outcome": "expected to be delayed",
            "gaps": "many",
            "group": "carrier",
            "domain": (
                (
                    "evening_bank",
                    '({d}["dep_hour"] >= 17).astype(int)',
                    "Delays build up over the day, so departures after 17:00 get a flag.",
                ),
                (
                    "headwind_km",
                    '{d}["wind_ms"] * {d}["distance_km"] / 1000',
                    "Strong wind hurts more on a long sector, so I multiply the two.",
                ),
            ),
        },
    ),
    Case(
        case_id="customer-churn",
        corpus=0,
        prompt=(
            "We lose about one mobile customer in eight every year. Use customers.csv to predict"
            " churn, then list which customers in customers_active.csv the retention team should"
            " call."
        ),
        domain="telecommunications",
        task="classification",
        target="churned",
        numeric=("tenure_months", "monthly_fee", "data_gb", "support_calls", "total_billed"),
        nominal=("contract", "payment"),
        file="customers.csv",
        frame=business.customers,
        id_column="customer_id",
        imbalanced=True,
        missing={"total_billed": "customers of the last billing run"},
        new_rows=business.customers_active,
        new_file="customers_active.csv",
        facts={
            "entity": "customer",
            "entities": "customers",
            "outcome": "likely to churn",
            "gaps": "few",
            "group": "contract",
            "domain": (
                (
                    "calls_per_year",
                    '12 * {d}["support_calls"] / ({d}["tenure_months"] + 1)',
                    "Three support calls in two months mean more than three in five years.",
                ),
                (
                    "fee_per_gb",
                    '{d}["monthly_fee"] / ({d}["data_gb"] + 1)',
                    "People who pay a lot for little data have a reason to look around.",
                ),
            ),
        },
    ),
    Case(
        case_id="loan-default",
        corpus=0,
        prompt=(
            "Build a model that flags consumer loans at risk of default (loans.csv, outcome after"
            " two years). The credit desk needs a decision on the applications in"
            " loans_pending.csv: which ones are likely to default?"
        ),
        domain="banking",
        task="classification",
        target="defaulted",
        numeric=("income_k", "amount_k", "term_months", "past_arrears", "employment_years"),
        nominal=("purpose", "housing"),
        file="loans.csv",
        frame=business.loans,
        id_column="loan_id",
        imbalanced=True,
        missing={"employment_years": "the self-employed leave the field empty"},
        new_rows=business.loans_pending,
        new_file="loans_pending.csv",
        facts={
            "entity": "application",
            "entities": "applications",
            "outcome": "likely to default",
            "gaps": "many",
            "group": "purpose",
            "domain": (
                (
                    "loan_to_income",
                    '{d}["amount_k"] / {d}["income_k"]',
                    "What a household can carry depends on the loan relative to its income.",
                ),
                (
                    "monthly_burden",
                    '{d}["amount_k"] / {d}["term_months"] / {d}["income_k"]',
                    "The instalment as a share of income says more than the amount.",
                ),
            ),
        },
    ),
    Case(
        case_id="hotel-cancellations",
        corpus=0,
        prompt=(
            "Two in five bookings of our hotel are cancelled. Train a classifier on bookings.csv"
            " and tell me which of next week's bookings (bookings_open.csv) will probably be"
            " cancelled, so that we can overbook with care."
        ),
        domain="hospitality",
        task="classification",
        target="cancelled",
        numeric=(
            *("lead_days", "nights", "guests", "price_eur"),
            *("special_requests", "past_cancellations"),
        ),
        nominal=("channel", "room_type"),
        file="bookings.csv",
        frame=business.bookings,
        id_column="booking_id",
        new_rows=business.bookings_open,
        new_file="bookings_open.csv",
        facts={
            "entity": "booking",
            "entities": "bookings",
            "outcome": "likely to be cancelled",
            "gaps": "",
            "group": "channel",
            "domain": (
                (
                    "price_per_guest",
                    '{d}["price_eur"] / {d}["guests"]',
                    "Guests compare prices per head, so the price is divided by the party.",
                ),
                (
                    "far_ahead",
                    '({d}["lead_days"] > 90).astype(int)',
                    "Bookings made more than three months ahead can be cancelled for free.",
                ),
            ),
        },
    ),
    Case(
        case_id="machine-failures",
        corpus=0,
        prompt=(
            "machines.csv holds readings of our milling machines and whether one broke down within"
            " a day. Predict failures and name the machines in machines_tonight.csv that should be"
            " serviced before the night shift. No experiment tracking please, this runs on an"
            " isolated plant network."
        ),
        domain="manufacturing",
        task="classification",
        target="failed",
        numeric=("temperature_c", "torque_nm", "speed_rpm", "tool_wear_min", "vibration_mms"),
        nominal=("line", "shift"),
        file="machines.csv",
        frame=business.machines,
        id_column="reading_id",
        imbalanced=True,
        new_rows=business.machines_tonight,
        new_file="machines_tonight.csv",
        rules_out_tracking=True,
        facts={
            "entity": "machine",
            "entities": "machines",
            "outcome": "likely to fail tonight",
            "gaps": "",
            "group": "line",
            "domain": (
                (
                    "power_kw",
                    '{d}["torque_nm"] * {d}["speed_rpm"] / 9550',
                    "Torque times speed is the mechanical power the spindle delivers.",
                ),
                (
                    "worn_and_loaded",
                    '{d}["tool_wear_min"] * {d}["torque_nm"] / 1000',
                    "A worn tool breaks under load, so wear is multiplied by torque.",
                ),
            ),
        },
    ),
    Case(
        case_id="tumour-samples",
        corpus=0,
        prompt=(
            "tumours.csv contains cell measurements of fine-needle samples. How well can malignant"
            " tumours be told from benign ones with these measurements? I need an honest estimate"
            " for a methods meeting."
        ),
        domain="medicine",
        task="classification",
        target="malignant",
        numeric=(
            *("radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity"),
            *("concave_points", "symmetry", "fractal_dimension"),
        ),
        nominal=(),
        file="tumours.csv",
        frame=business.tumours,
        id_column="sample_id",
        facts={
            "entity": "sample",
            "entities": "samples",
            "outcome": "malignant",
            "gaps": "",
            "group": "",
            "domain": (
                (
                    "roundness",
                    '4 * 3.1416 * {d}["area"] / {d}["perimeter"] ** 2',
                    "Malignant nuclei are irregular; area against perimeter measures that.",
                ),
                (
                    "dent_depth",
                    '{d}["concavity"] / ({d}["concave_points"] + 0.001)',
                    "How deep the dents are, whatever their number.",
                ),
            ),
        },
    ),
)
