"""The totals of a table: which cells of the table each coarser cell holds, their noise, and what is published of them.

Every level is measured with an equal share of each measure's budget. One person changes at most C cells of the table, each
by at most r. Merging cells adds changes up, so that a coarser level changes by at most C·r in L1 as well, but now perhaps
in one cell only: C·r at once, and (C·r)² in squared L2 (TRAPS.md 20). That one change of C·r is also the worst there
is: noise on integers that is log-concave hides d₁ in one number and d₂ in another at least as well as d₁ + d₂ in one, since
the trade-off of the pair is at least that of one step after the other (Dong, Roth & Su 2022, group privacy), which for a
shift is that of both steps at once. So each level is booked as one number that changes by C·r.

A coarser cell that holds m < C cells of the table changes by m·r at most. With Gaussian noise that counts: numbers up to m·r
that add up to C·r have a sum of squares of at most m·r·C·r, which is booked as ρ.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from anonymize.aggregates import noise
from anonymize.aggregates.consistency import least_squares, spread_of, whole_numbers
from anonymize.aggregates.dimensions import Dimension
from anonymize.aggregates.noise import Integers
from anonymize.aggregates.plan import MeasurePlan, Plan, described
from anonymize.aggregates.sensitivity import Key
from anonymize.columns.hierarchies import Ladder, as_text
from anonymize.errors import PrivacyNotMet, Problem, RecipeError
from anonymize.recipe import DpTable
from anonymize.recipe.totals import ALL, coarseness

COUNTED_IN_EACH = (
    "Distinct persons of each cell. Somebody who is in several cells is counted in each: sums of cells, and totals, can be larger than "
    "the number of people."
)

LARGEST = 2**50  # of a whole: doubles still tell its units apart


@dataclass(frozen=True)
class Level:
    """One grouping. ``groups``: the value of each dimension, null where it is taken whole; ``coarse``: how coarse each
    dimension is that some total takes coarser; ``of_finest``: for each cell of the table the cell here."""

    groups: Mapping[str, pa.Array]
    coarse: Mapping[str, str]
    of_finest: Integers
    size: int


@dataclass(frozen=True)
class Tree:
    """The levels from the coarsest to the table itself; ``parents[k]``: the cell of level k of each cell of level k + 1."""

    levels: tuple[Level, ...]
    parents: tuple[Integers, ...]

    @property
    def groups(self) -> dict[str, pa.Array]:
        """The columns of all cells, the finest first, with the level of each dimension behind the dimensions."""
        levels = self.levels[::-1]
        columns = {name: pa.concat_arrays([level.groups[name] for level in levels]) for name in levels[0].groups}
        for name in levels[0].coarse:
            columns[f"{name}_level"] = pa.concat_arrays([pa.array([level.coarse[name]] * level.size, pa.string()) for level in levels])
        return columns


@dataclass(frozen=True)
class Published:
    """Of one measure, the finest cells first: integers in units."""

    value: Integers
    lower: Integers
    upper: Integers


def tree_of(stage: DpTable, dimensions: Sequence[Dimension], ladders: Mapping[str, Ladder]) -> Tree | None:
    """What lies in what; ``None`` for a table without totals. Raises RecipeError for levels that do not nest."""
    if not stage.totals:
        return None
    levels = tuple(_level(stage, dimensions, total, ladders) for total in [*stage.totals, {}])
    parents = tuple(_parents(coarse, fine) for coarse, fine in pairwise(levels))
    return Tree(levels, parents)


def shown(stage: DpTable, dimensions: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """The dimensions as the output has them: where a total takes a level of a hierarchy, whose labels are text, all is."""
    ladders = {name for total in stage.totals for name, coarse in total.items() if isinstance(coarse, int)}
    return tuple(replace(d, type="text") if d.name in ladders else d for d in dimensions)


def knowing(planned: Plan, tree: Tree | None) -> Plan:
    """The plan with less Gaussian noise where few cells lie in one: then no coarser cell can hold all that a person changes."""
    if tree is None:
        return planned
    parts = [int(np.bincount(level.of_finest).max()) for level in tree.levels[:-1]]
    return replace(planned, totals=tuple(tuple(q.of_total(most) for q in planned.measures) for most in parts))


def refuse_late(planned: Plan, persons: int) -> None:
    """What only the number of persons can tell; the number itself is not told."""
    for level in planned.totals:
        for quantity in level:
            if not persons * quantity.per_cell + quantity.noise.reach < LARGEST:
                raise PrivacyNotMet(f"a total of measure {quantity.name!r} could be too large to be added up exactly: choose a larger unit")


def measured(tree: Tree, exact: Mapping[Key, Integers], finest: Mapping[Key, Integers], planned: Plan) -> dict[Key, list[Integers]]:
    """The noisy integers of each quantity, level by level. ``exact``: of the table's cells; ``finest``: the same with noise."""
    found: dict[Key, list[Integers]] = {quantity.key: [] for quantity in planned.measures}
    for level, quantities in zip(tree.levels, planned.totals, strict=False):
        for quantity in quantities:
            added = np.zeros(level.size, dtype=np.int64)
            np.add.at(added, level.of_finest, exact[quantity.key])
            found[quantity.key].append(noise.add_noise(added, quantity.noise))
    return {key: [*noisy, finest[key]] for key, noisy in found.items()}


