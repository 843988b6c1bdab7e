"""select, group_by and order_by: folded as a dictionary of lists folds it, and refused with the reason."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pyarrow as pa
import pytest

from catalog.publishing.query import QueryError, RecordsQuery, ReleaseColumn, records
from tests.publishing.query.conftest import SECRET, write_release


def _ask(release, **question):
    return records(release, RecordsQuery(limit=10_000, **question), secret=SECRET).rows


def test_groups_are_folded_as_by_hand(release, rows):
    select = "flag, sum(amount) as total, min(day), max(구), avg(N) as middle, count(*)"
    groups = defaultdict(list)
    for row in rows:
        groups[row["flag"]].append(row)
    expected = {}
    for flag, members in groups.items():
        amounts = [row["amount"] for row in members if row["amount"] is not None]
        numbers = [row["N"] for row in members if row["N"] is not None]
        expected[flag] = {
            "flag": flag,
            "total": format(sum(amounts), "f"),
            "min_day": min(row["day"] for row in members if row["day"] is not None).isoformat(),
            "max_구": max(row["구"] for row in members if row["구"] is not None),
            "middle": pytest.approx(sum(numbers) / len(numbers)),
            "count": len(members),
        }
    found = _ask(release, select=select, group_by="flag")
    assert {row["flag"]: row for row in found} == expected
    assert [row["flag"] for row in found] == [False, True, None]  # by group, nulls last


def test_one_total_needs_no_group(release, rows):
    assert _ask(release, select="count(*) as rows, max(id)", where="id < 10") == [{"rows": 10, "max_id": 9}]
    assert _ask(release, select="count(*), sum(n)", where="id < 0") == [{"count": 0, "sum_n": None}]


def test_group_by_alone_gives_the_groups_and_their_sizes(release, rows):
    assert sum(row["count"] for row in _ask(release, group_by="flag, N")) == len(rows)


def test_distinct_values_are_groups_without_an_aggregate(release):
    assert _ask(release, select="flag", group_by="flag") == [{"flag": False}, {"flag": True}, {"flag": None}]


def test_a_group_can_be_ordered_by_an_alias_or_by_a_group_that_is_not_shown(release):
    counts = [row["size"] for row in _ask(release, select="count(*) as size", group_by="구", order_by="size desc")]
    assert counts == sorted(counts, reverse=True)
    shown = _ask(release, select="N as code, count(*)", group_by="N, flag", order_by="flag desc, code desc")
    assert [row["code"] for row in shown[:3]] == [2, 1, 0]


def test_columns_are_renamed_and_given_in_the_order_asked_for(release, rows):
    assert list(_ask(release, select="구 as district, id", where="id = 0")[0].items()) == [
        ("district", rows[0]["구"]),
        ("id", 0),
    ]


def test_the_same_column_may_be_asked_for_twice_under_two_names(release):
    assert _ask(release, select="id, id as again", where="id = 3") == [{"id": 3, "again": 3}]
    assert records(release, RecordsQuery(select="id, id as again", limit=1), secret=SECRET).rows == [
        {"id": 0, "again": 0}
    ]


def test_rows_can_be_ordered_by_a_column_that_is_not_shown(release, rows):
    found = [row["id"] for row in _ask(release, select="id", order_by="day desc")]
    assert found[0] == max((row for row in rows if row["day"]), key=lambda row: (row["day"], -row["id"]))["id"]


@pytest.mark.parametrize(
    ("question", "code", "pointer"),
    [
        ({"select": "idd"}, "unknown_column", "select"),
        ({"select": "median(n)"}, "unknown_function", "select"),
        ({"select": "read_text(구)"}, "unknown_function", "select"),
        ({"select": "sum(구)"}, "type_mismatch", "select"),
        ({"select": "sum(*)"}, "invalid_select", "select"),
        ({"select": "count(n)"}, "invalid_select", "select"),
        ({"select": "id, id"}, "duplicate_name", "select"),
        ({"select": "id, count(*)"}, "not_grouped", "select"),
        ({"select": "id", "group_by": "n"}, "not_grouped", "select"),
        ({"select": "*"}, "syntax", "select"),
        ({"select": "id from t"}, "syntax", "select"),
        ({"select": ",".join(["id"] * 1_001)}, "too_long", "select"),
        ({"group_by": "nn"}, "unknown_column", "group_by"),
        ({"group_by": "n + 1"}, "syntax", "group_by"),
        ({"order_by": "nnn"}, "unknown_column", "order_by"),
        ({"order_by": "n sideways"}, "syntax", "order_by"),
        ({"order_by": "n desc nulls first"}, "syntax", "order_by"),
        ({"order_by": "id", "group_by": "n"}, "not_grouped", "order_by"),
    ],
)
def test_a_mistake_in_a_list_is_named(release, question, code, pointer):
    with pytest.raises(QueryError) as caught:
        _ask(release, **question)
    assert (caught.value.code, caught.value.pointer) == (code, pointer)


def test_a_sum_that_does_not_fit_its_type_is_an_error_and_not_a_wrong_number(tmp_path):
    table = pa.table({"n": pa.array([2**63 - 1, 1], pa.int64())})
    release = write_release(tmp_path / "a.parquet", table, (ReleaseColumn("n", "integer"),))
    with pytest.raises(QueryError) as caught:
        _ask(release, select="sum(n)")
    assert caught.value.code == "numeric_overflow"


def test_sums_of_decimals_are_exact(tmp_path):
    table = pa.table({"d": pa.array([Decimal("0.10")] * 30 + [Decimal("99999999999999.99")], pa.decimal128(18, 2))})
    release = write_release(tmp_path / "a.parquet", table, (ReleaseColumn("d", "decimal"),))
    assert _ask(release, select="sum(d)") == [{"sum_d": "100000000000002.99"}]


def test_decimals_of_the_widest_kind_are_filtered_paged_and_summed(tmp_path):
    """Noisy sums are published with 38 digits, the most there are: nothing on the way may need one more."""
    exact = [Decimal((0, (9,) * 38, -2)), Decimal((1, (9,) * 38, -2)), Decimal("0.01"), Decimal("0.00"), None]
    table = pa.table({"d": pa.array(exact, pa.decimal128(38, 2))})
    release = write_release(tmp_path / "a.parquet", table, (ReleaseColumn("d", "decimal"),))
    most = format(exact[0], "f")
    assert _ask(release, where=f"d = {most}") == [{"d": most}]
    assert _ask(release, where=f"d < {most} and d > -{most}") == [{"d": "0.01"}, {"d": "0.00"}]
    assert len(_ask(release, where="d < 1e38 or d > 1e60")) == 4
    assert _ask(release, select="sum(d)", where="d < 1 and d > -1") == [{"sum_d": "0.01"}]
    first = records(release, RecordsQuery(order_by="d desc", limit=1), secret=SECRET)
    rest = records(release, RecordsQuery(order_by="d desc", cursor=first.next_cursor), secret=SECRET)
    assert [row["d"] for row in first.rows + rest.rows] == [most, "0.01", "0.00", f"-{most}", None]
