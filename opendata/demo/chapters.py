"""What the story is about: the datasets, who looks after them, and the questions a developer asks of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opendata.demo import buses, journey, movement, places, recipes, spending, survey
from opendata.demo.accounts import HOUSEHOLDS, MINHO, OLGA, OSCAR, RESIDENTS, SORA, Account

Document = dict[str, Any]
_SIMULATED = "Simulated: nobody in it exists, and no number in it is real. "


@dataclass(frozen=True)
class Question:
    """A question to the public API, with what it asks in words."""

    words: str
    slug: str
    parameters: Mapping[str, str | int]


@dataclass(frozen=True)
class Chapter:
    """A dataset's way from file to publication. ``types``: columns to read as such, say codes with leading zeros."""

    slug: str
    file: str
    entry: Document
    recipe: Document
    steward: Account
    officer: Account
    reason_code: str
    reason: str
    context: str
    ladders: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.steward.organisation not in self.officer.mandates:
            raise ValueError(f"the officer of {self.slug} has no mandate for its organisation")


_CARD_CONTRACT: Document = {
    "supplier": "Haneul Card (simulated)",
    "number": "2026-DP-017",
    "valid_from": "2020-01-01",
    "valid_until": "2099-12-31",
    "permits_aggregates": True,
    "permits_microdata": False,
    "attribution": "Source: Haneul Card, a simulated company",
}
_OPERATOR_CONTRACT: Document = _CARD_CONTRACT | {
    "supplier": "Haneul Mobile (simulated)",
    "number": "2026-DP-021",
    "attribution": "Source: Haneul Mobile, a simulated company",
}

CARD = Chapter(
    slug=recipes.CARD,
    file=spending.FILE,
    entry={
        "title": "Card spending by district, kind of shop and month",
        "description": _SIMULATED + "Payments by card, as a payment company would sell them to a city.",
        "themes": ["economy", "spending"],
        "source": "purchased",
        "update_frequency": "monthly",
        "spatial_coverage": "Haneul (simulated)",
        "temporal_start": "2026-01-01",
        "temporal_end": "2026-03-31",
        "population": RESIDENTS,
        "contract": _CARD_CONTRACT,
    },
    recipe=recipes.CARD_SPENDING,
    steward=MINHO,
    officer=OSCAR,
    reason_code="risk_acceptable",
    reason="Differentially private for the person, the contract permits aggregates, and the error is stated with every figure.",
    context="Asked for by the chamber of commerce: where and when people spend, without anybody's purchases.",
    ladders=("category.csv", "dong.csv"),
    types={"고객번호": "text", "카드번호": "text", "휴대폰": "text", "행정동코드": "text"},
)
LIVING = Chapter(
    slug=recipes.SIGNALLING,
    file=movement.FILE,
    entry={
        "title": "Living population by neighbourhood and hour",
        "description": _SIMULATED + "How many people are present, from signalling events of a mobile operator.",
        "themes": ["population", "mobility"],
        "source": "purchased",
        "update_frequency": "weekly",
        "spatial_coverage": "Haneul (simulated)",
        "temporal_start": "2026-03-02",
        "temporal_end": "2026-03-08",
        "population": RESIDENTS,
        "contract": _OPERATOR_CONTRACT,
    },
    recipe=recipes.LIVING_POPULATION,
    steward=SORA,
    officer=OLGA,
    reason_code="risk_acceptable",
    reason="Every neighbourhood and hour is listed, empty ones included, so that no cell tells that somebody was there.",
    context="For planning night buses.",
    ladders=(places.LAYER,),
    types={"dong_code": "text", "subscriber_id": "text"},
)
SURVEY = Chapter(
    slug=recipes.SURVEY,
    file=survey.FILE,
    entry={
        "title": "Household survey, one row a person",
        "description": _SIMULATED + "Answers of two in five grown-ups, generalised until nobody stands out.",
        "themes": ["population"],
        "source": "government",
        "update_frequency": "yearly",
        "spatial_coverage": "Haneul (simulated)",
        "population": RESIDENTS,
    },
    recipe=recipes.HOUSEHOLD_SURVEY,
    steward=SORA,
    officer=OLGA,
    reason_code="risk_acceptable",
    reason="Counted again on the file itself: every combination is shared by five people or more. First release of these people.",
    context="Researchers asked for single answers; the columns that identify are left out or made coarser.",
    ladders=("dong.csv", "education.csv", "household_type.csv"),
    types={"dong_code": "text"},
)
BUSES = Chapter(
    slug=recipes.BUSES,
    file=buses.FILE,
    entry={
        "title": "Bus stops",
        "description": _SIMULATED + "Where the buses stop. Not about people.",
        "themes": ["mobility"],
        "source": "government",
        "update_frequency": "irregular",
        "spatial_coverage": "Haneul (simulated)",
    },
    recipe=recipes.BUS_STOPS,
    steward=SORA,
    officer=OLGA,
    reason_code="not_personal",
    reason="A list of bus stops. The scan found no personal values in it.",
    context="Nothing about people in it.",
    types={"stop_id": "text", "dong_code": "text", "route": "text"},
)
CITY = (CARD, LIVING, SURVEY, BUSES)
CITY_QUESTIONS = (
    Question(
        "Card spending in one district in one month, the error beside each figure",
        CARD.slug,
        {
            "select": "행정동코드,업종,customers,spend,spend_lower,spend_upper",
            "where": "행정동코드 = '가람구' and 결제일시_month = date'2026-02-01'",
            "order_by": "spend desc",
            "limit": 5,
        },
    ),
    Question(
        "Three months together, by district; the platform says how the errors add up",
        CARD.slug,
        {
            "group_by": "행정동코드",
            "select": "행정동코드,sum(payments) as payments,sum(spend) as spend",
            "order_by": "spend desc",
            "limit": 5,
        },
    ),
    Question(
        "The busiest neighbourhoods at eight in the morning",
        LIVING.slug,
        {"where": "event_at_hour_of_day = 8", "order_by": "people desc", "limit": 4},
    ),
)

