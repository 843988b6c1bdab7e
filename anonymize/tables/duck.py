"""Rows in DuckDB: out of core, all cores, no server. The default."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import narwhals as nw
import pandas as pd
import pyarrow as pa
from duckdb import ColumnExpression, ConstantExpression, Expression, FunctionExpression, SQLExpression, StarExpression

from anonymize.errors import AnonymizeError, InputError
from anonymize.randomness import secret_bytes
from anonymize.recipe import Bucket
from anonymize.tables.base import (
    NO_PARQUET,
    ORDER_BITS,
    SALT_BYTES,
    Frame,
    ranked,
    refuse_lookalikes,
    refuse_taken,
)
from anonymize.tables.duck_units import whole_units


class DuckEngine:
    """A private in-memory DuckDB that spills to ``temp_directory``, and nowhere when that is None.

    ``memory_limit`` is DuckDB's own form, such as ``1GB``; ``threads`` None takes all cores.
    No extension is ever downloaded or loaded from disk. What it spills, and parts of a table that it writes there, is not encrypted (DuckDB does that only with
    an extension): give it a scratch folder that its owner removes, also after a worker was killed.
    """

    def __init__(
        self, memory_limit: str = "1GB", temp_directory: Path | None = None, threads: int | None = None
    ) -> None:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "preserve_insertion_order": "false",
            "autoload_known_extensions": "false",
            "autoinstall_known_extensions": "false",
            "temp_directory": "" if temp_directory is None else str(temp_directory),
        }
        if threads is not None:
            settings["threads"] = str(threads)
        self.library = "duckdb"
        self.failures: tuple[type[Exception], ...] = (duckdb.Error,)
        self._kept: set[str] = set()
        self._scratch = temp_directory
        self._connection = duckdb.connect(":memory:", config=settings)
        self._connection.execute("SET enable_progress_bar = false")  # it would write into a command's output
        self._connection.execute("SET partitioned_write_flush_threshold = 100000")  # rows a thread; by default five times that
        self._connection.execute("SET TimeZone = 'UTC'")  # a cast must not depend on where a worker runs

    def scan_parquet(self, path: Path) -> Frame:
        try:
            if not path.is_file():
                raise InputError(NO_PARQUET)
            return self._frame(self._connection.read_parquet(_literally(path)))
        except duckdb.Error:
            raise InputError(NO_PARQUET) from None

    def from_pandas(self, frame: pd.DataFrame) -> Frame:
        refuse_lookalikes([str(name) for name in frame.columns])
        return self._frame(self._connection.from_arrow(pa.Table.from_pandas(frame, preserve_index=False)))

    def persist(self, frame: Frame) -> Frame:
        return self._frame(self._keep(_relation(frame)))

    def with_row_number(self, frame: Frame, name: str) -> Frame:
        refuse_taken(frame, name)
        number = SQLExpression("row_number() OVER ()").cast("BIGINT").alias(name)
        return self._frame(self._keep(_relation(frame).select(StarExpression(), number)))

    def with_random_order(self, frame: Frame, name: str, by: Sequence[str]) -> Frame:
        refuse_taken(frame, name)
        salted = [ConstantExpression(secret_bytes(SALT_BYTES).hex()), *(_unambiguous(column) for column in by)]
        digest = FunctionExpression("sha256", FunctionExpression("concat", *salted))
        head = FunctionExpression("left", digest, ConstantExpression(ORDER_BITS // 4))
        number = FunctionExpression("concat", ConstantExpression("0x"), head).cast("BIGINT")
        return self._frame(_relation(frame).select(StarExpression(), number.alias(name)))

    def with_scattered_order(self, frame: Frame, name: str, by: Sequence[str]) -> Frame:
        refuse_taken(frame, name)
        salt = ConstantExpression(secret_bytes(SALT_BYTES).hex())
        # hashed once more: the hash of several columns is combined by xor, whose order is far from random
        number = _call("hash", FunctionExpression("hash", salt, *(ColumnExpression(column) for column in by)))
        return self._frame(_relation(frame).select(StarExpression(), _call(">>", number, _constant(4)).cast("BIGINT").alias(name)))

    def forget(self, frame: Frame) -> None:
        name = _relation(frame).alias
        if name in self._kept:
            self._kept.remove(name)
            self._connection.execute(f'DROP TABLE "{name}"')  # our own name

    def part(self, frame: Frame, column: str, part: int, parts: int) -> Frame:
        place = FunctionExpression("hash", ColumnExpression(column)) % ConstantExpression(parts)
        return self._frame(_relation(frame).filter(place == ConstantExpression(part)))

    def in_parts(self, frame: Frame, column: str, parts: int) -> Iterator[Frame]:
        if parts <= _READINGS or self._scratch is None:
            yield from (self.part(frame, column, part, parts) for part in range(parts))
            return
        folder = self._scratch / f"parts_{uuid.uuid4().hex}"
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _no_values_told():
                _write_parts(_relation(frame), column, parts, folder)
            for part in range(parts):
                yield self._one_part(frame, folder / f"{_PLACE}={part}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def smallest_of_each(self, frame: Frame, order: str, n: int, by: Sequence[str]) -> Frame:
        if n > _HEAP:
            return ranked(frame, order, n, by)
        refuse_taken(frame, _NEXT)
        smallest = _call("min", ColumnExpression(order), _constant(n + 1))
        following = _call("list_extract", smallest, _constant(n + 1)).alias(_NEXT)  # null where there are no more than n
        limits = _relation(frame).aggregate([*map(ColumnExpression, by), following])
        joined = frame.join(self._frame(limits), on=list(by), how="inner")
        return joined.filter(nw.col(_NEXT).is_null() | (nw.col(order) < nw.col(_NEXT))).drop(_NEXT)

    def with_time_bucket(self, frame: Frame, column: str, name: str, *, bucket: Bucket, time_zone: str) -> Frame:
        refuse_taken(frame, name)
        local: Expression = ColumnExpression(column)
        if _zone(frame, column):
            local = FunctionExpression("timezone", ConstantExpression(time_zone), local)
        value = _bucketed(local.cast("TIMESTAMP"), bucket)
        return self._frame(_relation(frame).select(StarExpression(), value.alias(name)))

    def with_microseconds(self, frame: Frame, column: str, name: str) -> Frame:
        refuse_taken(frame, name)
        moment = ColumnExpression(column)
        clock = _call("timezone", ConstantExpression("UTC"), moment) if _zone(frame, column) else moment
        return self._frame(_relation(frame).select(StarExpression(), _call("epoch_us", clock.cast("TIMESTAMP")).alias(name)))

    def with_moment(self, frame: Frame, column: str, name: str, *, like: str) -> Frame:
        refuse_taken(frame, name)
        clock = _call("make_timestamp", ColumnExpression(column))
        zoned = _call("timezone", ConstantExpression("UTC"), clock)
        kind = frame.collect_schema()[like]
        value = clock.cast("DATE") if kind == nw.Date else zoned if _zone(frame, like) else clock
        return self._frame(_relation(frame).select(StarExpression(), value.alias(name)))

    def with_whole_units(
        self, frame: Frame, column: str, name: str, *, lower: int, upper: int, unit: Decimal
    ) -> Frame:
        refuse_taken(frame, name)
        value = whole_units(column, frame.collect_schema()[column], lower=lower, upper=upper, unit=unit)
        return self._frame(_relation(frame).select(StarExpression(), value.alias(name)))

    def widened(self, frame: Frame, columns: Sequence[str]) -> Frame:
        return frame  # DuckDB adds up in 128 bits anyway

    def collect(self, frame: Frame) -> pd.DataFrame:
        with _no_values_told():
            rows: pd.DataFrame = _relation(frame).to_arrow_table().to_pandas(types_mapper=pd.ArrowDtype)
        return rows

    def rows(self, frame: Frame) -> int:
        with _no_values_told():
            counted = _relation(frame).aggregate([FunctionExpression("count", ConstantExpression(1))])
            return int(counted.fetchall()[0][0])

    def schema(self, frame: Frame) -> pa.Schema:
        return _relation(frame).limit(0).to_arrow_table().schema

    def batches(self, frame: Frame, size: int) -> Iterator[pa.RecordBatch]:
        with _no_values_told():
            reader = _relation(frame).to_arrow_reader(size)
            try:
                yield from reader
            finally:
                reader.close()

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _keep(self, relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
        name = f"kept_{uuid.uuid4().hex}"  # our own name, never a user's
        with _no_values_told():
            relation.create(name)
        self._kept.add(name)
        return self._connection.table(name)

    def _one_part(self, whole: Frame, folder: Path) -> Frame:
        files = [_literally(file) for file in sorted(folder.glob("*.parquet"))]
        if not files:  # no row fell into it
            return self._frame(_relation(whole).limit(0))
        return self._frame(self._connection.read_parquet(files, hive_partitioning=False))

    @staticmethod
    def _frame(relation: duckdb.DuckDBPyRelation) -> Frame:
        return nw.from_native(relation).lazy()


@contextmanager
def _no_values_told() -> Iterator[None]:
    """DuckDB's messages quote values ("could not convert …"): only their kind may leave."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException) as error:
        failure = AnonymizeError(f"the table engine could not finish: {type(error).__name__}")
        failure.who = "us"
        raise failure from None


