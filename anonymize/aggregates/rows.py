"""From the table to the rows that count: whose they are, ``p`` (with the period ``d`` where that is protected), groups
``g0…``, and whole numbers that are added up; nothing else.

Of measure i that is about a column these are ``u<i>``, its clamped values in whole units, for a sum; for a mean and a
variance ``v<i>``, 1 where there is a value, ``c<i>``, its distance from the middle of the bounds, and ``q<i>``, that squared.
A missing value adds 0 to each. For a quantile it is ``l<i>``, the place of the value on its grid from 0, or -1.

Row by row only: what is left out here depends on the row itself and on the recipe, never on other rows, so it weakens
no bound. From here on every column has a name of our own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from anonymize.aggregates import bins
from anonymize.aggregates.dimensions import Dimension
from anonymize.aggregates.sensitivity import INGREDIENTS, Kind, bounds_in_units, middle_in_units, source
from anonymize.columns.hierarchies import Ladder
from anonymize.errors import InputError, Problem, RecipeError
from anonymize.recipe import OF_A_GRID, DpTable, Measure
from anonymize.tables.base import Frame, TableEngine, distinct

UNIT = ("p", "d")  # whose a row is: a person, and the period
NUMERIC = ("integer", "decimal", "number")
LARGEST = 2**63  # of integers, exclusive
PLACES, DIGITS = 9, 29  # of decimals, after the point and before it


@dataclass(frozen=True)
class Shaped:
    """``frame`` has columns ``unit``, g0… and ``amounts``, no nulls. The counts are exact: internal.

    ``nobodys``: the rows that were declared to be nobody's, with the same columns but for ``unit``.
    ``amounts_missing``: rows without a value, for each measure that is about a column, in the stage's order.
    ``amounts_before``: the sum of each such column as it came, before clamping and bounding; in doubles, roughly.
    """

    frame: Frame
    unit: tuple[str, ...]
    groups: tuple[str, ...]
    amounts: tuple[str, ...]
    rows_in: int
    rows_without_group: int
    amounts_missing: tuple[int, ...]
    amounts_before: tuple[float, ...] = ()
    nobodys: Frame | None = None
    rows_of_nobody: int = 0
    leaves: tuple[str, ...] = ()  # columns of frame, and of nobodys: places on the grids of quantiles


def of_columns(stage: DpTable) -> tuple[tuple[int, Measure], ...]:
    """The measures that are about a column, with their places among the stage's."""
    return tuple((i, measure) for i, measure in enumerate(stage.measures) if measure.column is not None)


def amounts_of(i: int, measure: Measure) -> dict[Kind, str]:
    """The column that each quantity of a measure is added up from."""
    letters: Mapping[Kind, str] = {"sum": "u", "values": "v", "centred": "c", "squares": "q"}
    return {kind: f"{letters[kind]}{i}" for kind in INGREDIENTS[measure.kind] if kind in letters}


def leaf_of(i: int) -> str:
    """The column with the places of measure ``i``'s values on its grid."""
    return f"l{i}"


def _has_tree(stage: DpTable, measure: Measure) -> bool:
    return measure.kind in OF_A_GRID and source(stage, measure) is measure


def check_columns(stage: DpTable, person_key: str, column_types: Mapping[str, str]) -> None:
    """Raise RecipeError when the person key or a summed column is not there or not of a usable type."""
    if column_types.get(person_key) in (None, "number"):
        raise _error("/person_key", f"the table has no column {person_key!r} that could be a person key")
    for i, measure in enumerate(stage.measures):
        if measure.column is not None and column_types.get(measure.column) not in NUMERIC:
            found = column_types.get(measure.column)
            what = "is not in the table" if found is None else f"is of type {found}, not a number"
            raise _error(f"/measures/{i}/column", f"column {measure.column!r} {what}")


