"""What a table is grouped by: names, types, and the declared values of a public dimension."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from anonymize.aggregates import bins
from anonymize.column_types import hint_of_time
from anonymize.columns.hierarchies import domain
from anonymize.errors import Problem, RecipeError
from anonymize.recipe import Bucket, Column, DpTable, GroupBy

MAX_PUBLIC_CELLS = 5_000_000
MAX_DAYS = 366_000  # a thousand years
TIMES = ("date", "timestamp", "timestamptz")
NUMBERS = ("integer", "decimal", "number")

ARROW: Mapping[str, pa.DataType] = {
    "integer": pa.int64(),
    "decimal": pa.decimal128(38, 9),
    "text": pa.string(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}
_BUCKET_TYPES: Mapping[Bucket, str] = {
    "hour": "timestamp",
    "day": "date",
    "week": "date",
    "month": "date",
    "quarter": "date",
    "year": "date",
    "hour_of_day": "integer",
    "day_of_week": "integer",
}
_CYCLES: Mapping[str | None, range] = {"hour_of_day": range(24), "day_of_week": range(1, 8)}


@dataclass(frozen=True)
class Dimension:
    """One group column of the output. ``domain`` holds the declared values, in order, each once; None when not declared.

    ``complete``: a row cannot fall outside the domain (the hours of a day), so nothing needs to be filtered.
    ``coded``: until they are published, values are told by their place in the domain, from 0 (bins).
    """

    group: GroupBy
    type: str
    domain: tuple[Any, ...] | None
    complete: bool = False
    coded: bool = False

    @property
    def name(self) -> str:
        return self.group.output_name

    @property
    def arrow(self) -> pa.DataType:
        return ARROW[self.type]

    def published(self, found: pa.Array) -> pa.Array:
        """What stands in the table for values as the engine holds them."""
        return pa.array(self.domain, self.arrow).take(found.cast(pa.int64())) if self.coded else found.cast(self.arrow)

    def places(self, found: pa.Array) -> pa.Array:
        """Where in the domain values as the engine holds them lie."""
        return found if self.coded else pc.index_in(found.cast(self.arrow), value_set=pa.array(self.domain, self.arrow))


def with_domains(stage: DpTable, columns: Mapping[str, Column], folder: Path | None) -> DpTable:
    """The stage with the values that hierarchies declare written out. Raises RecipeError where one cannot be read.

    ``columns``: those of the recipe; ``folder``: where its files are.
    """

    def written(group: GroupBy) -> GroupBy:
        if group.values_from is None:
            return group
        declared = columns[group.column].hierarchy if group.column in columns else None
        return group.model_copy(update={"values": domain(group.column, declared, group.level or 0, folder)})

    return stage.model_copy(update={"group_by": tuple(written(group) for group in stage.group_by)})


def dimensions(stage: DpTable, column_types: Mapping[str, str]) -> tuple[Dimension, ...]:
    """The dimensions of a stage over typed columns.

    Raises RecipeError when a column's type cannot be grouped so, a declared value is not of the type, or the public
    cells are more than :data:`MAX_PUBLIC_CELLS`.
    """
    found = tuple(_dimension(i, group, column_types) for i, group in enumerate(stage.group_by))
    if stage.cells == "public":
        cells = math.prod(len(dimension.domain or ()) for dimension in found)
        if not 1 <= cells <= MAX_PUBLIC_CELLS:
            raise _error("/group_by", f"all combinations are {cells:,} cells, more than {MAX_PUBLIC_CELLS:,}")
    return found


def _dimension(i: int, group: GroupBy, column_types: Mapping[str, str]) -> Dimension:
    at = f"/group_by/{i}"
    column_type = column_types.get(group.column)
    if column_type is None:
        raise _error(f"{at}/column", f"the table has no column {group.column!r}")
    if group.bins is not None:
        return _binned(at, group, column_type)
    kind = _output_type(at, group, column_type)
    if group.start is not None and group.end is not None and group.bucket is not None:
        return Dimension(group, kind, _within(at, group, _calendar(at, group), kind))
    if group.bucket in _CYCLES:
        whole = tuple(_CYCLES[group.bucket])
        chosen = _within(at, group, whole, kind)
        return Dimension(group, kind, chosen, complete=chosen == whole)
    return Dimension(group, kind, None if group.values is None else _parsed(at, group.values, kind))


def _binned(at: str, group: GroupBy, column_type: str) -> Dimension:
    if column_type not in NUMBERS:
        raise _error(f"{at}/bins", f"column {group.column!r} is of type {column_type}: only numbers have bins")
    return Dimension(group, "text", bins.labels(group.bins or ()), complete=True, coded=True)


def _output_type(at: str, group: GroupBy, column_type: str) -> str:
    if group.bucket is not None:
        if column_type not in TIMES:
            raise _error(at, f"column {group.column!r} is of type {column_type}: only dates and times have buckets{hint_of_time(is_number=column_type in NUMBERS)}")
        if column_type == "date" and group.bucket in ("hour", "hour_of_day"):
            raise _error(at, f"column {group.column!r} holds dates, which have no hours")
        return _BUCKET_TYPES[group.bucket]
    if group.level:
        return "text"
    if column_type not in ARROW:
        raise _error(at, f"column {group.column!r} is of type {column_type}: group it by a level of a hierarchy")
    return column_type


def _within(at: str, group: GroupBy, whole: tuple[Any, ...], kind: str) -> tuple[Any, ...]:
    """The listed values where the recipe lists some, which must be among the whole range; otherwise all of it."""
    if group.values is None:
        return whole
    listed = _parsed(at, group.values, kind)
    if not set(listed) <= set(whole):
        raise _error(f"{at}/values", "a declared value lies outside the range of the bucket")
    return listed


def _parsed(at: str, values: Sequence[str], kind: str) -> tuple[Any, ...]:
    try:
        read = [_READERS[kind](value) for value in values]
    except (ValueError, ArithmeticError, KeyError):
        raise _error(f"{at}/values", f"a declared value is not of the column's type, {kind}") from None
    if len(set(read)) != len(read):
        raise _error(f"{at}/values", "two declared values are the same value, written differently")
    return tuple(sorted(read))


def _integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
        raise ValueError("not an integer")
    return int(text)


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if not (number.is_finite() and abs(number) < 10**28 and number == round(number, 9)):
        raise ValueError("not a decimal of up to nine places")
    return number


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _local(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        raise ValueError("has a zone")
    return moment


def _zoned(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("has no zone")
    return moment.astimezone(dt.UTC)


_READERS: Mapping[str, Callable[[str], Any]] = {
    "integer": _integer,
    "decimal": _decimal,
    "text": str,
    "boolean": _boolean,
    "date": dt.date.fromisoformat,
    "timestamp": _local,
    "timestamptz": _zoned,
}


def _calendar(at: str, group: GroupBy) -> tuple[dt.date | dt.datetime, ...]:
    """The first moments of the buckets from ``start`` to before ``end``, both of which must begin a bucket."""
    try:
        start, end = dt.date.fromisoformat(group.start or ""), dt.date.fromisoformat(group.end or "")
    except ValueError:
        raise _error(f"{at}/start", "start and end must be dates of the calendar") from None
    bucket = group.bucket or "day"
    for field, day in (("start", start), ("end", end)):
        if not _begins(day, bucket):
            raise _error(f"{at}/{field}", f"{field} must be the first day of a {bucket}, or a bucket would be cut")
    most = MAX_PUBLIC_CELLS // 24 if bucket == "hour" else MAX_DAYS
    if not (end - start).days <= most:
        raise _error(f"{at}/end", f"start and end lie more than {most:,} days apart")
    days = [start + dt.timedelta(n) for n in range((end - start).days)]
    if bucket == "hour":
        return tuple(dt.datetime(day.year, day.month, day.day, hour) for day in days for hour in range(24))
    return tuple(day for day in days if _begins(day, bucket))


def _begins(day: dt.date, bucket: str) -> bool:
    first_of_month = day.day == 1
    return {
        "week": day.isoweekday() == 1,
        "month": first_of_month,
        "quarter": first_of_month and day.month % 3 == 1,
        "year": first_of_month and day.month == 1,
    }.get(bucket, True)


def _error(pointer: str, message: str) -> RecipeError:
    return RecipeError(message, problems=(Problem("dp_table", message, pointer=pointer),))
