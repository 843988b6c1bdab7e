"""From coordinates to places: areas of a layer and H3 cells, row by row, on both table engines."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from fractions import Fraction

import h3
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymize import locating, pipeline, recipe
from anonymize.columns import areas
from anonymize.errors import RecipeError
from anonymize.recipe import Layer, Locate
from anonymize.tables import DuckEngine, PandasEngine
from tests.anonymize.oracles import areas as oracle

SECRET = "Geheimnis"
LAYER = Layer(file="areas.geojson", code="adm")


@pytest.fixture(scope="module", params=["duck", "pandas"])
def engine(request):
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as made:
        yield made


def square(west, south, east, north):
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def feature(code, *rings, kind="Polygon"):
    return {"type": "Feature", "properties": {"adm": code}, "geometry": {"type": kind, "coordinates": list(rings)}}


def layer(*features):
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


WEST, EAST = feature("west", square(126, 37, 127, 38)), feature(2, square(127, 37, 128, 38))
RING = feature("ring", square(0, 0, 9, 9), square(3, 3, 6, 6))
ISLANDS = feature("islands", [square(10, 0, 11, 1)], [square(12, 0, 13, 1)], kind="MultiPolygon")


def located(engine, folder, features, latitudes, longitudes, kind=None, **place):
    (folder / "areas.geojson").write_text(layer(*features))
    stage = Locate(stage="locate", name="dong", latitude="la\"t", longitude="lon", **(place or {"layer": LAYER}))
    table = pa.table({"n": range(len(latitudes)), "la\"t": pa.array(latitudes, kind or pa.float64()), "lon": pa.array(longitudes, kind or pa.float64())})
    frame = engine.from_pandas(table.to_pandas(types_mapper=pd.ArrowDtype))
    found = engine.collect(locating.locate(engine, frame, stage, folder).sort("n"))
    assert list(found.columns) == ["n", "la\"t", "lon", "dong"] and pa.array(found["dong"]).type == pa.string()
    return pa.array(found["dong"]).to_pylist()


# --- points in areas -----------------------------------------------------------------------------------------------


def test_a_point_has_the_code_of_the_area_that_it_lies_in(engine, tmp_path):
    assert located(engine, tmp_path, [WEST, EAST], [37.5, 37.5, 37.5, 38.5, 37.5], [126.5, 127.5, 128.5, 126.5, 126.5]) == ["west", "2", None, None, "west"]


def test_a_hole_is_outside_and_every_piece_of_a_place_is_inside(engine, tmp_path):
    assert located(engine, tmp_path, [RING, ISLANDS], [1, 4, 0.5, 0.5, 0.5], [1, 4, 10.5, 11.5, 12.5]) == ["ring", None, "islands", None, "islands"]


def test_a_point_on_a_border_belongs_to_the_first_area_of_the_layer(engine, tmp_path):
    corners = [37.0, 37.5, 38.0, 37.25], [127.0, 127.0, 127.0, 126.0]
    assert located(engine, tmp_path, [WEST, EAST], *corners) == ["west"] * 4
    assert located(engine, tmp_path, [EAST, WEST], *corners) == ["2", "2", "2", "west"]


def test_of_areas_that_lie_in_each_other_the_first_counts(engine, tmp_path):
    district = feature("district", square(126, 37, 128, 38))
    assert located(engine, tmp_path, [WEST, district], [37.5, 37.5], [126.5, 127.5]) == ["west", "district"]


def test_what_is_no_point_on_earth_lies_nowhere(engine, tmp_path):
    whole = feature("earth", square(-180, -90, 180, 90))
    latitudes = [None, 37.0, float("nan"), 37.0, float("inf"), 37.0, 90.000001, -91.0, 37.0, 37.0, 1e300, 90.0, -90.0]
    longitudes = [127.0, None, 127.0, float("nan"), 127.0, float("-inf"), 127.0, 127.0, 180.000001, -500.0, -1e300, 180.0, -180.0]
    assert located(engine, tmp_path, [whole], latitudes, longitudes) == [None] * 11 + ["earth"] * 2


def test_what_a_file_says_is_no_number_lies_nowhere(engine, tmp_path):
    """The statistics of a Parquet file leave NaN out, and DuckDB believes them."""
    pq.write_table(pa.table({"lat": [37.5, math.nan, 37.5], "lon": [126.5, 126.5, math.nan]}), tmp_path / "t.parquet")
    stage = Locate(stage="locate", name="cell", latitude="lat", longitude="lon", h3=5)
    found = engine.collect(locating.locate(engine, engine.scan_parquet(tmp_path / "t.parquet"), stage, None))
    assert sorted(found["cell"].dropna()) == [h3.latlng_to_cell(37.5, 126.5, 5)]


def test_coordinates_may_be_decimals_and_whole_numbers(engine, tmp_path):
    decimals = [Decimal("37.5000000"), Decimal("38.0000001")], [Decimal("127.0000000"), Decimal("126.5")]
    assert located(engine, tmp_path, [WEST, EAST], *decimals, pa.decimal128(12, 7)) == ["west", None]
    assert located(engine, tmp_path, [RING], [1, 4], [1, 4], pa.int64()) == ["ring", None]


CORNER = st.integers(0, 6)
POLYGON = st.tuples(CORNER, CORNER, CORNER, CORNER, CORNER, CORNER).map(lambda c: [[c[0], c[1]], [c[2], c[3]], [c[4], c[5]], [c[0], c[1]]])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(triangles=st.lists(POLYGON, min_size=1, max_size=5), halves=st.lists(st.tuples(st.integers(-1, 13), st.integers(-1, 13)), min_size=1, max_size=20))
def test_areas_are_the_oracles_borders_and_corners_included(triangles, halves):
    sound = [ring for ring in triangles if (ring[1][0] - ring[0][0]) * (ring[2][1] - ring[0][1]) != (ring[1][1] - ring[0][1]) * (ring[2][0] - ring[0][0])]
    features = [RING, *(feature(str(i), ring) for i, ring in enumerate(sound))]
    found = areas.parse(LAYER, layer(*features[::-1])).of(np.array([x / 2 for x, _ in halves]), np.array([y / 2 for _, y in halves]))
    expected = [oracle.first_of(features[::-1], Fraction(x, 2), Fraction(y, 2)) for x, y in halves]
    assert [None if which == areas.NOWHERE else which for which in found.tolist()] == expected


def test_working_in_parts_of_the_points_is_the_same(engine, tmp_path, monkeypatch):
    latitudes = [37 + (i % 7) / 8 for i in range(30)] + [None, float("nan"), 99.0]
    longitudes = [126 + (i % 11) / 4 for i in range(30)] + [127.0, 127.0, 127.0]
    whole = located(engine, tmp_path, [WEST, EAST], latitudes, longitudes)
    monkeypatch.setattr(locating, "ROWS_A_PART", 8)
    assert located(engine, tmp_path, [WEST, EAST], latitudes, longitudes) == whole
    assert set(whole) == {"west", "2", None}


def test_a_place_that_was_taken_from_the_row_above_is_found_out(engine, tmp_path, monkeypatch):
    """The planted fault: labels that slip by one."""
    right = areas.Areas.of
    monkeypatch.setattr(areas.Areas, "of", lambda self, x, y: np.roll(right(self, x, y), 1))
    with pytest.raises(AssertionError):
        test_a_point_has_the_code_of_the_area_that_it_lies_in(engine, tmp_path)


# --- cells -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", [0, 8, 15])
def test_a_cell_is_that_of_the_library(engine, tmp_path, resolution):
    points = [(37.5665, 126.978), (-33.9, 151.2), (90.0, 0.0), (0.0, -180.0), (37.5665, 126.978)]
    cells = located(engine, tmp_path, [WEST], [y for y, _ in points], [x for _, x in points], h3=resolution)
    assert cells == [h3.latlng_to_cell(y, x, resolution) for y, x in points]
    assert located(engine, tmp_path, [WEST], [math.nan, 91.0, None], [1.0, 1.0, 1.0], h3=resolution) == [None] * 3


# --- bad layers --------------------------------------------------------------------------------------------------


def refusal(content):
    with pytest.raises(RecipeError) as caught:
        areas.parse(LAYER, content)
    assert SECRET not in str(caught.value.as_dict())
    return caught.value


BOW_TIE = [[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (feature("b", BOW_TIE), "invalid_area"),
        (feature("b", [square(0, 0, 2, 2)], [square(1, 1, 3, 3)], kind="MultiPolygon"), "invalid_area"),
        (feature("b", [[0, 0], [0, 0], [0, 0], [0, 0]]), "invalid_area"),
        (feature("b", square(953_000, 1_952_000, 954_000, 1_953_000)), "not_on_earth"),
        (feature("b", square(170, 0, 190, 1)), "not_on_earth"),
        (feature("b", square(0, 0, 1, 91)), "not_on_earth"),
        (feature("b", [[0, 0], [1, 1]]), "no_area"),
        (feature("b", [[0, 0], [1, SECRET], [1, 1], [0, 0]]), "no_area"),
        (feature("b", [[0, 0], [1, None], [1, 1], [0, 0]]), "no_area"),
        (feature("b", [[0, 0], [1], [1, 1], [0, 0]]), "no_area"),
        (feature("b", [[0, 0], [10**400, 0], [1, 1], [0, 0]]), "no_area"),
        (feature("b", 7), "no_area"),
        (feature("b"), "no_area"),
        (feature("b", 1, 2, kind="Point"), "no_area"),
        ({"type": "Feature", "properties": {"adm": "b"}, "geometry": None}, "no_area"),
        ({"type": "Feature", "properties": {"adm": "b"}}, "no_area"),
        ({"type": "Feature", "properties": {"adm": None, "x": SECRET}, "geometry": WEST["geometry"]}, "no_code"),
        ({"type": "Feature", "properties": {"adm": WEST["geometry"]}, "geometry": WEST["geometry"]}, "no_code"),
    ],
)
def test_a_broken_area_is_named_by_its_place_in_the_layer(broken, code):
    error = refusal(layer(WEST, broken, EAST))
    assert [(problem.code, problem.pointer) for problem in error.problems] == [(code, "/features/1")]
    assert "feature 2" in error.message


@pytest.mark.parametrize("content", ["", "[]", "{", '{"type": "FeatureCollection", "features": []}', layer({"type": "Feature"}), b"\xff\xfe", "[" * 100_000])
def test_what_is_no_layer_is_refused(content):
    assert "areas.geojson" in refusal(content).message


def test_a_corner_beyond_all_numbers_is_nowhere_on_earth():
    assert [problem.code for problem in refusal(layer(WEST).replace("126", "1e999")).problems] == ["not_on_earth"]


def test_a_corner_may_have_a_height_and_a_ring_may_turn_either_way():
    high = feature("high", [[*corner, 55.5] for corner in square(0, 0, 1, 1)][::-1])
    assert areas.parse(LAYER, layer(high)).of(np.array([0.5]), np.array([0.5])).tolist() == [0]


def test_a_layer_is_one_of_the_recipes_files_and_must_be_there(tmp_path):
    asked = parsed({"stage": "locate", "name": "dong", "latitude": "lat", "longitude": "lon", "layer": {"file": "none.geojson", "code": "adm"}})
    assert asked.files == {"none.geojson"}
    pq.write_table(pa.table({"who": ["a"], "lat": [1.0], "lon": [1.0]}), tmp_path / "t.parquet")
    for folder in (None, tmp_path):
        with pytest.raises(RecipeError, match=r"layer none\.geojson"):
            pipeline.run(asked, tmp_path / "t.parquet", tmp_path / "out", folder=folder)


# --- in a recipe -------------------------------------------------------------------------------------------------

DP = {
    "stage": "dp_table", "group_by": [{"column": "dong", "values": ["west", "2"]}], "measures": [{"name": "people", "kind": "persons"}],
    "epsilon": "64", "max_cells_per_person": 1, "cells": "public",
}  # fmt: skip
CELL = {"stage": "locate", "name": "dong", "latitude": "lat", "longitude": "lon", "h3": 7}


def parsed(*stages, columns=None, **fields):
    document = {"recipe": 1, "title": "Where", "person_key": "who", "columns": {"who": {"role": "person_key"}} | (columns or {}), "stages": [*stages, DP]}
    return recipe.parse(document | fields)


def test_people_are_counted_in_the_areas_of_an_uploaded_layer(tmp_path):
    (tmp_path / "areas.geojson").write_text(layer(WEST, EAST))
    people = pa.table({"who": range(300), "lat": [37.5] * 300, "lon": [126.5] * 200 + [127.5] * 90 + [0.0] * 10})
    pq.write_table(people, tmp_path / "t.parquet")
    stage = {**CELL, "layer": {"file": "areas.geojson", "code": "adm"}}
    made = pipeline.run(parsed({key: value for key, value in stage.items() if key != "h3"}), tmp_path / "t.parquet", tmp_path / "out", folder=tmp_path)
    found = {row["dong"]: row["people"] for row in pq.read_table(made.artefact).to_pylist()}
    assert {place: abs(count - {"west": 200, "2": 90}[place]) <= 2 for place, count in found.items()} == {"west": True, "2": True}
    assert made.report["public"]["treatment"] == ["dong is, row by row, the area of areas.geojson that the point of lat and lon lies in."]


MICRO = {"stage": "k_anonymity", "k": 2}


@pytest.mark.parametrize(
    ("stages", "columns", "said"),
    [
        ([{**CELL, "layer": {"file": "a.geojson", "code": "c"}}, DP], {}, "either a layer or"),
        ([{key: value for key, value in CELL.items() if key != "h3"}, DP], {}, "either a layer or"),
        ([{**CELL, "h3": 16}, DP], {}, "must be at most 15"),
        ([{**CELL, "longitude": "lat"}, DP], {}, "two columns"),
        ([{**CELL, "latitude": "who"}, DP], {}, "identifies people"),
        ([{**CELL, "name": "who"}, DP], {}, "cannot identify a person"),
        ([CELL, {**CELL, "name": "Dong"}, DP], {}, "earlier stage makes a column"),
        ([CELL, MICRO], {"q": {"role": "quasi_identifier"}, "dong": {"role": "plain"}}, "give it the role quasi_identifier"),
    ],
)
def test_a_recipe_that_locates_the_wrong_thing_is_refused(stages, columns, said):
    with pytest.raises(RecipeError, match=said):
        parsed(columns=columns, stages=stages)


def test_a_scan_says_of_a_place_no_more_than_of_what_it_was_computed_from():
    columns = {"dong": {"role": "place"}, "lat": {"role": "place"}, "lon": {"role": "place"}}
    document = {"recipe": 1, "title": "Stops", "columns": columns, "stages": [CELL, {"stage": "scan"}]}
    assert recipe.parse(document).files == frozenset()
    with pytest.raises(RecipeError, match="the place says as much of people"):
        recipe.parse(document | {"columns": {"dong": {"role": "place"}}})


def test_a_place_that_microdata_do_not_name_chooses_rows_and_stays_behind(tmp_path):
    """So does any derived column: what a recipe does not name among its columns does not leave."""
    (tmp_path / "areas.geojson").write_text(layer(WEST, EAST))
    pq.write_table(pa.table({"q": ["x"] * 9, "lat": [37.5] * 9, "lon": [126.5] * 5 + [127.5] * 4, "n": [3] * 9}), tmp_path / "t.parquet")
    stages = [
        {key: value for key, value in CELL.items() if key != "h3"} | {"layer": {"file": "areas.geojson", "code": "adm"}},
        {"stage": "keep_rows", "column": "dong", "values": ["west"]}, {"stage": "derive", "name": "square", "product": ["n", "n"]}, MICRO,
    ]  # fmt: skip
    document = {"recipe": 1, "title": "West", "columns": {"q": {"role": "quasi_identifier"}, "n": {"role": "plain"}}, "stages": stages}
    made = pipeline.run(recipe.parse(document), tmp_path / "t.parquet", tmp_path / "out", folder=tmp_path)
    assert pq.read_table(made.artefact).to_pylist() == [{"q": "x", "n": 3}] * 5


def test_text_has_no_coordinates(tmp_path):
    pq.write_table(pa.table({"who": ["a"], "lat": ["x"], "lon": [1.0]}), tmp_path / "t.parquet")
    with pytest.raises(RecipeError, match="not numeric"):
        pipeline.run(parsed(CELL), tmp_path / "t.parquet", tmp_path / "out")


def test_every_neighbourhood_of_seoul_holds_a_point_of_its_own(shared_data):
    layer = Layer(file="dong_2021.geojson", code="adm_cd2")
    found = areas.read(layer, shared_data / "seoul_geo")
    inside = areas.shapely.point_on_surface(found.shapes)
    assert found.of(areas.shapely.get_x(inside), areas.shapely.get_y(inside)).tolist() == list(range(425))
