"""A CSV file of any delimiter and of the encodings met in the field → staged text columns, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from anonymize.errors import InputError, Problem
from anonymize.tables import header as headers
from anonymize.tables import names
from anonymize.tables.csv_structure import HEADER_BYTES, Header, Structure, first_records, lines_of, read_header, scan
from anonymize.tables.encoding import TextEncoding, decide, only_carriage_returns, utf8_blocks
from anonymize.tables.header import Heading
from anonymize.tables.limits import MEBIBYTE, Limits
from anonymize.tables.staging import Staged, quietly, stand_ins, write_batches

_PARSE_BLOCK = MEBIBYTE  # larger blocks are hardly faster: 4 MiB took 150 MB more memory (measured)


@dataclass(frozen=True, slots=True)
class Text:
    """UTF-8 text in a file, from ``start`` bytes on."""

    path: Path
    start: int

    def blocks(self) -> Iterator[bytes]:
        """The bytes, a block at a time."""
        return utf8_blocks(self.path, TextEncoding("utf-8", self.start))

    def behind(self, count: int) -> Text:
        """The text without its first bytes."""
        return Text(self.path, self.start + count)


def stage(source: Path, scratch: Path, limits: Limits, heading: Heading) -> Staged:
    """Check every line, then parse. Raises :class:`InputError` with lines and columns, never values."""
    encoding = decide(source)
    header = _header(source, encoding, limits, heading)
    columns = names.checked(header.names, limits)
    text = _as_utf8(source, encoding, header, scratch, limits)
    body = text.behind(header.end)
    structure = scan(body.blocks(), header, limits)
    if structure.records == 0:
        raise InputError("the file has a header but no rows", problems=(Problem("no_rows", "no rows"),))
    target = scratch / "staged.parquet"
    _parse(body, header, structure, target)

    def lines(rows: Sequence[int]) -> list[int]:
        found = lines_of(body.blocks(), header, limits, rows)
        return [found[row] for row in rows]

    return Staged(
        path=target,
        names=columns,
        types=(None,) * len(columns),
        rows=structure.records,
        format="csv",
        lines=lines,
        encoding=encoding.name,
        delimiter=header.delimiter,
        notes=tuple(_notes(encoding, header, columns, structure)),
    )


def _header(source: Path, encoding: TextEncoding, limits: Limits, heading: Heading) -> Header:
    """The header as the file has it, held against the records behind it; or one of the names given, before the first record."""
    collected = bytearray()
    for block in utf8_blocks(source, encoding):
        collected += block
        if len(collected) >= HEADER_BYTES:
            break
    head = bytes(collected[:HEADER_BYTES])
    first = read_header(head)
    if heading.mode == "absent":
        return Header(headers.given(heading, len(first.names), limits), first.delimiter, 0, 0)
    headers.check(first.names, first_records(head[first.end :], first.delimiter), heading, limits)
    return first


def _as_utf8(source: Path, encoding: TextEncoding, header: Header, scratch: Path, limits: Limits) -> Text:
    """The source itself where it is UTF-8 already, else a copy in scratch, scanned while it is written.

    The scan stops the copy at the first record that is too long, so a hostile file does not fill the disk.
    """
    if encoding.name == "utf-8" and not only_carriage_returns(source, encoding):
        return Text(source, encoding.skip)
    target = scratch / "utf8.csv"
    with target.open("wb") as file:
        scan(_tee(utf8_blocks(source, encoding), file.write, header.end), header, limits)
    return Text(target, 0)


def _tee(blocks: Iterator[bytes], write: Callable[[bytes], object], skip: int) -> Iterator[bytes]:
    for block in blocks:
        write(block)
        yield block[skip:]
        skip = max(skip - len(block), 0)


def _parse(body: Text, header: Header, structure: Structure, target: Path) -> None:
    schema = pa.schema([(name, pa.string()) for name in stand_ins(len(header.names))])

    def work() -> int:
        with body.path.open("rb") as file:
            file.seek(body.start)
            return write_batches(target, schema, _reader(file, header, structure, schema))

    rows = quietly(work, (pa.ArrowException,), "the rows cannot be read as CSV")
    if rows != structure.records:
        raise InputError("the file reads differently from one parser to the next: save it as plain RFC 4180 CSV in UTF-8")


def _reader(file: object, header: Header, structure: Structure, schema: pa.Schema) -> pa_csv.CSVStreamingReader:
    return pa_csv.open_csv(
        file,
        read_options=pa_csv.ReadOptions(
            column_names=schema.names, block_size=max(_PARSE_BLOCK, structure.longest + _PARSE_BLOCK // 16), encoding="utf8"
        ),
        parse_options=pa_csv.ParseOptions(delimiter=header.delimiter, quote_char='"', newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=schema, strings_can_be_null=True, quoted_strings_can_be_null=True, null_values=[""]
        ),
    )


def _notes(encoding: TextEncoding, header: Header, columns: Sequence[str], structure: Structure) -> Iterator[str]:
    if encoding.guessed:
        yield f"the encoding was taken to be {encoding.name.upper()}, by how the text looks: check a column with names"
    if structure.empty_lines:
        yield f"{structure.empty_lines:,} empty lines were skipped"
    if tuple(header.names) != tuple(columns):
        yield "blanks around column names were cut off"
