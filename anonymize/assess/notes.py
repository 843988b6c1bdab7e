"""What to know when reading an assessment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anonymize.assess.reading import World


def notes(world: World, fraction: float, method: Mapping[str, Any]) -> list[str]:
    """``method``: what the attacks on the method found."""
    columns, coded = world.columns, world.coded
    found = ["These are exact figures about the original: for the officer, not for publication."]
    if coded.holdout is None:
        found.append(
            "No held-out people were given, since the release is made of everyone: attacks are compared with guessing, which "
            "overstates what the release adds, and models are tried on people whom the release may have shown them."
        )
    if coded.persons is not None:
        found.append(
            "Persons have many rows: classes before are counted in persons, classes after in rows, since rows of a release "
            "cannot be told to be one person's. Attacks are on persons."
        )
    if columns.averaged:
        found.append(f"Micro-aggregated columns show means, not values, and are left out of all this: {', '.join(columns.averaged)}.")
    if columns.replaced:
        found.append(f"These columns show nothing of the original, and are left out of all this: {', '.join(columns.replaced)}.")
    if columns.too_many:
        found.append(
            f"With these columns the rows are too many different ones to be attacked together, so they are left out: {', '.join(columns.too_many)}."
        )
    if method["refinement"]["bounded"]["pairs"]:
        found.append(
            "The attack on the method ended at its limit of work: what it found is a lower bound. An assessment of its own (assess) goes further."
        )
    if world.keyed:
        found.append("The release still holds the person key: every row says whose it is.")
    if fraction == 1:
        found.append("The original is taken for the whole population; give the sampling fraction if it is a sample.")
    return found
