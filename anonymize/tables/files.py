"""An uploaded file → one typed Parquet file, wholly or not at all.

The bytes are checked before any parser sees them; every value of every column has its say in the column's type; errors
name lines, columns and shapes, never values. Whatever was written on the way is gone afterwards, whether it went well
or not.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from uuid import uuid4

import pyarrow.parquet as pq

from anonymize.column_types import COLUMN_TYPES
from anonymize.errors import AnonymizeError, InputError, NoRoom, Problem, no_room
from anonymize.tables import csv_text, parquet_files, sheets
from anonymize.tables.header import Heading
from anonymize.tables.limits import Limits
from anonymize.tables.staging import Staged
from anonymize.tables.types import (
    ACCEPTS,
    Choice,
    Kinds,
    TypedFile,
    accepted_when_declared,
    choose,
    misfit_error,
    written,
)

_READERS: Mapping[str, Callable[[Path, Path, Limits, Heading], Staged]] = {
    ".csv": csv_text.stage,
    ".tsv": csv_text.stage,
    ".txt": csv_text.stage,
    ".xlsx": sheets.stage,
}
_KNOWN = (*_READERS, ".parquet")
_MAGIC = ((b"PAR1", ".parquet", "a Parquet file"), (b"PK\x03\x04", ".xlsx", "a ZIP archive or workbook"))


@dataclass(frozen=True, slots=True)
class LoadedColumn:
    """A column of the typed file: ``type`` is one of COLUMN_TYPES, ``nulls`` how many values are missing."""

    name: str
    type: str
    nulls: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came in. ``format`` is csv, parquet or xlsx; ``encoding`` and ``delimiter`` are those of a CSV file."""

    rows: int
    columns: tuple[LoadedColumn, ...]
    format: str
    encoding: str | None
    delimiter: str | None
    notes: tuple[str, ...]


def read_upload(
    source: Path,
    *,
    file_name: str,
    output: Path,
    scratch: Path,
    types: Mapping[str, str] | None = None,
    header: str = "auto",
    names: Sequence[str] = (),
    limits: Limits | None = None,
) -> Loaded:
    """Read ``source`` and write typed Parquet at ``output``.

    ``file_name`` is what the uploader called the file: only its extension counts, it is never used as a path.
    ``types`` declares types by column name; a value that does not fit is then an error, whatever the share.
    ``header``: ``present``, the first record names the columns; ``absent``, it is data, and ``names`` are the columns' names;
    ``auto``, it names them, and is refused where it looks like data (:mod:`anonymize.tables.header`).
    Memory is bounded: blocks of the file in Python, ``limits.memory`` in DuckDB. ``scratch`` is a folder for
    temporary files, which hold raw rows and are deleted before this returns or raises.

    Raises :class:`InputError` with its problems; nothing is left at ``output`` then.
    """
    bounds = Limits() if limits is None else limits
    heading = Heading(header, tuple(names))
    part = output.with_name(f".{output.name}.{uuid4().hex}.part")
    fault, full = "", False
    try:
        with tempfile.TemporaryDirectory(dir=scratch, prefix="intake-") as folder:
            loaded = _read(source, _extension(file_name), part, Path(folder), types or {}, heading, bounds)
        os.replace(part, output)
        return loaded
    except AnonymizeError:
        raise
    except Exception as error:  # of a parser or the disk: its text may quote a value, so only its kind is told
        fault, full = type(error).__name__, no_room(error)
    finally:
        part.unlink(missing_ok=True)
    raise _unforeseen(fault, full=full)


def _unforeseen(fault: str, *, full: bool) -> AnonymizeError:
    if full:
        return NoRoom("there is no room left on the disk where files are read; nothing was kept: make room, then try again")
    error = AnonymizeError(f"the file could not be read for a reason that is ours to find ({fault}); nothing was kept")
    error.who = "us"
    return error


def _extension(file_name: str) -> str:
    extension = PurePath(file_name.replace("\\", "/")).suffix.lower()
    if extension not in _KNOWN:
        known = ", ".join(_KNOWN)
        raise InputError(
            f"files of this kind are not read; upload one of {known}",
            problems=(Problem("unknown_format", f"the extension is not one of {known}"),),
        )
    return extension


