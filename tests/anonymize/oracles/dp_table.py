"""The exact part of a DP table, slow and obvious: plain Python over a list of rows."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    person: Hashable
    cell: tuple[Hashable, ...]
    units: tuple[int, ...] = ()


Cells = dict[tuple[Hashable, ...], tuple[int, ...]]


def bound(rows: Sequence[Row], *, max_cells: int, max_rows: int, chance: random.Random) -> list[Row]:
    """Per (person, cell) at most max_rows rows, then per person at most max_cells cells, both at random."""
    by_person: dict[Hashable, dict[tuple[Hashable, ...], list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_person[row.person][row.cell].append(row)
    kept: list[Row] = []
    for cells in by_person.values():
        few = {cell: chance.sample(theirs, min(max_rows, len(theirs))) for cell, theirs in cells.items()}
        for cell in chance.sample(list(few), min(max_cells, len(few))):
            kept += few[cell]
    return kept


def aggregate(rows: Sequence[Row]) -> Cells:
    """Cell → (distinct persons, rows, sums…)."""
    by_cell: dict[tuple[Hashable, ...], list[Row]] = defaultdict(list)
    for row in rows:
        by_cell[row.cell].append(row)
    return {
        cell: (
            len({row.person for row in theirs}),
            len(theirs),
            *(sum(units) for units in zip(*(row.units for row in theirs), strict=True)),
        )
        for cell, theirs in by_cell.items()
    }


def distance(one: Cells, other: Cells) -> tuple[int, ...]:
    """L1 distance of each measure over all cells of either; a cell that is missing counts as zeros."""
    width = max((len(values) for values in [*one.values(), *other.values()]), default=0)
    zeros = (0,) * width
    return tuple(
        sum(abs(one.get(cell, zeros)[i] - other.get(cell, zeros)[i]) for cell in one.keys() | other.keys())
        for i in range(width)
    )
