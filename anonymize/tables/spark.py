"""Rows in Spark: for tables that outgrow one machine."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anonymize.errors import InputError
from anonymize.randomness import secret_bytes
from anonymize.recipe import Bucket
from anonymize.tables.base import NO_PARQUET, SALT_BYTES, Frame, ranked, refuse_lookalikes, refuse_taken
from anonymize.tables.spark_session import failures, no_values_told, ours, session

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import StructType

_ROW_BITS = 33  # of monotonically_increasing_id: the row's place in its partition; the rest is the partition


class SparkEngine:
    """A session of its own in the process's Spark, which is started when there is none (:mod:`.spark_session`).

    What is persisted is written as Parquet into a folder in ``temp_directory`` and read from there, so that a lost
    executor can never choose anew what was chosen at random. It is not encrypted: give it a scratch folder that its
    owner removes, also after a worker was killed. On a cluster that folder and every file that is scanned must lie in a
    file system that the driver and all executors share. None takes a folder of the system's for temporary files.
    ``master`` is for a Spark that is not running yet.
    """

    def __init__(self, spark: SparkSession | None = None, temp_directory: Path | None = None, master: str | None = None) -> None:
        self._spark = ours(session(master) if spark is None else spark)
        self.library = "pyspark"
        self.failures = failures()
        self._folder = Path(tempfile.mkdtemp(prefix="spark-", dir=temp_directory))
        self._kept: dict[int, tuple[DataFrame, Path]] = {}  # by identity: the frame as it was given out

    def scan_parquet(self, path: Path) -> Frame:
        try:
            names = pq.read_schema(path).names if path.is_file() else None
        except (OSError, pa.ArrowException):
            names = None
        if names is None:
            raise InputError(NO_PARQUET)
        _refuse_names(names)
        link = self._new_folder()  # Spark leaves out files whose names begin with _ or ., and chokes on a colon
        link.symlink_to(path.resolve())
        with no_values_told():
            return _frame(self._spark.read.option(*_NO_GLOB).parquet(_uri(link)))

    def from_pandas(self, frame: pd.DataFrame) -> Frame:
        _refuse_names([str(name) for name in frame.columns])
        table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
        with no_values_told():
            return _frame(self._spark.createDataFrame(table.cast(pa.schema([f.with_type(_known(f.type)) for f in table.schema]))))

    def persist(self, frame: Frame) -> Frame:
        return _frame(self._keep(_native(frame)))

    def with_row_number(self, frame: Frame, name: str) -> Frame:
        refuse_taken(frame, name)
        from pyspark.sql import functions as F

        with no_values_told():
            kept = self._keep(_native(frame).withColumn(name, F.monotonically_increasing_id()))
            partition, place = F.shiftright(name, _ROW_BITS), F.col(name).bitwiseAND(F.lit((1 << _ROW_BITS) - 1))
            counted = {row[0]: row[1] for row in kept.groupBy(partition).count().collect()}
            before, offsets = 1, [0] * (max(counted, default=-1) + 1)
            for number in sorted(counted):
                offsets[number], before = before, before + counted[number]
            numbered = kept.withColumn(name, F.get(F.lit(offsets).cast("array<bigint>"), partition.cast("int")) + place)
        self._kept[id(numbered)] = (numbered, self._kept.pop(id(kept))[1])
        return _frame(numbered)

    def with_random_order(self, frame: Frame, name: str, by: Sequence[str]) -> Frame:
        from anonymize.tables.spark_columns import keyed_digest

        refuse_taken(frame, name)
        native = _native(frame)
        return _frame(native.withColumn(name, keyed_digest(self._salt(), [native[column] for column in by])))

    def with_scattered_order(self, frame: Frame, name: str, by: Sequence[str]) -> Frame:
        from anonymize.tables.spark_columns import keyed_hash

        refuse_taken(frame, name)
        native = _native(frame)
        return _frame(native.withColumn(name, keyed_hash(self._salt(), [native[column] for column in by])))

    def forget(self, frame: Frame) -> None:
        _, folder = self._kept.pop(id(_native(frame)), (None, None))
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def part(self, frame: Frame, column: str, part: int, parts: int) -> Frame:
        from anonymize.tables.spark_columns import place

        native = _native(frame)
        return _frame(native.filter(place(native[column], parts) == part))

    def in_parts(self, frame: Frame, column: str, parts: int) -> Iterator[Frame]:
        from anonymize.tables.spark_columns import place

        refuse_taken(frame, _PLACE)
        native, folder = _native(frame), self._new_folder()
        try:
            self._write(native.withColumn(_PLACE, place(native[column], parts)), folder, by=_PLACE)
            for part in range(parts):
                files = folder / f"{_PLACE}={part}"
                yield _frame(self._read(files, native.schema) if files.exists() else native.limit(0))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def smallest_of_each(self, frame: Frame, order: str, n: int, by: Sequence[str]) -> Frame:
        return ranked(frame, order, n, by)

    def with_time_bucket(self, frame: Frame, column: str, name: str, *, bucket: Bucket, time_zone: str) -> Frame:
        from anonymize.tables.spark_columns import bucketed

        refuse_taken(frame, name)
        native = _native(frame)
        zone = time_zone if native.schema[column].dataType.typeName() == "timestamp" else None
        return _frame(native.withColumn(name, bucketed(native[column], bucket, from_utc_to=zone)))

    def with_microseconds(self, frame: Frame, column: str, name: str) -> Frame:
        from anonymize.tables.spark_columns import microseconds

        refuse_taken(frame, name)
        native = _native(frame)
        return _frame(native.withColumn(name, microseconds(native[column])))

    def with_moment(self, frame: Frame, column: str, name: str, *, like: str) -> Frame:
        from anonymize.tables.spark_columns import moment

        refuse_taken(frame, name)
        native = _native(frame)
        return _frame(native.withColumn(name, moment(native[column], native.schema[like].dataType)))

    def with_whole_units(
        self, frame: Frame, column: str, name: str, *, lower: int, upper: int, unit: Decimal
    ) -> Frame:
        from anonymize.tables.spark_columns import whole_units

        refuse_taken(frame, name)
        native, is_float = _native(frame), frame.collect_schema()[column].is_float()
        value = whole_units(native[column], is_float=is_float, lower=lower, upper=upper, unit=unit)
        return _frame(native.withColumn(name, value))

    def widened(self, frame: Frame, columns: Sequence[str]) -> Frame:
        return frame.with_columns(nw.col(*columns).cast(nw.Decimal(19, 0))) if columns else frame

    def collect(self, frame: Frame) -> pd.DataFrame:
        with no_values_told():
            rows: pd.DataFrame = _native(frame).toArrow().to_pandas(types_mapper=pd.ArrowDtype)
        return rows

    def rows(self, frame: Frame) -> int:
        with no_values_told():
            return int(_native(frame).count())

    def schema(self, frame: Frame) -> pa.Schema:
        with no_values_told():
            found = _native(frame).limit(0).toArrow().schema
        return pa.schema([field.with_nullable(True) for field in found])

    def batches(self, frame: Frame, size: int) -> Iterator[pa.RecordBatch]:
        schema, folder = self.schema(frame), self._new_folder()
        try:
            self._write(_native(frame), folder)
            with no_values_told():
                for file in sorted(folder.glob("part-*.parquet")):  # numbered in the order of the frame
                    for batch in pq.ParquetFile(file).iter_batches(batch_size=size):
                        yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        self._kept.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _salt(self) -> Column:
        """A fresh secret, as a table of one row: a constant would stand in every plan that Spark shows or logs."""
        secret = pa.table({"salt": [secret_bytes(SALT_BYTES).hex()]})
        return self._spark.createDataFrame(secret).scalar()

    def _keep(self, native: DataFrame) -> DataFrame:
        folder = self._new_folder()
        self._write(native, folder)
        kept = self._read(folder, native.schema)
        self._kept[id(kept)] = (kept, folder)
        return kept

    def _write(self, native: DataFrame, folder: Path, *, by: str | None = None) -> None:
        with no_values_told():
            native.write.parquet(_uri(folder), partitionBy=by)

    def _read(self, folder: Path, schema: StructType) -> DataFrame:
        with no_values_told():
            return self._spark.read.schema(schema).option(*_NO_GLOB).parquet(_uri(folder))

    def _new_folder(self) -> Path:
        """The name of one."""
        return self._folder / uuid.uuid4().hex


_PLACE = "place_of_part"
_NO_GLOB = ("__globPaths__", "false")  # a path means one file, whatever signs are in it


def _uri(path: Path) -> str:
    return f"file:{path.absolute()}"


def _frame(native: DataFrame) -> Frame:
    return nw.from_native(native).lazy()


def _native(frame: Frame) -> DataFrame:
    native: DataFrame = frame.to_native()
    if not type(native).__module__.startswith("pyspark."):
        raise TypeError("this frame belongs to another table engine")
    return native


def _known(kind: pa.DataType) -> pa.DataType:
    """The type itself, or the narrowest that holds its values among those that Spark has."""
    if pa.types.is_dictionary(kind):
        return _known(kind.value_type)
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if pa.types.is_null(kind):
        return pa.int32()
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    return _SIGNED.get(kind, kind)


_SIGNED = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64(), pa.uint64(): pa.decimal128(20, 0)}


def _refuse_names(names: Sequence[str]) -> None:
    refuse_lookalikes(names)
    if any("." in name or "`" in name for name in names):
        raise InputError("a column name has a dot or a backquote in it, which Spark takes for signs of its own: rename it")
