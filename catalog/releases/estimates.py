"""What changes estimates of bounds, on request of people, and what becomes of a recipe with the bounds that were found.

What workers do is in :mod:`catalog.releases.estimating`.
"""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from anonymize.aggregates.bounds import Look, look
from anonymize.bounds import USUAL_EPSILON, USUAL_SHARE
from anonymize.errors import Problem, RecipeError
from anonymize.recipe import DpTable, Recipe
from catalog.audit.errors import Conflict, Invalid
from catalog.datasets.models import Dataset, Version
from catalog.ledger import composition
from catalog.ledger.models import Population
from catalog.ledger.services import BudgetExceeded, checked
from catalog.people.models import User
from catalog.releases.models import Estimate
from catalog.releases.policies import check_can_run
from catalog.releases.services import announce, fit, noted, planned_table, read_recipe, ready_version


def request_estimate(
    *, by: User, dataset: Dataset, document: Any, epsilon: Decimal = USUAL_EPSILON, share: Decimal = USUAL_SHARE, version: Version | None = None,
) -> Estimate:  # fmt: skip
    """Queue an estimate of the limits and bounds of a DP table. It is charged when the worker draws noise.

    Raises:
        NotAllowed, Conflict: not a steward of it, no version is ready, or an estimate of this dataset is open.
        Invalid: no recipe of a DP table that could be run here, or ε or the share is out of range.
        BudgetExceeded: the population has not enough budget left for it now.
    """
    check_can_run(by, dataset)
    chosen = ready_version(dataset, version)
    recipe = read_recipe(document)
    asked = _look(recipe, epsilon, share)
    fit(recipe, dataset, chosen)
    population = Population.objects.get(pk=dataset.population_id or 0)  # there is one, or the recipe did not fit
    _refuse_overdraft(recipe, asked, population)
    try:
        with transaction.atomic():
            estimate = Estimate.objects.create(
                population=population, epsilon=format(epsilon, "f"), share=format(share, "f"), **noted(recipe, dataset, chosen), requested_by=by
            )
            announce(estimate, by=by, epsilon=estimate.epsilon)
    except IntegrityError:
        raise Conflict("An estimate of this dataset is under way. Wait for it, or cancel it.") from None
    return estimate


def _look(recipe: Recipe, epsilon: Decimal, share: Decimal) -> Look:
    stage = recipe.final
    if not isinstance(stage, DpTable) or recipe.append:
        message = "Bounds are estimated for a table with noise (dp_table) of one dataset."
        raise Invalid(message, problems=(Problem("no_bounds", message, pointer="/recipe"),))
    try:
        return look(stage, epsilon, share)
    except RecipeError as error:
        raise Invalid(f"Nothing was asked for: {error.message}", problems=error.problems) from None


def _refuse_overdraft(recipe: Recipe, asked: Look, population: Population) -> None:
    planned = planned_table(recipe)
    loss = asked.loss(planned.loss()) if planned is not None else None
    if loss is None or not composition.can_pay(population, loss):
        raise BudgetExceeded(remaining=composition.left_for(population, loss.covers if loss else None), asked=checked(asked.epsilon, Decimal(0)))


def recipe_with(estimate: Estimate) -> dict[str, Any]:
    """The estimate's recipe with the bounds that were proposed; what nothing was proposed for stays."""
    made: dict[str, Any] = deepcopy(estimate.recipe)
    stage = made["stages"][-1]
    measures = {measure["name"]: measure for measure in stage["measures"]}
    for found in (estimate.result or {}).get("proposals", []):
        if found["bound"] is None:
            continue
        if found["measure"] is None:
            stage[found["field"]] = int(found["bound"])
        else:
            measures[found["measure"]][found["field"]] = found["bound"]
    return made
