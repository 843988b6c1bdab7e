"""The DP table, from rows to a table that may be published: bounding → exact integers → noise → post-processing.

Every refusal comes before ``before_noise`` is called; noise is drawn only after it has returned, once.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from anonymize.aggregates import forecast, noise, output, totals, trees
from anonymize.aggregates.accounting import Loss, Unit
from anonymize.aggregates.bounding import Bounded, bounded_cells
from anonymize.aggregates.dimensions import Dimension, dimensions
from anonymize.aggregates.leaves import dense as leaf_counts
from anonymize.aggregates.noise import MAX_ABS, Integers, Noise
from anonymize.aggregates.plan import Plan, plan
from anonymize.aggregates.rows import Shaped, amounts_of, check_columns, leaf_of, of_columns, shape
from anonymize.aggregates.sensitivity import Key, most_cells
from anonymize.columns.hierarchies import Ladder
from anonymize.errors import PrivacyNotMet, Problem, RecipeError
from anonymize.recipe import DpTable, PrivacyUnit
from anonymize.tables.base import Frame, TableEngine

MAX_NODES = 10_000_000  # of the trees of all cells: half a minute or more of drawing

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Aggregated:
    """``report_public`` holds nothing that the table and the recipe do not tell; ``report_internal`` holds exact counts
    of persons and rows and must never be published."""

    table: pd.DataFrame
    columns: list[output.ColumnMeta]
    report_public: dict[str, Any]
    report_internal: dict[str, Any]


@dataclass(frozen=True)
class ExactCells:
    """The cells and their exact integers by measure; before noise, and never shown."""

    groups: dict[str, pa.Array]
    values: dict[Key, Integers]
    with_data: int


@dataclass(frozen=True)
class Counted:
    """All that is known of a table just before noise: exact, and never shown."""

    planned: Plan
    dims: tuple[Dimension, ...]
    tree: totals.Tree | None
    shaped: Shaped
    bounded: Bounded
    cells: pd.DataFrame
    exact: ExactCells

    @property
    def rows_of_nobody(self) -> int:
        """Rows in the cells that no limit holds for."""
        return int(self.cells["rows"].sum()) - self.bounded.rows_after

    def forecast_under(self, stage: DpTable, period: PrivacyUnit | None) -> dict[str, Any]:
        """The same for another stage with these very cells: of another ε, or noise."""
        stage = within_cells(stage, self.dims)
        return self.forecast(stage, totals.knowing(protecting(plan(stage), stage, period), self.tree))

    def forecast(self, stage: DpTable, planned: Plan) -> dict[str, Any]:
        """How wrong a table of these cells will be: for the internal half."""
        values = {key: self.cells[column].to_numpy(dtype=np.int64) for key, column in _sources(stage, planned).items()}
        values |= _nodes(self.cells, stage, planned, self.bounded.leaves, [f"g{i}" for i in range(len(self.dims))])
        empty = 0 if stage.cells == "private" else len(next(iter(self.exact.groups.values()))) - len(self.cells)
        return forecast.expected(forecast.Exact(self.cells["persons"].to_numpy(dtype=np.int64), values, empty), stage, planned)


def release_table(
    engine: TableEngine,
    frame: Frame,
    *,
    stage: DpTable,
    unit: tuple[str, ...],
    ladders: Mapping[str, Ladder],
    before_noise: Callable[[Loss], None],
    progress: Progress,
    column_types: Mapping[str, str],
    period: PrivacyUnit | None = None,
    nobodys: bool = False,
) -> Aggregated:
    """An (ε, δ)-differentially private table, for neighbours that differ in all rows of one unit.

    ``unit`` names the columns that say together whose row it is: the person key, and the ``period`` where the recipe
    protects periods. ``nobodys``: rows without a person key count, and are nobody's.

    ``column_types`` maps each column to integer, decimal, number, text, boolean, date, timestamp or timestamptz.
    ``before_noise`` charges the budget with the loss it is given: what it raises stops the release with no noise drawn.

    Raises RecipeError or InputError for what cannot be run, PrivacyNotMet when δ is no protection for so few persons
    or when a sum could leave the integers. Sources: see :mod:`anonymize.aggregates.plan`.
    """
    counted = count_cells(
        engine, frame, stage=stage, unit=unit, ladders=ladders, progress=progress, column_types=column_types, period=period, nobodys=nobodys
    )
    planned, dims, tree, exact = counted.planned, counted.dims, counted.tree, counted.exact
    foreseen = counted.forecast(stage, planned)
    before_noise(planned.loss())
    progress("noise", 0.7)
    groups, noisy = draw(exact, planned)
    measured = {} if tree is None else totals.measured(tree, exact.values, noisy, planned)
    progress("writing", 0.95)
    table = output.table(groups, noisy, stage, planned) if tree is None else output.table_with_totals(tree, measured, stage, planned)
    shown = totals.shown(stage, dims)
    return Aggregated(
        table=table,
        columns=output.columns(shown, stage, planned),
        report_public=_public(stage, planned, shown, len(table), period, column_types) | totals.report(tree, planned),
        report_internal={**_internal(stage, counted, len(table)), "forecast": foreseen},
    )


def count_cells(
    engine: TableEngine,
    frame: Frame,
    *,
    stage: DpTable,
    unit: tuple[str, ...],
    ladders: Mapping[str, Ladder],
    progress: Progress,
    column_types: Mapping[str, str],
    period: PrivacyUnit | None = None,
    nobodys: bool = False,
) -> Counted:
    """The bounded, exact cells of a stage, with every refusal that comes before noise; see :func:`release_table`."""
    check_columns(stage, unit[0], column_types)
    dims = dimensions(stage, column_types)
    stage = within_cells(stage, dims)
    tree = totals.tree_of(stage, dims, ladders)
    planned = totals.knowing(protecting(plan(stage), stage, period), tree)
    if stage.cells == "public":
        refuse_many_nodes(planned, math.prod(len(dimension.domain or ()) for dimension in dims))
    progress("rows", 0.0)
    shaped = shape(engine, frame, stage=stage, dimensions=dims, unit=unit, ladders=ladders, nobodys=nobodys)
    progress("bounding", 0.2)
    cells, bounded = bounded_cells(
        engine, shaped, max_cells=planned.max_cells, max_rows=planned.max_rows, in_all=planned.max_rows_in_all
    )
    _refuse_late(planned, bounded.persons, shaped.rows_of_nobody, stage.allow_large_delta)
    return Counted(planned, dims, tree, shaped, bounded, cells, exact_cells(cells, stage, planned, dims, bounded.leaves))


def within_cells(stage: DpTable, dims: tuple[Dimension, ...]) -> DpTable:
    """Nobody is in more cells than there are: noise for more would hide nothing. Public cells alone may be counted."""
    cells = math.prod(len(dimension.domain or ()) for dimension in dims)
    if stage.cells == "private" or stage.max_cells_per_person <= cells:
        return stage
    return stage.model_copy(update={"max_cells_per_person": cells})


def protecting(planned: Plan, stage: DpTable, period: PrivacyUnit | None) -> Plan:
    """The plan, with what it protects as one, and the days outside of which no row counts where the stage declares them."""
    if period is None:
        return planned
    units: Mapping[str, Unit] = {"day": "person_day", "week": "person_week", "month": "person_month"}
    return replace(planned, unit=units[period.period], covers=covered_days(stage, period))


def covered_days(stage: DpTable, period: PrivacyUnit) -> tuple[dt.date, dt.date] | None:
    """The declared range of the very column and zone that periods are taken from: rows outside it are left out."""
    for group in stage.group_by:
        if group.column == period.column and group.time_zone == period.time_zone and group.start and group.end:
            return dt.date.fromisoformat(group.start), dt.date.fromisoformat(group.end)
    return None


def _refuse_late(planned: Plan, persons: int, rows_of_nobody: int, large_delta: bool) -> None:
    """What only the number of persons can tell; the number itself is not told."""
    if not (large_delta or Fraction(planned.delta) * persons < 1):
        raise PrivacyNotMet(
            "delta is not below one in the number of persons: publishing one person as is would be allowed. Lower delta, "
            "or say allow_large_delta in the recipe"
        )
    for measure in planned.drawn:
        if not (persons + rows_of_nobody) * measure.per_cell + measure.noise.reach < MAX_ABS:
            raise PrivacyNotMet(f"measure {measure.name!r} could leave the 64-bit integers: choose a larger unit")
    totals.refuse_late(planned, persons + rows_of_nobody)


def refuse_many_nodes(planned: Plan, cells: int) -> None:
    """Every node of every cell's tree is drawn noise for."""
    nodes = sum(quantity.tree.nodes for quantity in planned.measures if quantity.tree is not None)
    if not cells * nodes <= MAX_NODES:
        message = f"the trees of quantiles have {nodes:,} counts in each of the cells, together more than {MAX_NODES:,}: raise unit, or group less finely"
        raise RecipeError(message, problems=(Problem("dp_table", message, pointer="/measures"),))


