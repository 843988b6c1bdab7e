"""Every value of a column has its say in the column's type."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from anonymize.tables import types
from anonymize.tables.limits import Limits
from anonymize.tables.types import KINDS, Kinds, choose


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["1", "-2", "0", "9223372036854775807", "-9223372036854775808"], "integer"),
        (["01234", "00123"], "text"),
        (["12", "0123"], "text"),
        (["9223372036854775808", "1"], "text"),
        (["+821012345678", "+8613800138000"], "text"),
        (["1.50", "2"], "decimal"),
        ([".5", "-0.25"], "decimal"),
        (["1e3", "2.5"], "number"),
        (["0.12345678901", "1"], "number"),
        (["1e400", "2"], "text"),
        (["nan", "1.0"], "text"),
        (["1,234", "5,678"], "text"),
        (["2024-02-29", "1999/12/31", "2024.01.02"], "date"),
        (["2023-02-29"], "text"),
        (["20240101"], "integer"),
        (["2024-01-02 03:04", "2024-01-02T03:04:05.123456", "2024-01-02"], "timestamp"),
        (["2024-01-02T25:00:00"], "text"),
        (["2024-01-02T03:04:05Z", "2024-01-02 03:04:05+09:00", "2024-01-02T03:04:05+0900"], "timestamptz"),
        (["2024-01-02T03:04:05Z", "2024-01-02T03:04:05"], "text"),
        (["true", "FALSE", "True"], "boolean"),
        (["yes", "no"], "text"),
        (["1.2.3", "4.5.6"], "text"),
        (["", " "], "text"),
        (["٣", "٤"], "text"),
        (["-", "."], "text"),
        ([" 12", "7 "], "integer"),
    ],
)
def test_the_narrowest_type_that_fits_all_values_is_chosen(types_of, values, told):
    body = "".join(f'"{value}",x\n' for value in values)
    assert types_of("v,other\n" + body)["v"] == told


@pytest.mark.parametrize("values", [["7", " 7", "12.50", ""], ["x", "7"], ["2024-01-02", "2024-01-02 03:04"], ["007", "7"]])
def test_values_that_come_often_have_the_same_say_as_if_each_were_looked_at(desk, monkeypatch, values):
    body = "v,o\n" + "".join(f'"{value}",{i}\n' for i, value in enumerate(values * 10))
    alone = desk.load(body)
    monkeypatch.setattr(types, "_SAMPLE", 3)  # ten times that is less than these rows
    assert desk.load(body) == alone


def test_a_few_misfits_among_values_that_come_often_are_counted_all(desk, monkeypatch):
    monkeypatch.setattr(types, "_SAMPLE", 20)
    error = desk.refusal("v,o\n" + "".join(f"{'x' if i in (30, 700) else i % 5},{i}\n" for i in range(1000)))
    assert "2 values do not fit, the first at line 32" in error.message


def test_values_are_exact_in_their_types(desk):
    desk.load("i,d,t,z,b,day\n9223372036854775807,0.10,2024-01-02T03:04:05.5,2024-01-02T03:04:05+09:00,TRUE,2024/01/02\n,12345678901234567890.5,,,,\n")
    table = desk.table()
    assert table["i"].to_pylist() == [2**63 - 1, None]
    assert table["d"].to_pylist() == [Decimal("0.10"), Decimal("12345678901234567890.50")]
    assert table["t"].to_pylist() == [dt.datetime(2024, 1, 2, 3, 4, 5, 500000), None]
    assert table["z"][0].as_py() == dt.datetime(2024, 1, 1, 18, 4, 5, tzinfo=dt.UTC)
    assert table["b"].to_pylist() == [True, None]
    assert table["day"][0].as_py() == dt.date(2024, 1, 2)
    assert table.schema.field("z").type == pa.timestamp("us", "UTC")
    assert table.schema.field("t").type == pa.timestamp("us")


def test_text_is_untouched_by_trimming(desk):
    desk.load('v,o\n"  padded ",1\n"=1+1",2\n')
    assert desk.column("v") == ["  padded ", "=1+1"]


def test_rows_keep_their_order(desk):
    desk.load("n,s\n" + "".join(f"{i},{'ab'[i % 2] * 40}\n" for i in range(200_000)))
    assert desk.column("n") == list(range(200_000))


def test_codes_wide_numbers_and_empty_columns_are_kept_as_text_with_a_note(desk):
    loaded = desk.load("code,big,none,n\n007,99999999999999999999,,1\n012,1,,2\n")
    assert [column.type for column in loaded.columns] == ["text", "text", "text", "integer"]
    assert [any(f"'{name}'" in note for note in loaded.notes) for name in ("code", "big", "none", "n")] == [True, True, True, False]
    assert desk.column("code") == ["007", "012"]
    assert loaded.columns[2].nulls == 2


def test_the_last_row_counts_as_much_as_the_first(types_of):
    assert types_of("v\n" + "1\n" * 150 + "x\n")["v"] == "text"


def test_a_few_misfits_in_a_typed_column_are_an_error_with_line_column_and_shape(desk):
    rows = [f'{i},"a\nb"' for i in range(1000)]
    rows[500] = '"4O0",c'
    error = desk.refusal("amount,note\n" + "\n".join(rows) + "\n")
    (problem,) = error.problems
    assert (problem.line, problem.column, problem.shape) == (1002, "amount", "9A9")
    assert "declare the column as text" in error.message
    assert "4O0" not in str(error.as_dict())


def test_the_same_file_is_read_when_the_column_is_declared_as_text(desk):
    content = "amount\n" + "1\n" * 1000 + "4O0\n"
    assert desk.load(content, types={"amount": "text"}).columns[0].type == "text"


def test_at_most_twenty_misfits_are_listed_and_all_are_counted(desk):
    error = desk.refusal("n\n" + "1\n" * 99_800 + "x1\n" * 200)
    assert len(error.problems) == 20
    assert "200 values" in error.message
    assert error.problems[0].line == 99_802


@pytest.mark.parametrize(("good", "bad", "told"), [(995, 5, True), (994, 6, False), (199, 1, True), (198, 1, False)])
def test_the_share_that_makes_a_column_mostly_typed_is_half_a_percent_of_two_hundred(good, bad, told):
    assert (choose(Kinds({"integer": good, "other": bad}, 0)).mostly == "integer") is told


def test_a_leading_zero_among_numbers_makes_a_code_not_an_error(types_of):
    assert types_of("v\n" + "12\n" * 999 + "012\n")["v"] == "text"


@pytest.mark.parametrize(
    ("declared", "value", "fits"),
    [
        ("integer", "007", True),
        ("integer", "1.0", False),
        ("integer", "99999999999999999999", False),
        ("decimal", "1.5", True),
        ("decimal", "1e3", False),
        ("number", "99999999999999999999", True),
        ("date", "2024-13-01", False),
        ("timestamp", "2024-01-01", True),
        ("timestamptz", "2024-01-01T00:00:00", False),
        ("boolean", "1", False),
        ("text", "anything", True),
    ],
)
def test_a_declared_type_takes_what_fits_and_refuses_the_rest(desk, declared, value, fits):
    content = f"v,o\n,1\n{value},2\n"
    if fits:
        assert desk.load(content, types={"v": declared}).columns[0].type == declared
    else:
        assert (desk.refusal(content, types={"v": declared}).problems[0].line) == 3


def test_declaring_an_unknown_column_or_type_is_refused(desk):
    assert desk.refusal("a\n1\n", types={"b": "text"}).problems[0].code == "unknown_column"
    assert desk.refusal("a\n1\n", types={"a": "varchar"}).problems[0].code == "unknown_type"


def test_without_the_check_of_real_dates_a_day_that_never_was_would_pass(desk, monkeypatch):
    """A planted fault: the calendar check left out. The refusal above must come from it, so now it is an error later."""
    faulty = tuple((kind, test.split(" AND ")[0] if kind == "date" else test) for kind, test in KINDS)
    monkeypatch.setattr("anonymize.tables.types.KINDS", faulty)
    error = desk.refusal("v\n2023-02-29\n")
    assert "cannot be written" in error.message
    assert "2023" not in error.message


def test_the_typed_file_has_plain_arrow_types(desk):
    desk.load("t,i,d,n,b\nx,1,1.5,1e3,true\n")
    assert desk.table().schema.types == [pa.string(), pa.int64(), pa.decimal128(38, 1), pa.float64(), pa.bool_()]


def test_hundreds_of_text_columns_fit_into_little_memory(desk):
    names = ",".join(f"n{i}" for i in range(200))
    row = ",".join(f"v{i:012d}" for i in range(200))
    loaded = desk.load(f"{names}\n" + f"{row}\n" * 1000, limits=Limits(memory="48MB"))
    assert (loaded.rows, len(loaded.columns)) == (1000, 200)
