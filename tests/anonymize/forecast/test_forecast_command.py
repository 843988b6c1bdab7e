"""``python -m anonymize forecast``, and its picture."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest

from anonymize.__main__ import main
from anonymize.forecast.drawn import lines
from anonymize.pictures import forecast_chart
from tests.anonymize.forecast.worlds import document, visits


@pytest.fixture
def asked(tmp_path):
    (tmp_path / "recipe.json").write_text(json.dumps(document(measures=[{"name": "people", "kind": "persons"}])))
    return ["forecast", str(tmp_path / "recipe.json"), "--input", str(visits(tmp_path)), "--output", str(tmp_path / "out")]


def test_it_writes_the_settings_the_tables_and_the_picture(asked, tmp_path, capsys):
    assert main([*asked, "--factors", "0.5,3"]) == 0
    assert "7 of 7 settings can be had" in capsys.readouterr().out
    found = json.loads((tmp_path / "out" / "forecast.json").read_text())
    assert [point["epsilon"] for point in found["points"][:3]] == ["1", "2", "6"]
    said = (tmp_path / "out" / "forecast.md").read_text()
    assert "| **ε = 2** |" in said
    assert "## people, with the recipe's own settings" in said
    picture = ElementTree.parse(tmp_path / "out" / "forecast.svg").getroot()
    texts = {"".join(text.itertext()) for text in picture.iter() if text.tag.endswith("text")}
    assert {"ε = 1", "ε = 2", "ε = 6", "persons in the cell"} <= texts


@pytest.mark.parametrize("wrong", ["two", "0", "-1", "NaN", "Infinity", "1,,2"])
def test_factors_that_cannot_be_end_with_2_and_leave_nothing_of_before(asked, tmp_path, wrong, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "forecast.svg").write_text("of before")
    assert main([*asked, "--factors", wrong]) == 2
    assert capsys.readouterr().err.startswith("anonymize: ")
    assert list((tmp_path / "out").iterdir()) == []


def point(name, errors, *, own=False, **more):
    sizes = [{"median_persons": 4.0 * 10**i, "hidden_share": 0.9 if i == 0 else 0.1} for i in range(len(errors))]
    figures = [None if error is None else {"relative_error": error} for error in errors]
    return {"name": name, "own": own, "met": True, "change": None, "classes": sizes, "measures": [{"name": "people", "classes": figures}], **more}


def test_a_line_goes_through_the_classes_whose_error_is_known():
    points = [point("ε = 1", [0.5, None, 0.005]), point("ε = 2", [0.25, 0.02, 0.0], own=True), point("other", [1.0], change={}), point("no", [1.0], met=False)]
    found = lines(points, lambda point: point["name"].upper())
    assert [(line["label"], line["own"]) for line in found] == [("Ε = 1", False), ("Ε = 2", True)]
    assert found[0]["points"] == [{"size": 4.0, "error": 0.5, "hidden": True}, {"size": 400.0, "error": 0.005, "hidden": False}]
    assert [at["size"] for at in found[1]["points"]] == [4.0, 40.0]


def test_names_of_lines_do_not_lie_on_each_other_and_nothing_known_is_no_picture():
    found = lines([point(f"ε = {i}", [0.5, 0.01 + i / 1e6], own=i == 2) for i in range(4)])
    picture = ElementTree.fromstring(forecast_chart(found, 342))
    assert picture.get("width") == "342"
    heights = [float(text.get("transform").split(",")[1].rstrip(")")) for text in picture.iter() if (text.text or "").startswith("ε")]
    assert len(heights) == 4
    assert min(b - a for a, b in zip(sorted(heights), sorted(heights)[1:], strict=False)) > 12
    assert forecast_chart([]) == ""
    assert lines([point("ε = 1", [None], own=True)]) == []
