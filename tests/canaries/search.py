"""Values that are nobody's and nowhere else, and a search for them in everything that was written, however it is packed.

A canary is looked for as plain text in five encodings, as base64 at each of its three alignments, as hex, and as JSON, URLs
and log lines escape it; in the bytes themselves, and in what gzip, zlib, zstd, ZIP, Parquet and SQLite hold.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import secrets
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
from stdnum import luhn

DEEPEST = 4  # packed in packed in packed
_RARE = "뷁쬃떫쐛뾃쭑쇫뛣쮏꿻쀍뤫"  # syllables that nobody's name and no page has
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "cp949", "gb18030")


def word() -> str:
    """24 letters: 113 bits, so that no other text of a run has them by chance."""
    return "q" + "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(23))


def name() -> str:
    """A Korean family name and seven rare syllables: 25 bits and a form that nothing else has."""
    return "김" + "".join(secrets.choice(_RARE) for _ in range(7))


def card() -> str:
    """A card number with its check digit: 33 bits, behind an issuer's prefix."""
    digits = "411111" + f"{secrets.randbelow(10**9):09}"
    return digits + luhn.calc_check_digit(digits)


def resident_number() -> str:
    """Of somebody born in 1991, without a check digit, as given out since 2020: with hyphen, 33 bits with its day of birth."""
    return f"91{secrets.randbelow(12) + 1:02}{secrets.randbelow(28) + 1:02}-1{secrets.randbelow(10**6):06}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A canary, how it was written, and where."""

    canary: str
    written: str
    place: str


@dataclass(frozen=True)
class Search:
    """Looks for canaries, each of which has a label."""

    canaries: Mapping[str, str]

    @cached_property
    def needles(self) -> list[tuple[str, str, bytes]]:
        """(label, how it is written, bytes), each of the bytes once."""
        first: dict[bytes, tuple[str, str]] = {}
        for label, text in self.canaries.items():
            for written, needle in _needles(text):
                first.setdefault(needle, (label, written))
        return [(label, written, needle) for needle, (label, written) in first.items()]

    def within(self, data: bytes, place: str, depth: int = 0) -> Iterator[Finding]:
        """In bytes, and in what they unpack to."""
        yield from (Finding(label, written, place) for label, written, needle in self.needles if needle in data)
        if depth < DEEPEST:
            for inner, content in unpacked(data):
                yield from self.within(content, f"{place} → {inner}", depth + 1)

    def files(self, root: Path, *, since: float = 0.0) -> Iterator[Finding]:
        """In the names and contents of all files below a folder that were changed since a point in time."""
        for path in sorted(root.rglob("*")):
            yield from self.within(str(path.relative_to(root)).encode("utf-8", "surrogateescape"), f"name of {path}", DEEPEST)
            try:
                if path.is_file() and not path.is_symlink() and path.stat().st_mtime >= since:
                    yield from self.within(path.read_bytes(), str(path))
            except (FileNotFoundError, PermissionError):
                continue  # gone since, or a socket of somebody else's


def _needles(text: str) -> Iterator[tuple[str, bytes]]:
    for encoding in _ENCODINGS:
        try:
            raw = text.encode(encoding)
        except UnicodeEncodeError:
            continue
        yield encoding, raw
        if encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            yield f"hex of {encoding}", raw.hex().encode()
            yield f"HEX of {encoding}", raw.hex().upper().encode()
            for alignment in range(3):
                yield f"base64 of {encoding}, alignment {alignment}", base64_at(raw, alignment)
    yield "upper case", text.upper().encode()
    yield "JSON", json.dumps(text)[1:-1].encode()
    yield "URL", quote(text).encode()
    yield "escaped bytes", repr(text.encode())[2:-1].encode()


def base64_at(raw: bytes, alignment: int) -> bytes:
    """What is the same in base64 of any text that has ``raw`` behind a number of bytes which leaves ``alignment`` over three."""
    whole = base64.b64encode(b"\0" * alignment + raw).rstrip(b"=")
    first = -(-alignment * 8 // 6)
    last = (alignment + len(raw)) * 8 // 6
    return whole[first:last]


# --- what is packed ----------------------------------------------------------------------------------------------


def unpacked(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, content) of everything in it, where it begins as something packed does; nothing where it is damaged."""
    for magic, kind, opened in _PACKED:
        if data.startswith(magic):
            try:
                yield from ((f"{kind} {inner}".strip(), content) for inner, content in opened(data))
            except _DAMAGED:
                return


def _gzip(data: bytes) -> Iterator[tuple[str, bytes]]:
    yield "", gzip.decompress(data)


def _zlib(data: bytes) -> Iterator[tuple[str, bytes]]:
    yield "", zlib.decompress(data)


def _zstd(data: bytes) -> Iterator[tuple[str, bytes]]:
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        yield "", stream.read()


def _zip(data: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        yield "names", "\n".join(archive.namelist()).encode()
        for member in archive.infolist():
            yield member.filename, archive.read(member)


def _parquet(data: bytes) -> Iterator[tuple[str, bytes]]:
    file = pq.ParquetFile(io.BytesIO(data))
    yield "metadata", repr(file.metadata.metadata).encode() + b"".join((file.metadata.metadata or {}).values())
    yield "schema", str(file.schema_arrow.to_string(show_schema_metadata=True)).encode()
    for i in range(file.num_row_groups):
        for column in file.read_row_group(i).columns:
            yield f"row group {i}", "\n".join(map(str, column.to_pylist())).encode()


def _sqlite(data: bytes) -> Iterator[tuple[str, bytes]]:
    """As SQL: in its pages a long text may be cut in two."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.deserialize(data)
        yield "as SQL", "\n".join(connection.iterdump()).encode()
    finally:
        connection.close()


_PACKED: tuple[tuple[bytes, str, Callable[[bytes], Iterable[tuple[str, bytes]]]], ...] = (
    (b"\x1f\x8b", "gzip", _gzip), (b"\x78\x01", "zlib", _zlib), (b"\x78\x9c", "zlib", _zlib), (b"\x78\xda", "zlib", _zlib),
    (b"\x28\xb5\x2f\xfd", "zstd", _zstd), (b"PK\x03\x04", "ZIP", _zip), (b"PAR1", "Parquet", _parquet), (b"SQLite format 3\0", "SQLite", _sqlite),
)  # fmt: skip
_DAMAGED = (OSError, EOFError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile, pa.ArrowException, sqlite3.Error, NotImplementedError, AttributeError)