def shape(
    engine: TableEngine,
    frame: Frame,
    *,
    stage: DpTable,
    dimensions: tuple[Dimension, ...],
    unit: tuple[str, ...],
    ladders: Mapping[str, Ladder],
    nobodys: bool = False,
) -> Shaped:
    """Keep what counts; ``unit``: the columns that say together whose row it is, the person key first.

    Raises InputError when a row has no person key, unless such rows are ``nobodys``: it could not be bounded.
    """
    groups = tuple(f"g{i}" for i in range(len(dimensions)))
    measured = of_columns(stage)
    amounts = tuple(name for i, measure in measured for name in amounts_of(i, measure).values())
    keys = UNIT[: len(unit)]
    narrow = _own_names(frame, dict(zip(keys, unit, strict=True)), [d.group.column for d in dimensions], measured)
    for i, dimension in enumerate(dimensions):
        narrow = _with_group(engine, narrow, i, dimension, ladders)
    absent = _any_null([f"c_{i}" if dimension.group.bucket is not None else f"g{i}" for i, dimension in enumerate(dimensions)])
    counts = _counts(engine, narrow, absent, [i for i, _ in measured])
    if counts["no_key"] and not nobodys:
        raise InputError("some rows have no person key: fill it, or set missing_person_key to 'drop' in the recipe")
    kept = narrow.filter(~absent)
    for i, measure in measured:
        if measure.kind in OF_A_GRID and not _has_tree(stage, measure):
            continue
        kept = _with_amounts(engine, kept, i, measure)
    leaves = tuple(leaf_of(i) for i, measure in measured if _has_tree(stage, measure))
    zeros, none = (nw.col(amount).fill_null(0) for amount in amounts), (nw.col(leaf).fill_null(-1) for leaf in leaves)
    kept = kept.select(*keys, *groups, *zeros, *none)
    for group, dimension in zip(groups, dimensions, strict=True):
        kept = _in_domain(engine, kept, group, dimension)
    missing = tuple(int(counts[f"a{i}"]) for i, _ in measured)
    before = tuple(float(counts[f"b{i}"]) for i, _ in measured)
    shaped = Shaped(kept, keys, groups, amounts, int(counts["rows"]), int(counts["no_group"]), missing, before, leaves=leaves)
    return _without_nobodys(shaped, int(counts["no_key"])) if nobodys else shaped


def _without_nobodys(shaped: Shaped, how_many: int) -> Shaped:
    nobodys = shaped.frame.filter(nw.col("p").is_null()).drop(*shaped.unit)
    return replace(shaped, frame=shaped.frame.filter(~nw.col("p").is_null()), nobodys=nobodys, rows_of_nobody=how_many)


def _own_names(frame: Frame, unit: Mapping[str, str], grouped: list[str], measured: Sequence[tuple[int, Measure]]) -> Frame:
    return frame.select(
        *(nw.col(column).alias(name) for name, column in unit.items()),
        *(nw.col(column).alias(f"c_{i}") for i, column in enumerate(grouped)),
        *(nw.col(measure.column or "").alias(f"a{i}") for i, measure in measured),
    )


def _with_amounts(engine: TableEngine, frame: Frame, i: int, measure: Measure) -> Frame:
    lower, upper = bounds_in_units(measure)
    frame = engine.with_whole_units(frame, f"a{i}", f"u{i}", lower=lower, upper=upper, unit=measure.unit)
    if measure.kind in OF_A_GRID:
        return frame.with_columns((nw.col(f"u{i}") - lower).cast(nw.Int64()).alias(leaf_of(i)))
    asked = amounts_of(i, measure)
    if "centred" not in asked:
        return frame
    value = nw.col(f"u{i}")
    frame = frame.with_columns(
        (~value.is_null()).cast(nw.Int64()).alias(f"v{i}"), (value - middle_in_units(measure)).cast(nw.Int64()).alias(f"c{i}")
    )
    if "squares" not in asked:
        return frame
    return frame.with_columns((nw.col(f"c{i}") * nw.col(f"c{i}")).cast(nw.Int64()).alias(f"q{i}"))


def _with_group(
    engine: TableEngine, frame: Frame, i: int, dimension: Dimension, ladders: Mapping[str, Ladder]
) -> Frame:
    group, origin, target = dimension.group, f"c_{i}", f"g{i}"
    if group.bucket is not None:
        return engine.with_time_bucket(frame, origin, target, bucket=group.bucket, time_zone=group.time_zone)
    if group.bins is not None:
        return frame.with_columns(bins.place(origin, frame.collect_schema()[origin], group.bins).alias(target))
    if group.level:
        return _with_labels(engine, frame, origin, target, _ladder(group.column, ladders), group.level)
    return frame.with_columns(_plain(origin, frame.collect_schema()[origin], dimension.type).alias(target))


