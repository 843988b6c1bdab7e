"""A release that holds totals beside its cells: no sum mixes levels, and a picture shows one level alone."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.publishing.query import QueryError, ReleaseColumn, ReleaseFile, ReleaseSchema, parse_params, records
from catalog.publishing.series import series_of
from tests.publishing.query.conftest import SECRET

CELLS = {("a", 1): 10, ("a", 2): 20, ("b", 1): 30, ("b", 2): 40}
ROLES = [
    {"name": "place", "type": "text", "role": "group"},
    {"name": "day", "type": "integer", "role": "group", "bucket": "day_of_week"},
    {"name": "place_level", "type": "text", "role": "level", "dimension": "place", "finest": "0"},
    {"name": "day_level", "type": "text", "role": "level", "dimension": "day", "finest": "0"},
    {"name": "people", "type": "integer", "role": "measure", "kind": "persons", "measure": "people"},
    {"name": "people_lower", "type": "integer", "role": "lower", "measure": "people"},
    {"name": "people_upper", "type": "integer", "role": "upper", "measure": "people"},
    {"name": "people_unreliable", "type": "boolean", "role": "unreliable", "measure": "people"},
]


def _write(path, rows):
    names = [column["name"] for column in ROLES]
    full = [(*row, row[4] - 5, row[4] + 5, row[4] < 10) for row in rows]
    pq.write_table(pa.table(dict(zip(names, zip(*full, strict=True), strict=True))), path)
    return path


@pytest.fixture
def path(tmp_path):
    """Four cells, the totals of days over all places, and one of everything."""
    cells = [(place, day, "0", "0", people) for (place, day), people in CELLS.items()]
    return _write(tmp_path / "totals.parquet", [*cells, (None, 1, "all", "0", 41), (None, 2, "all", "0", 59), (None, None, "all", "all", 100)])


@pytest.fixture
def release(path):
    ends = {"people": ("people_lower", "people_upper")}
    columns = [
        ReleaseColumn(c["name"], c["type"], c["role"] == "measure", *ends.get(c["name"], (None, None)), level=c["role"] == "level") for c in ROLES
    ]
    return ReleaseFile(path, hashlib.sha256(path.read_bytes()).hexdigest(), ReleaseSchema(tuple(columns)))


def _ask(release, **question):
    return records(release, parse_params(question), secret=SECRET)


@pytest.mark.parametrize("question", [{}, {"where": "place_level = '0'"}, {"group_by": "day_level"}, {"group_by": "place", "where": "place = 'a'"}])
def test_a_sum_that_does_not_say_at_which_level_is_refused(release, question):
    with pytest.raises(QueryError, match="count again") as caught:
        _ask(release, select=f"{question['group_by']}, sum(people)" if "group_by" in question else "sum(people)", **question)
    assert caught.value.code == "mixed_levels"


@pytest.mark.parametrize(
    "question",
    [{"select": "sum(people)", "where": "place_level = '0' and day_level = '0'"}, {"select": "place_level, day_level, sum(people)", "group_by": "place_level, day_level"}],
)
def test_a_sum_at_one_level_is_answered_and_its_note_speaks_of_totals(release, question):
    page = _ask(release, **question)
    assert 100 in [row["sum_people"] for row in page.rows]
    assert "made to add up" in page.meta["error_note"]


def test_rows_are_answered_at_all_levels(release):
    assert len(_ask(release).rows) == 7
    assert [row["count"] for row in _ask(release, select="count(*)").rows] == [7]


def test_a_picture_takes_the_published_totals_of_its_dimension(path):
    series = series_of(path, ROLES, "differential_privacy")
    assert [(point.label, point.value, point.lower) for point in series.points] == [("1", 41.0, 36.0), ("2", 59.0, 54.0)]
    assert not series.summed


def test_without_totals_of_its_dimension_a_picture_adds_up_the_finest_rows_alone(tmp_path):
    cells = [(place, day, "0", "0", people) for (place, day), people in CELLS.items()]
    path = _write(tmp_path / "one.parquet", [*cells, (None, None, "all", "all", 1000)])
    series = series_of(path, ROLES, "differential_privacy")
    assert sum(point.value for point in series.points) == 100
    assert series.summed
