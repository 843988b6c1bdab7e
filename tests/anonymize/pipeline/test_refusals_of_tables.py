"""Whether a table with noise comes out is not decided by one person's value: no table would tell of it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymize import pipeline, recipe
from anonymize.aggregates import rows as shaping
from anonymize.columns.hierarchies import Ladder
from anonymize.errors import AnonymizeError, RecipeError
from anonymize.tables import DuckEngine, PandasEngine

FILE = {"file": "areas.csv"}
CELL, COARSE = "8830e1d8dbfffff", "8030fffffffffff"
BEYOND_THE_CALENDAR = np.datetime64("20000-01-01", "us")
LABELLED = {
    "text that the file does not list": (pa.string(), "1", "9", FILE, "a"),
    "a number that the file does not list": (pa.int64(), 1, 9, FILE, "a"),
    "no number": (pa.float64(), 1.0, float("nan"), {"intervals": [10]}, "[0, 10)"),
    "no finite number": (pa.float64(), 1.0, float("-inf"), {"intervals": [10]}, "[0, 10)"),
    "no cell": (pa.string(), CELL, "somewhere", {"h3": [7]}, "8730e1d8dffffff"),
    "a cell that is too coarse": (pa.string(), CELL, COARSE, {"h3": [7]}, "8730e1d8dffffff"),
    "a time beyond the calendar": (pa.timestamp("us"), np.datetime64(0, "us"), BEYOND_THE_CALENDAR, {"dates": ["month"]}, "1970-01"),
}  # fmt: skip
PLAIN = {
    "an integer of more than 63 bits": (pa.uint64(), 1, 2**64 - 1, "1"),
    "a decimal of too many digits": (pa.decimal128(38, 0), Decimal(1), Decimal(10) ** 37, "1"),
    "a negative decimal of too many digits": (pa.decimal128(38, 2), Decimal(1), Decimal(-10) ** 35, "1"),
}


@pytest.fixture(params=["duck", "pandas"])
def engine(request):
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as made:
        yield made


def run(folder, engine, values, kind, group, hierarchy=None, **stage):
    (folder / "areas.csv").write_text("1;a;N\n2;a;N\n3;b;S\n")
    column = {"role": "place"} | ({} if hierarchy is None else {"hierarchy": hierarchy})
    document = recipe.parse({
        "recipe": 1, "title": "t", "person_key": "who", "columns": {"who": {"role": "person_key"}, "x": column},
        "stages": [{
            "stage": "dp_table", "group_by": [{"column": "x", **group}], "measures": [{"name": "people", "kind": "persons"}],
            "epsilon": "32", "max_cells_per_person": 1, "cells": "public", **stage,
        }],
    })  # fmt: skip
    table = pa.table({"who": pa.array([f"p{i}" for i in range(len(values))], pa.string()), "x": pa.array(values, kind)})
    pq.write_table(table, folder / "t.parquet")
    made = pipeline.run(document, folder / "t.parquet", folder / "out", folder=folder, engine=engine)
    return made.report, pq.read_table(made.artefact).to_pylist()


@pytest.mark.parametrize("name", LABELLED)
def test_a_row_without_a_place_in_the_hierarchy_is_left_out(tmp_path, engine, name):
    kind, usual, odd, hierarchy, label = LABELLED[name]
    report, rows = run(tmp_path, engine, [usual] * 50 + [odd, None], kind, {"level": 1, "values": [label]}, hierarchy)
    assert report["internal"]["rows_without_group"] == 2
    assert report["internal"]["bounding"]["rows_before"] == 50
    assert [row["x"] for row in rows] == [label] and abs(rows[0]["people"] - 50) <= 3  # of scale 1/32
    assert any("no place in the hierarchy" in note for note in report["public"]["notes"])


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("ns"), pa.timestamp("us", tz="Asia/Seoul")], ids=str)
def test_times_of_every_kind_keep_their_place(tmp_path, kind):
    values = pa.array([dt.datetime(2026, 3, 2)], pa.timestamp("us")).cast(kind)
    report, _ = run(tmp_path, PandasEngine(), values, kind, {"level": 1, "values": ["2026-03"]}, {"dates": ["month"]})
    assert report["internal"]["bounding"]["rows_before"] == 1


@pytest.mark.parametrize("name", PLAIN)
def test_a_number_that_no_declared_value_can_be_is_left_out(tmp_path, engine, name):
    kind, usual, odd, label = PLAIN[name]
    report, rows = run(tmp_path, engine, [usual] * 50 + [odd, None], kind, {"values": [label]})
    assert report["internal"]["rows_without_group"] == 2 and abs(rows[0]["people"] - 50) <= 3


def test_a_decimal_with_more_places_than_any_declared_one_stops_nothing(tmp_path, engine):
    report, _ = run(tmp_path, engine, [Decimal(1), Decimal("1.000000000001")], pa.decimal128(38, 12), {"values": ["1"]})
    assert report["internal"]["rows"] == 2


def test_a_refusal_for_one_value_would_be_seen(tmp_path, engine, monkeypatch):
    """Planted: labels as microdata look them up, and numbers cast as they come."""
    monkeypatch.setattr(Ladder, "labels_of_some", Ladder.labels)
    with pytest.raises(RecipeError, match="no place"):
        run(tmp_path, engine, ["1", "9"], pa.string(), {"level": 1, "values": ["a"]}, FILE)
    monkeypatch.setattr(shaping, "LARGEST", 2**64 - 1)
    with pytest.raises(AnonymizeError):
        run(tmp_path, engine, [1, 2**64 - 2], pa.uint64(), {"values": ["1"]})


@pytest.mark.parametrize("values", [[], [1], [9]])
def test_declared_values_have_their_place_by_the_type_of_the_column_and_not_by_its_values(tmp_path, engine, values):
    group = {"values": ["1", "2", "3"]}
    _, rows = run(tmp_path, engine, values, pa.int64(), group, FILE, totals=[{"x": 2}, {"x": 1}])
    assert [row["x"] for row in rows] == ["1", "2", "3", "a", "b", "N", "S"]


@pytest.mark.parametrize("values", [[], [dt.date(2026, 3, 2)]])
@pytest.mark.parametrize("hierarchy", [{"intervals": [10]}, {"prefix": [1]}, {"h3": [7]}, {"dates": ["hour", "day"]}])
def test_a_hierarchy_that_does_not_fit_the_type_is_refused_whatever_the_values(tmp_path, engine, hierarchy, values):
    with pytest.raises(RecipeError, match="no place"):
        run(tmp_path, engine, values, pa.date32(), {"level": 1, "values": ["a"]}, hierarchy)
