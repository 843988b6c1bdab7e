"""By which columns of a dataset the releases that drew noise told persons and periods apart: all by the same ones.

By another column of times, rows of one day lie in several days of earlier releases; by another key, one person is several.
What either would cost together is not what the ledger reckons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q

from anonymize.errors import Problem
from anonymize.recipe import DpTable, Recipe
from catalog.audit.errors import Invalid
from catalog.datasets.models import Dataset
from catalog.releases.models import Estimate, Run

PERSON, PERIOD = "person", "period"
CODES = {PERSON: "other_person_key", PERIOD: "other_time_column"}


@dataclass(frozen=True)
class Taken:
    """``what`` (persons, or periods of time) is taken from ``column`` of the dataset with the slug ``table``."""

    table: str
    what: str
    column: str
    pointer: str = ""


def refuse_other_sources(recipe: Recipe, dataset: Dataset) -> None:
    """Raises :class:`Invalid` where a table with noise would take persons or periods, of its own or an appended dataset, from other
    columns than earlier ones. Asked for datasets that the steward may know of, since it says something of their releases."""
    if not isinstance(recipe.final, DpTable):
        return
    period = None if recipe.privacy_unit is None else recipe.privacy_unit.column
    asked = list(_taken(dataset.slug, recipe.person_key, period, [other.model_dump() for other in recipe.append]))
    earlier = list(_drawn({taken.table for taken in asked}))
    problems = [_problem(one, column, recipe) for one in asked for column in _others(one, earlier)[:1]]
    if problems:
        raise Invalid(f"The recipe does not fit this dataset: {problems[0].message}", problems=tuple(problems))


def _others(asked: Taken, earlier: list[Taken]) -> list[str]:
    return sorted({one.column for one in earlier if (one.table, one.what) == (asked.table, asked.what) and one.column != asked.column})


def _taken(slug: str, key: str | None, period: str | None, appended: list[dict[str, Any]]) -> Iterator[Taken]:
    """Rows without a time belong to no period, so a table whose times are not named has none."""
    for what, name, pointer in ((PERSON, key, "/person_key"), (PERIOD, period, "/privacy_unit/column")):
        if name is None:
            continue
        yield Taken(slug, what, name, pointer)
        for i, other in enumerate(appended):
            if name in other["columns"]:
                yield Taken(other["table"], what, other["columns"][name], f"/append/{i}/columns/{name}")


def _drawn(tables: set[str]) -> Iterator[Taken]:
    """What the jobs that drew noise about any of these datasets took, whichever of them was appended to which."""
    members = ("dataset__slug", "recipe__person_key", "recipe__privacy_unit__column")
    own = Q(dataset__slug__in=tables)
    either = reduce(or_, (Q(appended__has_key=slug) for slug in sorted(tables)), own)
    for slug, key, period, appended in Run.objects.filter(either, noise_drawn=True).values_list(*members, "recipe__append"):
        yield from _taken(slug, key, period, appended or [])
    for slug, key, period in Estimate.objects.filter(own, noise_drawn=True).values_list(*members):
        yield from _taken(slug, key, period, [])


def _problem(asked: Taken, column: str, recipe: Recipe) -> Problem:
    what = "person" if asked.what == PERSON or recipe.privacy_unit is None else recipe.privacy_unit.period
    message = f"earlier releases of dataset {asked.table!r} took the {what} from column {column!r}: this one must too, or it would speak of other {what}s"
    return Problem(CODES[asked.what], message, pointer=asked.pointer)
