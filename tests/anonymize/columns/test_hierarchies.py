"""Ladders: what they say, that their levels nest, and what they refuse without naming a value."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import h3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymize.columns import hierarchy_files
from anonymize.columns.hierarchies import Ladder, build, leaves
from anonymize.errors import InputError, RecipeError
from anonymize.recipe import DateHierarchy, FileHierarchy, H3Hierarchy, Hierarchy, IntervalHierarchy, PrefixHierarchy

QUICK = settings(max_examples=100, deadline=None, derandomize=True)
SECRET = "Geheimnis"  # stands for a value of a person: no error may hold it


def from_file(folder: Path, content: str | bytes, values: list[Any]) -> Ladder:
    data = content.encode() if isinstance(content, str) else content
    (folder / "ladder.csv").write_bytes(data)
    return build("c", FileHierarchy(file="ladder.csv"), values, folder)


def refusal(folder: Path, content: str | bytes, values: list[Any] | None = None) -> str:
    with pytest.raises(RecipeError) as caught:
        from_file(folder, content, values or [])
    said = str(caught.value.as_dict())
    assert SECRET not in said
    return said


def levels_nest(ladder: Ladder, values: list[Any]) -> None:
    for level in range(ladder.top):
        fine, coarse = ladder.labels(level, values), ladder.labels(level + 1, values)
        assert len(set(zip(fine, coarse, strict=True))) == len(set(fine))


# --- without a hierarchy, and null ---------------------------------------------------------------------------------


def test_without_a_hierarchy_there_are_the_values_and_the_star() -> None:
    ladder = build("c", None, ["a", "b", None], None)
    assert (ladder.levels, ladder.domain) == (2, 2)
    assert ladder.labels(0, ["b", None]) == ["b", None]
    assert ladder.labels(1, ["b", None]) == ["*", "*"]


@pytest.mark.parametrize(
    ("hierarchy", "value"),
    [
        (IntervalHierarchy(intervals=("5", "10")), 3),
        (DateHierarchy(), dt.date(2024, 2, 29)),
        (PrefixHierarchy(prefix=(5, 2)), "11110530"),
        (H3Hierarchy(h3=(7, 5)), "8930e1d9b37ffff"),
        (None, True),
    ],
)
def test_null_stays_null_below_the_top_and_is_a_star_at_the_top(hierarchy: Hierarchy | None, value: Any) -> None:
    ladder = build("c", hierarchy, [value, None], None)
    assert [ladder.labels(level, [None])[0] for level in range(ladder.levels)] == [None] * ladder.top + ["*"]


def test_the_text_of_a_long_decimal_keeps_every_digit() -> None:
    long = "1234567890123456789012345678.0123456789"
    assert build("x", None, [Decimal(long)], None).labels(0, [Decimal(long)]) == [long]


def test_a_level_that_is_not_there_is_refused() -> None:
    ladder = build("c", None, ["a"], None)
    for level in (-1, 2):
        with pytest.raises(RecipeError, match="levels 0 to 1"):
            ladder.labels(level, ["a"])


# --- intervals -----------------------------------------------------------------------------------------------------


def test_intervals_are_named_by_origin_and_width() -> None:
    ladder = build("age", IntervalHierarchy(intervals=("5", "10"), origin="3"), [2, 3, 12, 13], None)
    assert ladder.labels(1, [2, 3, 12, 13]) == ["[-2, 3)", "[3, 8)", "[8, 13)", "[13, 18)"]
    assert ladder.labels(2, [2, 3, 12, 13]) == ["[-7, 3)", "[3, 13)", "[3, 13)", "[13, 23)"]


def test_a_written_tenth_falls_into_the_interval_that_starts_at_it() -> None:
    ladder = build("x", IntervalHierarchy(intervals=("0.1",)), [0.3, 0.7], None)
    assert ladder.labels(1, [0.3, 0.7, Decimal("0.3"), -0.05]) == ["[0.3, 0.4)", "[0.7, 0.8)", "[0.3, 0.4)", "[-0.1, 0)"]


@QUICK
@given(
    values=st.lists(st.one_of(st.integers(-(10**30), 10**30), st.floats(-1e12, 1e12), st.decimals(-1000, 1000)), min_size=1),
    origin=st.integers(-7, 7),
)
def test_interval_bounds_are_multiples_of_the_width_hold_the_value_and_nest(values: list[Any], origin: int) -> None:
    ladder = build("x", IntervalHierarchy(intervals=("0.5", "10", "100"), origin=str(origin)), values, None)
    for value, label in zip(values, ladder.labels(2, values), strict=True):
        lower, upper = (Fraction(part) for part in str(label).strip("[)").split(", "))
        exact = Fraction(repr(value)) if isinstance(value, float) else Fraction(value)
        assert lower <= exact < upper
        assert (lower - origin) % 10 == 0
        assert upper - lower == 10
    levels_nest(ladder, sorted(set(values)))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), Decimal("NaN")])
def test_numbers_that_are_not_finite_are_refused(value: Any) -> None:
    for hierarchy in (None, IntervalHierarchy(intervals=("5",))):
        with pytest.raises(InputError, match="not finite"):
            build("x", hierarchy, [1.0, value], None)


# --- dates ---------------------------------------------------------------------------------------------------------


def test_dates_go_through_the_calendar() -> None:
    ladder = build("d", DateHierarchy(dates=("day", "month", "quarter", "year")), [dt.date(2024, 11, 5)], None)
    labels = [ladder.labels(level, [dt.date(2024, 11, 5)])[0] for level in range(ladder.levels)]
    assert labels == ["2024-11-05", "2024-11-05", "2024-11", "2024-Q4", "2024", "*"]


def test_above_the_week_a_date_belongs_to_the_month_of_its_thursday() -> None:
    ladder = build("d", DateHierarchy(), [dt.date(2024, 12, 30)], None)
    labels = [ladder.labels(level, [dt.date(2024, 12, 30)])[0] for level in range(1, ladder.top)]
    assert labels == ["2024-12-30", "2025-W01", "2025-01", "2025-Q1", "2025"]


def test_a_time_stamp_counts_by_its_date() -> None:
    moment = dt.datetime(2024, 5, 1, 23, 59, tzinfo=dt.UTC)
    ladder = build("d", DateHierarchy(dates=("day", "month")), [moment], None)
    assert [ladder.labels(level, [moment])[0] for level in (1, 2)] == ["2024-05-01", "2024-05"]


@QUICK
@given(values=st.lists(st.dates(), min_size=1, unique=True))
def test_calendar_levels_nest_with_weeks_among_them(values: list[dt.date]) -> None:
    levels_nest(build("d", DateHierarchy(), values, None), values)


def test_time_stamps_have_hours_and_dates_have_none() -> None:
    moment = dt.datetime(2024, 5, 1, 7, 59)
    ladder = build("t", DateHierarchy(dates=("hour", "day", "week", "year")), [moment], None)
    assert [ladder.labels(level, [moment])[0] for level in range(1, ladder.top)] == ["2024-05-01T07", "2024-05-01", "2024-W18", "2024"]
    assert DateHierarchy().dates[0] == "day"
    with pytest.raises(RecipeError, match="hours need a column of time stamps"):
        build("d", DateHierarchy(dates=("hour", "day")), [dt.date(2024, 5, 1)], None)


@QUICK
@given(values=st.lists(st.datetimes(), min_size=1, unique=True))
def test_hours_nest_in_days(values: list[dt.datetime]) -> None:
    levels_nest(build("t", DateHierarchy(dates=("hour", "day", "week", "month")), values, None), values)


def test_the_last_week_that_dates_can_hold_has_a_label() -> None:
    assert build("d", DateHierarchy(dates=("week", "year")), [dt.date.max], None).labels(2, [dt.date.max]) == ["9999"]


# --- codes and cells -----------------------------------------------------------------------------------------------


def test_prefixes_cut_codes_and_whole_numbers() -> None:
    ladder = build("code", PrefixHierarchy(prefix=(5, 2)), ["11110530"], None)
    assert [ladder.labels(level, ["11110530", 1111])[0] for level in (1, 2)] == ["11110", "11"]
    assert ladder.labels(2, [1111]) == ["11"]


@QUICK
@given(values=st.lists(st.text(max_size=9), min_size=1, unique=True))
def test_prefixes_nest_for_codes_of_any_length(values: list[str]) -> None:
    levels_nest(build("code", PrefixHierarchy(prefix=(6, 3, 1)), values, None), values)


def test_cells_climb_to_their_parents_and_nest() -> None:
    cells = [h3.latlng_to_cell(37.5 + i / 50, 127 + i / 70, 9) for i in range(40)]
    ladder = build("cell", H3Hierarchy(h3=(8, 6, 4)), cells, None)
    assert ladder.labels(2, cells[:1]) == [h3.cell_to_parent(cells[0], 6)]
    levels_nest(ladder, cells)


@pytest.mark.parametrize(
    ("hierarchy", "value"),
    [
        (IntervalHierarchy(intervals=("5",)), SECRET),
        (IntervalHierarchy(intervals=("5",)), True),
        (DateHierarchy(), SECRET),
        (PrefixHierarchy(prefix=(3,)), 1.5),
        (H3Hierarchy(h3=(5,)), SECRET),
        (H3Hierarchy(h3=(9,)), h3.latlng_to_cell(37.5, 127, 7)),
    ],
)
def test_a_value_with_no_place_is_counted_not_named(hierarchy: Hierarchy, value: Any) -> None:
    with pytest.raises(RecipeError, match=r"1 distinct value\(s\) have no place") as caught:
        build("c", hierarchy, [value], None)
    assert SECRET not in str(caught.value.as_dict())


# --- files ---------------------------------------------------------------------------------------------------------

FILE = "a;x;*\nb;x;*\nc;y;*\n"


def test_a_file_is_a_ladder_and_its_star_is_the_top(tmp_path: Path) -> None:
    ladder = from_file(tmp_path, FILE, ["a", "c", None])
    assert (ladder.levels, ladder.domain) == (3, 3)
    assert ladder.labels(1, ["a", "b", "c"]) == ["x", "x", "y"]
    assert ladder.leaves_per_label(1) == {"x": 2, "y": 1}


def test_a_file_without_a_star_gets_one_on_top(tmp_path: Path) -> None:
    assert from_file(tmp_path, "a;World\nb;World\n", ["a"]).levels == 3
    assert from_file(tmp_path, "a\nb\n", ["a"]).levels == 2
    assert from_file(tmp_path, "*\n", []).levels == 2


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf" + FILE.encode(), FILE.replace("\n", "\r\n").encode(), b'"a";x;*\n\nb;x;*'])
def test_a_byte_order_mark_windows_lines_quotes_and_blank_lines_are_fine(tmp_path: Path, content: bytes) -> None:
    assert from_file(tmp_path, content, ["a", "b"]).labels(1, ["a"]) == ["x"]


@pytest.mark.parametrize(
    ("leaf", "value"),
    [
        ("39", 39),
        ("1.50", Decimal("1.5")),
        ("0.1", 0.1),
        ("true", True),
        ("2024-01-02", dt.date(2024, 1, 2)),
        ("2024-01-02 03:04", dt.datetime(2024, 1, 2, 3, 4)),
    ],
)
def test_leaves_are_found_by_values_of_the_columns_own_type(tmp_path: Path, leaf: str, value: Any) -> None:
    assert from_file(tmp_path, f"{leaf};group;*\n", [value]).labels(1, [value]) == ["group"]


def test_public_leaves_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    from_file(tmp_path, FILE, [])
    assert leaves(FileHierarchy(file="ladder.csv"), tmp_path) == ["a", "b", "c"]
    assert leaves(PrefixHierarchy(prefix=(2,)), tmp_path) is None


def test_values_that_the_file_lacks_are_counted_not_named(tmp_path: Path) -> None:
    assert "2 distinct value(s)" in refusal(tmp_path, FILE, ["a", SECRET, SECRET + "2"])
    assert "1 distinct value(s)" in refusal(tmp_path, "a\nb\n", ["a", SECRET])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"{SECRET};x;*\nb;x\n", "line 2 has 2 fields, line 1 has 3"),
        (f"{SECRET};x;*\nb;y;*\n{SECRET};x;*\n", "line 3 repeats the leaf of line 1"),
        (f"{SECRET};x;p;*\nb;{SECRET};p;*\nc;x;q;*\n", "line 3: its label at level 1"),
        (f"{SECRET};;*\n", "line 1, level 1 is empty"),
        (f"ok;x;*\n{SECRET};{SECRET}2;p;*\n".replace(";*", ";p;*", 1) + f"a;p;{SECRET}2;*\n", "line 2: a label of it lies above itself"),
        (f"{SECRET};b;*\nb;{SECRET};*\n", "line 1: a label of it lies above itself"),
        ("", "holds no line"),
        (f'"{SECRET};x\n', "cannot be read"),
        (f"ok;x\n{SECRET}".encode() + b"\xff;x\n", "line 2 is not UTF-8"),
        (";".join("x" * 65), "more than 64 levels"),
    ],
    ids=["ragged", "duplicate leaf", "does not nest", "empty label", "cycle", "leaves in a cycle", "empty file", "quotes", "encoding", "levels"],
)
def test_a_bad_file_is_refused_with_the_line_and_without_the_value(tmp_path: Path, content: str | bytes, said: str) -> None:
    assert said in refusal(tmp_path, content)


def test_a_label_may_be_padded_upwards(tmp_path: Path) -> None:
    assert from_file(tmp_path, "a;a;a;*\nb;a;a;*\n", ["a", "b"]).labels(2, ["b"]) == ["a"]


def test_two_spellings_of_one_number_are_one_leaf_twice(tmp_path: Path) -> None:
    assert "are one number or date" in refusal(tmp_path, "1;x;*\n1.0;y;*\n", [1])


def test_no_more_than_twenty_problems_are_listed_and_the_rest_is_counted(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("a;x\n" * 50)
    with pytest.raises(RecipeError, match="and 48 more") as caught:
        hierarchy_files.read("f.csv", tmp_path)
    assert len(caught.value.problems) == 20


def test_a_file_that_is_missing_outside_the_folder_or_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "recipe"
    inner.mkdir()
    (tmp_path / "outside.csv").write_text(FILE)
    (inner / "link.csv").symlink_to(tmp_path / "outside.csv")
    for name, folder, said in [("no.csv", inner, "no such file"), ("link.csv", inner, "outside"), ("x.csv", None, "no folder")]:
        with pytest.raises(RecipeError, match=said):
            hierarchy_files.read(name, folder)
    monkeypatch.setattr(hierarchy_files, "MAX_BYTES", 4)
    with pytest.raises(RecipeError, match="larger than"):
        hierarchy_files.read("outside.csv", tmp_path)
