"""Places from a GeoJSON layer: codes that nest, features named by their position, ladders that a layer offers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymize import pipeline, recipe
from anonymize.columns import hierarchy_places
from anonymize.columns.hierarchies import Ladder, build, leaves
from anonymize.errors import RecipeError
from anonymize.recipe import PlaceHierarchy, Places, file_of

SECRET = "Geheimnis"
SHAPE = {"type": "Polygon", "coordinates": [[[126.9, 37.5], [127.0, 37.5], [127.0, 37.6], [126.9, 37.5]]]}


def layer(*properties: Any) -> str:
    features = [{"type": "Feature", "properties": has, "geometry": SHAPE} for has in properties]
    return json.dumps({"type": "FeatureCollection", "features": features})


def place(code: Any, gu: Any, city: Any = "Seoul") -> dict[str, Any]:
    return {"adm": code, "gu": gu, "city": city}


HIERARCHY = PlaceHierarchy(places=Places(file="areas.geojson", code="adm", parents=("gu", "city")))


def from_layer(folder: Path, content: str | bytes, values: list[Any]) -> Ladder:
    (folder / "areas.geojson").write_bytes(content.encode() if isinstance(content, str) else content)
    return build("dong", HIERARCHY, values, folder)


def refusal(folder: Path, content: str | bytes, values: list[Any] | None = None) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        from_layer(folder, content, values or [])
    assert SECRET not in str(caught.value.as_dict())
    return caught.value


def test_a_place_lies_in_its_district_and_its_city(tmp_path: Path) -> None:
    ladder = from_layer(tmp_path, layer(place("11", "1"), place("12", "1"), place("21", "2", "Busan")), ["11", "21", None])
    assert [ladder.labels(level, ["11", "21", None]) for level in range(ladder.levels)] == [
        ["11", "21", None], ["1", "2", None], ["Seoul", "Busan", None], ["*", "*", "*"],
    ]  # fmt: skip
    assert (ladder.domain, ladder.leaves_per_label(1)) == (3, {"1": 2, "2": 1})


def test_codes_may_be_whole_numbers_in_the_layer_and_in_the_table(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + layer(place(11, 1), place(12, 1)).encode()
    assert from_layer(tmp_path, content, [11]).labels(1, [11]) == ["1"]
    assert from_layer(tmp_path, content, ["12"]).labels(1, ["12"]) == ["1"]


def test_features_of_a_layer_stand_in_no_order_that_a_distance_could_use(tmp_path: Path) -> None:
    from_layer(tmp_path, layer(place("11", "1")), [])
    assert leaves(HIERARCHY, tmp_path) is None
    assert file_of(HIERARCHY) == "areas.geojson"


def test_values_that_the_layer_lacks_are_counted_not_named(tmp_path: Path) -> None:
    assert "2 distinct value(s)" in refusal(tmp_path, layer(place("11", "1")), ["11", SECRET, SECRET + "2"]).message


@pytest.mark.parametrize(
    ("content", "said", "pointer"),
    [
        (layer(place("11", "1"), {"adm": SECRET, "gu": "1"}), "feature 2 has no text and no whole number as its property 'city'", "/features/1"),
        (layer(place("11", None)), "feature 1 has no text and no whole number as its property 'gu'", "/features/0"),
        (layer(place("11", "1"), place(1.5, "1")), "feature 2 has no text and no whole number", "/features/1"),
        (layer(place(True, "1")), "feature 1 has no text", "/features/0"),
        (layer(place(["11"], "1")), "feature 1 has no text", "/features/0"),
        (layer(place("", "1")), "feature 1 has no text", "/features/0"),
        (layer(place("11", "1"), place("12", "1"), place("11", "1")), "feature 3 repeats the leaf of feature 1: if places consist of several features, let code be", "/features/2"),
        (layer(place("11", SECRET), place("12", SECRET, "Busan")), "feature 2: its label at level 1 lies under another label of level 2 than feature 1 says", "/features/1"),
        (layer(place("11", "1", "X"), place("12", "X", "1")), "feature 1: a label of it lies above itself", "/features/0"),
        (layer(place("11", "1"), None), "feature 2 has no properties", "/features/1"),
        ('{"type": "FeatureCollection", "features": [7]}', "feature 1 has no properties", "/features/0"),
        ('{"type": "FeatureCollection", "features": []}', "no GeoJSON FeatureCollection", None),
        ('{"type": "Feature", "properties": {}}', "no GeoJSON FeatureCollection", None),
        ("[]", "no GeoJSON FeatureCollection", None),
        (f'{{"{SECRET}":', "it is not JSON (line 1)", None),
        ('{"type": "FeatureCollection", "features": [{"properties": {"adm": NaN}}]}', "it is not JSON", None),
        ('{"type": "FeatureCollection", "features": [{"properties": {"adm": "1", "adm": "2"}}]}', "names a property twice", None),
        ("[" * 100_000, "it is not JSON", None),
        (b"\xff\xfe", "it is not UTF-8", None),
    ],
)  # fmt: skip
def test_a_bad_layer_is_refused_with_the_feature_and_without_the_value(tmp_path: Path, content: str | bytes, said: str, pointer: str | None) -> None:
    error = refusal(tmp_path, content)
    assert said in error.message
    assert [problem.pointer for problem in error.problems[:1]] == ([] if pointer is None else [pointer])


def test_a_layer_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hierarchy_places, "MAX_BYTES", 4)
    assert "larger than" in refusal(tmp_path, layer(place("11", "1"))).message


@pytest.mark.parametrize(
    "fields",
    [
        {"file": "../areas.geojson"}, {"code": ""}, {"parents": []}, {"parents": ["adm"]}, {"parents": ["gu", "gu"]}, {"name": "x"},
    ],
)  # fmt: skip
def test_a_ladder_of_places_that_says_the_wrong_thing_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"validation error"):
        PlaceHierarchy.model_validate({"places": {"file": "areas.geojson", "code": "adm", "parents": ["gu"], **fields}})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab"), st.sampled_from("xy")), min_size=1, max_size=8))
def test_a_layer_is_taken_exactly_when_its_codes_nest(rows: list[tuple[int, str, str]]) -> None:
    """The slow and obvious way: no code twice, no parent under two grandparents."""
    nests = len({code for code, _, _ in rows}) == len(rows) and len({(gu, city) for _, gu, city in rows}) == len({gu for _, gu, _ in rows})
    features = hierarchy_places.parse("areas.geojson", layer(*(place(*row) for row in rows)))
    if not nests:
        with pytest.raises(RecipeError):
            hierarchy_places.paths(HIERARCHY.places, features)
        return
    assert hierarchy_places.paths(HIERARCHY.places, features).steps == {str(code): (gu, city) for code, gu, city in rows}


def test_a_layer_offers_the_ladders_that_nest_in_it() -> None:
    features = hierarchy_places.parse("a.geojson", layer(*(
        {"id": i, "adm": f"{i:02d}", "name": "same", "gu": str(i // 2), "gu_name": f"gu {i // 2}", "odd": str(i % 3), "city": str(i // 4), "note": None}
        for i in range(8)
    )))  # fmt: skip
    offered = hierarchy_places.ladders("a.geojson", features)
    assert [(one.code, one.parents) for one in offered] == [("id", ("gu", "city")), ("adm", ("gu", "city"))]
    for one in offered:
        hierarchy_places.paths(one, features)
    assert hierarchy_places.ladders("a.geojson", features[:1]) == []


# --- the real thing ------------------------------------------------------------------------------------------------


def test_the_neighbourhoods_of_seoul_lie_in_its_districts(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "seoul_geo"
    features = hierarchy_places.parse("dong_2021.geojson", (folder / "dong_2021.geojson").read_bytes())
    offered = hierarchy_places.ladders("dong_2021.geojson", features)
    assert ("adm_cd2", ("sgg",)) in [(one.code, one.parents) for one in offered]
    codes = [has["adm_cd2"] for has in features]
    people = pa.table({"who": range(850), "dong": codes * 2, "pay": range(849, -1, -1)})
    pq.write_table(people, tmp_path / "typed.parquet")
    ladder = {"places": {"file": "dong_2021.geojson", "code": "adm_cd2", "parents": ["sgg", "sido"]}}
    document = {
        "recipe": 1, "title": "Seoul", "person_key": "who",
        "columns": {"who": {"role": "person_key"}, "dong": {"role": "quasi_identifier", "hierarchy": ladder}, "pay": {"role": "plain"}},
        "stages": [{"stage": "k_anonymity", "k": 3}],
    }  # fmt: skip
    made = pipeline.run(recipe.parse(document), tmp_path / "typed.parquet", tmp_path / "out", folder=folder)
    districts = set(pq.read_table(made.artefact)["dong"].to_pylist())
    assert districts == {has["sgg"] for has in features}
    assert len(districts) == 25
