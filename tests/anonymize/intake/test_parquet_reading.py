"""Parquet files: their types mapped, their sizes checked, nested and strange ones refused."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymize.tables.limits import Limits


def parquet(table, **options):
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("array", "told", "kept"),
    [
        (pa.array([1, None], pa.int8()), "integer", [1, None]),
        (pa.array([2**32 - 1], pa.uint32()), "integer", [2**32 - 1]),
        (pa.array([2**64 - 1], pa.uint64()), "decimal", [Decimal(2**64 - 1)]),
        (pa.array([1.5, float("nan")], pa.float32()), "number", [1.5, None]),
        (pa.array([Decimal("1.25")], pa.decimal128(9, 2)), "decimal", [Decimal("1.25")]),
        (pa.array(["007", "x"]).dictionary_encode(), "text", ["007", "x"]),
        (pa.array(["12", "13"], pa.large_string()), "text", ["12", "13"]),
        (pa.array([5, 5]).dictionary_encode(), "integer", [5, 5]),
        (pa.array([dt.date(2024, 1, 2)]), "date", [dt.date(2024, 1, 2)]),
        (pa.array([dt.datetime(2024, 1, 2, 3)], pa.timestamp("ms")), "timestamp", [dt.datetime(2024, 1, 2, 3)]),
        (pa.array([True]), "boolean", [True]),
        (pa.array([None]), "text", [None]),
        (pa.array([dt.time(1, 2, 3)], pa.time64("us")), "text", ["01:02:03.000000"]),
    ],
)
def test_types_are_mapped_and_values_kept(desk, array, told, kept):
    loaded = desk.load(parquet(pa.table({"v": array})), "x.parquet")
    assert (loaded.columns[0].type, desk.column("v")) == (told, kept)
    assert loaded.columns[0].nulls == sum(value is None for value in kept)


def test_a_zone_makes_a_time_stamp_with_zone(desk):
    array = pa.array([0], pa.timestamp("ns", "Asia/Seoul"))
    loaded = desk.load(parquet(pa.table({"v": array})), "x.parquet")
    assert loaded.columns[0].type == "timestamptz"
    assert any("microsecond" in note for note in loaded.notes)


@pytest.mark.parametrize(
    "array",
    [pa.array([[1]]), pa.array([{"a": 1}]), pa.array([b"x"]), pa.array([dt.timedelta(1)]), pa.array([Decimal("1." + "1" * 12)])],
)
def test_nested_and_strange_types_are_refused_by_column(desk, array):
    error = desk.refusal(parquet(pa.table({"fine": [1], "odd one": array})), "x.parquet")
    assert error.problems[0].column == "odd one"
    assert error.problems[0].code == "unsupported_type"


def test_infinite_numbers_are_refused_with_their_row(desk):
    error = desk.refusal(parquet(pa.table({"v": [1.0, 2.0, float("inf")]})), "x.parquet")
    assert (error.problems[0].line, error.problems[0].column) == (3, "v")


@pytest.mark.parametrize("cut", [0.2, 0.9])
def test_a_damaged_file_is_refused(desk, cut):
    whole = parquet(pa.table({"v": list(range(5000))}))
    assert "Parquet" in desk.refusal(whole[: int(len(whole) * cut)], "x.parquet").message


def test_text_called_parquet_is_refused(desk):
    assert "footer" in desk.refusal("a,b\n1,2\n", "x.parquet").message


def test_a_file_with_damaged_pages_is_refused_and_tells_no_value(desk):
    whole = bytearray(parquet(pa.table({"v": ["secret"] * 500 + ["more"] * 500}), compression="zstd", use_dictionary=False))
    whole[10:40] = b"\xff" * 30
    assert "damaged" in desk.refusal(bytes(whole), "x.parquet").message


@pytest.mark.parametrize("limits", [Limits(expanded=1000), Limits(row_group=1000), Limits(column_chunk=1000)])
def test_sizes_are_refused_as_declared(desk, limits):
    content = parquet(pa.table({"v": [str(i) for i in range(5000)]}))
    assert desk.refusal(content, "x.parquet", limits=limits).problems[0].code == "too_large"


def test_no_rows_and_bad_names_are_refused(desk):
    assert desk.refusal(parquet(pa.table({"v": pa.array([], pa.int64())})), "x.parquet").problems[0].code == "no_rows"
    assert desk.refusal(parquet(pa.table([[1], [2]], ["a", "A"])), "x.parquet").problems[0].code == "duplicate_name"


def test_a_declared_type_converts_and_refuses_misfits(desk):
    content = parquet(pa.table({"v": ["1", "2", None], "n": [1, 2, 3]}))
    loaded = desk.load(content, "x.parquet", types={"v": "integer", "n": "text"})
    assert [c.type for c in loaded.columns] == ["integer", "text"]
    assert desk.column("n") == ["1", "2", "3"]
    bad = parquet(pa.table({"v": ["1", "two"]}))
    assert (desk.refusal(bad, "x.parquet", types={"v": "integer"}).problems[0].line) == 2


def test_what_pandas_wrote_is_read(desk):
    out = io.BytesIO()
    pd.DataFrame({"a": pd.Categorical(["x", "y"]), "t": pd.to_datetime(["2024-01-01", None])}).to_parquet(out)
    loaded = desk.load(out.getvalue(), "x.parquet")
    assert [c.type for c in loaded.columns] == ["text", "timestamp"]
    assert loaded.columns[1].nulls == 1
