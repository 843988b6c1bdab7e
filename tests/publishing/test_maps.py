"""The map of a release: outlines kept by the publisher, classes with real bounds, the same numbers in picture and table."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from catalog.audit.errors import Conflict
from catalog.datasets.services import set_hierarchy_file
from catalog.display.maps import Place, choropleth, places_of
from catalog.publishing import layers, mapped, outlines, store
from catalog.publishing.maps import map_of
from catalog.publishing.models import Publication
from tests import factories

GRID = 5
PLACES = {"file": "towns.geojson", "code": "code", "parents": ["county"]}
CODES = [f"T{i:02}" for i in range(GRID * GRID)]


def layer(**more: Any) -> str:
    """A grid of square towns, each border with a bend in it that its neighbour shares; rows of them are counties."""
    features = []
    for i, code in enumerate(CODES):
        x, y = 127 + 0.1 * (i % GRID), 37 + 0.1 * (i // GRID)
        ring = [[x, y], [x + 0.05, y + 0.01], [x + 0.1, y], [x + 0.1, y + 0.1], [x + 0.05, y + 0.11], [x, y + 0.1], [x, y]]
        properties = {"code": code, "name": f"Town {i}", "county": f"C{i // GRID}", "mayor": "Kept Inside", **more}
        features.append({"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}})
    return json.dumps({"type": "FeatureCollection", "features": features})


def recipe(level: int = 0, codes: list[str] = CODES) -> dict[str, Any]:
    group = {"column": "district", "values": codes} if level == 0 else {"column": "district", "level": level, "values": codes}
    place = {"role": "place", "title": "Town", "hierarchy": {"places": PLACES}}
    return {
        **factories.DP_TABLE,
        "columns": {**factories.DP_TABLE["columns"], "district": place},
        "stages": [{**factories.DP_TABLE["stages"][0], "group_by": [group, factories.DP_TABLE["stages"][0]["group_by"][1]]}],
    }


def table(codes: list[str] = CODES, people: Any = None) -> dict[str, Any]:
    """Three months; the third town was not published, the fourth has few people."""
    shown = [code for code in codes if code != "T02"]
    values = {code: 10 * (i + 1) for i, code in enumerate(shown)} | {"T03": 1}
    people = [values[code] + month for code in shown for month in range(3)]
    return {
        "district": [code for code in shown for _ in range(3)],
        "month_month": ["2026-01", "2026-02", "2026-03"] * len(shown),
        "people": people, "people_lower": [n - 4 for n in people], "people_upper": [n + 4 for n in people],
    }  # fmt: skip


@pytest.fixture(autouse=True)
def no_chart(monkeypatch):
    """Vega is another test's."""
    monkeypatch.setattr("catalog.publishing.views.chart_of", lambda publication: None)


@pytest.fixture
def town_map(db) -> Publication:
    steward = factories.steward()
    made = factories.dataset(steward, "towns", population=factories.population())
    set_hierarchy_file(by=steward, dataset=made, name="towns.geojson", content=layer().encode())
    return factories.publication("towns", by=steward, recipe=recipe(), rows=table())


# --- outlines ----------------------------------------------------------------------------------------------------


def test_outlines_keep_code_name_and_borders_and_nothing_else():
    found = json.loads(outlines.outline(layer(), "code"))
    assert [feature["properties"] for feature in found["features"]] == [{"code": c, "name": f"Town {i}"} for i, c in enumerate(CODES)]
    assert "Kept Inside" not in json.dumps(found)


def test_places_of_a_coarser_level_are_united():
    found = json.loads(outlines.outline(layer(), "county"))
    assert [feature["properties"]["code"] for feature in found["features"]] == [f"C{i}" for i in range(GRID)]
    assert all(len(feature["geometry"]["coordinates"]) == 1 for feature in found["features"])


def test_the_same_layer_gives_the_same_bytes():
    assert outlines.outline(layer(), "code") == outlines.outline(layer(), "code")


