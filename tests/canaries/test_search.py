"""The search for canaries finds one that is planted, in every encoding and in everything that packs."""

from __future__ import annotations

import base64
import gzip
import io
import json
import sqlite3
import zipfile
import zlib
from collections.abc import Callable
from urllib.parse import quote

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.canaries import search
from tests.canaries.search import Search

CANARIES = {"word": search.word(), "name": search.name(), "card": search.card(), "resident number": search.resident_number()}
SEARCH = Search(CANARIES)


def zipped(data: bytes, name: str = "inner.txt") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def workbook(text: str, *, in_sheet_name: bool = False) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["a", "b" if in_sheet_name else text])
    if in_sheet_name:
        book.active.title = text
    book.save(out)
    return out.getvalue()


def zstd(data: bytes) -> bytes:
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(data)
    return out.getvalue().to_pybytes()


def parquet(table: pa.Table, **options) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def sqlite(text: str) -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (x TEXT)")
    connection.execute("INSERT INTO t VALUES (?)", [f"{'x' * 4030}{text}{'y' * 5000}"])  # over the edge of a page
    connection.commit()
    return bytes(connection.serialize())


PLANTED: dict[str, Callable[[str], bytes]] = {
    "utf-8": lambda t: f"before {t} behind".encode(),
    "utf-16-le": lambda t: f"before {t}".encode("utf-16-le"),
    "utf-16-be": lambda t: f"before {t}".encode("utf-16-be"),
    "hex": lambda t: f"before {t}".encode().hex().encode(),
    "hex in capitals": lambda t: t.encode().hex().upper().encode(),
    "JSON": lambda t: json.dumps({"a": t}).encode(),
    "a URL": lambda t: f"/path?q={quote(t)}".encode(),
    "a log line of bytes": lambda t: repr(f"x{t}".encode()).encode(),
    **{f"base64 behind {n}": lambda t, n=n: base64.b64encode(f"{'x' * n}{t} behind".encode()) for n in range(4)},
    **{f"base64 of UTF-16 behind {n}": lambda t, n=n: base64.b64encode(f"{'x' * n}{t}".encode("utf-16-le")) for n in range(3)},
    "gzip": lambda t: gzip.compress(t.encode()),
    "zlib": lambda t: zlib.compress(t.encode()),
    "zstd": lambda t: zstd(f"{t} and {'more ' * 1000}".encode()),
    "ZIP": lambda t: zipped(t.encode()),
    "the name of a ZIP's part": lambda t: zipped(b"x", name=t),
    "a cell of a workbook": lambda t: workbook(t),
    "the name of a sheet": lambda t: workbook(t, in_sheet_name=True),
    "a value in Parquet": lambda t: parquet(pa.table({"a": ["x", t]}), compression="zstd"),
    "a dictionary in Parquet": lambda t: parquet(pa.table({"a": pa.array(["x", t]).dictionary_encode()}), compression="snappy"),
    "a column's name in Parquet": lambda t: parquet(pa.table({t: [1]})),
    "metadata of Parquet": lambda t: parquet(pa.table({"a": [1]}).replace_schema_metadata({"k": t})),
    "SQLite": sqlite,
    "base64 in gzip in ZIP": lambda t: zipped(gzip.compress(base64.b64encode(t.encode()))),
    "Parquet in ZIP": lambda t: zipped(parquet(pa.table({"a": [t]}))),
}


@pytest.mark.parametrize("where", PLANTED)
@pytest.mark.parametrize("label", CANARIES)
def test_a_planted_canary_is_found(label, where):
    found = {finding.canary for finding in SEARCH.within(PLANTED[where](CANARIES[label]), "planted")}
    assert found == {label}


@pytest.mark.parametrize("where", PLANTED)
def test_nothing_is_found_where_nothing_was_planted(where):
    assert list(SEARCH.within(PLANTED[where]("somebody else"), "planted")) == []


def test_a_file_is_found_by_its_name_and_by_what_is_in_it(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / f"{CANARIES['word']}.txt").write_bytes(b"x")
    (tmp_path / "deep" / "packed.bin").write_bytes(gzip.compress(CANARIES["name"].encode()))
    assert {finding.canary for finding in SEARCH.files(tmp_path)} == {"word", "name"}


@pytest.mark.parametrize("magic", [b"\x1f\x8b", b"x\x9c", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"PAR1", b"SQLite format 3\0"])
def test_what_is_damaged_is_searched_as_it_is(magic):
    assert {finding.canary for finding in SEARCH.within(magic + b"damaged" + CANARIES["card"].encode(), "planted")} == {"card"}