def exact_cells(
    cells: pd.DataFrame, stage: DpTable, planned: Plan, dims: tuple[Dimension, ...], leaves: Mapping[str, pd.DataFrame]
) -> ExactCells:
    """The cells that noise is drawn for, with the exact value of each drawn measure: all of them, zeros included, or
    those of the data when they are private. ``leaves``: the rows of the cells by leaf, for each tree."""
    keys = {f"g{i}": pa.array(cells[f"g{i}"]) for i in range(len(dims))}
    private = stage.cells == "private"
    groups = {d.name: d.published(keys[f"g{i}"]) for i, d in enumerate(dims)} if private else output.all_cells(dims)
    size = len(groups[dims[0].name])
    refuse_many_nodes(planned, size)
    where = np.arange(size) if private else output.positions(keys, dims)
    found = {key: cells[column].to_numpy(dtype=np.int64) for key, column in _sources(stage, planned).items()}
    found |= _nodes(cells, stage, planned, leaves, list(keys))
    values = {key: np.zeros((size, *exact.shape[1:]), dtype=np.int64) for key, exact in found.items()}
    for key, exact in found.items():
        values[key][where] = exact
    return ExactCells(groups, values, len(cells))


def _nodes(cells: pd.DataFrame, stage: DpTable, planned: Plan, leaves: Mapping[str, pd.DataFrame], groups: list[str]) -> dict[Key, Integers]:
    """(cell, node) of each tree."""
    found = {}
    for i, measure in of_columns(stage):
        for quantity in planned.of(measure.name).values():
            if quantity.tree is not None:
                in_leaves = leaf_counts(cells, leaves[leaf_of(i)], groups, quantity.tree.leaves)
                found[quantity.key] = trees.counts(quantity.tree, in_leaves)
    return found


