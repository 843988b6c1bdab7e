"""Writing the artefact: one Parquet file, its rows in a secret order, its columns named by the recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anonymize.ahead import ahead
from anonymize.shuffling import by_value, shuffled
from anonymize.tables.base import Frame, TableEngine

ROWS_PER_GROUP = 10_000  # a page of records decodes one row group; small groups make pages quick
_BATCH = 250_000
_FEW = 1000  # distinct texts of a column that are written from one dictionary: it stands in every row group


def write_table(table: pd.DataFrame, path: Path) -> int:
    """Write a small finished table (an aggregate) as it stands; Arrow dtypes keep its types. Returns the rows."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(arrow.replace_schema_metadata(None), path, compression="zstd", row_group_size=ROWS_PER_GROUP, store_schema=False)
    return int(arrow.num_rows)


def write_rows(
    engine: TableEngine, frame: Frame, columns: list[str], path: Path, *, scratch: Path, expected_rows: int,
    looked_up: tuple[str, pa.Table] | None = None, persons: Path | None = None, person_key: str | None = None, replace: Mapping[str, Callable[[pa.Array], pa.Array]] | None = None,
) -> int:  # fmt: skip
    """Write microdata in a secret random order, and beside it the person of each row for the re-check.

    The order of rows and of files is a quasi-identifier that nobody marks (TRAPS.md 35), so it is drawn afresh from
    the operating system. ``persons`` gets one column in the same row order; it must stay in the scratch folder.
    ``expected_rows``: about how many there are. ``looked_up``: a column of numbers, and the table whose columns stand in
    the row of that number. ``replace``: column → what makes the texts that stand in the place of its values. Returns the
    number of rows.
    """
    instead = replace or {}
    found = _Columns(columns, instead, looked_up)
    wanted = frame.select(*found.own, *([person_key] if persons is not None and person_key is not None else []))
    schema = engine.schema(wanted)
    texts = [name for name in found.own if name not in instead and pa.types.is_string(schema.field(name).type)]
    rows = 0
    with ExitStack() as stack:
        sink: pq.ParquetWriter | None = None
        beside: pq.ParquetWriter | None = None
        if persons is not None and person_key is not None:
            beside = stack.enter_context(pq.ParquetWriter(persons, pa.schema([schema.field(person_key)])))
        for table in ahead(shuffled(engine.batches(wanted, _BATCH), expected_rows, scratch, texts)):
            public = found.public(table, None if sink is None else sink.schema)
            if sink is None:
                sink = stack.enter_context(_writer(path, public.schema))
            sink.write_table(public, row_group_size=ROWS_PER_GROUP)
            if beside is not None:
                beside.write_table(table.select([person_key]))
            rows += table.num_rows
        if sink is None:  # a table without rows is one too
            stack.enter_context(_writer(path, found.public(schema.empty_table(), None).schema))
    return rows


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    # rows in a random order: no smallest or largest value of a row group would help to skip it
    return pq.ParquetWriter(path, schema, compression="zstd", store_schema=False, write_statistics=False)


class _Columns:
    """Which columns are written, and where each comes from."""

    def __init__(
        self, columns: list[str], instead: Mapping[str, Callable[[pa.Array], pa.Array]], looked_up: tuple[str, pa.Table] | None
    ) -> None:
        self.columns, self.instead = columns, instead
        self.number, called = looked_up or ("", pa.table({}))
        self.called = pa.table({name: _as_written(called.column(name).combine_chunks()) for name in called.column_names})
        self.own = [name for name in columns if name not in called.column_names] + ([self.number] if looked_up else [])

    def public(self, table: pa.Table, like: pa.Schema | None) -> pa.Table:
        """The rows as they are written. ``like``: the schema of those before; few distinct texts stay a dictionary."""
        called = self.called.take(table.column(self.number).combine_chunks()) if self.called.num_columns else self.called
        arrays = []
        for name in self.columns:
            column = (called if name in called.column_names else table).column(name)
            if name in self.instead:
                column = self.instead[name](column.combine_chunks()).cast(pa.string())
            elif like is not None and not pa.types.is_dictionary(like.field(name).type):
                column = column.cast(like.field(name).type)
            elif like is None and name not in called.column_names:
                column = _as_written(column.combine_chunks())
            arrays.append(column)
        return pa.table(arrays, names=self.columns)


def _as_written(column: pa.Array) -> pa.Array:
    """Text of few distinct values as a dictionary, everything else plain."""
    if pa.types.is_string(column.type):
        column = by_value(column.dictionary_encode())
    if pa.types.is_dictionary(column.type) and len(column.dictionary) > _FEW:
        return column.dictionary_decode()
    return column