PURCHASES = Chapter(
    slug="household-purchases",
    file=journey.FILE,
    entry={
        "title": "Household spending by department and month, 2017",
        "description": "Real purchases of 2,469 households at a grocery chain (The Complete Journey, 84.51°), as protected totals.",
        "themes": ["economy", "spending"],
        "source": "purchased",
        "update_frequency": "once",
        "temporal_start": "2017-01-01",
        "temporal_end": "2017-12-31",
        "population": HOUSEHOLDS,
        "contract": {
            "supplier": "84.51°",
            "number": "the-complete-journey",
            "valid_from": "2017-01-01",
            "valid_until": "2099-12-31",
            "permits_aggregates": True,
            "permits_microdata": False,
            "attribution": "Source: The Complete Journey, 84.51°",
        },
    },
    recipe=journey.RECIPE,
    steward=MINHO,
    officer=OSCAR,
    reason_code="risk_acceptable",
    reason="Differentially private for the household over the whole year; departments of few households do not appear.",
    context="What households spend by department, without anybody's basket.",
)
JOURNEY = (PURCHASES,)
JOURNEY_QUESTIONS = (
    Question(
        "Where most was spent in December, the error beside each figure",
        PURCHASES.slug,
        {
            "select": "department,households,spend,spend_lower,spend_upper",
            "where": "purchased_at_month = date'2017-12-01'",
            "order_by": "spend desc",
            "limit": 5,
        },
    ),
    Question(
        "The year together, by department; the platform says how the errors add up",
        PURCHASES.slug,
        {
            "group_by": "department",
            "select": "department,sum(lines) as lines,sum(spend) as spend",
            "order_by": "spend desc",
            "limit": 5,
        },
    ),
)