def _sources(stage: DpTable, planned: Plan) -> dict[Key, str]:
    """Which exact column each drawn quantity starts from."""
    counts = {"persons": "persons", "selection": "persons", "rows": "rows"}
    amounts = {(m.name, kind): column for i, m in of_columns(stage) for kind, column in amounts_of(i, m).items()}
    return {q.key: counts[q.kind] if q.kind in counts else amounts[q.key] for q in planned.drawn if q.tree is None}


def draw(exact: ExactCells, planned: Plan) -> tuple[dict[str, pa.Array], dict[Key, Integers]]:
    """Noise on every cell; with private cells, on those only whose noisy count of persons is above the threshold.

    That is enough: who is in a cell that does not appear is told of by its absence alone, which the choice of cells pays for.
    """
    groups, values = exact.groups, exact.values
    drawn: dict[Key, Integers] = {}
    selection, rule = planned.selection, planned.rule
    if selection is not None and rule is not None and isinstance(selection.noise, Noise):
        count = noise.add_truncated(values[selection.key], selection.noise, rule.reach)
        shown = count > rule.threshold
        groups = {name: array.filter(pa.array(shown)) for name, array in groups.items()}
        values = {key: array[shown] for key, array in values.items()}
        drawn[selection.key] = count[shown]
    elif selection is not None:
        raise PrivacyNotMet("cells cannot be chosen privately without their rule")
    for quantity in planned.measures:
        if quantity.key not in drawn:
            exact_values = values[quantity.key]  # of a tree: (cell, node), noise on each, also where nothing was counted
            drawn[quantity.key] = noise.add_noise(exact_values.ravel(), quantity.noise).reshape(exact_values.shape)
    return groups, drawn


def _public(
    stage: DpTable, planned: Plan, dims: tuple[Dimension, ...], cells: int, period: PrivacyUnit | None, column_types: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "stage": "dp_table",
        "guarantee": f"(epsilon, delta)-differential privacy for each {_UNITS[planned.unit]}",
        **planned.as_dict(),
        "privacy_unit": _unit_as_dict(planned, period),
        "cells": stage.cells,
        "cells_published": cells,
        "group_by": [_described(dimension) for dimension in dims],
        "clipped_at_zero": [m.name for m in stage.measures if output.clipped_at_zero(stage, m)],
        "notes": _notes(stage, planned, column_types),
    }


_UNITS: Mapping[Unit, str] = {
    "person": "person, all rows of a person key together",
    "person_day": "person and day, all rows of a person key within the day together",
    "person_week": "person and week, all rows of a person key within the week together",
    "person_month": "person and month, all rows of a person key within the month together",
}


def _unit_as_dict(planned: Plan, period: PrivacyUnit | None) -> dict[str, str]:
    zone = {} if period is None else {"column": period.column, "time_zone": period.time_zone}
    days = {} if planned.covers is None else dict(zip(("from", "until"), (day.isoformat() for day in planned.covers), strict=True))
    return {"unit": planned.unit, **zone, **days}


def _described(dimension: Dimension) -> dict[str, Any]:
    given = dimension.group.model_dump(mode="json", include={"column", "bucket", "time_zone", "level", "start", "end"})
    if dimension.group.bins is not None:
        given["bins"] = [format(edge, "f") for edge in dimension.group.bins]
    size = None if dimension.domain is None else len(dimension.domain)
    return {"name": dimension.name, "type": dimension.type, "declared_values": size, **given}


