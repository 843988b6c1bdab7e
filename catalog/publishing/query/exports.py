"""A whole answer as a stream of bytes, in bounded memory and without a cap on rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Literal, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from catalog.publishing.query.errors import QueryError
from catalog.publishing.query.files import BATCH_ROWS, unreadable
from catalog.publishing.query.formats import csv_lines, json_array, json_lines
from catalog.publishing.query.params import RecordsQuery, parse_params
from catalog.publishing.query.plan import Plan, plan
from catalog.publishing.query.run import Frame, answer_columns, empty, stream
from catalog.publishing.query.schema import ReleaseFile, near

Format: TypeAlias = Literal["csv", "json", "jsonl", "parquet"]
NAMES = ("select", "where", "group_by", "order_by")
BATCH_TIMEOUT_S = 60.0
_CHUNK = 2**20
MEDIA_TYPES: dict[str, str] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}


def parse_export_params(parameters: Mapping[str, str], *, ignore: frozenset[str] = frozenset()) -> RecordsQuery:
    """As :func:`parse_params`, without paging: an export is whole."""
    return parse_params(parameters, ignore=ignore, names=NAMES)


def export(
    release: ReleaseFile, format: str, params: RecordsQuery, *, batch_timeout_s: float = BATCH_TIMEOUT_S
) -> Iterator[bytes]:
    """The whole answer in pieces.

    The question is checked and the first piece is made before this returns, so a bad question or a release that cannot
    be read is an error here and not in the middle of an answer. Close the iterator to stop early. Raises
    :class:`QueryError`.
    """
    if format not in MEDIA_TYPES:
        hint = near(format, list(MEDIA_TYPES))
        message = f"there is no export format {format[:20]!r}; there are {', '.join(MEDIA_TYPES)}"
        raise QueryError("unknown_format", message, pointer="format", suggestion=hint, status=404)
    _refuse_paging(params)
    checked = plan(params, release.schema)
    whole = stored_whole(release, format, params)
    if whole is not None:
        return _primed(_file(whole))
    return _primed(_WRITERS[format](checked, release, stream(checked, release, timeout_s=batch_timeout_s)))


def stored_whole(release: ReleaseFile, format: str, params: RecordsQuery) -> Path | None:
    """The published file itself, when it is the answer: then its length is known and ranges of it can be served."""
    return release.path if format == "parquet" and params == RecordsQuery() else None


def _refuse_paging(params: RecordsQuery) -> None:
    plain = RecordsQuery(params.select, params.where, params.group_by, params.order_by)
    if params != plain:
        raise QueryError("invalid_parameter", "an export is whole: it takes no limit, offset, cursor or count")


def _primed(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, of which the first is made now."""
    first = next(pieces, b"")

    def all_pieces() -> Iterator[bytes]:
        yield first
        yield from pieces

    return all_pieces()


def _csv(plan: Plan, release: ReleaseFile, frames: Iterator[Frame]) -> Iterator[bytes]:
    return csv_lines([name for name, _ in answer_columns(plan)], frames)


def _json(plan: Plan, release: ReleaseFile, frames: Iterator[Frame]) -> Iterator[bytes]:
    return json_array(frames)


def _jsonl(plan: Plan, release: ReleaseFile, frames: Iterator[Frame]) -> Iterator[bytes]:
    return json_lines(frames)


def _parquet(plan: Plan, release: ReleaseFile, frames: Iterator[Frame]) -> Iterator[bytes]:
    """Parquet ends with its table of contents, so it is written whole to a nameless file first, then sent."""
    with tempfile.TemporaryFile() as file:
        _write_parquet(file, frames, lambda: empty(plan, release))
        file.seek(0)
        yield from iter(lambda: file.read(_CHUNK), b"")


def _write_parquet(file: IO[bytes], frames: Iterator[Frame], nothing: Callable[[], Frame]) -> None:
    first = next(frames, None) or nothing()
    schema = _table(first).schema
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        writer.write_table(_table(first), row_group_size=BATCH_ROWS)
        for frame in frames:
            writer.write_table(_table(frame), row_group_size=BATCH_ROWS)


def _table(frame: Frame) -> pa.Table:
    return pa.table(list(frame.arrays), names=list(frame.names))


def _file(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from iter(lambda: file.read(_CHUNK), b"")
    except OSError:
        raise unreadable() from None


_WRITERS: dict[str, Callable[[Plan, ReleaseFile, Iterator[Frame]], Iterator[bytes]]] = {
    "csv": _csv,
    "json": _json,
    "jsonl": _jsonl,
    "parquet": _parquet,
}
