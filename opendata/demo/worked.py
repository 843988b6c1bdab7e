"""The worked examples on a simulated week, as recipes: living population, card spending, and the demand for night buses.

Limits follow from public knowledge and the unit of privacy, never from a file. ``day`` protects what a person did in one
day, so a week of hours can be published; the other two protect the person in the whole week.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from opendata.demo.sources import TIME_ZONE
from opendata.demo.spending import CATEGORIES
from opendata.demo.totals import Totals

Document = dict[str, Any]
LIVING, CARDS, NIGHT_BUS = "living-population", "card-spending", "night-bus"
TAXIS: Final = "taxi-trips"
LAYER: Final = "places.geojson"
MOST_HOURS_A_DAY, STAY_MINUTES = 12, 240
DISTRICT_DIGITS: Final = 5


def living_population(week: Totals, *, epsilon: str = "1", layer: bool = False) -> Document:
    """Persons present by place and hour of the week; protects a person's day."""
    return {
        "recipe": 1,
        "title": "Living population: people present by place and hour",
        "person_key": "subscriber",
        "privacy_unit": {"period": "day", "column": "event_at", "time_zone": TIME_ZONE},
        "columns": {
            "subscriber": {"role": "person_key"},
            "event_at": {"role": "event_time", "title": "Time"},
            "dong_code": _place("Place", layer),
        },
        "stages": [
            {"stage": "presence", "time": "event_at", "place": "dong_code", "max_gap_minutes": STAY_MINUTES},
            {
                "stage": "dp_table",
                "group_by": [{"column": "dong_code", "values": list(week.codes)}, _hours(week)],
                "measures": [{"name": "people", "kind": "persons"}],
                "epsilon": epsilon,
                "delta": "1e-6",
                "max_cells_per_person": MOST_HOURS_A_DAY,
                "cells": "public",
                "noise": "gaussian",
            },
        ],
    }


def card_spending(week: Totals, *, epsilon: str = "1") -> Document:
    """Payments, won and customers by place, kind of shop and hour of the day; protects the person."""
    return {
        "recipe": 1,
        "title": "Card spending by place, kind of shop and hour of the day",
        "person_key": "customer",
        "columns": {
            "customer": {"role": "person_key"},
            "paid_at": {"role": "event_time", "title": "Time"},
            "dong_code": _place("Place", layer=False),
            "category": {"role": "plain", "title": "Kind of shop"},
            "amount": {"role": "plain", "title": "Amount (KRW)"},
        },
        "stages": [
            {
                "stage": "dp_table",
                "group_by": [
                    {"column": "dong_code", "values": list(week.codes)},
                    {"column": "category", "values": [kind.name for kind in CATEGORIES]},
                    {"column": "paid_at", "bucket": "hour_of_day", "time_zone": TIME_ZONE},
                ],
                "measures": [
                    {"name": "customers", "kind": "persons"},
                    {"name": "payments", "kind": "rows"},
                    {"name": "spend", "kind": "sum", "column": "amount", "lower": 0, "upper": 50_000, "unit": 1_000},
                ],
                "epsilon": epsilon,
                "delta": "1e-6",
                "max_cells_per_person": 6,
                "max_rows_per_cell": 1,
                "cells": "private",
            }
        ],
    }


def night_bus(week: Totals, *, epsilon: str = "1") -> Document:
    """Ways at night from district to district, from signalling joined with taxi trips; protects the person.

    Districts are the first five digits of the codes: between single places there is nobody at night but by chance.
    """
    seen = {"subscriber": "caller", "event_at": "pickup_at", "dong_code": "pickup_dong"}
    left = {"subscriber": "caller", "event_at": "dropoff_at", "dong_code": "dropoff_dong"}
    districts = sorted({code[:DISTRICT_DIGITS] for code in week.codes})
    ladder = {"prefix": [DISTRICT_DIGITS]}
    return {
        "recipe": 1,
        "title": "Demand for night buses: ways at night from district to district",
        "person_key": "subscriber",
        "append": [{"table": TAXIS, "columns": seen}, {"table": TAXIS, "columns": left}],
        "columns": {
            "subscriber": {"role": "person_key"},
            "event_at": {"role": "event_time", "title": "Time of departure"},
            "dong_code": _place("Place", layer=False),
            "origin": {"role": "place", "title": "From", "hierarchy": ladder},
            "destination": {"role": "place", "title": "To", "hierarchy": ladder},
        },
        "stages": [
            {"stage": "flows", "time": "event_at", "place": "dong_code", "max_gap_minutes": 90},
            {
                "stage": "dp_table",
                "group_by": [
                    {"column": "origin", "level": 1, "values": districts},
                    {"column": "destination", "level": 1, "values": districts},
                    {"column": "event_at", "bucket": "hour_of_day", "time_zone": TIME_ZONE},
                ],
                "measures": [{"name": "people", "kind": "persons"}, {"name": "ways", "kind": "rows"}],
                "epsilon": epsilon,
                "delta": "1e-6",
                "max_cells_per_person": 8,
                "max_rows_per_cell": 2,
                "cells": "public",
                "noise": "gaussian",
            },
        ],
    }


def _place(title: str, layer: bool) -> Document:
    place: Document = {"role": "place", "title": title}
    ladder = {"places": {"file": LAYER, "code": "code", "parents": ["gu"]}}
    return place | {"hierarchy": ladder} if layer else place


def _hours(week: Totals) -> Document:
    """Every hour of the days that the week has."""
    first = week.first.astype("datetime64[D]")
    last = week.moments()[-1].astype("datetime64[D]") + np.timedelta64(1, "D")
    return {"column": "event_at", "bucket": "hour", "time_zone": TIME_ZONE, "start": str(first), "end": str(last)}


def roles(document: Document) -> dict[str, Document]:
    """The roles that a steward gives to the columns of a version, for this recipe."""
    named: Sequence[tuple[str, Document]] = list(document["columns"].items())
    return {name: {"role": column["role"]} for name, column in named}
