"""A forecast as the engine makes it of ten cells, for tests of pages: no table is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from anonymize import recipe as recipes
from anonymize.aggregates.dimensions import dimensions
from anonymize.aggregates.forecast import Exact, expected
from anonymize.aggregates.plan import plan
from anonymize.forecast.candidates import Candidate, of_epsilon, of_grid

FINE, COARSE = (3, 7, 8, 25, 40, 60, 90, 200, 450, 2000), (18, 2400)


def errors(recipe: recipes.Recipe, persons: tuple[int, ...] = FINE) -> dict[str, Any]:
    """A run's own forecast: every quantity is as large as the cell has persons."""
    stage = recipe.final
    planned = plan(stage)
    return expected(Exact(np.array(persons), {quantity.key: np.array(persons) for quantity in planned.drawn}, 2), stage, planned)


def foreseen(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Other ε, coarser grids, and the last of them cannot be had."""
    recipe = recipes.parse(dict(document))
    grids = of_grid(recipe, dimensions(recipe.final, {"district": "text", "month": "date"}), {})
    points = [_point(candidate) for candidate in (*of_epsilon(recipe), *grids)]
    return [*points[:-1], {**points[-1], "met": False, "reason": "there is no room for it", "recipe": None}]


def _point(candidate: Candidate) -> dict[str, Any]:
    change = None if candidate.change is None else candidate.change.as_dict()
    return {
        "name": candidate.name, "epsilon": format(candidate.epsilon, "f"), "change": change, "own": candidate.own, "met": True, "reason": None,
        "recipe": json.loads(candidate.recipe.to_json()), **errors(candidate.recipe, FINE if change is None else COARSE),
    }  # fmt: skip
