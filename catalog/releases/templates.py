"""Recipes on offer: ready-made ones, fitted to the columns of a version, each with a plain promise.

A template never guesses at what protects people: where it needs a bound or a grid that only the steward knows, it puts
a cautious value in and says so, or says why it does not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from anonymize.recipe import Role
from catalog.datasets.models import Column, Dataset, Version
from catalog.ledger.selectors import balance
from catalog.ledger.units import PERSON, Unit

DEFAULT_EPSILON = "1.0"
DEFAULT_DELTA = "1e-6"
NUMBERS = ("integer", "decimal", "number")
TIMES = ("date", "timestamp", "timestamptz")


_PROMISES = {
    "person": gettext_lazy("Nobody can tell from any number whether one person was in the data, whatever they know already."),
    "person_day": gettext_lazy("Nobody can tell from any number what one person did on one day, whatever they know already. Over several days more can be learnt."),
    "person_week": gettext_lazy("Nobody can tell from any number what one person did in one week, whatever they know already. Over several weeks more can be learnt."),
    "person_month": gettext_lazy("Nobody can tell from any number what one person did in one month, whatever they know already. Over several months more can be learnt."),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A template as a card: what it promises, costs and keeps; or why it does not fit this version."""

    slug: str
    title: str
    promise: str
    cost: str
    keeps: str
    fits: bool
    why_not: str = ""
    recipe: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def offers(dataset: Dataset, version: Version | None) -> list[Offer]:
    """All templates, those that fit first."""
    columns = list(version.columns.all()) if version else []
    made = [template(dataset, columns) for template in TEMPLATES]
    return sorted(made, key=lambda offer: not offer.fits)


def _by_role(columns: list[Column], *roles: Role) -> list[Column]:
    return [column for column in columns if column.role in roles]


def _recipe_columns(columns: list[Column]) -> dict[str, Any]:
    found = {}
    for column in columns:
        entry: dict[str, Any] = {"role": column.role}
        for name in ("hierarchy", "title", "description"):
            if getattr(column, name):
                entry[name] = getattr(column, name)
        found[column.name] = entry
    return found


def dp_table(dataset: Dataset, columns: list[Column]) -> Offer:
    """People and rows per cell of up to three dimensions, differentially private for what the population's budget is kept of."""
    unit = dataset.population.unit_of_privacy if dataset.population else PERSON
    card: dict[str, Any] = {
        "slug": "dp-table",
        "title": _("A table of people and events"),
        "promise": str(_PROMISES[unit.kind]),
        "cost": _("ε %(epsilon)s of the population's budget, charged when the noise is drawn.") % {"epsilon": DEFAULT_EPSILON},
        "keeps": _("Totals per place, time and category, each with its margin of error. No rows."),
    }
    keys = _by_role(columns, Role.PERSON_KEY)
    dimensions = [c for c in _by_role(columns, Role.PLACE, Role.PLAIN, Role.QUASI_IDENTIFIER) if c.type in ("text", "boolean")][:2]
    times = [c for c in _by_role(columns, Role.EVENT_TIME) if c.type in TIMES][:1]
    reason = _dp_why_not(dataset, keys, dimensions + times) or _no_period(unit, times)
    if reason:
        return Offer(**card, fits=False, why_not=reason)
    group_by: list[dict[str, Any]] = [{"column": c.name} for c in dimensions]
    group_by += [{"column": c.name, "bucket": "month", "time_zone": unit.time_zone or "Asia/Seoul"} for c in times]
    recipe = {
        "recipe": 1,
        "title": f"{dataset.title}: people and events",
        "person_key": keys[0].name,
        **_protecting(unit, times),
        "columns": _recipe_columns([*keys, *dimensions, *times]),
        "stages": [
            {
                "stage": "dp_table", "group_by": group_by,
                "measures": [{"name": "persons", "kind": "persons"}, {"name": "events", "kind": "rows"}],
                "epsilon": DEFAULT_EPSILON, "delta": DEFAULT_DELTA, "max_cells_per_person": 12, "max_rows_per_cell": 10, "cells": "private",
            }
        ],
    }  # fmt: skip
    return Offer(**card, fits=True, recipe=recipe)


