"""The worked examples on a simulated week, as recipes: living population, card spending, and the demand for night buses.

Limits follow from public knowledge and the unit of privacy, never from a file. All three protect what a person did in one
day, since one population has one unit; the day runs from noon to noon, so that a night lies in one.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from opendata.demo.sources import TIME_ZONE
from opendata.demo.spending import CATEGORIES
from opendata.demo.totals import Totals

Document = dict[str, Any]
LIVING, CARDS, NIGHT_BUS = "living-population", "card-spending", "night-bus"
TAXIS: Final = "taxi-trips"
LAYER: Final = "places.geojson"
MOST_HOURS_A_DAY, STAY_MINUTES = 24, 480
NOON_ZONE: Final = "Etc/GMT+3"  # where a day begins when it is noon in Seoul
DISTRICT_DIGITS: Final = 5


def living_population(week: Totals, *, epsilon: str = "1", layer: bool = False) -> Document:
    """Persons present by place and hour of the week."""
    return {
        "recipe": 1,
        "title": "Living population: people present by place and hour",
        "person_key": "subscriber",
        "privacy_unit": _day("event_at"),
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
    """Payments, won and customers by district, kind of shop and hour of the day.

    By single places most cells would hold a handful of customers, whom private selection leaves out.
    """
    return {
        "recipe": 1,
        "title": "Card spending by district, kind of shop and hour of the day",
        "person_key": "customer",
        "privacy_unit": _day("paid_at"),
        "columns": {
            "customer": {"role": "person_key"},
            "paid_at": {"role": "event_time", "title": "Time"},
            "dong_code": {"role": "place", "title": "District", "hierarchy": {"prefix": [DISTRICT_DIGITS]}},
            "category": {"role": "plain", "title": "Kind of shop"},
            "amount": {"role": "plain", "title": "Amount (KRW)"},
        },
        "stages": [
            {
                "stage": "dp_table",
                "group_by": [
                    {"column": "dong_code", "level": 1, "values": sorted({code[:DISTRICT_DIGITS] for code in week.codes})},
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
                "max_cells_per_person": 3,
                "max_rows_per_cell": 1,
                "cells": "private",
            }
        ],
    }


def night_bus(week: Totals, *, epsilon: str = "1") -> Document:
    """Ways at night from district to district, from signalling joined with taxi trips.

    Districts are the first five digits of the codes: between single places there is nobody at night but by chance. Of a trip
    the pick-up alone is taken: by its drop-off, past noon, the same trip would lie in another day as well.
    """
    seen = {"subscriber": "caller", "event_at": "pickup_at", "dong_code": "pickup_dong"}
    districts = sorted({code[:DISTRICT_DIGITS] for code in week.codes})
    ladder = {"prefix": [DISTRICT_DIGITS]}
    return {
        "recipe": 1,
        "title": "Demand for night buses: ways at night from district to district",
        "person_key": "subscriber",
        "privacy_unit": _day("event_at"),
        "append": [{"table": TAXIS, "columns": seen}],
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
                "max_cells_per_person": 4,
                "max_rows_per_cell": 2,
                "cells": "public",
                "noise": "gaussian",
            },
        ],
    }


def recipes(week: Totals) -> dict[str, Document]:
    """The three, by slug."""
    return {LIVING: living_population(week), CARDS: card_spending(week), NIGHT_BUS: night_bus(week)}


def _day(column: str) -> Document:
    return {"period": "day", "column": column, "time_zone": NOON_ZONE}


def _place(title: str, layer: bool) -> Document:
    place: Document = {"role": "place", "title": title}
    ladder = {"places": {"file": LAYER, "code": "code", "parents": ["gu"]}}
    return place | {"hierarchy": ladder} if layer else place


def _hours(week: Totals) -> Document:
    """Every hour of the days that the week has."""
    first = week.first.astype("datetime64[D]")
    last = week.moments()[-1].astype("datetime64[D]") + np.timedelta64(1, "D")
    return {"column": "event_at", "bucket": "hour", "time_zone": TIME_ZONE, "start": str(first), "end": str(last)}
