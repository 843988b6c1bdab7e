"""Published Parquet files held open, and their decoded columns: what makes an unfiltered page cheap.

Published bytes never change, so both are kept by the file's SHA-256. Whether a release may still be shown is asked
before we get here, at every request; :func:`forget` only frees the memory sooner.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from itertools import accumulate
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from catalog.publishing.query.arrow import fits, normalise
from catalog.publishing.query.errors import QueryError
from catalog.publishing.query.schema import ReleaseColumn, ReleaseFile

MAX_OPEN = 64
MAX_BYTES = 64 * 2**20  # of decoded columns
BATCH_ROWS = 10_000
_Key: TypeAlias = tuple[str, int, str]  # (SHA-256, row group, column)


def unreadable() -> QueryError:
    """The one error for a published file that cannot be read as its schema says; the cause stays with us."""
    return QueryError("release_unreadable", "this release cannot be read at the moment; we have to mend it", status=503)


class OpenFile:
    """One Parquet file, its row groups' places, and a lock: Arrow does not promise that a reader can be shared."""

    def __init__(self, release: ReleaseFile) -> None:
        try:
            self.parquet = pq.ParquetFile(release.path, pre_buffer=False)
        except (OSError, pa.ArrowInvalid):
            raise unreadable() from None
        self.sha256 = release.sha256
        self.arrow_schema: pa.Schema = self.parquet.schema_arrow
        self.rows: int = self.parquet.metadata.num_rows
        groups = range(self.parquet.num_row_groups)
        self.ends = list(accumulate(self.parquet.metadata.row_group(i).num_rows for i in groups))
        self.lock = threading.Lock()
        self._check(release)

    def _check(self, release: ReleaseFile) -> None:
        for column in release.schema.columns:
            index = self.arrow_schema.get_field_index(column.name)
            if index < 0 or not fits(self.arrow_schema.field(index).type, column.type):
                raise unreadable()

    def decode(self, group: int, columns: list[ReleaseColumn]) -> dict[str, pa.Array]:
        try:
            with self.lock:
                names = [column.name for column in columns]
                table = self.parquet.read_row_group(group, columns=names, use_threads=False)
            return {column.name: normalise(table.column(column.name), column.type) for column in columns}
        except (OSError, pa.ArrowException):
            raise unreadable() from None


class _Columns:
    """Decoded columns of row groups, least recently used out first, bounded by bytes."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._kept: OrderedDict[_Key, pa.Array] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _Key) -> pa.Array | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: _Key, array: pa.Array) -> None:
        with self._lock:
            if key in self._kept or array.nbytes > self.max_bytes:
                return
            self._kept[key] = array
            self.bytes += array.nbytes
            while self.bytes > self.max_bytes:
                self.bytes -= self._kept.popitem(last=False)[1].nbytes

    def drop(self, sha256: str) -> None:
        with self._lock:
            for key in [key for key in self._kept if key[0] == sha256]:
                self.bytes -= self._kept.pop(key).nbytes


class _Files:
    def __init__(self, max_open: int) -> None:
        self.max_open = max_open
        self._open: OrderedDict[tuple[str, ReleaseFile], OpenFile] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, release: ReleaseFile) -> OpenFile:
        key = (release.sha256, release)
        with self._lock:
            found = self._open.get(key)
            if found is None:
                found = self._open[key] = OpenFile(release)
            self._open.move_to_end(key)
            if len(self._open) > self.max_open:
                self._open.popitem(last=False)
            return found

    def drop(self, sha256: str) -> None:
        with self._lock:
            for key in [key for key in self._open if key[0] == sha256]:
                del self._open[key]


_columns = _Columns(MAX_BYTES)
_files = _Files(MAX_OPEN)


def _start_afresh() -> None:
    """A forked worker shares no locks and no file positions with its parent."""
    global _columns, _files
    _columns, _files = _Columns(MAX_BYTES), _Files(MAX_OPEN)


os.register_at_fork(after_in_child=_start_afresh)


def open_file(release: ReleaseFile) -> OpenFile:
    """The open file of a release. Raises :class:`QueryError` release_unreadable."""
    return _files.get(release)


def forget(sha256: str) -> None:
    """Drop all that this process holds of a file, when it is suspended or withdrawn."""
    _files.drop(sha256)
    _columns.drop(sha256)


def read_rows(release: ReleaseFile, columns: list[ReleaseColumn], start: int, rows: int) -> list[pa.Array]:
    """Rows ``start`` … ``start + rows`` of the file (fewer at its end), one array per column."""
    file = open_file(release)
    pieces: list[list[pa.Array]] = [[] for _ in columns]
    for group, begin, end in _slices(file, start, min(start + rows, file.rows)):
        for piece, array in zip(pieces, _group(file, group, columns), strict=True):
            piece.append(array.slice(begin, end - begin))
    return [_joined(piece, file, column) for piece, column in zip(pieces, columns, strict=True)]


def _joined(pieces: list[pa.Array], file: OpenFile, column: ReleaseColumn) -> pa.Array:
    if len(pieces) == 1:
        return pieces[0]
    if pieces:
        return pa.concat_arrays(pieces)
    return normalise(pa.array([], file.arrow_schema.field(column.name).type), column.type)


def _slices(file: OpenFile, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """(row group, first row in it, row after the last) for the rows ``start`` … ``stop`` of the file."""
    group = bisect_right(file.ends, start)
    while start < stop:
        first = file.ends[group - 1] if group else 0
        end = min(stop, file.ends[group])
        if end > start:
            yield group, start - first, end - first
        start, group = end, group + 1


def _group(file: OpenFile, group: int, columns: list[ReleaseColumn]) -> list[pa.Array]:
    found = {column.name: _columns.get((file.sha256, group, column.name)) for column in columns}
    missing = [column for column in columns if found[column.name] is None]
    if missing:
        for name, array in file.decode(group, missing).items():
            found[name] = array
            _columns.put((file.sha256, group, name), array)
    return [found[column.name] for column in columns]


def batches(release: ReleaseFile, columns: list[ReleaseColumn]) -> Iterator[list[pa.Array]]:
    """The whole file in its order, in batches; not kept, so that an export does not empty the cache."""
    own = OpenFile(release)
    names = [column.name for column in columns]
    try:
        for batch in own.parquet.iter_batches(BATCH_ROWS, columns=names, use_threads=False):
            yield [normalise(batch.column(column.name), column.type) for column in columns]
    except (OSError, pa.ArrowException):
        raise unreadable() from None
