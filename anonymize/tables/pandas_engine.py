"""Rows in a pandas DataFrame, for people who hold one, and as a second opinion on DuckDB in tests."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anonymize.errors import InputError
from anonymize.randomness import secret_bytes
from anonymize.recipe import Bucket
from anonymize.tables.base import (
    NO_PARQUET,
    ORDER_BITS,
    PLACES,
    SALT_BYTES,
    Frame,
    ranked,
    refuse_lookalikes,
    refuse_taken,
)


class PandasEngine:
    """Everything in memory, with Arrow dtypes, one thread."""

    library = "pandas"
    failures: tuple[type[Exception], ...] = ()

    def scan_parquet(self, path: Path) -> Frame:
        try:
            table = pq.ParquetFile(path).read()
        except (OSError, pa.ArrowInvalid):
            raise InputError(NO_PARQUET) from None
        refuse_lookalikes(table.column_names)
        return _frame(_exact(table))

    def from_pandas(self, frame: pd.DataFrame) -> Frame:
        refuse_lookalikes([str(name) for name in frame.columns])
        return _frame(_exact(pa.Table.from_pandas(frame, preserve_index=False)))

    def persist(self, frame: Frame) -> Frame:
        return _frame(self.collect(frame))

    def with_row_number(self, frame: Frame, name: str) -> Frame:
        refuse_taken(frame, name)
        rows = self.collect(frame)
        return _frame(rows.assign(**{name: _integers(np.arange(1, len(rows) + 1))}))

    def with_random_order(self, frame: Frame, name: str, by: Sequence[str]) -> Frame:
        refuse_taken(frame, name)
        rows = self.collect(frame)
        salt = secret_bytes(SALT_BYTES).hex().encode()
        values = [rows[column].astype(object) for column in by]
        numbers = [_number(salt, row) for row in zip(*values, strict=True)] if by else [0] * len(rows)
        return _frame(rows.assign(**{name: _integers(np.array(numbers, dtype=np.int64))}))

    def with_scattered_order(self, frame: Frame, name: str, by: Sequence[str]) -> Frame:
        return self.with_random_order(frame, name, by)

    def forget(self, frame: Frame) -> None:
        """Nothing is held."""

    def part(self, frame: Frame, column: str, part: int, parts: int) -> Frame:
        rows = self.collect(frame)
        places = pd.util.hash_array(rows[column].astype(str).to_numpy(dtype=object)) % parts
        return _frame(rows[places == part].reset_index(drop=True))

    def in_parts(self, frame: Frame, column: str, parts: int) -> Iterator[Frame]:
        return (self.part(frame, column, part, parts) for part in range(parts))

    def smallest_of_each(self, frame: Frame, order: str, n: int, by: Sequence[str]) -> Frame:
        return ranked(frame, order, n, by)

    def with_time_bucket(self, frame: Frame, column: str, name: str, *, bucket: Bucket, time_zone: str) -> Frame:
        refuse_taken(frame, name)
        rows = self.collect(frame)
        local = _local(pa.array(rows[column]), time_zone)
        return _frame(rows.assign(**{name: _series(_bucketed(local, bucket))}))

    def with_microseconds(self, frame: Frame, column: str, name: str) -> Frame:
        refuse_taken(frame, name)
        rows = self.collect(frame)
        moments = pa.array(rows[column])
        zone = moments.type.tz if pa.types.is_timestamp(moments.type) else None
        return _frame(rows.assign(**{name: _series(moments.cast(pa.timestamp("us", tz=zone)).cast(pa.int64()))}))

    def with_moment(self, frame: Frame, column: str, name: str, *, like: str) -> Frame:
        refuse_taken(frame, name)
        rows = self.collect(frame)
        kind = pa.array(rows[like]).type
        clock = pa.array(rows[column]).cast(pa.timestamp("us"))
        days = pc.floor_temporal(clock, unit="day") if pa.types.is_date(kind) else clock
        moments = days.cast(pa.timestamp("us", tz=kind.tz)) if getattr(kind, "tz", None) else days
        return _frame(rows.assign(**{name: _series(moments.cast(kind))}))

    def with_whole_units(
        self, frame: Frame, column: str, name: str, *, lower: int, upper: int, unit: Decimal
    ) -> Frame:
        refuse_taken(frame, name)
        rows = self.collect(frame)
        units = [_units(value, lower, upper, unit) for value in pa.array(rows[column]).to_pylist()]
        return _frame(rows.assign(**{name: _series(pa.array(units, pa.int64()))}))

    def widened(self, frame: Frame, columns: Sequence[str]) -> Frame:
        return frame.with_columns(nw.col(*columns).cast(nw.Decimal(38, 0))) if columns else frame

    def collect(self, frame: Frame) -> pd.DataFrame:
        native: Any = frame.collect(backend="pandas").to_native()
        return _exact(pa.Table.from_pandas(native, preserve_index=False))

    def rows(self, frame: Frame) -> int:
        return len(self.collect(frame))

    def schema(self, frame: Frame) -> pa.Schema:
        return pa.Schema.from_pandas(self.collect(frame), preserve_index=False).remove_metadata()

    def batches(self, frame: Frame, size: int) -> Iterator[pa.RecordBatch]:
        table = pa.Table.from_pandas(self.collect(frame), preserve_index=False).replace_schema_metadata(None)
        yield from table.combine_chunks().to_batches(max_chunksize=size)

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _frame(rows: pd.DataFrame) -> Frame:
    return nw.from_native(rows).lazy()


def _exact(table: pa.Table) -> pd.DataFrame:
    """Arrow dtypes, and plain ``string`` for every text, so that both engines answer in the same types."""
    plain = [field.with_type(pa.string()) if _is_text(field.type) else field for field in table.schema]
    cast = table.cast(pa.schema(plain)).replace_schema_metadata(None)
    rows: pd.DataFrame = cast.to_pandas(types_mapper=pd.ArrowDtype)
    return rows


def _integers(numbers: np.ndarray[Any, np.dtype[np.int64]]) -> pd.Series[Any]:
    return pd.Series(numbers.astype(np.int64)).astype("int64[pyarrow]")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _series(values: pa.Array) -> pd.Series[Any]:
    series: pd.Series[Any] = values.to_pandas(types_mapper=pd.ArrowDtype)
    return series


def _local(times: pa.Array, time_zone: str) -> pa.Array:
    if pa.types.is_timestamp(times.type) and times.type.tz is not None:
        utc = times.cast(pa.timestamp("us", tz=time_zone))
        return pc.local_timestamp(utc)
    return times.cast(pa.timestamp("us"))


def _bucketed(local: pa.Array, bucket: Bucket) -> pa.Array:
    if bucket == "hour_of_day":
        return pc.hour(local).cast(pa.int64())
    if bucket == "day_of_week":
        return pc.day_of_week(local, count_from_zero=False, week_start=1).cast(pa.int64())
    start = pc.floor_temporal(local, unit=bucket, week_starts_monday=True)
    return start if bucket == "hour" else start.cast(pa.date32())


def _units(value: Any, lower: int, upper: int, unit: Decimal) -> int | None:
    if value is None or not math.isfinite(value):
        return None
    with localcontext(prec=60):
        exact = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
        clamped = min(max(exact, lower * unit), upper * unit)
        rounded = clamped.quantize(Decimal(1).scaleb(-PLACES), ROUND_HALF_UP)
        return int((rounded / unit).to_integral_value(ROUND_HALF_EVEN))


def _number(salt: bytes, values: tuple[Any, ...]) -> int:
    texts = ("-" if pd.isna(value) else f"{len(str(value))}:{value}" for value in values)
    digest = hashlib.sha256(salt + "".join(texts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - ORDER_BITS)