def _notes(stage: DpTable, planned: Plan, column_types: Mapping[str, str]) -> list[str]:
    notes = [
        "Intervals cover the noise with a chance of 95 %; they do not cover what bounding and clamping left out, nor what rounding took or added.",
        "Rows without a group value, and rows outside the declared values, are left out.",
    ]
    if planned.max_cells < most_cells(stage):
        notes.append(
            f"The recipe lets a person count in {stage.max_cells_per_person:,} cells; there are {planned.max_cells:,}, and nobody is in more than there are."
        )
    if any(group.level for group in stage.group_by):
        notes.append("A row whose value has no place in the hierarchy that it is grouped by has no group value.")
    if any(measure.column is not None for measure in stage.measures):
        notes.append("Amounts are clamped to the declared bounds; a missing amount adds nothing.")
    notes += _rounding(stage, column_types)
    if any(measure.kind in ("mean", "variance") for measure in stage.measures):
        notes.append("The mean or variance of a cell that may be empty is anything between the bounds, and its interval says so.")
    if stage.totals:
        notes += totals.notes(stage, planned)
    if any(measure.round_to is not None for measure in stage.measures):
        notes.append("Counts are rounded after the noise; the intervals hold what the rounding changed.")
    if any(measure.rank is not None for measure in stage.measures):
        notes.append(
            "A quantile is read from noisy counts of all values between the bounds. Its interval holds, with a chance of at least "
            "95 %, a value that the asked share of the rows does not exceed; where there may be no row it is all of the range."
        )
    if stage.top is not None:
        notes.append(
            f"Of each group only the {stage.top.limit} largest by {stage.top.measure} are shown. The largest of noisy values tend to "
            "be too large, so their intervals are wider: with a chance of 95 % those of a group hold all at once."
        )
    if stage.allow_large_delta:
        notes.append("Delta may be as large as one in the number of persons, which allows publishing one of them as is: the recipe says so.")
    if stage.cells == "private":
        notes.append("A cell that is absent is empty, or held by few persons: the table does not tell which.")
    return notes


def _rounding(stage: DpTable, column_types: Mapping[str, str]) -> list[str]:
    """Which amounts were rounded. Of a type that has fractions the values alone tell how fine they are, and they are not asked."""
    rounded = [
        f"{measure.name} to {measure.unit:f}" for _, measure in of_columns(stage)
        if column_types.get(measure.column or "") != "integer" or Fraction(1) % Fraction(measure.unit)
    ]  # fmt: skip
    if not rounded:
        return []
    return [
        f"Amounts are rounded to multiples of `unit`, half to even, before they are added up: {', '.join(rounded)}. Where typical amounts "
        "are not well above it, the figures are too small or too large by what that changed, and no interval says so."
    ]


def _sums(stage: DpTable, shaped: Shaped, exact: ExactCells) -> dict[str, dict[str, float]]:
    """Of each summed column: what its rows add up to as they came, and what the declared values and bounds left of it."""
    left = {
        measure.name: float(exact.values[measure.name, "sum"].sum()) * float(measure.unit)
        for _, measure in of_columns(stage) if measure.kind == "sum"
    }  # fmt: skip
    before = dict(zip((measure.name for _, measure in of_columns(stage)), shaped.amounts_before, strict=True))
    return {name: {"before": before[name], "after": after} for name, after in left.items()}


def bounding(stage: DpTable, counted: Counted) -> dict[str, Any]:
    """What the limits per unit and the bounds left of persons, rows and sums; exact."""
    found = counted.bounded
    return {
        "persons": found.persons,
        "rows_before": found.rows_before,
        "rows_after": found.rows_after,
        "person_cells_before": found.person_cells_before,
        "person_cells_after": found.person_cells_after,
        "rows_of_nobody": counted.rows_of_nobody,
        "sums": _sums(stage, counted.shaped, counted.exact),
    }


def _internal(stage: DpTable, counted: Counted, published: int) -> dict[str, Any]:
    shaped, bounded = counted.shaped, counted.bounded
    return {
        "bounding": bounding(stage, counted),
        "rows": shaped.rows_in,
        "rows_without_group": shaped.rows_without_group,
        "rows_outside_domain": shaped.rows_in - shaped.rows_without_group - bounded.rows_before - counted.rows_of_nobody,
        "amounts_missing": list(shaped.amounts_missing),
        "persons": bounded.persons,
        "rows_before_bounding": bounded.rows_before,
        "rows_after_bounding": bounded.rows_after,
        "person_cells_before_bounding": bounded.person_cells_before,
        "person_cells_after_bounding": bounded.person_cells_after,
        "cells_with_data": counted.exact.with_data,
        "cells_published": published,
    }