def published(tree: Tree, noisy: Sequence[Integers], quantities: Sequence[MeasurePlan], *, non_negative: bool) -> Published:
    """Consistent whole numbers, and 95 % intervals of what they are made from: the linear estimates, whose noise is known.

    ``quantities``: of the levels, as ``noisy``. Ends are the outermost whole numbers of the interval, as the truth is whole; cut
    at 0 with the value, and stretched to hold it.
    """
    estimates = least_squares(noisy, tree.parents, [spread_of(quantity.noise) for quantity in quantities])
    whole = np.concatenate(whole_numbers(estimates, tree.parents, non_negative=non_negative)[::-1])
    centre = np.concatenate([estimate.value for estimate in estimates[::-1]])
    half = np.concatenate([estimate.half_width for estimate in estimates[::-1]])
    lower, upper = np.ceil(centre - half).astype(np.int64), np.floor(centre + half).astype(np.int64)
    if non_negative:
        lower, upper = np.maximum(lower, 0), np.maximum(upper, 0)
    return Published(whole, np.minimum(lower, whole), np.maximum(upper, whole))


def report(tree: Tree | None, planned: Plan) -> dict[str, Any]:
    """For the public report: of each level above the table its grouping, its cells, and the noise of each quantity."""
    if tree is None:
        return {}
    return {
        "totals": [
            {"levels": dict(level.coarse), "cells": level.size, "measures": [described(quantity) for quantity in quantities]}
            for level, quantities in zip(tree.levels, planned.totals, strict=False)
        ]
    }


def notes(stage: DpTable, planned: Plan) -> list[str]:
    """What a reader must know of totals, in words."""
    said = ["Parts add up to their totals exactly. A total is that of the cells of this table, and of nothing else."]
    if any(measure.kind == "persons" for measure in stage.measures) and counts_somebody_again(stage, planned):
        said.append("Somebody who is in several cells is counted in each, and as often in their total.")
    return said


def counts_somebody_again(stage: DpTable, planned: Plan) -> bool:
    """Whether one person can be counted in several cells, so that cells of persons do not add up to persons."""
    return planned.unit != "person" or stage.max_cells_per_person > 1


def of_levels(key: Key, planned: Plan) -> list[MeasurePlan]:
    """The quantity at each level, from the coarsest to the table's own."""
    every = [*planned.totals, planned.measures]
    return [quantity for quantities in every for quantity in quantities if quantity.key == key]


# --- what lies in what -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Side:
    """One dimension of one level: its values, and for each value of the table's dimension which of them it lies in."""

    values: pa.Array
    of_finest: Integers