def _plain(column: str, kind: nw.dtypes.DType, output: str) -> nw.Expr:
    """Integers of 64 bits and decimals of 38 digits with 9 places; null for what is none: no declared value can be it."""
    value = nw.col(column)
    if output == "integer":
        return (nw.when(value < LARGEST).then(value) if kind == nw.UInt64 else value).cast(nw.Int64())
    if output != "decimal" or not isinstance(kind, nw.Decimal):
        return value
    if kind.scale > PLACES:
        value = value.round(PLACES)
    if kind.precision - kind.scale > DIGITS:
        limit = nw.lit(Decimal(10) ** DIGITS)
        value = nw.when((value < limit) & (value > -limit)).then(value)
    return value.cast(nw.Decimal(38, PLACES))


def _ladder(column: str, ladders: Mapping[str, Ladder]) -> Ladder:
    if column not in ladders:
        raise RecipeError(f"column {column!r} has no hierarchy to take a level of")
    return ladders[column]


def _with_labels(engine: TableEngine, frame: Frame, source: str, target: str, ladder: Ladder, level: int) -> Frame:
    """Join the label of each distinct value; a null gets the ladder's label for null, which may be null.

    A value without a place on the ladder has no group, and its row is left out: to refuse would tell that it is there.
    """
    present = engine.collect(distinct(frame.select(nw.col(source))).filter(~nw.col(source).is_null()))
    labels = ladder.labels_of_some(level, _in_calendar(pa.array(present[source])).to_pylist())
    table = pd.DataFrame({source: present[source], target: _column(labels, pa.string())})
    joined = frame.join(engine.from_pandas(table), on=source, how="left")
    of_null = ladder.labels(level, [None])[0]
    if of_null is None:
        return joined
    return joined.with_columns(
        nw.when(nw.col(source).is_null()).then(nw.lit(of_null)).otherwise(nw.col(target)).alias(target)
    )


def _in_calendar(values: pa.Array) -> pa.Array:
    """Null for dates and times outside the years 1 to 9999, which Python has no word for."""
    kind = values.type
    if not (pt.is_timestamp(kind) or pt.is_date(kind)) or (pt.is_timestamp(kind) and kind.unit == "ns"):  # which reach 2262
        return values
    ends = dt.datetime.min, dt.datetime.max.replace(microsecond=0)
    first, last = (pa.scalar(moment, pa.timestamp("us")).cast(kind) for moment in ends)
    return pc.if_else(pc.and_(pc.greater_equal(values, first), pc.less_equal(values, last)), values, pa.scalar(None, kind))


def _in_domain(engine: TableEngine, frame: Frame, group: str, dimension: Dimension) -> Frame:
    if dimension.domain is None or dimension.complete:
        return frame
    declared = pd.DataFrame({group: _column(dimension.domain, dimension.arrow)})
    return frame.join(engine.from_pandas(declared), on=group, how="semi")


def _column(values: Sequence[Any], kind: pa.DataType) -> pd.Series[Any]:
    column: pd.Series[Any] = pa.array(values, kind).to_pandas(types_mapper=pd.ArrowDtype)
    return column


def _any_null(groups: Sequence[str]) -> nw.Expr:
    """Of a bucket of time, the time is asked: it is null where the bucket is, and dear buckets are not made twice."""
    return nw.any_horizontal(*(nw.col(group).is_null() for group in groups), ignore_nulls=False)


def _counts(engine: TableEngine, frame: Frame, absent: nw.Expr, measured: Sequence[int]) -> dict[str, float]:
    """How many rows there are, how many lack a key, a group, an amount; what amounts add up to before they are clamped."""
    schema = frame.collect_schema()
    flags = frame.select(
        nw.col("p").is_null().cast(nw.Int64()).alias("no_key"),
        absent.cast(nw.Int64()).alias("no_group"),
        *(_missing(f"a{i}", is_float=schema[f"a{i}"].is_float()) for i in measured),
        *(_roughly(f"a{i}", is_float=schema[f"a{i}"].is_float()).alias(f"b{i}") for i in measured),
    )
    totals = engine.collect(flags.select(nw.len().alias("rows"), nw.all().sum()))
    return {str(name): 0 if pd.isna(total) else total for name, total in totals.iloc[0].items()}


def _roughly(amount: str, *, is_float: bool) -> nw.Expr:
    number = nw.col(amount).cast(nw.Float64())
    return nw.when(number.is_finite()).then(number) if is_float else number


def _missing(amount: str, *, is_float: bool) -> nw.Expr:
    number = nw.col(amount)
    missing = number.is_null()
    return (missing | ~number.is_finite().fill_null(False) if is_float else missing).cast(nw.Int64()).alias(amount)


def _error(pointer: str, message: str) -> RecipeError:
    return RecipeError(message, problems=(Problem("dp_table", message, pointer=pointer),))
