"""How much one person changes each quantity of a DP table, once contributions are bounded: from the recipe alone.

The person is in at most C cells, has at most R rows in each and T in all (:mod:`anonymize.aggregates.bounding`); what noise
that asks for is decided in :mod:`anonymize.aggregates.plan`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from anonymize.aggregates import trees
from anonymize.aggregates.trees import Tree
from anonymize.errors import RecipeError
from anonymize.recipe import OF_A_GRID, DpTable, Measure

Kind = Literal["persons", "rows", "sum", "values", "centred", "squares", "nodes", "selection"]
Key: TypeAlias = tuple[str, Kind]
INGREDIENTS: Mapping[str, tuple[Kind, ...]] = {
    "persons": ("persons",),
    "rows": ("rows",),
    "sum": ("sum",),
    "mean": ("values", "centred"),
    "variance": ("values", "centred", "squares"),
    "quantile": ("nodes",),
    "median": ("nodes",),
}
"""The quantities that noise is drawn for, a kind of measure."""


@dataclass(frozen=True)
class Size:
    """How much one person changes a quantity, as in :class:`MeasurePlan`. ``draws``: the most draws of noise whose numbers
    one person changes: the rows of a cell may be in as many nodes of a level."""

    per_cell: int
    cells: int
    most: int | None
    draws: int
    tree: Tree | None = None

    @property
    def sensitivity(self) -> int:
        return self.per_cell * self.cells if self.most is None else self.most


def size_of(stage: DpTable, kind: Kind, measure: Measure | None) -> Size:
    per_cell, cells, most = most_per_cell(stage, kind, measure), most_cells(stage), most_in_all(stage, kind, measure)
    if kind != "nodes" or measure is None:
        return Size(per_cell, cells, most, draws=cells)
    lower, upper = bounds_in_units(measure)
    tree = trees.best_tree(upper - lower + 1, squared=stage.noise == "gaussian")
    in_all = per_cell * cells if most is None else most
    return Size(per_cell, cells * tree.levels, None if most is None else most * tree.levels, in_all * tree.levels, tree)


def source(stage: DpTable, measure: Measure) -> Measure:
    """The measure whose quantities a measure is read from: itself, but quantiles of one column on one grid share a tree."""
    if measure.kind not in OF_A_GRID:
        return measure
    grid = (measure.column, measure.lower, measure.upper, measure.unit)
    alike = (m for m in stage.measures if m.kind in OF_A_GRID and (m.column, m.lower, m.upper, m.unit) == grid)
    return next(alike, measure)


def most_cells(stage: DpTable) -> int:
    """The most cells of a person: each holds at least one row."""
    return min(stage.max_cells_per_person, stage.max_rows_per_person or stage.max_cells_per_person)


def most_rows(stage: DpTable) -> int:
    """The most rows of a person in one cell."""
    return min(stage.max_rows_per_cell, stage.max_rows_per_person or stage.max_rows_per_cell)


def most_rows_in_all(stage: DpTable) -> int | None:
    """The most rows of a person in all cells together, where that says more than the limits of cells do."""
    most = stage.max_rows_per_person
    return most if most is not None and most < most_cells(stage) * most_rows(stage) else None


def most_per_cell(stage: DpTable, kind: Kind, measure: Measure | None) -> int:
    return 1 if kind in ("persons", "selection") else most_rows(stage) * per_row(kind, measure)


def most_in_all(stage: DpTable, kind: Kind, measure: Measure | None) -> int | None:
    most = most_rows_in_all(stage)
    return None if most is None or kind in ("persons", "selection") else most * per_row(kind, measure)


def per_row(kind: Kind, measure: Measure | None) -> int:
    """Most that one row changes."""
    if kind in ("rows", "values", "nodes") or measure is None:
        return 1
    if kind == "sum":
        return max(abs(units) for units in bounds_in_units(measure))
    return reach_in_units(measure) ** (2 if kind == "squares" else 1)


def bounds_in_units(measure: Measure) -> tuple[int, int]:
    """``lower`` and ``upper`` of a sum as whole numbers of its unit. Raises RecipeError where they are missing."""
    if measure.lower is None or measure.upper is None:
        raise RecipeError(f"measure {measure.name!r} has no bounds")
    lower, upper = Fraction(measure.lower) / Fraction(measure.unit), Fraction(measure.upper) / Fraction(measure.unit)
    if lower.denominator != 1 or upper.denominator != 1:
        raise RecipeError(f"measure {measure.name!r}: lower and upper must be whole multiples of unit")
    return int(lower), int(upper)


def middle_in_units(measure: Measure) -> int:
    """The middle of the bounds, in whole units, rounded downwards: what means and variances are counted from."""
    lower, upper = bounds_in_units(measure)
    return (lower + upper) // 2


def reach_in_units(measure: Measure) -> int:
    """The farthest that a clamped value can be from the middle."""
    lower, upper = bounds_in_units(measure)
    middle = middle_in_units(measure)
    return max(upper - middle, middle - lower)
