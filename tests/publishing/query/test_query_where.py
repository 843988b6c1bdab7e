"""Filters: the same rows as the slow oracle chooses, every mistake named with its place, nothing ever executed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.publishing.query import QueryError, RecordsQuery, compile, records, tree
from catalog.publishing.query.check import check_where
from catalog.publishing.query.parser import MAX_CHARACTERS, parse_where
from tests.publishing.query.conftest import SECRET, TEXTS, TYPES
from tests.publishing.query.oracle import holds

# --- filters made at random, as text --------------------------------------------------------------------------------

_QUOTED = {name: "`" + name.replace("`", "``") + "`" for name in TYPES}


def _text(value):
    return st.sampled_from(['"' + value.replace('"', '""') + '"', "'" + value.replace("'", "''") + "'"])


_numbers = st.one_of(
    st.integers(-7, 7).map(str),
    st.sampled_from(["1.5", "-2.25", "0.1", "2.005", "1e3", "-0", "9223372036854775807", "9223372036854775808"]),
    st.sampled_from(["1e40", "-1e40", "123456789012345678901234567890.5", ".5", "+3", "9999999999999999.99", "1e-30"]),
    st.decimals(-6, 6, places=3).map(str),
)
_moments = st.datetimes(dt.datetime(2025, 12, 31), dt.datetime(2026, 1, 10)).map(lambda m: m.replace(microsecond=0))
_literals = {
    "integer": _numbers,
    "decimal": _numbers,
    "number": _numbers,
    "text": st.sampled_from(TEXTS).flatmap(_text),
    "boolean": st.sampled_from(["true", "FALSE"]),
    "date": _moments.map(lambda m: f"date'{m.date()}'"),
    "timestamp": _moments.map(lambda m: f"timestamp'{m.isoformat()}'") | _moments.map(lambda m: f"DATE '{m.date()}'"),
    "timestamptz": _moments.map(lambda m: f"timestamp'{m.isoformat(' ')}+09:00'"),
}
_patterns = st.lists(st.sampled_from(["%", "_", "a", "강", "\\%", "\\_", "\\\\", "구", "1"]), max_size=4).map("".join)
_signs = st.sampled_from(["=", "!=", "<>", "<", "<=", ">", ">="])


@st.composite
def _leaf(draw):
    name = draw(st.sampled_from(list(TYPES)))
    kind = TYPES[name][0]
    column, literal = _QUOTED[name], _literals[kind]
    shapes = ["null", "in", "compare", "compare", "flipped"]
    shapes += ["between"] if kind != "boolean" else []
    shapes += ["like"] if kind == "text" else []
    shapes += ["columns"] if name in ("n", "N", "id") else []
    shape, no = draw(st.sampled_from(shapes)), draw(st.sampled_from(["", "not "]))
    sign = draw(st.sampled_from(["=", "!="]) if kind == "boolean" else _signs)
    match shape:
        case "null":
            return f"{column} is {no}null"
        case "in":
            return f"{column} {no}in ({', '.join(draw(st.lists(literal, min_size=1, max_size=4)))})"
        case "between":
            return f"{column} {no}between {draw(literal)} and {draw(literal)}"
        case "like":
            return f"{column} {no}like {draw(_patterns.flatmap(_text))}"
        case "columns":
            return f"{column} {sign} {_QUOTED[draw(st.sampled_from(['n', 'N', 'id']))]}"
        case "flipped":
            return f"{draw(literal)} {sign} {column}"
    return f"{column} {sign} {draw(literal)}"


_filters = st.recursive(
    _leaf(),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: "(" + " and ".join(parts) + ")"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: "(" + " OR ".join(parts) + ")"),
        inner.map(lambda part: f"not ({part})"),
    ),
    max_leaves=6,
)


def _chosen(release, where):
    found = records(release, RecordsQuery(select="id", where=where, limit=10_000), secret=SECRET)
    return [row["id"] for row in found.rows]


def _expected(release, rows, where):
    condition = check_where(parse_where(where), release.schema, where)
    return [row["id"] for row in rows if holds(condition, row) is True]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(where=_filters)
def test_a_filter_chooses_the_rows_that_the_slow_oracle_chooses(release, rows, where):
    assert _chosen(release, where) == _expected(release, rows, where)


def test_the_comparison_with_the_oracle_sees_a_compiler_that_rounds(release, rows, monkeypatch):
    monkeypatch.setattr(compile, "on_grid", lambda op, value, scale, limit: (op, int(value.scaleb(scale))))
    where = "n < 1.5"
    assert _chosen(release, where) != _expected(release, rows, where)


def test_and_binds_more_tightly_than_or_and_not_more_than_both():
    assert parse_where("a = 1 or b = 2 and not c = 3") == tree.Or(
        (
            tree.Compare("=", tree.Name("a", 0), tree.Value("number", Decimal(1), 4), 0),
            tree.And(
                (
                    tree.Compare("=", tree.Name("b", 9), tree.Value("number", Decimal(2), 13), 9),
                    tree.Not(tree.Compare("=", tree.Name("c", 23), tree.Value("number", Decimal(3), 27), 23)),
                )
            ),
        )
    )


def test_a_null_is_neither_equal_nor_unequal_to_anything(release, rows):
    nulls = {row["id"] for row in rows if row["n"] is None}
    assert nulls
    assert nulls.isdisjoint(_chosen(release, "n = 1 or not n = 1 or n in (1) or n not in (1)"))
    assert set(_chosen(release, "n is null")) == nulls


def test_numbers_are_compared_exactly_beyond_the_precision_of_a_double(release, rows):
    biggest = [row["id"] for row in rows if row["n"] == 2**63 - 1]
    assert biggest
    assert _chosen(release, "n = 9223372036854775807") == biggest
    assert _chosen(release, "n > 9223372036854775806.5") == biggest
    assert _chosen(release, "n > 9223372036854775807") == []


@pytest.mark.parametrize(
    ("op", "value", "scale", "limit", "expected"),
    [
        ("=", "1.5", 0, 2**126, False),
        ("!=", "1.5", 0, 2**126, True),
        (">", "1.5", 0, 2**126, (">", 1)),
        (">=", "1.5", 0, 2**126, (">", 1)),
        ("<", "-1.5", 0, 2**126, ("<=", -2)),
        ("<=", "1.005", 2, 10**18, ("<=", 100)),
        ("=", "1.50", 2, 10**18, ("=", 150)),
        ("<", "1e18", 2, 10**18, True),
        (">", "-1e18", 2, 10**18, True),
        ("=", "-1e18", 2, 10**18, False),
    ],
)
def test_a_literal_is_brought_to_the_grid_of_its_column(op, value, scale, limit, expected):
    assert compile.on_grid(op, Decimal(value), scale, limit) == expected


# --- mistakes, and where they are -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "code", "position"),
    [
        ("spent > 1", "unknown_column", 0),
        ("n > 1 and\n  amont = 2", "unknown_column", 12),
        ('n > "1"', "type_mismatch", 4),
        ("구 = 5", "type_mismatch", 4),
        ("day = '2026-01-01'", "type_mismatch", 6),
        ("day = timestamp'2026-01-01T00:00:00'", "type_mismatch", 6),
        ("at = timestamp'2026-01-01T00:00:00Z'", "type_mismatch", 5),
        ("seen = timestamp'2026-01-01T00:00:00'", "type_mismatch", 7),
        ("seen = date'2026-01-01'", "type_mismatch", 7),
        ("n = 구", "type_mismatch", 4),
        ("flag < true", "type_mismatch", 0),
        ("flag between false and true", "type_mismatch", 0),
        ("n like '1%'", "type_mismatch", 0),
        ("n = null", "null_comparison", 4),
        ("n in (1, null)", "null_comparison", 9),
        ("n in (1, id)", "no_value", 9),
        ("1 = 1", "no_column", 4),
        ("lower(구) = 'a'", "unknown_function", 0),
        ("n = sleep(9)", "unknown_function", 4),
        ("day = date'2026-02-30'", "invalid_literal", 6),
        ("day = date'26-1-1'", "invalid_literal", 6),
        ("at = timestamp'0001-01-01T00:00:00+09:00'", "invalid_literal", 5),
        ("n = 1e999999999", "number_out_of_range", 4),
        ("n = " + "9" * 500, "number_out_of_range", 4),
        ("share < 1e350", "number_out_of_range", 8),
        ("구 like 'a\\'", "invalid_pattern", 0),
        ("구 like '" + "%a" * 40 + "'", "pattern_too_long", 0),
        ("n = 1 n = 2", "syntax", 6),
        ("n = 1;", "syntax", 5),
        ("n == 1", "syntax", 3),
        ("n in ()", "syntax", 6),
        ("n = 12abc", "syntax", 4),
        ("구 = 'open", "syntax", 4),
        ("(n = 1", "syntax", 6),
        ("n = 1)", "syntax", 5),
        ("n = 1 -- a comment", "syntax", 6),
        ("and", "syntax", 3),
        ("   ", "empty", 0),
        ("\ud800 = 1", "invalid_text", 0),
        ("not " * 3_000 + "n = 1", "too_deep", None),
        ("(" * 8_000 + "n = 1" + ")" * 8_000, "too_deep", None),
        ("(" * 10_000 + "n = 1" + ")" * 10_000, "too_long", MAX_CHARACTERS),
        ("n = 1 or " * 8_000, "too_long", MAX_CHARACTERS),
    ],
)
def test_a_mistake_is_named_with_its_place(release, where, code, position):
    with pytest.raises(QueryError) as caught:
        records(release, RecordsQuery(where=where), secret=SECRET)
    assert (caught.value.code, caught.value.pointer, caught.value.status) == (code, "where", 400)
    if position is not None:
        assert caught.value.position == position


def test_an_error_gives_line_and_column_and_the_nearest_names(release):
    with pytest.raises(QueryError) as caught:
        records(release, RecordsQuery(where="n > 1 and\n  amont = 2"), secret=SECRET)
    assert (caught.value.line, caught.value.column, caught.value.suggestion) == (2, 3, "amount")


def test_no_error_repeats_a_literal_of_the_question(release):
    secret = "900101-1234567"
    for where in (
        f"n = '{secret}'",
        f"구 = '{secret}' x",
        f"구 = '{secret}",
        f"구 '{secret}'",
        f"day = date'{secret}'",
    ):
        with pytest.raises(QueryError) as caught:
            records(release, RecordsQuery(where=where), secret=SECRET)
        assert secret not in str(caught.value.as_dict())


def test_a_wide_filter_of_a_thousand_parts_is_answered(release):
    assert len(_chosen(release, " or ".join(f"id={i}" for i in range(1_000)))) == 400


@pytest.mark.parametrize(
    "text",
    [
        "x' or '1'='1",
        "'; drop table t; --",
        "\"; copy (select 1) to '/tmp/stolen.csv'; --",
        "$$ || read_text('/etc/passwd')",
        "\\'); select 1",
        "구",
    ],
)
def test_an_injected_text_is_only_a_text(release, rows, text):
    for quoted in ('"' + text.replace('"', '""') + '"', "'" + text.replace("'", "''") + "'"):
        assert _chosen(release, f"구 = {quoted}") == []
        assert len(_chosen(release, f"구 != {quoted}")) == sum(row["구"] is not None for row in rows)


def test_an_injected_column_name_is_an_unknown_column(release):
    for name in ('n" = 1 or "n', "(select 1)", "file_row_number", "rowid", "*"):
        with pytest.raises(QueryError, match="no column"):
            records(release, RecordsQuery(where=f"`{name}` = 1"), secret=SECRET)
        with pytest.raises(QueryError, match="no column"):
            records(release, RecordsQuery(select=f"`{name}`"), secret=SECRET)


def test_columns_that_differ_only_by_case_are_told_apart(release, rows):
    assert _chosen(release, "N = 2") == [row["id"] for row in rows if row["N"] == 2]
    assert _chosen(release, "n = 2") == [row["id"] for row in rows if row["n"] == 2]
