"""From noisy integers to the published table: numbers in their own unit, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from anonymize.aggregates import ratios, top, totals, trees
from anonymize.aggregates.dimensions import Dimension
from anonymize.aggregates.noise import Integers
from anonymize.aggregates.plan import MeasurePlan, Plan
from anonymize.aggregates.ratios import fine_unit
from anonymize.aggregates.rounding import is_unreliable, rounded
from anonymize.aggregates.selection import intervals
from anonymize.aggregates.sensitivity import Key, Kind, bounds_in_units, source
from anonymize.aggregates.totals import Tree
from anonymize.errors import PrivacyNotMet
from anonymize.recipe import OF_A_GRID, RANK, DpTable, GroupBy, Measure
from anonymize.recipe.totals import own

ColumnMeta: TypeAlias = dict[str, Any]


def all_cells(dimensions: Sequence[Dimension]) -> dict[str, pa.Array]:
    """Every combination of the declared values, the last dimension fastest: in their order."""
    sizes = [len(dimension.domain or ()) for dimension in dimensions]
    flat = np.arange(int(np.prod(sizes, dtype=np.int64)))
    codes = np.unravel_index(flat, sizes)
    return {
        dimension.name: pa.array(dimension.domain, dimension.arrow).take(pa.array(code))
        for dimension, code in zip(dimensions, codes, strict=True)
    }


def positions(cells: Mapping[str, pa.Array], dimensions: Sequence[Dimension]) -> Integers:
    """Where in :func:`all_cells` each cell of the data lies. ``cells``: g0…, arrays of equal length."""
    codes = [dimension.places(cells[f"g{i}"]) for i, dimension in enumerate(dimensions)]
    sizes = [len(dimension.domain or ()) for dimension in dimensions]
    flat = np.ravel_multi_index([code.to_numpy(zero_copy_only=False) for code in codes], sizes)
    return np.asarray(flat, dtype=np.int64)


def table(groups: Mapping[str, pa.Array], noisy: Mapping[tuple[str, Kind], Integers], stage: DpTable, planned: Plan) -> pd.DataFrame:
    """Group columns, then per measure its value and its 95 % interval. ``noisy``: in units, by quantity."""
    combination = None if stage.top is None else top.combinations(groups, stage.top.dimension)
    columns: dict[str, pa.Array] = {}
    for measure in stage.measures:
        of = planned.of(source(stage, measure).name)
        drawn = {quantity.kind: noisy[quantity.key] for quantity in of.values()}
        chosen_by = combination is not None and stage.top is not None and measure.name == stage.top.measure
        errors = top.errors(combination) if chosen_by and combination is not None else None
        columns |= _columns(measure, *_published(measure, of, drawn, stage, planned, errors))
    return _frame({**groups, **columns} if combination is None else _largest(groups, columns, combination, noisy, stage, planned))


def _largest(
    groups: Mapping[str, pa.Array],
    columns: Mapping[str, pa.Array],
    combination: Integers,
    noisy: Mapping[tuple[str, Kind], Integers],
    stage: DpTable,
    planned: Plan,
) -> dict[str, pa.Array]:
    """The rows that a table of the largest keeps, with their ranks by the value that is published.

    Noisy numbers are found by what they count: a measure may have the name of another quantity, such as ``selection``.
    """
    if stage.top is None:
        raise PrivacyNotMet("a table of the largest needs to know of what")
    by = next(measure for measure in stage.measures if measure.name == stage.top.measure)
    values = noisy[next(iter(planned.of(by.name).values())).key]
    stay, ranks = top.largest(combination, np.maximum(values, 0) if clipped_at_zero(stage, by) else values, stage.top.limit)
    return {**top.columns(groups, stay), RANK: pa.array(ranks, pa.int64()), **top.columns(columns, stay)}


def table_with_totals(tree: Tree, noisy: Mapping[Key, Sequence[Integers]], stage: DpTable, planned: Plan) -> pd.DataFrame:
    """The same for the cells of all levels, the finest first, and after the group columns how coarse each is.

    ``noisy``: in units, by quantity and level, from the coarsest level on.
    """
    columns = tree.groups
    for measure in stage.measures:
        quantity = next(iter(planned.of(measure.name).values()))
        levels = totals.of_levels(quantity.key, planned)
        found = totals.published(tree, noisy[quantity.key], levels, non_negative=clipped_at_zero(stage, measure))
        columns |= _columns(measure, *(_in_its_own_unit(units, quantity) for units in (found.value, found.lower, found.upper)))
    return _frame(columns)


def _columns(measure: Measure, value: pa.Array, lower: pa.Array, upper: pa.Array) -> dict[str, pa.Array]:
    arrays = [value, lower, upper]
    if measure.unreliable_above is not None:
        arrays.append(is_unreliable(value, lower, upper, measure.unreliable_above))
    return dict(zip(measure.output_names, arrays, strict=True))


def _frame(columns: Mapping[str, pa.Array]) -> pd.DataFrame:
    published: pd.DataFrame = pa.table(dict(columns)).to_pandas(types_mapper=pd.ArrowDtype)
    return published


def _published(
    measure: Measure,
    of: Mapping[Kind, MeasurePlan],
    drawn: Mapping[Kind, Integers],
    stage: DpTable,
    planned: Plan,
    errors: npt.NDArray[np.float64] | None = None,
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Value, lower and upper end. ``errors``: how often each interval may fail, where that is not one time in twenty."""
    if measure.kind in ("mean", "variance"):
        estimate = ratios.mean if measure.kind == "mean" else ratios.variance
        return tuple(_decimals(units, fine_unit(measure)) for units in estimate(measure, of, drawn))
    quantity = next(iter(of.values()))
    units = drawn[quantity.kind]
    if measure.rank is not None and quantity.tree is not None:
        first, _ = bounds_in_units(measure)
        found = trees.quantile(quantity.tree, units, float(measure.rank), quantity.noise)
        return tuple(_decimals(first + leaf, measure.unit) for leaf in found)
    lower, upper = _ends(quantity, units, planned, np.full(len(units), top.ERROR) if errors is None else errors)
    if clipped_at_zero(stage, measure):
        units, lower, upper = (np.maximum(bound, 0) for bound in (units, lower, upper))
    if measure.round_to is not None:
        units, lower, upper = rounded(units, lower, upper, measure.round_to)
        lower = np.maximum(lower, 0) if clipped_at_zero(stage, measure) else lower
    return _in_its_own_unit(units, quantity), _in_its_own_unit(lower, quantity), _in_its_own_unit(upper, quantity)


