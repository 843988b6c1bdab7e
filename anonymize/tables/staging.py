"""The middle form of every upload: a Parquet file in scratch whose columns are called c0, c1, … whatever the user calls
them, so that no name of a user comes near a query before the typed file is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from anonymize.ahead import ahead
from anonymize.errors import InputError

T = TypeVar("T")

ROW_GROUP = 8 << 20  # bytes of a row group in memory


@dataclass(frozen=True, slots=True)
class Staged:
    """Rows on their way in.

    ``types`` holds the column type where the source declares one, None where the text must tell. ``lines`` turns row
    numbers (from 0) into the source's own line or row numbers (from 1). ``finished``: the file is typed already, and its
    columns have the user's names.
    """

    path: Path
    names: tuple[str, ...]
    types: tuple[str | None, ...]
    rows: int
    format: str
    lines: Callable[[Sequence[int]], list[int]]
    encoding: str | None = None
    delimiter: str | None = None
    notes: tuple[str, ...] = ()
    finished: bool = False


def stand_ins(count: int) -> list[str]:
    """The names that stand in for the user's."""
    return [f"c{i}" for i in range(count)]


def write_batches(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Write them, about ROW_GROUP bytes to a row group, and return the number of rows."""
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
        for table in ahead(_grouped(batches)):
            writer.write_table(table, row_group_size=table.num_rows)
            rows += table.num_rows
    return rows


def _grouped(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Tiny row groups of many columns cost more in bookkeeping than in data."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held += [batch] if batch.num_rows else []
        if sum(part.nbytes for part in held) >= ROW_GROUP:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def quietly(work: Callable[[], T], errors: tuple[type[Exception], ...], instead: str) -> T:
    """Run; turn the errors named into an :class:`InputError` that knows nothing of them.

    Errors of parsers and databases quote what they choked on. ``raise … from None`` would still keep them as context.
    """
    try:
        return work()
    except errors:
        pass  # raised below, outside this block, so that the error has no context
    raise InputError(instead)
