"""A Parquet file → staged columns of the platform's own types, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anonymize.errors import InputError, Problem
from anonymize.tables import header, names
from anonymize.tables.header import SAMPLE_RECORDS, Heading
from anonymize.tables.limits import Limits
from anonymize.tables.staging import Staged, quietly, stand_ins, write_batches
from anonymize.tables.types import MAX_SCALE

_BATCH_ROWS = 16_384
_READ_BUFFER = 1 << 20  # bytes: column chunks are streamed, not held

Target = tuple[str, pa.DataType]

# The first predicate that holds gives the column type and the Arrow type it is staged as.
_MAPPING: tuple[tuple[Callable[[pa.DataType], bool], Target], ...] = (
    (pa.types.is_boolean, ("boolean", pa.bool_())),
    (pa.types.is_uint64, ("decimal", pa.decimal128(20, 0))),
    (pa.types.is_integer, ("integer", pa.int64())),
    (pa.types.is_floating, ("number", pa.float64())),
    (pa.types.is_string, ("text", pa.string())),
    (pa.types.is_large_string, ("text", pa.string())),
    (pa.types.is_string_view, ("text", pa.string())),
    (pa.types.is_date, ("date", pa.date32())),
    (pa.types.is_time, ("text", pa.string())),
    (pa.types.is_null, ("text", pa.string())),
)


def stage(source: Path, scratch: Path, limits: Limits, declared: Mapping[str, str], heading: Heading) -> Staged:
    """Check footer, sizes, names and types before the rows are read. Raises :class:`InputError` naming the column.

    ``declared``: types by column name. Where none is another than the file's own, what is staged is finished.
    """
    if heading.mode == "absent":
        message = "a Parquet file always names its columns: upload it without saying that it has no header"
        raise InputError(message, problems=(Problem("wrong_header_declaration", message),))
    file = _open(source)
    schema = file.schema_arrow
    columns = names.checked(schema.names, limits)
    _check_sizes(file.metadata, limits)
    header.check(columns, _first_records(file), heading, limits)
    targets = _targets(schema, columns)
    if file.metadata.num_rows == 0:
        raise InputError("the file has columns but no rows", problems=(Problem("no_rows", "no rows"),))
    target = scratch / "staged.parquet"
    finished = all(declared.get(column, known) == known for column, (known, _) in zip(columns, targets, strict=True))
    called = columns if finished else stand_ins(len(columns))
    staged_schema = pa.schema(list(zip(called, (kind for _, kind in targets), strict=True)))
    rows = quietly(
        lambda: write_batches(target, staged_schema, _batches(file, staged_schema, columns)),
        (pa.ArrowException, OSError),
        "the Parquet file is damaged: its rows cannot be read",
    )
    return Staged(
        path=target,
        names=columns,
        types=tuple(name for name, _ in targets),
        rows=rows,
        format="parquet",
        lines=_row_numbers,
        notes=tuple(_notes(schema, columns)),
        finished=finished,
    )


def _row_numbers(rows: Sequence[int]) -> list[int]:
    return [row + 1 for row in rows]


def _open(source: Path) -> pq.ParquetFile:
    return quietly(
        lambda: pq.ParquetFile(source, buffer_size=_READ_BUFFER, pre_buffer=False, memory_map=False),
        (pa.ArrowException, OSError),
        "the file is no Parquet file, or its footer is damaged: write it again",
    )


def _first_records(file: pq.ParquetFile) -> list[list[str]]:
    """As text, blank where there is no plain value; none where they cannot be read, which is told later."""

    def work() -> list[list[str]]:
        batch = next(file.iter_batches(batch_size=SAMPLE_RECORDS, use_threads=False), None)
        columns = [] if batch is None else [_texts(column) for column in batch.columns]
        return [list(record) for record in zip(*columns, strict=True)]

    try:
        return work()
    except (pa.ArrowException, OSError, ValueError):
        return []


def _texts(column: Any) -> list[str]:
    if pa.types.is_nested(column.type):
        return [""] * len(column)
    return ["" if value is None else str(value) for value in column.to_pylist()]


def _check_sizes(metadata: pq.FileMetaData, limits: Limits) -> None:
    """The sizes a file declares, refused before anything is unpacked."""
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    chunks = (group.column(i).total_uncompressed_size for group in groups for i in range(group.num_columns))
    sizes = (
        (sum(group.total_byte_size for group in groups), limits.expanded, "the rows"),
        (max((group.total_byte_size for group in groups), default=0), limits.row_group, "a row group"),
        (max(chunks, default=0), limits.column_chunk, "a column of a row group"),
    )
    for size, limit, what in sizes:
        if not 0 <= size <= limit:
            raise InputError(
                f"{what} would take more than {limit:,} bytes unpacked: write the file with smaller row groups, or in parts",
                problems=(Problem("too_large", f"{what} is too large unpacked"),),
            )


def _targets(schema: pa.Schema, columns: Sequence[str]) -> list[Target]:
    targets = [_target(field.type) for field in schema]
    problems = tuple(
        Problem("unsupported_type", _refusal(field.type), column=column)
        for field, column, target in zip(schema, columns, targets, strict=True)
        if target is None
    )
    if problems:
        first = problems[0]
        raise InputError(f"column {first.column!r}: {first.message}", problems=problems)
    return [target for target in targets if target is not None]


def _target(kind: pa.DataType) -> Target | None:
    if pa.types.is_dictionary(kind):
        return _target(kind.value_type)
    if pa.types.is_timestamp(kind):
        return ("timestamptz", pa.timestamp("us", "UTC")) if kind.tz else ("timestamp", pa.timestamp("us"))
    if pa.types.is_decimal(kind):
        return _decimal_target(kind)
    return next((target for fits, target in _MAPPING if fits(kind)), None)


def _decimal_target(kind: Any) -> Target | None:
    fits = kind.precision <= 38 and 0 <= kind.scale <= MAX_SCALE
    return ("decimal", pa.decimal128(kind.precision, kind.scale)) if fits else None


def _refusal(kind: pa.DataType) -> str:
    if pa.types.is_nested(kind):
        return "a nested type (list, struct or map): flatten it into plain columns"
    if pa.types.is_decimal(kind):
        return f"a decimal of more than 38 digits, or more than {MAX_SCALE} behind the point: round it"
    return "a type that is not read: write it as text, a number, a date or a time stamp"


def _batches(file: pq.ParquetFile, schema: pa.Schema, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    row = 0
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
        arrays = [_cast(array, field.type) for array, field in zip(batch.columns, schema, strict=True)]
        for array, column in zip(arrays, columns, strict=True):
            _refuse_infinite(array, column, row)
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
        row += batch.num_rows


def _cast(array: Any, kind: pa.DataType) -> Any:
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_timestamp(kind):
        return pc.cast(array, kind, safe=False)  # finer than a microsecond is cut off, as a note says
    cast = pc.cast(array, kind)
    if pa.types.is_float64(kind):
        return pc.if_else(pc.is_nan(cast), pa.scalar(None, kind), cast)  # pandas writes missing as NaN
    return cast


def _refuse_infinite(array: Any, column: str, row: int) -> None:
    if not pa.types.is_float64(array.type):
        return
    infinite = pc.is_inf(array)
    where = pc.index(infinite, True).as_py()
    if where >= 0:
        line = row + where + 1
        raise InputError(
            f"column {column!r} holds an infinite number, the first in row {line:,}: mend it",
            problems=(Problem("not_finite", "not a finite number", line=line, column=column),),
        )


def _notes(schema: pa.Schema, columns: Sequence[str]) -> Iterator[str]:
    for field, column in zip(schema, columns, strict=True):
        if pa.types.is_null(field.type):
            yield f"column {column!r} has no values at all: kept as text"
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            yield f"column {column!r} has time stamps in nanoseconds: kept to the microsecond"
