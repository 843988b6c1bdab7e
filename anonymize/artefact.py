"""Writing the artefact: one Parquet file, its rows in a secret order, its columns named by the recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anonymize.shuffling import shuffled
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
    persons: Path | None = None, person_key: str | None = None, replace: Mapping[str, Callable[[pa.Array], pa.Array]] | None = None,
) -> int:  # fmt: skip
    """Write microdata in a secret random order, and beside it the person of each row for the re-check.

    The order of rows and of files is a quasi-identifier that nobody marks (TRAPS.md 35), so it is drawn afresh from
    the operating system. ``persons`` gets one column in the same row order; it must stay in the scratch folder.
    ``expected_rows``: about how many there are. ``replace``: column → what makes the texts that stand in the place of its
    values. Returns the number of rows.
    """
    instead = replace or {}
    wanted = frame.select(*columns, *([person_key] if persons is not None and person_key is not None else []))
    schema = engine.schema(wanted)
    texts = [name for name in columns if name not in instead and pa.types.is_string(schema.field(name).type)]
    rows = 0
    with ExitStack() as stack:
        sink: pq.ParquetWriter | None = None
        beside: pq.ParquetWriter | None = None
        if persons is not None and person_key is not None:
            beside = stack.enter_context(pq.ParquetWriter(persons, pa.schema([schema.field(person_key)])))
        for table in shuffled(engine.batches(wanted, _BATCH), expected_rows, scratch, texts):
            public = _public(table.select(columns), instead, None if sink is None else sink.schema)
            if sink is None:
                sink = stack.enter_context(pq.ParquetWriter(path, public.schema, compression="zstd", store_schema=False))
            sink.write_table(public, row_group_size=ROWS_PER_GROUP)
            if beside is not None:
                beside.write_table(table.select([person_key]))
            rows += table.num_rows
        if sink is None:  # a table without rows is one too
            public = schema.empty_table().select(columns).replace_schema_metadata(None)
            pq.write_table(public, path, store_schema=False)
    return rows


def _public(table: pa.Table, instead: Mapping[str, Callable[[pa.Array], pa.Array]], like: pa.Schema | None) -> pa.Table:
    """The columns as they are written. ``like``: the schema of the rows before; few distinct texts stay a dictionary."""
    arrays = []
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        if name in instead:
            column = instead[name](column).cast(pa.string())
        elif pa.types.is_dictionary(column.type):
            few = len(column.dictionary) <= _FEW if like is None else pa.types.is_dictionary(like.field(name).type)
            column = column if few else column.dictionary_decode()
        arrays.append(column)
    return pa.table(arrays, names=table.column_names)
