"""What a recipe will cost and how exact it will be, said before it is run. Reads no rows, draws nothing, spends nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from anonymize import promised_units
from anonymize.aggregates.accounting import Loss
from anonymize.recipe import DpTable, KAnonymity, Recipe
from catalog.datasets.models import Dataset, Version
from catalog.ledger import composition
from catalog.ledger.periods import following
from catalog.ledger.services import checked
from catalog.people.models import User
from catalog.releases.policies import check_can_run
from catalog.releases.services import (
    family,
    fit,
    planned_table,
    read_recipe,
    ready_version,
    unit_of,
)

FORECAST = 12
"""Releases like the one asked for: a year of months."""

MANY = 1000
"""Values in a cell whose mean is spoken of."""

_SHOWN = ("name", "kind", "unit", "epsilon", "rho", "noise", "scale", "half_width")


def preview(*, by: User, dataset: Dataset, document: Any, version: Version | None = None) -> dict[str, Any]:
    """What is known of a run before it. Raises what :func:`catalog.releases.services.request_run` would, but for overdrafts."""
    check_can_run(by, dataset)
    chosen = ready_version(dataset, version)
    recipe = read_recipe(document)
    fit(recipe, dataset, chosen)
    found = planned_table(recipe)
    planned = found.as_dict() if found else None
    return {
        "family": family(recipe),
        "version": {"id": chosen.pk, "number": chosen.number},
        "sentences": _sentences(recipe, chosen, planned),
        "measures": [{name: measure[name] for name in _SHOWN} for measure in planned["measures"]] if planned else [],
        "plan": planned,
        "budget": _budget(found.loss(), dataset) if found else None,
    }


def _budget(loss: Loss, dataset: Dataset) -> dict[str, Any] | None:
    """Whether the ledger can pay, and what it would hold after a year of months."""
    population = dataset.population
    if population is None:
        return None
    year = composition.after(population, following(loss, FORECAST))
    return {
        "population": population.slug,
        "asked": checked(loss.epsilon, loss.delta).as_dict(),
        "left": composition.left_for(population, loss.covers).as_dict(),
        "enough": composition.can_pay(population, loss),
        "forecast": {
            "releases": FORECAST,
            "epsilon": None if year is None else format(year.epsilon.normalize(), "f"),
            "cap": format(population.epsilon_cap.normalize(), "f"),
            "enough": composition.fits(population, year),
        },
    }


def _sentences(recipe: Recipe, version: Version, planned: dict[str, Any] | None) -> list[str]:
    if planned is not None:
        return [*_protected(recipe), *(_error_sentence(measure) for measure in planned["measures"] if measure["kind"] in ("persons", "rows", "sum", "centred", "nodes")), *_of_totals(recipe)]
    stage = recipe.final
    if isinstance(stage, KAnonymity):
        return _k_sentences(recipe, stage, version)
    return ["Nothing is changed: the run looks for personal values, and stops if it finds any."]


def _of_totals(recipe: Recipe) -> list[str]:
    levels = len(recipe.final.totals) if isinstance(recipe.final, DpTable) else 0
    if not levels:
        return []
    return [f"Each of {levels} coarser level{'s' if levels > 1 else ''} has as large a share of ε as the cells. All are made to add up, which takes some of the noise away."]


def _protected(recipe: Recipe) -> list[str]:
    """What the promise is about, before any figure."""
    of_nobody = [promised_units.OF_NOBODY] if recipe.missing_person_key == "nobody" else []
    return [f"Protected is {unit_of(recipe)}.", *of_nobody]


def _error_sentence(measure: dict[str, Any]) -> str:
    name, half_width = measure["name"], measure["half_width"]
    if measure["kind"] == "centred":  # the noisy sum that a mean is made of
        typical = (Decimal(half_width) / MANY).normalize()
        return f"{name}: a mean or variance is as exact as its cell is large; the mean of {MANY} values is off by about ±{typical:f}."
    if measure["kind"] == "nodes":  # the noisy counts that quantiles are read from
        return f"{name}: a quantile is as exact as its cell is large; its rank is off by up to ±{half_width} rows, in 95 of 100 cells."
    return f"{name}: in 95 of 100 cells the noise stays within ±{half_width}; the limits per person take away what exceeds them."


def _k_sentences(recipe: Recipe, stage: KAnonymity, version: Version) -> list[str]:
    """What counts tell before the search: how many combinations there can be, against how many rows there are."""
    quasi = list(recipe.quasi_identifiers)
    distinct = dict(version.columns.filter(name__in=quasi).values_list("name", "distinct"))
    combinations = 1
    for count in distinct.values():
        combinations *= max(count or 1, 1)
    rows = version.rows or 0
    said = [
        f"{len(quasi)} columns are generalised until every combination is shared by at least {stage.k} persons; at most "
        f"{stage.max_suppressed:f} of the rows are left out.",
        f"Ungeneralised, these columns allow {combinations} combinations, for {rows} rows.",
        "How much detail is lost shows only in the run; it spends no budget.",
    ]
    if combinations > rows:
        said.append("There are more combinations than rows, so most values will be coarser than they are now.")
    return said
