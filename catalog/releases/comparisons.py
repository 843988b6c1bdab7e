"""What changes comparisons of settings, on request of people. What workers do is in :mod:`catalog.releases.compare`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from anonymize.errors import Problem
from anonymize.forecast.candidates import FACTORS
from anonymize.frontier.candidates import METHODS
from anonymize.recipe import DpTable, KAnonymity, Recipe, Role
from catalog.audit.errors import Conflict, Invalid, TooMany
from catalog.datasets.models import Dataset, Version
from catalog.people.models import User
from catalog.releases.models import Comparison
from catalog.releases.policies import check_can_run
from catalog.releases.services import announce, fit, noted, planned_table, read_recipe, ready_version

USUAL_METHODS: Final = ("full_domain", "local_recoding")
MOST_POINTS: Final = 24
"""Combinations in one comparison: each is a search of its own over the whole table."""
LARGEST: Final = 1_000_000
"""The largest k or l."""
MOST_FACTORS: Final = 8
LARGEST_FACTOR: Final = 1000
MOST_A_DAY: Final = 50
"""Comparisons of one dataset in 24 hours; a worker can do others' work in the meantime, since only one is open at a time."""
DAY: Final = timedelta(days=1)


def request_comparison(
    *, by: User, dataset: Dataset, document: Any, ks: Sequence[int], ls: Sequence[int] = (),
    methods: Sequence[str] = USUAL_METHODS, version: Version | None = None,
) -> Comparison:  # fmt: skip
    """Queue a comparison of every k with every l and every method, all else as in the recipe.

    ``ls``: distinct l-diversity of every sensitive column, 1 for none; left empty, the recipe's own models stand.

    Raises:
        NotAllowed, Conflict: not a steward of it, no version is ready, or a comparison of this dataset is open.
        Invalid: not a recipe for microdata that could be run here, or settings that cannot be compared.
        TooMany: as many as one may ask for in a day were asked for.
    """
    check_can_run(by, dataset)
    chosen = ready_version(dataset, version)
    recipe = read_recipe(document)
    _check(recipe, ks, ls, methods)
    settings = {"ks": sorted(ks), "ls": sorted(ls), "methods": [method for method in METHODS if method in methods]}
    return _queued(by, dataset, chosen, recipe, settings)


def request_forecast(
    *, by: User, dataset: Dataset, document: Any, factors: Sequence[Decimal] = FACTORS, version: Version | None = None
) -> Comparison:
    """Queue a comparison for a table with noise: its expected errors under each of ``factors`` times its ε, and with coarser
    grids. No noise is drawn for it, and nothing is charged.

    Raises: as :func:`request_comparison`; and :class:`Invalid` for a table whose noise cannot be planned.
    """
    check_can_run(by, dataset)
    chosen = ready_version(dataset, version)
    recipe = read_recipe(document)
    if not isinstance(recipe.final, DpTable):
        message = "Only a table with noise (dp_table) has errors to forecast."
        raise Invalid(message, problems=(Problem("not_a_table", message, pointer="/recipe"),))
    if recipe.append:
        message = "Errors are forecast for the rows of one table: leave out append."
        raise Invalid(message, problems=(Problem("appended", message, pointer="/recipe/append"),))
    if not (len(factors) <= MOST_FACTORS and len(set(factors)) == len(factors) and all(factor.is_finite() and 0 < factor <= LARGEST_FACTOR for factor in factors)):
        message = f"factors are up to {MOST_FACTORS} different numbers, above 0 and at most {LARGEST_FACTOR}"
        raise Invalid(f"These settings cannot be compared: {message}.", problems=(Problem("values", message, pointer="/factors"),))
    planned_table(recipe)
    return _queued(by, dataset, chosen, recipe, {"factors": [format(factor.normalize(), "f") for factor in sorted(factors)]})


def is_table(document: Any, asked: Mapping[str, Any] | None = None) -> bool:
    """Whether a recipe makes a table with noise, so that its settings are compared by errors.

    Raises Invalid for what is no recipe, and where something was ``asked`` that only the other kind of recipe takes.
    """
    table = isinstance(read_recipe(document).final, DpTable)
    problems = [
        Problem("values", f"{name} say nothing of this recipe: leave them out", pointer=f"/{name}")
        for name in (("ks", "ls") if table else ("factors",)) if (asked or {}).get(name)
    ]  # fmt: skip
    if problems:
        raise Invalid(f"These settings cannot be compared: {problems[0].message}.", problems=tuple(problems))
    return table


def _queued(by: User, dataset: Dataset, chosen: Version, recipe: Recipe, settings: dict[str, Any]) -> Comparison:
    fit(recipe, dataset, chosen)
    _refuse_too_many(dataset)
    try:
        with transaction.atomic():
            comparison = Comparison.objects.create(settings=settings, **noted(recipe, dataset, chosen), requested_by=by)
            announce(comparison, by=by, **settings)
    except IntegrityError:
        raise Conflict("A comparison of this dataset is under way. Wait for it, or cancel it.") from None
    return comparison


def _check(recipe: Recipe, ks: Sequence[int], ls: Sequence[int], methods: Sequence[str]) -> None:
    if not isinstance(recipe.final, KAnonymity):
        message = "Only a recipe for rows (k_anonymity) has risks that can be compared."
        raise Invalid(message, problems=(Problem("not_microdata", message, pointer="/recipe"),))
    problems = [*_value_problems("ks", ks, least=2), *_value_problems("ls", ls, least=1)]
    if not methods or len(set(methods)) != len(methods) or not set(methods) <= set(METHODS):
        problems.append(Problem("values", f"methods are one or more of {', '.join(METHODS)}", pointer="/methods"))
    if not 1 <= len(ks) * max(len(ls), 1) * len(methods) <= MOST_POINTS:
        problems.append(Problem("too_many", f"ks, ls and methods make one to {MOST_POINTS} combinations together", pointer="/ks"))
    if ls and not recipe.with_role(Role.SENSITIVE):
        problems.append(Problem("no_sensitive", "l speaks of sensitive columns, and the recipe names none", pointer="/ls"))
    if problems:
        raise Invalid(f"These settings cannot be compared: {problems[0].message}.", problems=tuple(problems))


def _value_problems(name: str, values: Sequence[int], *, least: int) -> list[Problem]:
    if len(set(values)) != len(values):
        return [Problem("values", f"{name} are different numbers", pointer=f"/{name}")]
    if not all(least <= value <= LARGEST for value in values):
        return [Problem("values", f"{name} lie between {least} and {LARGEST}", pointer=f"/{name}")]
    return []


def _refuse_too_many(dataset: Dataset) -> None:
    now = timezone.now()
    recent = dataset.comparisons.filter(requested_at__gt=now - DAY).order_by("-requested_at")
    if recent.count() < MOST_A_DAY:
        return
    free = recent[MOST_A_DAY - 1].requested_at + DAY
    wait = max(int((free - now).total_seconds()), 1)
    raise TooMany(f"{MOST_A_DAY} comparisons of this dataset were asked for within a day. Try again later.", retry_after=wait)
