"""Writing the artefact: one Parquet file, its rows in a secret order, its columns named by the recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from anonymize.tables.base import Frame, TableEngine

ROWS_PER_GROUP = 10_000  # a page of records decodes one row group; small groups make pages quick
_ORDER = "__row"


def write_table(table: pd.DataFrame, path: Path) -> int:
    """Write a small finished table (an aggregate) as it stands; Arrow dtypes keep its types. Returns the rows."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(arrow.replace_schema_metadata(None), path, compression="zstd", row_group_size=ROWS_PER_GROUP, store_schema=False)
    return int(arrow.num_rows)


def write_rows(
    engine: TableEngine, frame: Frame, columns: list[str], path: Path, *, persons: Path | None, person_key: str | None,
    replace: Mapping[str, Callable[[pa.Array], pa.Array]] | None = None,
) -> int:  # fmt: skip
    """Write microdata in a secret random order, and beside it the person of each row for the re-check.

    The order of rows and of files is a quasi-identifier that nobody marks (TRAPS.md 35), so it is drawn afresh from
    the operating system. ``persons`` gets one column in the same row order; it must stay in the scratch folder.
    ``replace``: column → what makes the texts that stand in the place of its values.
    Returns the number of rows.
    """
    numbered = engine.with_row_number(frame, f"{_ORDER}_number")
    shuffled = engine.with_random_order(numbered, _ORDER, by=[f"{_ORDER}_number"]).sort(_ORDER, f"{_ORDER}_number")
    wanted = shuffled.select(*columns, *([person_key] if persons is not None and person_key is not None else []))
    schema = engine.schema(wanted)
    instead = replace or {}
    public = pa.schema([pa.field(name, pa.string()) if name in instead else schema.field(name).remove_metadata() for name in columns])
    rows = 0
    with ExitStack() as stack:
        sink = stack.enter_context(pq.ParquetWriter(path, public, compression="zstd", store_schema=False))
        beside = None
        if persons is not None and person_key is not None:
            beside = stack.enter_context(pq.ParquetWriter(persons, pa.schema([schema.field(person_key)])))
        for batch in engine.batches(wanted, ROWS_PER_GROUP):
            rows += batch.num_rows
            sink.write_batch(_replaced(batch.select(columns), instead).cast(public))
            if beside is not None:
                beside.write_batch(batch.select([person_key]))
    return rows


def _replaced(batch: pa.RecordBatch, instead: Mapping[str, Callable[[pa.Array], pa.Array]]) -> pa.RecordBatch:
    arrays = [instead[name](column) if name in instead else column for name, column in zip(batch.schema.names, batch.columns, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)
