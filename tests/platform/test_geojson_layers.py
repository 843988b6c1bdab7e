"""A GeoJSON layer is uploaded like any hierarchy file: checked when it comes, offered as ladders, used by a run, bound to it."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from catalog.audit.errors import Invalid
from catalog.datasets import services as datasets
from catalog.datasets.forms import column_forms
from catalog.datasets.services import set_hierarchy_file
from catalog.releases import services, work
from tests.platform import makers

pytestmark = pytest.mark.django_db

TOWNS = [{"town": "north", "county": "upper", "id": 1}, {"town": "south", "county": "upper", "id": 2}, {"town": "west", "county": "lower", "id": 3}]
LADDER = {"places": {"file": "towns.geojson", "code": "town", "parents": ["county"]}}
RECIPE = {**makers.K_RECIPE, "columns": {**makers.K_RECIPE["columns"], "town": {"role": "quasi_identifier", "hierarchy": LADDER}}}


def layer(places: list[dict[str, Any]] = TOWNS) -> bytes:
    features = [{"type": "Feature", "properties": place, "geometry": {"type": "Point", "coordinates": [127.1, 37.5]}} for place in places]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


@pytest.fixture
def steward():
    return makers.steward()


@pytest.fixture
def dataset(steward):
    made = makers.dataset(steward)
    makers.ready_version(steward, made)
    return made


def test_a_layer_offers_the_ladders_that_nest_in_it_on_the_page_and_in_the_record(steward, dataset):
    kept = set_hierarchy_file(by=steward, dataset=dataset, name="towns.geojson", content=layer())
    set_hierarchy_file(by=steward, dataset=dataset, name="plain.csv", content=b"north;*\n")
    assert kept.ladders == [LADDER, {"places": {"file": "towns.geojson", "code": "id", "parents": ["county"]}}]
    choices = dict(column_forms(dataset.versions.get())[0].fields["hierarchy"].choices)
    assert choices[json.dumps(LADDER, sort_keys=True)] == "file towns.geojson: town → county"
    assert choices[json.dumps({"file": "plain.csv"})] == "file plain.csv"


def test_a_run_puts_places_into_what_they_lie_in(steward, dataset):
    with pytest.raises(Invalid, match="no hierarchy"):
        services.request_run(by=steward, dataset=dataset, document=RECIPE)
    set_hierarchy_file(by=steward, dataset=dataset, name="towns.geojson", content=layer())
    coarse = {**RECIPE, "stages": [{"stage": "k_anonymity", "k": 5, "method": "fixed", "levels": {"age": 0, "town": 1}}]}
    run = services.request_run(by=steward, dataset=dataset, document=coarse)
    assert list(run.hierarchies) == ["towns.geojson"]
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert run.error is None
    column = next(found for found in run.report["artefact"]["columns"] if found["name"] == "town")
    assert column["type"] == "text"
    assert {row["town"] for row in run.sample} == {"upper"}


SQUARE = {"type": "Polygon", "coordinates": [[[127, 37], [128, 37], [128, 38], [127, 38], [127, 37]]]}


def test_a_run_finds_the_area_that_points_lie_in_and_lets_only_a_dp_table_say_who_stayed(steward):
    dataset = makers.dataset(steward, population=makers.population())
    points = makers.trips().assign(lat=37.5, lon=127.5, at=pd.date_range("2026-03-02", periods=180, freq="min"))[["person", "lat", "lon", "at"]]
    makers.ready_version(steward, dataset, points, {"person": "person_key", "lat": "place", "lon": "place", "at": "event_time"})
    areas = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": TOWNS[0], "geometry": SQUARE}]}
    stages = [
        {"stage": "locate", "name": "town", "latitude": "lat", "longitude": "lon", "layer": {"file": "areas.geojson", "code": "town"}},
        {"stage": "presence", "time": "at", "place": "town", "max_gap_minutes": 120},
    ]
    document = {**makers.DP_RECIPE, "columns": {"person": {"role": "person_key"}, "at": {"role": "event_time"}}, "stages": [*stages, *makers.DP_RECIPE["stages"]]}
    with pytest.raises(Invalid, match="no hierarchy, layer or population file"):
        services.request_run(by=steward, dataset=dataset, document=document)
    set_hierarchy_file(by=steward, dataset=dataset, name="areas.geojson", content=json.dumps(areas).encode())
    run = services.request_run(by=steward, dataset=dataset, document=document)
    assert list(run.hierarchies) == ["areas.geojson"]
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert run.error is None
    assert max((row["persons"], row["town"]) for row in run.sample)[1] == "north"


@pytest.mark.parametrize("identifying", ["direct_identifier", "person_key"])
def test_no_place_is_computed_from_who_somebody_is(steward, dataset, identifying):
    dataset.versions.get().columns.filter(name="fare").update(role=identifying)
    stage = {"stage": "locate", "name": "town2", "latitude": "fare", "longitude": "age", "h3": 8}
    with pytest.raises(Invalid) as refused:
        services.request_run(by=steward, dataset=dataset, document={**makers.DP_RECIPE, "stages": [stage, *makers.DP_RECIPE["stages"]]})
    assert "identifier_used" in {problem.code for problem in refused.value.problems}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("towns.geojson", b"north;*\n", "it is not JSON"),
        ("towns.geojson", b'{"type": "FeatureCollection", "features": []}', "FeatureCollection"),
        ("towns.geojson", b'{"type": "FeatureCollection", "features": [{}]}', "feature 1 has no properties"),
        ("towns.json", layer(), "cannot be kept"),
        ("x.geojson.exe", layer(), "cannot be kept"),
    ],
)
def test_a_file_that_is_no_layer_is_refused_when_it_is_uploaded(steward, dataset, name, content, said):
    with pytest.raises(Invalid, match=said):
        set_hierarchy_file(by=steward, dataset=dataset, name=name, content=content)
    assert not dataset.hierarchy_files.exists()


def test_a_layer_may_be_larger_than_a_ladder_and_still_has_an_end(steward, dataset, monkeypatch):
    monkeypatch.setattr(datasets, "MAX_HIERARCHY_BYTES", 10)
    set_hierarchy_file(by=steward, dataset=dataset, name="towns.geojson", content=layer())
    monkeypatch.setattr(datasets, "MAX_LAYER_BYTES", 10)
    with pytest.raises(Invalid, match="between 1 and 10 bytes"):
        set_hierarchy_file(by=steward, dataset=dataset, name="towns.geojson", content=layer())
