"""Spark columns for what narwhals has no words for: keyed hashes, buckets of local time, amounts in whole units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from anonymize.recipe import Bucket
from anonymize.tables.base import ORDER_BITS, PLACES

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.types import DataType

_EXACT = f"decimal(25,{PLACES})"  # whatever lies within ±10^15, to the billionth
_STARTS = {"week": "WEEK", "month": "MONTH", "quarter": "QUARTER", "year": "YEAR"}


def keyed_digest(salt: Column, values: Sequence[Column]) -> Column:
    """The first :data:`ORDER_BITS` bits of SHA-256 of the salt and an unambiguous encoding of the values."""
    digest = F.sha2(F.concat(salt, *(_unambiguous(value) for value in values)), 256)
    return F.conv(F.substring(digest, 1, ORDER_BITS // 4), 16, 10).cast("bigint")


def keyed_hash(salt: Column, values: Sequence[Column]) -> Column:
    """As many bits of xxHash64, twice. A null leaves the hash as it was, so that a value is told from none beside it."""
    told = [column for value in values for column in (value.isNull(), value)]
    return F.shiftrightunsigned(F.xxhash64(F.xxhash64(salt, *told)), 64 - ORDER_BITS)


def place(value: Column, parts: int) -> Column:
    """0 … ``parts`` - 1: the same for equal values."""
    return F.pmod(F.xxhash64(value), F.lit(parts))


def _unambiguous(value: Column) -> Column:
    """``length:text`` of a value, ``-`` for null: no two lists of values are written the same way."""
    text = value.cast("string")
    return F.coalesce(F.concat(F.length(text).cast("string"), F.lit(":"), text), F.lit("-"))


def bucketed(value: Column, bucket: Bucket, *, from_utc_to: str | None) -> Column:
    """The bucket of a date or timestamp, of the local time there when it is an instant."""
    local = value.cast("timestamp_ntz")
    if from_utc_to is not None:
        local = F.convert_timezone(F.lit("UTC"), F.lit(from_utc_to), local)
    if bucket == "hour":
        return F.date_trunc("HOUR", local).cast("timestamp_ntz")
    if bucket == "hour_of_day":
        return F.hour(local).cast("bigint")
    day = local.cast("date")
    if bucket == "day_of_week":
        return (F.weekday(day) + 1).cast("bigint")
    return day if bucket == "day" else F.trunc(day, _STARTS[bucket])


def microseconds(value: Column) -> Column:
    """Since 1970, of a date or timestamp; the session's time zone is UTC, so that a clock without a zone counts as it stands."""
    return F.unix_micros(value.cast("timestamp"))


def moment(counted: Column, kind: DataType) -> Column:
    """The moment so many microseconds after 1970, as a date or a timestamp."""
    return F.timestamp_micros(counted).cast(kind)


def whole_units(value: Column, *, is_float: bool, lower: int, upper: int, unit: Decimal) -> Column:
    """Decimal arithmetic of 128 bits; the rough comparison first keeps every cast within its range."""
    rough = value.cast("double")
    below, beyond = _outward(lower * unit, upper * unit)
    exact = value.try_cast(_EXACT)  # a double by way of its shortest text
    clamped = F.greatest(F.least(_half_even(exact, lower, unit), _whole(upper)), _whole(lower))
    finite = (~F.isnan(rough) & (F.abs(rough) != math.inf)) if is_float else F.lit(True)
    return (
        F.when(rough.isNull() | ~finite, F.lit(None).cast("bigint"))
        .when(rough <= below, _whole(lower))
        .when(rough >= beyond, _whole(upper))
        .otherwise(clamped)
    )


def _half_even(exact: Column, lower: int, unit: Decimal) -> Column:
    """In steps of ``unit``, rounded half to even; counted from ``lower``, so that no remainder is negative."""
    step = F.lit(unit).cast(_EXACT)
    above = exact - F.lit(lower * unit).cast(_EXACT)
    whole = F.call_function("div", above, step) + _whole(lower)
    twice = (above % step) * 2
    up = (twice > step) | ((twice == step) & (whole % 2 != 0))
    return whole + F.when(up, _whole(1)).otherwise(_whole(0))


def _outward(lower: Decimal, upper: Decimal) -> tuple[float, float]:
    """Floats strictly outside [lower, upper]: whatever lies beyond them is surely beyond the bounds."""
    return math.nextafter(float(lower) - 1, -math.inf), math.nextafter(float(upper) + 1, math.inf)


def _whole(number: int) -> Column:
    return F.lit(number).cast("bigint")
