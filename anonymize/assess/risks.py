"""Risk that follows from class sizes and from what classes share, before and after."""

from __future__ import annotations

from typing import Any

import numpy as np

from anonymize.assess.reading import World
from anonymize.risk import population
from anonymize.risk.arrays import Integers
from anonymize.risk.classes import class_risk
from anonymize.risk.columns import standing_out
from anonymize.risk.homogeneity import homogeneity


def risks(world: World, fraction: float) -> dict[str, Any]:
    """``before``, ``after``: class sizes, attackers and population uniques; ``standing_out``: which columns do it."""
    k, persons, released = world.stage.k, world.persons_before, world.after.counts
    return {
        "before": {**class_risk(persons, rows=world.before.counts, k=k), **_population(persons, fraction)},
        "after": {**class_risk(released, k=k), **_population(released, fraction)},
        "standing_out": _standing_out(world),
    }


def _population(sizes: Integers, fraction: float) -> dict[str, Any]:
    return {"attackers": population.attackers(sizes, fraction), "population": population.population_uniques(sizes, fraction)}


def _standing_out(world: World) -> dict[str, Any]:
    """Of people with many rows, one row each."""
    names, persons = list(world.columns.quasi), world.coded.persons
    if persons is None:
        return standing_out(world.before.codes, names, times=world.before.counts)
    first = np.zeros(int(persons.max(initial=-1)) + 1, dtype=np.int64)
    first[persons[::-1]] = np.arange(len(persons))[::-1]
    return standing_out(world.classes.original[first], names)


def shared_secrets(world: World) -> dict[str, Any]:
    """Per sensitive column, what the people of a class have in common."""
    coded = world.coded
    return {
        world.names[i]: {
            "before": homogeneity(world.before.of, coded.original[:, i], coded.persons, times=coded.times),
            "after": homogeneity(world.after.of, coded.release[:, i], times=coded.release_times),
        }
        for i in world.secrets
    }