def test_simplified_borders_are_still_shared_by_neighbours(monkeypatch):
    monkeypatch.setattr(outlines, "MOST_VERTICES", 140)
    found = json.loads(outlines.outline(layer(), "code"))
    areas = shapely.from_geojson([json.dumps(feature["geometry"]) for feature in found["features"]])
    assert shapely.get_num_coordinates(areas).sum() <= 140
    assert shapely.area(shapely.union_all(areas)) == pytest.approx(shapely.area(areas).sum(), rel=1e-6)


@pytest.mark.parametrize(
    "broken",
    [
        '{"type": "FeatureCollection", "features": []}',
        json.dumps({"features": [{"properties": {"code": str(i)}, "geometry": {"type": "Point", "coordinates": [127, 37]}} for i in range(3)]}),
        json.dumps({"features": [{"properties": {"code": str(i)}, "geometry": {"type": "Polygon", "coordinates": [[[1, 2], [3]]]}} for i in range(3)]}),
        json.dumps({"features": [{"properties": {"code": str(i)}, "geometry": None} for i in range(3)]}),
        '{"features": {}}',
    ],
)
def test_a_layer_without_areas_gives_no_outlines(broken):
    assert outlines.outline(broken, "code") is None


def test_a_layer_of_too_many_places_gives_no_outlines(monkeypatch):
    monkeypatch.setattr(outlines, "MOST_PLACES", 24)
    assert outlines.outline(layer(), "code") is None


@pytest.mark.parametrize(
    ("column", "source"),
    [
        ({"role": "group", "column": "district"}, layers.Source("towns.geojson", "code")),
        ({"role": "group", "column": "district", "level": 1}, layers.Source("towns.geojson", "county")),
        ({"role": "group", "column": "district", "level": 2}, None),
        ({"role": "group", "column": "month", "bucket": "month"}, None),
        ({"role": "measure", "column": "district"}, None),
        ({"role": "group", "column": "found"}, layers.Source("cells.geojson", "id")),
    ],
)
def test_the_recipe_says_which_column_speaks_of_places(column, source):
    located = {"stage": "locate", "name": "found", "layer": {"file": "cells.geojson", "code": "id"}}
    assert layers.source_of({**recipe(), "stages": [located, *recipe()["stages"]]}, column) == source


# --- what is shown -----------------------------------------------------------------------------------------------


def test_classes_are_quantiles_with_the_bounds_of_their_members():
    class_of, classes = mapped.classed([1, 2, 3, 4, 5, 6, 7, 8, 9, 1000])
    assert class_of == (0, 0, 1, 1, 2, 2, 3, 3, 4, 4)
    assert [(c.lowest, c.highest, c.places) for c in classes] == [(1, 2, 2), (3, 4, 2), (5, 6, 2), (7, 8, 2), (9, 1000, 2)]


@pytest.mark.parametrize(("values", "classes"), [([5, 5, 5, 5], 1), ([0, 0, 0, 0, 0, 0, 9], 2), ([1], 1)])
def test_few_different_values_make_few_classes(values, classes):
    class_of, found = mapped.classed(values)
    assert len(found) == classes
    assert sum(c.places for c in found) == len(values)
    assert all(found[k].lowest <= value <= found[k].highest for value, k in zip(values, class_of, strict=True))


def test_no_value_is_in_two_classes():
    values = np.random.default_rng(3).poisson(4, 300).tolist()
    class_of, _ = mapped.classed(values)
    assert len(set(zip(values, class_of, strict=True))) == len(set(values))


def columns(*kinds: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"name": "place", "role": "group", "layer": "x", "title": "Place"}, {"name": "hour", "role": "group", "column": "at", "bucket": "hour_of_day"}]
    for kind in kinds:
        found += [{"name": kind, "role": "measure", "kind": kind, "measure": kind}]
        found += [{"name": f"{kind}_{end}", "role": end, "measure": kind} for end in ("lower", "upper")]
    return found


def shown(tmp_path, kinds, rows):
    pq.write_table(pa.table(rows), tmp_path / "t.parquet")
    return mapped.shown_of(tmp_path / "t.parquet", columns(*kinds))


