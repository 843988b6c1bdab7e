"""What the release is still good for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from anonymize import utility
from anonymize.assess.reading import World
from anonymize.risk.arrays import Integers
from anonymize.risk.coded import blocks

VALUES = 20
"""A model predicts one of so many values; a column of more is brought to as many blocks."""


def usefulness(world: World, model_rows: int, rng: np.random.Generator) -> dict[str, Any]:
    """See :mod:`anonymize.utility` for formulas, ranges and sources. ``models``: one a sensitive column."""
    rows, left = world.coded.people.rows, world.coded.release_rows
    shared = [_shared(world, i) for i in range(len(world.names))]
    columns = [_column(world, i, shared[i]) for i in range(len(world.names))]
    sizes = world.after.counts
    lost = float(np.mean([columns[i]["loss"] for i in world.quasi]))
    return {
        "granularity": utility.granularity(lost),
        "entropy_loss": round(float(np.mean([columns[i]["entropy_loss"] for i in world.quasi])), 9),
        "average_class_size": round(utility.average_class_size(sizes), 4),
        "normalised_class_size": round(utility.normalised_class_size(sizes, world.stage.k), 4),
        "discernibility": utility.discernibility(sizes, rows - left, rows),
        "columns": columns,
        "two_way": _two_way(world, shared),
        "models": {world.names[i]: _model(world, i, shared, model_rows, rng) for i in world.secrets},
    }


def _shared(world: World, i: int) -> utility.Shared:
    column, coded = world.coded.columns[i], world.coded
    return utility.shared(column.starts, column.members, blocks(column, coded.original[:, i], times=coded.times))


def _column(world: World, i: int, part: utility.Shared) -> dict[str, Any]:
    column, before, after = world.coded.columns[i], world.coded.people.distinct, world.coded.released
    leaf_rows = np.bincount(before.codes[:, i], before.counts, column.leaves).astype(np.int64)
    label_rows = np.bincount(after.codes[:, i], after.counts, column.labels).astype(np.int64)
    rows = int(leaf_rows.sum())
    return {
        "column": column.name,
        "loss": utility.column_loss(column.loss, label_rows, rows),
        "entropy_loss": utility.entropy_loss(leaf_rows, column.starts, column.members, label_rows, rows),
        "distance": utility.marginal_distance(leaf_rows, label_rows, part),
    }


def _two_way(world: World, shared: Sequence[utility.Shared]) -> dict[str, Any]:
    before, after = world.coded.people.distinct, world.coded.released
    far = utility.two_way_distances(utility.Rows(before.codes, before.counts), utility.Rows(after.codes, after.counts), shared)
    ordered = sorted(far.items(), key=lambda pair: (-pair[1], pair[0]))
    return {
        "mean": round(float(np.mean(list(far.values()))), 9) if far else 0.0,
        "pairs": [{"columns": [world.names[i], world.names[j]], "distance": distance} for (i, j), distance in ordered],
    }


# --- models ------------------------------------------------------------------------------------------------------


def _model(world: World, target: int, shared: Sequence[utility.Shared], most: int, rng: np.random.Generator) -> dict[str, Any]:
    """Predict a sensitive column from all others: learnt from the original and from the release, tried on the same people."""
    coded, column = world.coded, world.coded.columns[target]
    train, tests = _split(world, most, rng)
    leaf_of = np.full(column.labels, -1)  # of a label that is one value
    single = np.flatnonzero(column.sizes == 1)
    leaf_of[single] = column.members[column.starts[single]]
    released = np.ones(len(coded.release), dtype=np.int64) if coded.release_times is None else coded.release_times
    told = np.where(leaf_of[coded.release[:, target]] >= 0, released, 0)
    chosen = coded.release[drawn(told, len(train), rng)]  # as many rows for both
    value = blocks(column, coded.original[:, target], most=VALUES, times=coded.times)
    others = [i for i in range(len(coded.columns)) if i != target]
    asked, truth = _features(shared, others, tests, released=False), value[tests[:, target]]

    def accuracy(rows: Integers, leaves: Integers, *, released: bool) -> dict[str, float]:
        return utility.model_accuracy(_features(shared, others, rows, released=released), value[leaves], asked, truth)

    return {
        "from_original": accuracy(train, train[:, target], released=False),
        "from_release": accuracy(chosen, leaf_of[chosen[:, target]], released=True),
        "rows": {"original": len(train), "release": len(chosen), "tested": len(tests)},
    }


def _split(world: World, most: int, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """Random rows to learn from, and others to be tried on: held-out people where there are any."""
    people, control = world.coded.people, world.coded.control
    if control is not None:
        return people.codes[drawn(people.weights, most, rng)], control.codes[drawn(control.weights, most, rng)]
    rows = people.codes[drawn(people.weights, min(2 * most, people.rows), rng)]
    return rows[: len(rows) // 2], rows[len(rows) // 2 :]


def drawn(weights: Integers, count: int, rng: np.random.Generator) -> Integers:
    """At most ``count`` rows at random and without replacement, where row i is there ``weights[i]`` times; in random order."""
    ends = np.cumsum(weights)
    total = int(ends[-1]) if len(ends) else 0
    return np.searchsorted(ends, rng.choice(total, min(count, total), replace=False), side="right")


def _features(shared: Sequence[utility.Shared], others: Sequence[int], codes: Integers, *, released: bool) -> Any:
    """(row, feature): of each column the shares of its blocks that a value, or a label of the release, stands for."""
    if not others:
        return np.zeros((len(codes), 1))
    found = [shared[i].shares[(shared[i].groups if released else shared[i].blocks)[codes[:, i]]] for i in others]
    return np.concatenate(found, axis=1)