def _relation(frame: Frame) -> duckdb.DuckDBPyRelation:
    native: Any = frame.to_native()
    if not isinstance(native, duckdb.DuckDBPyRelation):
        raise TypeError("this frame belongs to another table engine")
    return native


_PLACE = "place_of_part"
_READINGS = 2  # of a frame take no longer than writing its parts once, and leave nothing on the disk
_NEXT = "next_in_order"
_HEAP = 64  # beyond it sorting is as quick as keeping the smallest of each, and takes less memory


def _write_parts(relation: duckdb.DuckDBPyRelation, column: str, parts: int, folder: Path) -> None:
    """One folder for each part that has rows; Parquet keeps the types, as it is where rows come from."""
    place = (FunctionExpression("hash", ColumnExpression(column)) % ConstantExpression(parts)).alias(_PLACE)
    relation.select(StarExpression(), place).write_parquet(str(folder), partition_by=[_PLACE], compression="lz4")


def _zone(frame: Frame, column: str) -> str | None:
    dtype = frame.collect_schema()[column]
    return dtype.time_zone if isinstance(dtype, nw.Datetime) else None


def _bucketed(local: Expression, bucket: Bucket) -> Expression:
    if bucket == "hour_of_day":
        return FunctionExpression("hour", local).cast("BIGINT")
    if bucket == "day_of_week":
        return FunctionExpression("isodow", local).cast("BIGINT")
    start = FunctionExpression("date_trunc", ConstantExpression(bucket), local)
    return start.cast("TIMESTAMP" if bucket == "hour" else "DATE")


def _constant(value: float | None) -> Expression:
    return ConstantExpression(value)


def _call(name: str, *arguments: Expression) -> Expression:
    return FunctionExpression(name, *arguments)


def _literally(path: Path) -> str:
    """The path with its ``*``, ``?`` and ``[`` escaped: DuckDB would take it for a pattern and read other files."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def _unambiguous(column: str) -> Expression:
    """``length:text`` of a value, ``-`` for null: no two lists of values are written the same way."""
    text = ColumnExpression(column).cast("VARCHAR")
    length = FunctionExpression("length", text).cast("VARCHAR")
    written = FunctionExpression("concat", length, ConstantExpression(":"), text)
    return duckdb.CaseExpression(text.isnull(), ConstantExpression("-")).otherwise(written)