def _read(
    source: Path, extension: str, target: Path, scratch: Path, types: Mapping[str, str], heading: Heading, limits: Limits
) -> Loaded:
    _check_content(source, extension)
    if extension == ".parquet":
        staged = parquet_files.stage(source, scratch, limits, types, heading)
    else:
        staged = _READERS[extension](source, scratch, limits, heading)
    _check_declared(types, staged)
    chosen = _finished(staged, target) if staged.finished else _typed(staged, target, scratch, types, limits)
    nulls = _nulls(target, staged)
    columns = tuple(LoadedColumn(*column) for column in zip(staged.names, (c.type for c in chosen), nulls, strict=True))
    notes = staged.notes + tuple(f"column {n!r} {c.note}" for n, c in zip(staged.names, chosen, strict=True) if c.note)
    return Loaded(staged.rows, columns, staged.format, staged.encoding, staged.delimiter, notes)


def _finished(staged: Staged, target: Path) -> list[_Column]:
    shutil.move(staged.path, target)  # the scratch folder may be on another disk
    return [_Column(known or "text", f"c{i}") for i, known in enumerate(staged.types)]


def _typed(staged: Staged, target: Path, scratch: Path, types: Mapping[str, str], limits: Limits) -> list[_Column]:
    typed = TypedFile(staged, scratch, limits)
    try:
        chosen = [_column(typed, staged, i, types.get(name)) for i, name in enumerate(staged.names)]
        typed.write([(c.expression, name) for c, name in zip(chosen, staged.names, strict=True)], target)
        return chosen
    finally:
        typed.close()


def _check_content(source: Path, extension: str) -> None:
    with source.open("rb") as file:
        head = file.read(4)
    if not head:
        raise InputError("the file is empty (0 bytes)", problems=(Problem("empty_file", "0 bytes"),))
    for magic, belongs, what in _MAGIC:
        if head == magic and extension != belongs:
            raise InputError(
                f"the file is called {extension} but its content is {what}",
                problems=(Problem("wrong_format", f"the content is {what}"),),
            )


def _check_declared(types: Mapping[str, str], staged: Staged) -> None:
    problems = [Problem("unknown_column", "there is no such column", column=c) for c in types if c not in staged.names]
    problems += [
        Problem("unknown_type", f"a column type is one of {', '.join(COLUMN_TYPES)}", column=column)
        for column, name in types.items()
        if name not in COLUMN_TYPES
    ]
    if problems:
        first = problems[0]
        raise InputError(f"the type declared for {first.column!r} cannot be used: {first.message}", problems=tuple(problems))


@dataclass(frozen=True, slots=True)
class _Column:
    type: str
    expression: str
    note: str | None = None


def _column(typed: TypedFile, staged: Staged, i: int, declared: str | None) -> _Column:
    known = staged.types[i]
    if known is not None and declared in (None, known):
        return _Column(known, f"c{i}")
    if declared == "text":
        return _Column("text", written(i, "text", 0))
    kinds = typed.kinds(i)
    choice = choose(kinds) if declared is None else _declared(typed, staged, i, declared, kinds)
    if choice.mostly is not None:
        raise misfit_error(staged, i, choice.mostly, *typed.misfits(i, ACCEPTS[choice.mostly]), declared=False)
    return _Column(choice.type, written(i, choice.type, kinds.scale), choice.note)


def _declared(typed: TypedFile, staged: Staged, i: int, declared: str, kinds: Kinds) -> Choice:
    accepted = accepted_when_declared(declared)
    if kinds.fitting(accepted) < kinds.values:
        raise misfit_error(staged, i, declared, *typed.misfits(i, accepted), declared=True)
    return Choice(declared)


def _nulls(target: Path, staged: Staged) -> list[int]:
    """Missing values by column, as the file says that was written; its rows must be those that came in."""
    metadata = pq.read_metadata(target)
    if metadata.num_rows != staged.rows:
        raise InputError("the typed file does not hold as many rows as the upload; nothing was kept")
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    return [sum(group.column(i).statistics.null_count for group in groups) for i in range(len(staged.names))]