def _side(dimension: Dimension, kind: pa.DataType, coarse: str | int, ladders: Mapping[str, Ladder]) -> _Side:
    """In the order of the domain, so that the table itself keeps it."""
    domain = dimension.domain or ()
    if coarse == ALL:
        return _Side(pa.nulls(1, kind), np.zeros(len(domain), dtype=np.int64))
    above = _above(dimension, coarse, ladders)
    place = {value: i for i, value in enumerate(dict.fromkeys(above))}
    values = [as_text(value) for value in place] if pa.types.is_string(kind) else list(place)
    return _Side(pa.array(values, kind), np.array([place[value] for value in above], dtype=np.int64))


def _above(dimension: Dimension, coarse: str | int, ladders: Mapping[str, Ladder]) -> list[Any]:
    """What each declared value lies in."""
    group, domain = dimension.group, list(dimension.domain or ())
    if group.bucket is not None:
        return domain if coarse == group.bucket else [_first_moment(str(coarse), value) for value in domain]
    if coarse == (group.level or 0):
        return domain
    if group.column not in ladders:
        raise _error(f"column {group.column!r} has no hierarchy to take a level of")
    return _labels(ladders[group.column], group.level or 0, int(coarse), domain)


def _labels(ladder: Ladder, level: int, wanted: int, values: Sequence[Any]) -> list[str]:
    """The labels above declared values, or above declared labels: looked up where the ladder is written down, otherwise
    computed (the prefix of a prefix)."""
    known: dict[Any, str] = {}
    if 0 < level < ladder.top and wanted < ladder.top:
        known = dict(zip(ladder.leaf_labels[level - 1], ladder.leaf_labels[wanted - 1], strict=True))
    others = [value for value in values if value not in known]
    known |= {value: label for value, label in zip(others, ladder.labels(wanted, others), strict=True) if label is not None}
    return [known[value] for value in values]


def _first_moment(bucket: str, moment: Any) -> Any:
    day = dt.date(moment.year, moment.month, moment.day)
    first = {
        "week": day - dt.timedelta(day.isoweekday() - 1),
        "month": day.replace(day=1),
        "quarter": day.replace(month=day.month - (day.month - 1) % 3, day=1),
        "year": day.replace(month=1, day=1),
    }.get(bucket, day)
    return dt.datetime(first.year, first.month, first.day) if isinstance(moment, dt.datetime) else first


def _level(stage: DpTable, dimensions: Sequence[Dimension], total: Mapping[str, str | int], ladders: Mapping[str, Ladder]) -> Level:
    kinds = [dimension.arrow for dimension in shown(stage, dimensions)]
    sides = [_side(d, kind, coarseness(total, d.group), ladders) for d, kind in zip(dimensions, kinds, strict=True)]
    sizes = [len(side.values) for side in sides]
    size = math.prod(sizes)
    codes = np.unravel_index(np.arange(size), sizes)
    groups = {d.name: side.values.take(pa.array(code)) for d, side, code in zip(dimensions, sides, codes, strict=True)}
    flat = np.zeros(1, dtype=np.int64)
    for side, many in zip(sides, sizes, strict=True):
        flat = (flat[:, None] * many + side.of_finest).ravel()
    coarse = {group.output_name: str(coarseness(total, group)) for group in stage.levelled}
    return Level(groups, coarse, flat, size)


def _parents(coarse: Level, fine: Level) -> Integers:
    """Raises RecipeError when a cell of the finer level lies in two of the coarser one."""
    parent = np.empty(fine.size, dtype=np.int64)
    parent[fine.of_finest] = coarse.of_finest
    if not np.array_equal(parent[fine.of_finest], coarse.of_finest):
        raise _error("totals must nest: a group of one level lies in two groups of a coarser one")
    return parent


def _error(message: str) -> RecipeError:
    return RecipeError(message, problems=(Problem("dp_table", message, pointer="/totals"),))

