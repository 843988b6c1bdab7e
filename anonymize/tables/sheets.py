"""The first sheet of an XLSX workbook → staged text columns.

A workbook is a ZIP archive of XML: sizes are checked as declared and again as unpacked, and markup that could grow in
memory is refused, before a parser sees any of it. Formulas are never computed: their stored results are read.
"""

from __future__ import annotations

import datetime as dt
import re
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

import openpyxl
import pyarrow as pa
from openpyxl.utils.exceptions import InvalidFileException

from anonymize.errors import InputError, Problem
from anonymize.tables import header, names
from anonymize.tables.header import SAMPLE_RECORDS, Heading
from anonymize.tables.limits import MEBIBYTE, Limits
from anonymize.tables.staging import Staged, quietly, stand_ins, write_batches

_BATCH_ROWS = 2_000
_CHUNK = 256 * 1024
_ENCRYPTED = 0x1
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)
_UNREADABLE = (*_DAMAGED, InvalidFileException, ParseError, KeyError, ValueError, TypeError, IndexError, AttributeError)
_OVERLAP = 16 * 1024  # bytes of the chunk before that are looked at again: longer than any cell with a formula
_FORMULA = re.compile(rb"<c( [^>]*)?>\s*<f[^>]*(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")  # without a result
_EMPTY_TEXT = b't="str"'  # the result is a text, and an empty one


def stage(source: Path, scratch: Path, limits: Limits, heading: Heading) -> Staged:
    """Check the archive, then read rows one at a time. Raises :class:`InputError` with rows, never values."""
    formulas = _check_archive(source, limits)
    with source.open("rb") as file:  # as an open file, for openpyxl judges paths by their extension
        book = quietly(lambda: _open(file), _UNREADABLE, _BROKEN)
        try:
            return _stage_sheet(book, scratch, limits, formulas, heading)
        finally:
            book.close()


_BROKEN = "the workbook is damaged or not an XLSX workbook: save it again as .xlsx"


def _open(file: BinaryIO) -> Any:
    return openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)


def _stage_sheet(book: Any, scratch: Path, limits: Limits, formulas: bool, heading: Heading) -> Staged:
    if not book.worksheets:
        raise InputError("the workbook has no sheet with cells")
    sheet = book.worksheets[0]
    sheet.reset_dimensions()  # what a file says of its own size is not trusted
    rows = _filled(sheet.iter_rows(values_only=True), limits)
    first = quietly(lambda: list(islice(rows, 1 + SAMPLE_RECORDS)), _UNREADABLE, _BROKEN)
    if not first:
        raise InputError("the first sheet is empty", problems=(Problem("empty_file", "no cells"),))
    columns = names.checked(_named(first, heading, limits), limits)
    rows = chain(first if heading.mode == "absent" else first[1:], rows)
    numbers = Numbers()
    schema = pa.schema([(name, pa.string()) for name in stand_ins(len(columns))])
    target = scratch / "staged.parquet"
    batches = _batches(rows, schema, numbers)
    count = quietly(lambda: write_batches(target, schema, batches), (*_UNREADABLE, pa.ArrowException), _BROKEN)
    if count == 0:
        raise InputError("the first sheet has a header but no rows", problems=(Problem("no_rows", "no rows"),))
    return Staged(
        path=target,
        names=columns,
        types=(None,) * len(columns),
        rows=count,
        format="xlsx",
        lines=numbers.of,
        notes=tuple(_notes(book, formulas)),
    )


def _named(first: Sequence[tuple[int, tuple[Any, ...]]], heading: Heading, limits: Limits) -> Sequence[str]:
    """The first row, held against the rows behind it; or the names given, one for each column that has a cell in them."""
    texts = [[_text(cell) for cell in _trimmed(row)] for _, row in first]
    if heading.mode == "absent":
        return header.given(heading, max(map(len, texts)), limits)
    found = [cell or "" for cell in texts[0]]
    header.check(found, texts[1:], heading, limits)
    return found


def _notes(book: Any, formulas: bool) -> Iterator[str]:
    if len(book.sheetnames) > 1:
        yield f"only the first of {len(book.sheetnames)} sheets was read"
    if formulas:
        yield "the workbook has formulas: the results stored with them were read"


# --- the archive -------------------------------------------------------------------------------------------------


def _check_archive(source: Path, limits: Limits) -> bool:
    """Refuse what would grow; return whether there are formulas."""
    archive = quietly(lambda: zipfile.ZipFile(source), _DAMAGED, "the file is no XLSX workbook: it is not a ZIP archive")
    with archive:
        parts = archive.infolist()
        _check_declared(parts, limits)
        if "[Content_Types].xml" not in archive.namelist():
            raise InputError("the file is a ZIP archive but no XLSX workbook: save it again as .xlsx")
        return _check_unpacked(archive, parts, limits)


def _check_declared(parts: Sequence[zipfile.ZipInfo], limits: Limits) -> None:
    if not len(parts) <= limits.sheet_parts:
        raise _bomb(f"{len(parts):,} parts")
    if any(part.flag_bits & _ENCRYPTED for part in parts):
        raise InputError("the workbook is protected by a password: save it without one")
    if len({part.filename for part in parts}) != len(parts):
        raise _bomb("two parts of one name")
    if not sum(part.file_size for part in parts) <= limits.sheet_expanded:
        raise _bomb(f"more than {limits.sheet_expanded:,} bytes unpacked")
    for part in parts:
        _check_part(part, limits)