def _dp_why_not(dataset: Dataset, keys: list[Column], dimensions: list[Column]) -> str:
    if not keys:
        return _("No column has the role person_key, so nothing says whose row it is.")
    if not dimensions:
        return _("No column with the role place, event_time or plain to group by.")
    if dataset.population is None:
        return _("The dataset names no population, so no budget can pay for the noise.")
    # of periods, it may be spent on one and not on another: the recipe's dates decide
    if balance(dataset.population).left.epsilon <= 0 and not dataset.population.unit_of_privacy.has_periods:
        return _("The population's budget is spent.")
    return ""


def _no_period(unit: Unit, times: list[Column]) -> str:
    return _("The budget is kept of periods, and no column with the role event_time says when a row was.") if unit.has_periods and not times else ""


def _protecting(unit: Unit, times: list[Column]) -> dict[str, Any]:
    if not unit.has_periods:
        return {}
    return {"privacy_unit": {"period": unit.kind.removeprefix("person_"), "column": times[0].name, "time_zone": unit.time_zone}}


def k_anonymous(dataset: Dataset, columns: list[Column]) -> Offer:
    """One row per person, generalised until every combination of marked columns is shared by five people."""
    card: dict[str, Any] = {
        "slug": "k-anonymous",
        "title": _("One row per person, generalised"),
        "promise": _("By the marked columns, everybody looks like at least four others."),
        "cost": _("No budget. It does not compose: a second such release of the same people weakens both."),
        "keeps": _("Rows, with coarser values; at most 5 % of them are left out."),
    }
    quasi = _by_role(columns, Role.QUASI_IDENTIFIER)
    if not quasi:
        return Offer(**card, fits=False, why_not=_("No column has the role quasi_identifier."))
    if len(quasi) > 15:
        return Offer(**card, fits=False, why_not=_("With more than 15 quasi-identifiers nearly everybody is unique, and nearly everything would be left out."))
    keys = _by_role(columns, Role.PERSON_KEY)
    others = _by_role(columns, Role.SENSITIVE, Role.PLAIN)
    recipe: dict[str, Any] = {
        "recipe": 1,
        "title": f"{dataset.title}: one row per person",
        "columns": _recipe_columns([*keys, *quasi, *others]),
        "stages": [{"stage": "k_anonymity", "k": 5, "method": "full_domain", "max_suppressed": "0.05"}],
    }
    if keys:
        recipe["person_key"] = keys[0].name
    return Offer(**card, fits=True, recipe=recipe)


def scan(dataset: Dataset, columns: list[Column]) -> Offer:
    """Data that are not about people, as they are."""
    card: dict[str, Any] = {
        "slug": "scan",
        "title": _("Not about people: publish as it is"),
        "promise": _("A scan for personal values, and an officer's signature."),
        "cost": _("No budget."),
        "keeps": _("Everything."),
    }
    personal = _by_role(columns, Role.PERSON_KEY, Role.DIRECT_IDENTIFIER, Role.QUASI_IDENTIFIER, Role.SENSITIVE)
    named = _by_role(columns, Role.PLAIN, Role.PLACE, Role.EVENT_TIME)
    if personal or not named:
        why = _("Some columns have a role that is about people.") if personal else _("No column has a role yet.")
        return Offer(**card, fits=False, why_not=why)
    recipe = {"recipe": 1, "title": dataset.title, "columns": _recipe_columns(named), "stages": [{"stage": "scan"}]}
    return Offer(**card, fits=True, recipe=recipe)


TEMPLATES: tuple[Callable[[Dataset, list[Column]], Offer], ...] = (dp_table, k_anonymous, scan)
