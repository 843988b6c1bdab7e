"""A ready recipe for each file of the simulated city, as the JSON documents that ``anonymize.recipe.parse`` takes.

The limits are chosen for the default size, with the simulation's habits in view and never from a file. Half-widths of
the 95 % intervals, measured on 5,000 people: 27 customers (the median cell has 250), 216 payments (550) and 4.3 million
won (12 million within the limits) for a district's group of shops in a month; 20 people (the median cell has 69) for
a neighbourhood's hour. A larger city gets the same widths on larger figures.
"""

from __future__ import annotations

from typing import Any

from opendata.demo import places

Document = dict[str, Any]

CARD, SIGNALLING, SURVEY, BUSES = "card-spending", "living-population", "household-survey", "bus-stops"
_FILES = {CARD: "card_transactions", SIGNALLING: "signalling_events", SURVEY: "survey", BUSES: "bus_stops"}
_GU_LEVEL = _GROUP_LEVEL = 1
_TIME_ZONE = "Asia/Seoul"


def file_name(slug: str) -> str:
    """Name of the recipe's file beside the data it is for."""
    return f"{_FILES[slug]}.recipe.json"


def _column(role: str, title: str, ladder: str | None = None) -> Document:
    column: Document = {"role": role, "title": title}
    return column if ladder is None else column | {"hierarchy": {"file": ladder}}


_PLACES: Document = {"file": places.LAYER, "code": "code", "parents": ["gu", "area"]}
_KRW: Document = {"lower": 0, "upper": 60_000, "unit": 100}

CARD_SPENDING: Document = {
    "recipe": 1,
    "title": "Card spending by district, group of shops and month (simulated city)",
    "person_key": "고객번호",
    "missing_person_key": "drop",
    "columns": {
        "고객번호": _column("person_key", "Customer number"),
        "업종": _column("plain", "Kind of shop", "category.csv"),
        "행정동코드": _column("place", "District", "dong.csv"),
        "결제일시": _column("event_time", "Time of payment"),
        "결제금액": _column("plain", "Amount (KRW)"),
    },
    "stages": [
        # cancellations are the negative amounts; the payment that was cancelled stays
        {"stage": "keep_rows", "column": "결제금액", "at_least": 1},
        {
            "stage": "dp_table",
            "group_by": [
                {"column": "행정동코드", "level": _GU_LEVEL},
                {"column": "업종", "level": _GROUP_LEVEL},
                {"column": "결제일시", "bucket": "month", "time_zone": _TIME_ZONE},
            ],
            "measures": [
                {"name": "customers", "kind": "persons", "weight": 2},
                {"name": "payments", "kind": "rows", "weight": 1},
                {"name": "spend", "kind": "sum", "column": "결제금액", **_KRW, "weight": 3},
            ],
            "epsilon": "4",
            "delta": "1e-6",
            "max_cells_per_person": 12,
            "max_rows_per_cell": 4,
            "cells": "private",
        },
    ],
}

LIVING_POPULATION: Document = {
    "recipe": 1,
    "title": "Living population: people present by neighbourhood and hour of day, one week (simulated city)",
    "person_key": "subscriber_id",
    "columns": {
        "subscriber_id": _column("person_key", "Subscriber"),
        "dong_code": {"role": "place", "title": "Neighbourhood", "hierarchy": {"places": _PLACES}},
        "event_at": _column("event_time", "Time of the event"),
    },
    "stages": [
        {
            "stage": "dp_table",
            "group_by": [
                {"column": "dong_code", "values": places.codes()},
                {"column": "event_at", "bucket": "hour_of_day", "time_zone": _TIME_ZONE},
            ],
            "measures": [{"name": "people", "kind": "persons"}],
            "epsilon": "3",
            "delta": "1e-6",
            "max_cells_per_person": 20,
            "cells": "public",
        }
    ],
}

HOUSEHOLD_SURVEY: Document = {
    "recipe": 1,
    "title": "Household survey, one row a person, k = 5 (simulated city)",
    "person_key": "respondent_id",
    "columns": {
        "respondent_id": _column("person_key", "Respondent"),
        "name": _column("direct_identifier", "Name"),
        "phone": _column("direct_identifier", "Telephone"),
        "resident_number": _column("direct_identifier", "Resident number"),
        "sex": _column("quasi_identifier", "Sex"),
        "age": {"role": "quasi_identifier", "title": "Age", "hierarchy": {"intervals": [5, 10, 20, 40]}},
        "dong_code": _column("quasi_identifier", "Neighbourhood", "dong.csv"),
        "education": _column("quasi_identifier", "Education", "education.csv"),
        "household_type": _column("quasi_identifier", "Household", "household_type.csv"),
        "income": _column("sensitive", "Income (KRW a month)"),
        "health_status": _column("sensitive", "Health"),
    },
    # occupation is not named, so it is dropped: a sixth quasi-identifier would cost age and district their detail
    "stages": [{"stage": "k_anonymity", "k": 5, "method": "full_domain", "max_suppressed": "0.05"}],
}

BUS_STOPS: Document = {
    "recipe": 1,
    "title": "Bus stops (simulated city)",
    "columns": {
        "stop_id": _column("plain", "Stop"),
        "stop_name": _column("plain", "Name of the stop"),
        "route": _column("plain", "Route"),
        "dong_code": _column("place", "Neighbourhood"),
        "lat": _column("place", "Latitude"),
        "lon": _column("place", "Longitude"),
        "opened_year": _column("plain", "Opened"),
    },
    "stages": [{"stage": "scan"}],
}

RECIPES: dict[str, Document] = {
    CARD: CARD_SPENDING,
    SIGNALLING: LIVING_POPULATION,
    SURVEY: HOUSEHOLD_SURVEY,
    BUSES: BUS_STOPS,
}
"""Recipe by the slug of its dataset."""
