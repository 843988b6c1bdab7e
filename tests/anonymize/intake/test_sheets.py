"""XLSX workbooks, ordinary and hostile."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from decimal import Decimal

import openpyxl
import pytest

from anonymize.tables.limits import Limits


def workbook(rows, *, sheets=1, start=1):
    book = openpyxl.Workbook()
    for i, row in enumerate(rows, start):
        for j, cell in enumerate(row, 1):
            if cell is not None:
                book.active.cell(i, j, cell)
    for i in range(1, sheets):
        book.create_sheet(f"more {i}").append(["hidden"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def repacked(content, **changed):
    """The archive with parts replaced or added (None leaves one out)."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        parts = {name: old.read(name) for name in old.namelist()} | changed.pop("parts", {})
        for name, data in parts.items():
            if data is not None:
                new.writestr(name, data)
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def with_cells(cells):
    head = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    return repacked(workbook([["a"]]), parts={SHEET: f"{head}{cells}</sheetData></worksheet>".encode()})


def test_types_of_cells_become_types_of_columns(desk):
    rows = [
        ["이름", "age", "share", "day", "at", "ok", "code"],
        ["김", 30, 0.1, dt.date(2024, 1, 2), dt.datetime(2024, 1, 2, 3, 4), True, "007"],
        ["이", 31.0, 2.5, dt.date(2024, 1, 3), dt.datetime(2024, 1, 2), False, "012"],
    ]
    loaded = desk.load(workbook(rows), "x.xlsx")
    assert {c.name: c.type for c in loaded.columns} == {
        "이름": "text", "age": "integer", "share": "decimal", "day": "date", "at": "timestamp", "ok": "boolean", "code": "text",
    }
    assert desk.column("share") == [Decimal("0.1"), Decimal("2.5")]
    assert desk.column("code") == ["007", "012"]
    assert (loaded.format, loaded.encoding, loaded.rows) == ("xlsx", None, 2)


def test_only_the_first_sheet_is_read_and_the_note_says_so(desk):
    assert any("first of 3 sheets" in note for note in desk.load(workbook([["a"], [1]], sheets=3), "x.xlsx").notes)


def test_empty_rows_are_skipped_and_errors_still_name_the_row_of_the_sheet(desk):
    rows = [["n"], *[[1] for _ in range(300)], [None], [None], ["x"]]
    error = desk.refusal(workbook(rows, start=3), "x.xlsx")
    assert (error.problems[0].line, error.problems[0].shape) == (306, "A")


def test_stored_results_of_formulas_are_read_never_the_formulas(desk):
    content = with_cells('<row r="1"><c r="A1" t="inlineStr"><is><t>sum</t></is></c></row><row r="2"><c r="A2"><f>SUM(B1:B9)</f><v>42</v></c></row>')
    loaded = desk.load(content, "x.xlsx")
    assert desk.column("sum") == [42]
    assert any("formulas" in note for note in loaded.notes)


def test_a_formula_with_an_empty_text_as_its_result_is_a_missing_value(desk):
    cells = '<row r="1"><c r="A1" t="inlineStr"><is><t>v</t></is></c></row><row r="2"><c r="A2" t="str"><f>""</f><v></v></c></row><row r="3"><c r="A3"><v>1</v></c></row>'
    assert desk.load(with_cells(cells), "x.xlsx").rows == 1


def test_a_formula_without_a_stored_result_is_refused(desk):
    assert desk.refusal(workbook([["a"], ["=1+1"]]), "x.xlsx").problems[0].code == "formula_without_result"


@pytest.mark.parametrize("rows", [[], [["only", "header"]]])
def test_empty_sheets_and_headers_alone_are_refused(desk, rows):
    assert desk.refusal(workbook(rows), "x.xlsx").problems[0].code in ("empty_file", "no_rows")


def test_a_cell_beyond_the_header_is_a_ragged_row(desk):
    assert desk.refusal(workbook([["a", "b"], [1, 2, 3]]), "x.xlsx").problems[0].line == 2


def test_a_gap_in_the_header_is_an_empty_name(desk):
    assert desk.refusal(workbook([["a", None, "c"], [1, 2, 3]]), "x.xlsx").problems[0].code == "empty_name"


@pytest.mark.parametrize("content", [b"this is no archive at all", b"PK\x03\x04 but broken", workbook([["a"], [1]])[:-200]])
def test_what_is_no_archive_is_refused(desk, content):
    assert "ZIP" in desk.refusal(content, "x.xlsx").message


def test_an_archive_that_is_no_workbook_is_refused(desk):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert "no XLSX" in desk.refusal(out.getvalue(), "x.xlsx").message


def test_a_damaged_part_is_refused(desk):
    assert "damaged" in desk.refusal(repacked(workbook([["a"], [1]]), parts={SHEET: b"<worksheet><oops"}), "x.xlsx").message


def test_a_zip_bomb_is_refused_by_its_declared_ratio(desk):
    bomb = repacked(workbook([["a"], [1]]), parts={"xl/media/zero.bin": b"\0" * (8 << 20)})
    assert desk.refusal(bomb, "x.xlsx").problems[0].code == "unsafe_workbook"


def test_a_workbook_that_grows_too_large_is_refused_as_declared(desk):
    big = workbook([["a"], *[[i] for i in range(2000)]])
    assert desk.refusal(big, "x.xlsx", limits=Limits(sheet_expanded=10_000)).problems[0].code == "unsafe_workbook"


def test_a_workbook_that_lies_about_its_size_is_stopped_while_unpacking(desk, monkeypatch):
    monkeypatch.setattr("anonymize.tables.sheets._check_declared", lambda *_: None)
    big = workbook([["a"], *[[i] for i in range(2000)]])
    assert desk.refusal(big, "x.xlsx", limits=Limits(sheet_expanded=10_000)).problems[0].code == "unsafe_workbook"


def test_too_many_parts_and_side_parts_too_large_are_refused(desk):
    book = workbook([["a"], [1]])
    assert desk.refusal(book, "x.xlsx", limits=Limits(sheet_parts=3)).problems[0].code == "unsafe_workbook"
    assert desk.refusal(book, "x.xlsx", limits=Limits(sheet_side_part=50)).problems[0].code == "unsafe_workbook"


def test_entities_that_could_multiply_are_refused(desk):
    laughs = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">]><worksheet/>'
    assert desk.refusal(repacked(workbook([["a"], [1]]), parts={SHEET: laughs}), "x.xlsx").problems[0].code == "unsafe_workbook"


def test_a_cell_of_megabytes_is_refused(desk):
    cells = f'<row r="1"><c r="A1" t="inlineStr"><is><t>{"x" * (3 << 20)}</t></is></c></row>'
    error = desk.refusal(with_cells(cells), "x.xlsx", limits=Limits(sheet_ratio=10**6))
    assert error.problems[0].code == "unsafe_workbook"
    assert "a cell" in error.message


def test_a_row_numbered_beyond_the_format_does_not_run_for_ever(desk):
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="999999999999"><c r="A999999999999"><v>2</v></c></row>'
    error = desk.refusal(with_cells(cells), "x.xlsx", limits=Limits(sheet_rows=5000))
    assert error.problems[0].code == "unsafe_workbook"


def test_a_part_name_with_path_parts_writes_nothing_anywhere(desk):
    desk.load(repacked(workbook([["a"], [1]]), parts={"../../evil.txt": b"x"}), "x.xlsx")
    assert not list(desk.folder.parent.rglob("evil.txt"))
