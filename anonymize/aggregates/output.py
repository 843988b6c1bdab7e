"""From noisy integers to the published table: numbers in their own unit, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from anonymize.aggregates.dimensions import Dimension
from anonymize.aggregates.noise import Integers
from anonymize.aggregates.plan import MeasurePlan
from anonymize.recipe import DpTable

ColumnMeta: TypeAlias = dict[str, Any]


def all_cells(dimensions: Sequence[Dimension]) -> dict[str, pa.Array]:
    """Every combination of the declared values, the last dimension fastest: sorted as the domains are."""
    sizes = [len(dimension.domain or ()) for dimension in dimensions]
    flat = np.arange(int(np.prod(sizes, dtype=np.int64)))
    codes = np.unravel_index(flat, sizes)
    return {
        dimension.name: pa.array(dimension.domain, dimension.arrow).take(pa.array(code))
        for dimension, code in zip(dimensions, codes, strict=True)
    }


def positions(cells: Mapping[str, pa.Array], dimensions: Sequence[Dimension]) -> Integers:
    """Where in :func:`all_cells` each cell of the data lies. ``cells``: g0…, arrays of equal length."""
    codes = [
        pc.index_in(cells[f"g{i}"].cast(dimension.arrow), value_set=pa.array(dimension.domain, dimension.arrow))
        for i, dimension in enumerate(dimensions)
    ]
    sizes = [len(dimension.domain or ()) for dimension in dimensions]
    flat = np.ravel_multi_index([code.to_numpy(zero_copy_only=False) for code in codes], sizes)
    return np.asarray(flat, dtype=np.int64)


def table(
    groups: Mapping[str, pa.Array], noisy: Mapping[str, Integers], stage: DpTable, measures: Sequence[MeasurePlan]
) -> pd.DataFrame:
    """Group columns, then per measure its value and its 95 % interval. ``noisy``: in units, by measure name."""
    columns = dict(groups)
    for measure in measures:
        floor = 0 if clipped_at_zero(stage, measure) else None
        for suffix, shift in (("", 0), ("_lower", -measure.half_width), ("_upper", measure.half_width)):
            units = noisy[measure.name] + shift
            units = units if floor is None else np.maximum(units, floor)
            columns[measure.name + suffix] = _in_its_own_unit(units, measure)
    published: pd.DataFrame = pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype)
    return published


def columns(dimensions: Sequence[Dimension], measures: Sequence[MeasurePlan]) -> list[ColumnMeta]:
    """Name, type and meaning of each output column, in order."""
    described: list[ColumnMeta] = [_group_meta(dimension) for dimension in dimensions]
    for measure in measures:
        kind = "decimal" if measure.kind == "sum" else "integer"
        for suffix, role in (("", "measure"), ("_lower", "lower"), ("_upper", "upper")):
            described.append({"name": measure.name + suffix, "type": kind, "role": role, "measure": measure.name})
        described[-3] |= {"kind": measure.kind, "half_width": format(measure.error, "f")}
    return described


def clipped_at_zero(stage: DpTable, measure: MeasurePlan) -> bool:
    """Counts, and sums of amounts that cannot be negative, are cut at 0 when the recipe says so (post-processing)."""
    lowest = {m.name: m.lower for m in stage.measures}.get(measure.name)
    return stage.non_negative and (measure.kind != "sum" or (lowest is not None and lowest >= 0))


def _group_meta(dimension: Dimension) -> ColumnMeta:
    group = dimension.group
    meta: ColumnMeta = {"name": dimension.name, "type": dimension.type, "role": "group", "column": group.column}
    if group.bucket is not None:
        meta |= {"bucket": group.bucket, "time_zone": group.time_zone}
    if group.level is not None:
        meta["level"] = group.level
    return meta


def _in_its_own_unit(units: Integers, measure: MeasurePlan) -> pa.Array:
    """int64 for counts; an exact decimal, with as many places as the unit has, for sums."""
    if measure.kind != "sum":
        return pa.array(units, pa.int64())
    places = _places(measure.unit)
    unit = pa.scalar(measure.unit.quantize(Decimal(1).scaleb(-places)), pa.decimal128(17, places))
    exact = pc.multiply(pa.array(units, pa.int64()).cast(pa.decimal128(19, 0)), unit)  # 19 + 17 + 1 digits
    return exact.cast(pa.decimal128(38, places))


def _places(unit: Decimal) -> int:
    """Decimal places that ``unit`` needs: 2 for 0.25, 0 for 100."""
    exponent = unit.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
