"""A recipe with all that a DP table can be asked for beside counts: run, foretold, and looked at for bounds."""

from __future__ import annotations

import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymize import bounds, forecast, pipeline
from anonymize.recipe import loads

DOCUMENT = {
    "recipe": 1,
    "title": "What is paid for",
    "person_key": "customer",
    "columns": {
        "customer": {"role": "person_key"},
        "district": {"role": "place", "title": "District", "hierarchy": {"file": "districts.csv"}},
        "paid": {"role": "plain", "title": "Amount"},
    },
    "stages": [
        {
            "stage": "dp_table",
            "group_by": [{"column": "district", "level": 1, "values_from": "hierarchy"}, {"column": "paid", "bins": ["10", "50"]}],
            "measures": [
                {"name": "people", "kind": "persons"},
                {"name": "typical", "kind": "median", "column": "paid", "lower": 0, "upper": 100, "unreliable_above": "0.3"},
                {"name": "large", "kind": "quantile", "quantile": "0.9", "column": "paid", "lower": 0, "upper": 100},
            ],
            "top": {"dimension": "district", "measure": "people", "limit": 2},
            "epsilon": "8", "max_cells_per_person": 1, "cells": "public",
        }
    ],
}


@pytest.fixture
def files(tmp_path):
    (tmp_path / "districts.csv").write_text("n1;north\nn2;north\ns1;south\ne1;east\n", encoding="utf-8")
    rows = [(f"c{i}", ("n1", "n2", "s1")[i % 3], Decimal(60 + i % 21)) for i in range(600)]
    customers, districts, paid = zip(*rows, strict=True)
    table = pa.table({"customer": customers, "district": districts, "paid": pa.array(paid, pa.decimal128(12, 2))})
    pq.write_table(table, tmp_path / "in.parquet")
    return tmp_path


def test_it_runs_from_the_recipe_to_the_file(files):
    result = pipeline.run(loads(json.dumps(DOCUMENT)), files / "in.parquet", files / "out", folder=files)
    table = pq.read_table(files / "out" / "data.parquet").to_pylist()
    assert result.rows == len(table) == 6
    best = next(row for row in table if row["paid"] == "≥50" and row["rank"] == 1)
    assert best["district"] == "north"
    assert 65 <= best["typical"] <= 75
    assert best["typical"] <= best["large"] <= best["large_upper"]
    assert best["typical_unreliable"] is False
    described = {column["name"]: column for column in result.report["artefact"]["columns"]}
    assert described["paid"]["title"] == "Amount"
    assert described["rank"]["type"] == "integer"


def test_it_is_foretold_and_its_bounds_are_proposed(files):
    recipe = loads(json.dumps(DOCUMENT))
    found = forecast.forecast(recipe, files / "in.parquet", folder=files)
    own = next(point for point in found["points"] if point["own"])
    typical = own["measures"][1]["overall"]
    assert 0 <= typical["half_width"] <= 5
    assert typical["unreliable_share"] == 0
    looked = bounds.propose_bounds(recipe, files / "in.parquet", folder=files, epsilon=Decimal(10), before_noise=lambda loss: None)
    assert {proposal["measure"] for proposal in looked["proposals"]} == {None, "typical", "large"}


def _counting(**changes):
    group = {"column": "district", "values_from": "hierarchy"}
    stage = {"stage": "dp_table", "group_by": [group], "measures": [{"name": "people", "kind": "persons"}], "epsilon": "8", "cells": "public"}
    return loads(json.dumps(DOCUMENT | {"stages": [stage | {"max_cells_per_person": 100} | changes]}))


def test_what_a_hierarchy_declares_is_foretold_one_level_up(files):
    points = forecast.forecast(_counting(), files / "in.parquet", folder=files, factors=())["points"]
    above = next(point for point in points if point["change"] is not None)
    assert (above["name"], above["met"], above["reason"]) == ("district at level 1", True, None)
    assert above["recipe"]["stages"][0]["group_by"] == [{"column": "district", "level": 1, "values_from": "hierarchy"}]
    assert above["cells"]["with_data"] == 2 and above["cells"]["empty"] == 1


def test_the_promise_says_the_limits_that_were_used_and_a_note_why(files):
    report = pipeline.run(_counting(), files / "in.parquet", files / "out", folder=files).report
    assert report["guarantee"]["max_cells_per_person"] == report["public"]["max_cells_per_person"] == 4
    assert "The recipe lets a person count in 100 cells; there are 4, and nobody is in more than there are." in report["public"]["notes"]
    one = pipeline.run(_counting(max_cells_per_person=4), files / "in.parquet", files / "own", folder=files).report
    assert not any("lets a person count" in note for note in one["public"]["notes"])