def of(kind, values, half):
    return {kind: values, f"{kind}_lower": [v - half for v in values], f"{kind}_upper": [v + half for v in values]}


def test_persons_are_averaged_over_times_and_the_interval_with_them(tmp_path):
    rows = {"place": ["a", "a", "b", "b"], "hour": [8, 9, 8, 9], **of("persons", [10, 30, 100, 200], 4)}
    found = shown(tmp_path, ["persons"], rows)
    assert found.how == "mean"
    assert [(p.label, p.value) for p in found.points] == [("a", 20), ("b", 150)]
    assert [p.upper - p.value for p in found.points] == pytest.approx([4 * 2**0.5 / 2] * 2)


def test_what_is_not_persons_is_added_up(tmp_path):
    found = shown(tmp_path, ["sum"], {"place": ["a", "a", "b", "b"], "hour": [8, 9, 8, 9], **of("sum", [10, 30, 100, 200], 4)})
    assert found.how == "sum"
    assert [p.value for p in found.points] == [40, 300]


def test_a_mean_of_several_cells_is_not_shown(tmp_path):
    assert shown(tmp_path, ["mean"], {"place": ["a", "b"], "hour": [8, 8], **of("mean", [1, 2], 1)}) is None


def test_half_an_interval_above_half_the_value_is_unreliable(tmp_path):
    found = shown(tmp_path, ["persons"], {"place": ["a", "b", "c"], "hour": [8, 8, 8], **of("persons", [8, 9, 0], 4)})
    assert found.unreliable == (False, False, True)


def test_a_release_that_marks_what_is_unreliable_says_from_which_share_on(tmp_path):
    rows = {"place": ["a", "b"], "hour": [8, 8], **of("persons", [8, 9], 4), "persons_unreliable": [True, True]}
    pq.write_table(pa.table(rows), tmp_path / "t.parquet")
    mark = {"name": "persons_unreliable", "role": "unreliable", "measure": "persons", "above": "0.45"}
    found = mapped.shown_of(tmp_path / "t.parquet", [*columns("persons"), mark])
    assert (found.above, found.unreliable) == (0.45, (True, False))


def test_published_totals_of_places_are_shown_in_the_place_of_sums(tmp_path):
    rows = {"place": ["a", "a", "b", "b", "a", "b"], "hour": [8, 9, 8, 9, None, None], "hour_level": ["hour"] * 4 + ["all"] * 2, **of("persons", [10, 20, 30, 40, 32, 68], 4)}
    pq.write_table(pa.table(rows), tmp_path / "t.parquet")
    found = mapped.shown_of(tmp_path / "t.parquet", [*columns("persons"), {"name": "hour_level", "role": "level", "dimension": "hour", "finest": "hour"}])
    assert [(p.label, p.value) for p in found.points] == [("a", 16), ("b", 34)]


def test_totals_beside_the_cells_are_not_counted_again(tmp_path):
    rows = {"place": ["a", "b", "city"], "hour": [8, 8, 8], "place_level": ["0", "0", "1"], **of("persons", [10, 20, 30], 4)}
    pq.write_table(pa.table(rows), tmp_path / "t.parquet")
    found = mapped.shown_of(tmp_path / "t.parquet", [*columns("persons"), {"name": "place_level", "role": "level", "dimension": "place", "finest": "0"}])
    assert [p.label for p in found.points] == ["a", "b"]


# --- the picture -------------------------------------------------------------------------------------------------


def drawn(**more: Any) -> str:
    rings = [[[127, 37], [127.2, 37], [127.2, 37.1], [127, 37]]]
    places = [Place(rings, "full", 1), Place(rings, "doubtful", 0, hatched=True), Place(rings, "<b>none</b>")]
    return choropleth(places, name="m", label="A & B", classes=2, width=760, north="N", **more)


