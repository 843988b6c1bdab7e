"""A population as a file: what is read of it, and what is refused, by line and column and never by value."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest

from anonymize.columns.population_files import parse, read, typed
from anonymize.errors import RecipeError


def test_lines_of_one_combination_are_added_up_and_an_empty_field_is_null() -> None:
    found = parse("p.csv", 'age,city,persons\n21,a,3\n,"b, c",1\n21,a,2\n')
    assert found.texts == {"age": ["21", None], "city": ["a", "b, c"]}
    assert found.codes.tolist() == [[0, 0], [1, 1]]
    assert found.persons.tolist() == [5, 1]


def test_without_counts_every_line_is_a_person() -> None:
    assert parse("p.csv", "age\r\n21\r\n21\r\n22\r\n").persons.tolist() == [2, 1]


def test_columns_come_in_the_order_of_the_quasi_identifiers(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes("﻿persons,city,age\n2,a,21\n".encode())
    found = read("p.csv", tmp_path, ["age", "city"])
    assert list(found.texts) == ["age", "city"]
    assert [found.texts[column][code] for column, code in zip(found.texts, found.codes[0], strict=True)] == ["21", "a"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no column"),
        ("persons\n1\n", "names no column"),
        ("age,\n1,2\n", "column 2 has no name"),
        ("age,age\n1,2\n", "column 2 repeats a name"),
        ("age,city\n", "it holds nobody"),
        ("age,city\n77,secret\n78\n", "line 3 has 1 fields"),
        ('age,city\n77,"secret\n', "cannot be read"),
        ("age,persons\n77,0\n", "no whole number from 1"),
        ("age,persons\n77,-1\n", "no whole number from 1"),
        ("age,persons\n77,1.5\n", "no whole number from 1"),
        ("age,persons\n77,\n", "no whole number from 1"),
        ("age,persons\n77,٣\n", "no whole number from 1"),
        ("age,persons\n77,nan\n", "no whole number from 1"),
        ("age,persons\n77,999999999999\n78,999999999999\n", "more than 1000000000000 persons"),
    ],
)
def test_a_file_that_is_no_population_is_refused_without_a_value_of_it(text: str, says: str) -> None:
    with pytest.raises(RecipeError) as refused:
        parse("p.csv", text)
    assert says in refused.value.message
    assert "77" not in refused.value.message and "secret" not in refused.value.message


@pytest.mark.parametrize(("columns", "says"), [(["age", "sex"], "no column 'sex'"), ([], "neither a quasi-identifier nor 'persons'")])
def test_its_columns_are_the_quasi_identifiers_no_fewer_and_no_more(tmp_path: Path, columns: list[str], says: str) -> None:
    (tmp_path / "p.csv").write_text("age,persons\n21,1\n")
    with pytest.raises(RecipeError, match=says):
        read("p.csv", tmp_path, columns)


@pytest.mark.parametrize("file", ["absent.csv", "../p.csv", "bytes.csv"])
def test_a_file_that_is_not_there_not_inside_or_no_text_is_refused(tmp_path: Path, file: str) -> None:
    (tmp_path / "p.csv").write_text("age\n21\n")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "bytes.csv").write_bytes(b"age\n\xff\xfe\n")
    with pytest.raises(RecipeError, match="population file"):
        read(file, tmp_path / "inner", ["age"])


KINDS: list[tuple[Any, list[str], list[Any]]] = [
    (nw.Int64(), ["21", "-3", "4.0", ""], [21, -3, 4, None]),
    (nw.Decimal(), ["1.50", "2"], [Decimal("1.5"), Decimal(2)]),
    (nw.Float64(), ["0.1", "-0.0"], [0.1, 0.0]),
    (nw.Boolean(), ["true", "FALSE"], [True, False]),
    (nw.String(), ["a", "01"], ["a", "01"]),
    (nw.Date(), ["2024-02-29"], [dt.date(2024, 2, 29)]),
    (nw.Datetime("us"), ["2024-02-29T10:00:00"], [dt.datetime(2024, 2, 29, 10)]),
    (nw.Datetime("us", "UTC"), ["2024-02-29T10:00:00+09:00"], [dt.datetime(2024, 2, 29, 1, tzinfo=dt.UTC)]),
]


@pytest.mark.parametrize(("kind", "texts", "values"), KINDS, ids=lambda x: str(x)[:20])
def test_fields_become_values_of_the_type_of_the_tables_column(kind: Any, texts: list[str], values: list[Any]) -> None:
    found = parse("p.csv", "\n".join(["q,persons", *(f"{text},1" for text in texts)]))
    assert typed(found, "q", kind) == values


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (nw.Int64(), "2.5"), (nw.Int64(), "1_0"), (nw.Int64(), "nan"), (nw.Int64(), "1e999"), (nw.Float64(), "inf"), (nw.Decimal(), "x"),
        (nw.Boolean(), "1"), (nw.Date(), "2024-02-30"), (nw.Datetime("us"), "2024-02-29T10:00:00Z"),
        (nw.Datetime("us", "UTC"), "2024-02-29T10:00:00"), (nw.Time(), "10:00"),
    ],
    ids=str,
)  # fmt: skip
def test_a_field_that_is_no_value_of_that_type_is_refused_and_not_shown(kind: Any, text: str) -> None:
    with pytest.raises(RecipeError, match=r"1 distinct value\(s\) of column 'q'") as refused:
        typed(parse("p.csv", f"q\n{text}\n"), "q", kind)
    assert text not in refused.value.message.replace("1 distinct", "").replace("of column", "")
