"""What leaves: JSON's own types, CSV that no spreadsheet runs, whole exports in bounded memory."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import tracemalloc
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.publishing.query import (
    MEDIA_TYPES,
    QueryError,
    RecordsQuery,
    ReleaseColumn,
    export,
    parse_export_params,
    records,
    stored_whole,
)
from tests.publishing.query.conftest import SECRET, TYPES, write_release


def _export(release, format, **question):
    return b"".join(export(release, format, RecordsQuery(**question)))


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """One row a case: a full one, nulls, and the values that JSON cannot hold."""
    seoul = dt.timezone(dt.timedelta(hours=9))
    table = pa.table(
        {
            "i": pa.array([2**53 + 1, None, -1], pa.int64()),
            "d": pa.array([Decimal("1234.50"), None, Decimal("-0.05")], pa.decimal128(10, 2)),
            "tiny": pa.array([Decimal("0E-8"), None, Decimal("0.00000001")], pa.decimal128(20, 8)),
            "x": pa.array([0.1, float("nan"), float("-inf")]),
            "s": pa.array(['강남, "구"\r\n', None, ""]),
            "b": pa.array([True, None, False]),
            "day": pa.array([dt.date(2026, 1, 31), None, dt.date(1, 1, 1)]),
            "at": pa.array(
                [dt.datetime(2026, 1, 31, 18), None, dt.datetime(2026, 1, 31, 18, 0, 0, 5)], pa.timestamp("us")
            ),
            "seen": pa.array(
                [dt.datetime(2026, 1, 31, 18, tzinfo=seoul), None, None], pa.timestamp("us", "Asia/Seoul")
            ),
        }
    )
    types = ["integer", "decimal", "decimal", "number", "text", "boolean", "date", "timestamp", "timestamptz"]
    columns = tuple(ReleaseColumn(name, kind) for name, kind in zip(table.column_names, types, strict=True))
    return write_release(tmp_path_factory.mktemp("kinds") / "data.parquet", table, columns)


_FULL = {
    "i": 2**53 + 1,
    "d": "1234.50",
    "tiny": "0.00000000",
    "x": 0.1,
    "s": '강남, "구"\r\n',
    "b": True,
    "day": "2026-01-31",
    "at": "2026-01-31T18:00:00",
    "seen": "2026-01-31T09:00:00+00:00",
}


@pytest.mark.parametrize("question", [{}, {"where": "i != 0 or i is null"}, {"order_by": "i desc"}])
def test_values_have_jsons_types_whichever_way_they_were_read(kinds, question):
    found = records(kinds, RecordsQuery(**question), secret=SECRET)
    rows = json.loads(found.to_json())["records"]
    assert rows == found.rows
    assert rows[0] == _FULL
    by_i = {row["i"]: row for row in rows}
    assert by_i[None] == dict.fromkeys(_FULL)
    assert by_i[-1] == {**_FULL, "i": -1, "d": "-0.05", "tiny": "0.00000001", "x": None, "s": "", "b": False} | {
        "day": "0001-01-01",
        "at": "2026-01-31T18:00:00.000005",
        "seen": None,
    }


def test_json_exports_hold_the_same_rows_as_the_pages(release):
    pages = records(release, RecordsQuery(limit=10_000), secret=SECRET).rows
    assert json.loads(_export(release, "json")) == pages
    assert [json.loads(line) for line in _export(release, "jsonl").splitlines()] == pages


@pytest.mark.parametrize("format", list(MEDIA_TYPES))
@pytest.mark.parametrize("question", [{"where": "id < 0"}, {"where": "id < 0", "group_by": "n"}])
def test_an_empty_export_is_whole_too(release, format, question):
    whole = _export(release, format, **question)
    if format == "csv":
        assert whole.count(b"\r\n") == 1
    elif format == "parquet":
        assert pq.read_table(io.BytesIO(whole)).num_rows == 0
    else:
        assert whole == (b"[]\n" if format == "json" else b"")


def _csv_rows(raw):
    return list(csv.reader(io.StringIO(raw.decode("utf-8"), newline="")))


def test_csv_reads_back_as_what_was_published(release, rows):
    header, *cells = _csv_rows(_export(release, "csv"))
    assert header == list(TYPES)
    place = header.index("구")
    guarded = [("'" + row["구"] if row["구"] == "=1+1" else row["구"]) or "" for row in rows]
    assert [row[place] for row in cells] == guarded


def test_csv_tells_null_from_empty_and_has_no_byte_order_mark(kinds):
    raw = _export(kinds, "csv")
    lines = raw.split(b"\r\n")
    assert raw.startswith(b'"i","d"')
    assert lines[3].startswith(b",,,,,,,")  # a null is nothing, NaN as well
    assert lines[4].startswith(b'-1,-0.05,"0.00000001",,"",false,')
    assert lines[1].startswith(b'9007199254740993,1234.50,"0.00000000",0.1,"')


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_of_a_csv_starts_a_formula(tmp_path, start):
    cell, header = f'{start}HYPERLINK("http://x")', f"{start}name"
    table = pa.table({header: [cell, "safe=1", None], "n": [-5, 0, 1]})
    columns = (ReleaseColumn(header, "text"), ReleaseColumn("n", "integer"))
    release = write_release(tmp_path / "a.parquet", table, columns)
    quoted = f"`{header}`"
    for question in ({}, {"where": "n < 9"}, {"select": f"max({quoted}) as {quoted}, n", "group_by": "n"}):
        found = _csv_rows(_export(release, "csv", **question))
        assert found[0][0] == "'" + header
        assert found[1] == ["'" + cell, "-5"]  # a number is no formula
        assert found[2][0] == "safe=1"


def test_a_whole_parquet_export_is_the_published_file_itself(release):
    assert _export(release, "parquet") == release.path.read_bytes()
    assert stored_whole(release, "parquet", RecordsQuery()) == release.path
    assert stored_whole(release, "csv", RecordsQuery()) is None
    assert stored_whole(release, "parquet", RecordsQuery(where="n = 1")) is None


def test_a_filtered_parquet_export_keeps_types_names_and_order(release, rows):
    raw = _export(release, "parquet", select="구 as gu, amount, id", where="n > 0", order_by="id desc")
    table = pq.read_table(io.BytesIO(raw))
    assert table.schema.types == [pa.string(), pa.decimal128(18, 2), pa.int64()]
    assert table.column("id").to_pylist() == [row["id"] for row in reversed(rows) if (row["n"] or 0) > 0]


def test_an_export_follows_the_order_and_folds_groups(release, rows):
    lines = _csv_rows(_export(release, "csv", select="flag, count(*)", group_by="flag", order_by="flag desc"))
    assert lines[0] == ["flag", "count"]
    assert [line[0] for line in lines[1:]] == ["true", "false", ""]
    assert sum(int(line[1]) for line in lines[1:]) == len(rows)


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("where", [None, "n >= 0"])
def test_an_export_needs_the_memory_of_a_batch_and_not_of_the_file(tmp_path, format, where):
    size = 300_000
    table = pa.table({"n": pa.array(range(size), pa.int64()), "s": pa.array([f"{i:032d}" for i in range(size)])})
    columns = (ReleaseColumn("n", "integer"), ReleaseColumn("s", "text"))
    release = write_release(tmp_path / "big.parquet", table, columns)
    del table
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    seen, arrow = 0, 0
    for piece in export(release, format, RecordsQuery(where=where, select="s, n")):
        seen += len(piece)
        arrow = max(arrow, pa.total_allocated_bytes() - before)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seen > size * 2
    assert peak < 20 * 2**20
    assert arrow < 12 * 2**20


def test_an_export_that_is_closed_early_lets_go(release):
    pieces = export(release, "jsonl", RecordsQuery(where="id >= 0"))
    assert next(pieces)
    pieces.close()
    assert list(pieces) == []


@pytest.mark.parametrize(
    ("format", "question", "code"),
    [
        ("xml", {}, "unknown_format"),
        ("csv", {"where": "nope = 1"}, "unknown_column"),
        ("csv", {"limit": 5}, "invalid_parameter"),
        ("parquet", {"offset": 5}, "invalid_parameter"),
        ("json", {"cursor": "abc"}, "invalid_parameter"),
    ],
)
def test_a_bad_export_fails_before_its_first_byte(release, format, question, code):
    with pytest.raises(QueryError) as caught:
        export(release, format, RecordsQuery(**question))
    assert caught.value.code == code


def test_export_parameters_have_no_paging():
    assert parse_export_params({"where": "n = 1"}) == RecordsQuery(where="n = 1")
    with pytest.raises(QueryError) as caught:
        parse_export_params({"limit": "5"})
    assert caught.value.code == "unknown_parameter"
