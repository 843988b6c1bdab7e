"""Pictures of histograms and of tables of the largest."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.publishing.series import series_of

BINS = {"name": "paid", "type": "text", "role": "group", "column": "paid", "bins": ["5", "10", "100"]}
PLACE = {"name": "place", "type": "text", "role": "group", "column": "place"}
RANK = {"name": "rank", "type": "integer", "role": "rank", "measure": "people"}
PEOPLE = {"name": "people", "type": "integer", "role": "measure", "measure": "people", "kind": "persons"}


@pytest.fixture
def published(tmp_path):
    def write(**columns):
        pq.write_table(pa.table(columns), tmp_path / "t.parquet")
        return tmp_path / "t.parquet"

    return write


def test_a_histogram_keeps_the_order_of_its_bins(published):
    path = published(paid=["<5", "[5,10)", "[10,100)", "≥100"], people=[3, 9, 1, 4])
    series = series_of(path, [BINS, PEOPLE], "differential_privacy")
    assert [(point.label, point.value) for point in series.points] == [("<5", 3), ("[5,10)", 9), ("[10,100)", 1), ("≥100", 4)]


def test_what_only_the_largest_of_each_group_are_shown_of_is_not_added_up(published):
    path = published(paid=["<5", "<5", "≥100"], place=["a", "b", "a"], rank=[1, 2, 1], people=[3, 2, 4])
    assert series_of(path, [BINS, PLACE, RANK, PEOPLE], "differential_privacy") is None
    alone = published(place=["b", "a"], rank=[1, 2], people=[5, 4])
    assert series_of(alone, [PLACE, RANK, PEOPLE], "differential_privacy").points[0].label == "b"