def test_a_class_is_a_shade_the_unreliable_is_hatched_and_what_is_absent_stays_plain():
    svg = drawn()
    fills = re.findall(r"<path (fill=\"[^\"]+\"[^d]*) d=[^>]+><title>([^<]+)", svg)
    assert [(fill.split('"')[1], title) for fill, title in fills] == [
        ("#0b5a5c", "full"), ("url(#m-0)", "doubtful"), ("none", "&lt;b&gt;none&lt;/b&gt;"),
    ]  # fmt: skip
    assert 'aria-label="A &amp; B"' in svg
    assert ">N</text>" in svg


def test_the_bar_of_scale_is_as_long_as_it_says():
    svg = drawn()
    km, pixels = float(re.search(r">([\d.]+) km<", svg)[1]), float(re.search(r"v5h([\d.]+)v-5", svg)[1])
    across = 0.2 * np.cos(np.radians(37.05)) * np.pi / 180 * 6371  # km between the ends, 744 px apart
    assert pixels / km == pytest.approx(744 / across, rel=0.01)


def test_neighbours_share_their_borders_in_the_picture_too():
    """An area that lies between others leaves no gap: the points of a common border are the same after rounding."""
    places = places_of(json.loads(outlines.outline(layer(), "code")))
    svg = choropleth([Place(rings, name, 0) for name, rings in places.values()], name="m", label="", classes=1, width=342, north="N")
    corners: dict[tuple[float, float], int] = {}
    for path in re.findall(r' d="(M[^"]+z)"><', svg):
        start, rest = path[1:-1].split("l")
        numbers = [float(n) for n in rest.split()]
        points = np.cumsum([[float(n) for n in start.split()], *np.reshape(numbers, (-1, 2)).tolist()], axis=0).round(1)
        for point in map(tuple, points.tolist()):
            corners[point] = corners.get(point, 0) + 1
    assert sum(times == 4 for times in corners.values()) >= (GRID - 1) ** 2


# --- the page ----------------------------------------------------------------------------------------------------


def test_the_page_shows_the_map_and_the_same_numbers_as_a_table(client, town_map):
    text = client.get("/datasets/towns").content.decode()
    assert "People by district, mean over month" in text
    assert '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="people · district"' in text
    found = map_of(town_map)
    assert len(found.rows) == 25
    assert found.absent == 1
    by_code = {row["code"]: row for row in found.rows}
    assert by_code["T00"]["value"] == "11"
    assert by_code["T02"]["value"] is None
    assert by_code["T03"]["unreliable"]
    assert f"<title>Town 0: {by_code['T00']['value']} (" in found.wide
    assert sum(some["places"] for some in found.classes) == 24
    assert "Town 3" in text


def test_the_map_is_drawn_once(town_map, monkeypatch):
    first = map_of(town_map)
    monkeypatch.setattr(store, "outline", None)
    assert map_of(town_map) == first


def test_outlines_that_were_changed_in_the_store_are_not_drawn(town_map, settings, tmp_path):
    settings.CACHE_DIR = tmp_path
    sha256 = next(column["layer"] for column in town_map.columns if column.get("layer"))
    public, name = store.store("public"), store.outline_name(sha256)
    path = public.path(name)
    with open(path, "ab") as file:
        file.write(b" ")
    assert map_of(town_map) is None


def test_a_layer_that_was_changed_after_the_approval_is_not_published(db):
    steward, officer = factories.steward(), factories.officer()
    made = factories.dataset(steward, "towns", population=factories.population())
    set_hierarchy_file(by=steward, dataset=made, name="towns.geojson", content=layer().encode())
    waiting = factories.review(factories.run(factories.version(made), recipe=recipe(), rows=table()))
    factories.decide(waiting, officer)
    set_hierarchy_file(by=steward, dataset=made, name="towns.geojson", content=layer(extra=1).encode())
    waiting.refresh_from_db()
    with pytest.raises((Publication.DoesNotExist, Conflict)):
        factories.publish(waiting)


def test_a_release_without_places_has_no_map(db, client):
    made = factories.publication("counted", by=factories.steward(), recipe=factories.DP_TABLE)
    assert map_of(made) is None
    assert 'class="chart map"' not in client.get("/datasets/counted").content.decode()