def _ends(quantity: MeasurePlan, units: Integers, planned: Plan, errors: npt.NDArray[np.float64]) -> tuple[Integers, Integers]:
    lower, upper = np.zeros_like(units), np.zeros_like(units)
    for error in np.unique(errors).tolist():
        these = errors == error
        if planned.rule is not None and quantity is planned.selection:
            lower[these], upper[these] = intervals(planned.rule, units[these], error)
        else:
            width = quantity.noise.within(error)
            lower[these], upper[these] = units[these] - width, units[these] + width
    return lower, upper


def columns(dimensions: Sequence[Dimension], stage: DpTable, planned: Plan) -> list[ColumnMeta]:
    """Name, type and meaning of each output column, in order."""
    described: list[ColumnMeta] = [_group_meta(dimension) for dimension in dimensions]
    described += [_level_meta(group) for group in stage.levelled]
    if stage.top is not None:
        described.append({"name": RANK, "type": "integer", "role": "rank", "measure": stage.top.measure})
    for measure in stage.measures:
        kind = "integer" if measure.column is None else "decimal"
        of_measure: list[ColumnMeta] = [
            {"name": name, "type": kind, "role": role, "measure": measure.name}
            for name, role in zip(measure.output_names, ("measure", "lower", "upper", "unreliable"), strict=False)
        ]
        of_measure[0] |= {"kind": measure.kind, **_half_width(measure, stage, planned)}
        if measure.kind == "persons" and totals.counts_somebody_again(stage, planned):
            of_measure[0]["description"] = totals.COUNTED_IN_EACH
        if measure.unreliable_above is not None:
            above = format(measure.unreliable_above, "f")
            said = f"Whether half the width of the 95 % interval is more than {above} of {measure.name}."
            of_measure[3] |= {"type": "boolean", "above": above, "description": said}
        described += of_measure
    return described


def _half_width(measure: Measure, stage: DpTable, planned: Plan) -> dict[str, str]:
    """The same for all cells, where it is: of a mean and a variance it depends on how many values there are, beside totals
    on what lies around a cell, in rounded intervals on the value, and of what a table of the largest is chosen by on how many
    there were to choose from."""
    of = planned.of(measure.name)
    chose = stage.top is not None and stage.top.measure == measure.name
    same = len(of) == 1 and not stage.totals and measure.round_to is None and measure.kind not in OF_A_GRID and not chose
    return {"half_width": format(next(iter(of.values())).error, "f")} if same else {}


def clipped_at_zero(stage: DpTable, measure: Measure) -> bool:
    """Counts, and sums of amounts that cannot be negative, are cut at 0 when the recipe says so (post-processing)."""
    if measure.kind in ("mean", "variance", *OF_A_GRID):
        return False  # kept within what their bounds allow instead
    return stage.non_negative and (measure.kind != "sum" or (measure.lower is not None and measure.lower >= 0))


def _group_meta(dimension: Dimension) -> ColumnMeta:
    group = dimension.group
    meta: ColumnMeta = {"name": dimension.name, "type": dimension.type, "role": "group", "column": group.column}
    if group.bucket is not None:
        meta |= {"bucket": group.bucket, "time_zone": group.time_zone}
    if group.level is not None:
        meta["level"] = group.level
    if group.bins is not None:
        meta["bins"] = [format(edge, "f") for edge in group.bins]
    return meta


def _level_meta(group: GroupBy) -> ColumnMeta:
    """How coarse a dimension is in a row. ``finest``: in the table itself; charts and sums take those rows alone."""
    name, finest = group.output_name, str(own(group))
    said = f"How coarse {name} is in this row: {finest} where the row is no total."
    return {"name": f"{name}_level", "type": "text", "role": "level", "dimension": name, "finest": finest, "description": said}


def _in_its_own_unit(units: Integers, quantity: MeasurePlan) -> pa.Array:
    """int64 for counts; an exact decimal, with as many places as the unit has, for sums."""
    return _decimals(units, quantity.unit) if quantity.kind == "sum" else pa.array(units, pa.int64())


def _decimals(units: Integers, unit: Decimal) -> pa.Array:
    places = _places(unit)
    exact_unit = pa.scalar(unit.quantize(Decimal(1).scaleb(-places)), pa.decimal128(17, places))
    exact = pc.multiply(pa.array(units, pa.int64()).cast(pa.decimal128(19, 0)), exact_unit)  # 19 + 17 + 1 digits
    return exact.cast(pa.decimal128(38, places))


def _places(unit: Decimal) -> int:
    """Decimal places that ``unit`` needs: 2 for 0.25, 0 for 100."""
    exponent = unit.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