def _check_part(part: zipfile.ZipInfo, limits: Limits) -> None:
    if part.file_size > MEBIBYTE and not part.file_size <= limits.sheet_ratio * max(part.compress_size, 1):
        raise _bomb(f"a part that unpacks to more than {limits.sheet_ratio} times its size")
    if not _is_sheet(part.filename) and not part.file_size <= limits.sheet_side_part:
        raise _bomb(f"texts or styles of more than {limits.sheet_side_part:,} bytes; save the sheet as CSV instead")


def _is_sheet(name: str) -> bool:
    return name.startswith("xl/worksheets/")


def _bomb(what: str) -> InputError:
    return InputError(
        f"the workbook is not read, since it has {what}", problems=(Problem("unsafe_workbook", f"it has {what}"),)
    )


def _check_unpacked(archive: zipfile.ZipFile, parts: Sequence[zipfile.ZipInfo], limits: Limits) -> bool:
    """Unpack every part once, keeping nothing: the true sizes, and the markup, whatever the archive declares."""
    watch = _Watch(limits)

    def work() -> None:
        for part in parts:
            watch.begin(_is_sheet(part.filename))
            with archive.open(part) as stream:
                while chunk := stream.read(_CHUNK):
                    watch.see(chunk)

    quietly(work, _DAMAGED, _BROKEN)
    return watch.formulas


@dataclass(slots=True)
class _Watch:
    limits: Limits
    total: int = 0
    formulas: bool = False
    _tail: bytes = b""
    _since_tag: int = 0
    _sheet: bool = False

    def begin(self, sheet: bool) -> None:
        self._tail, self._since_tag, self._sheet = b"", 0, sheet

    def see(self, chunk: bytes) -> None:
        self.total += len(chunk)
        if not self.total <= self.limits.sheet_expanded:
            raise _bomb(f"more than {self.limits.sheet_expanded:,} bytes unpacked")
        seen = self._tail + chunk
        if b"<!DOCTYPE" in seen or b"<!ENTITY" in seen or b"<\x00!\x00" in seen:
            raise _bomb("XML declarations that a workbook never needs")
        if self._sheet:
            self._see_sheet(seen, chunk)
        self._tail = seen[-_OVERLAP:]

    def _see_sheet(self, seen: bytes, chunk: bytes) -> None:
        last = chunk.rfind(b"<")
        self._since_tag = self._since_tag + len(chunk) if last < 0 else len(chunk) - last
        if not self._since_tag <= self.limits.sheet_token:
            raise _bomb(f"a cell of more than {self.limits.sheet_token:,} bytes")
        if b"<f>" not in seen and b"<f " not in seen:
            return
        self.formulas = True
        if any(_EMPTY_TEXT not in (match[1] or b"") for match in _FORMULA.finditer(seen)):
            raise InputError(
                "the sheets hold formulas without stored results: open the workbook, let it compute, and save it",
                problems=(Problem("formula_without_result", "a formula has no stored result"),),
            )


# --- rows --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Numbers:
    """Row numbers of the sheet, kept only where they jump (empty rows are skipped)."""

    rows: list[int] = field(default_factory=list)  # row index from which ...
    shifts: list[int] = field(default_factory=list)  # ... the sheet's number is so much larger

    def note(self, row: int, number: int) -> None:
        """Row ``row`` (from 0) stands in the sheet's row ``number`` (from 1)."""
        if not self.shifts or self.shifts[-1] != number - row:
            self.rows.append(row)
            self.shifts.append(number - row)

    def of(self, rows: Sequence[int]) -> list[int]:
        """The sheet's numbers of the rows."""
        return [row + self.shifts[bisect_right(self.rows, row) - 1] for row in rows]


def _filled(rows: Iterator[tuple[Any, ...]], limits: Limits) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Rows with at least one cell that is not empty, with the sheet's row number."""
    for number, row in enumerate(rows, 1):
        if not number <= limits.sheet_rows:
            raise _bomb(f"more than {limits.sheet_rows:,} rows")
        if any(cell is not None and cell != "" for cell in row):
            yield number, row


def _trimmed(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Without the empty cells at its end: formatting often reaches further than the table."""
    end = len(row)
    while end and row[end - 1] in (None, ""):
        end -= 1
    return row[:end]


def _batches(
    rows: Iterator[tuple[int, tuple[Any, ...]]], schema: pa.Schema, numbers: Numbers
) -> Iterator[pa.RecordBatch]:
    held: list[list[str | None]] = []
    for i, (number, row) in enumerate(rows):
        held.append(_fitted(_trimmed(row), len(schema), number))
        numbers.note(i, number)
        if len(held) == _BATCH_ROWS:
            yield _batch(held, schema)
            held = []
    if held:
        yield _batch(held, schema)


def _fitted(row: tuple[Any, ...], width: int, number: int) -> list[str | None]:
    if not len(row) <= width:
        what = f"{len(row):,} cells where the header has {width:,}"
        raise InputError(f"row {number:,} has {what}", problems=(Problem("ragged_row", what, line=number),))
    return [_text(cell) for cell in row] + [None] * (width - len(row))


def _batch(rows: list[list[str | None]], schema: pa.Schema) -> pa.RecordBatch:
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _text(cell: Any) -> str | None:
    """The cell as text that keeps its type readable: numbers plain, dates in ISO form, true and false."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, dt.datetime):
        return str(cell.date()) if cell.time() == dt.time() else cell.isoformat(sep=" ")
    return str(cell)
