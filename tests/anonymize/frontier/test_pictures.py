"""The picture of a frontier: what is drawn, in which colours, and that its labels can be read."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from anonymize.pictures import frontier_chart, standalone
from anonymize.pictures.frontier import ACCENT, GREY, LINE
from anonymize.pictures.labels import Label, placed

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def drawn():
    return frontier_chart(POINTS)


def point(method, k, risk, use, *, efficient=True, met=True, l=None):  # noqa: E741
    return {"method": method, "k": k, "l": l, "met": met, "average_risk": risk, "granularity": use, "efficient": efficient}


POINTS = [
    point("local_recoding", 2, 0.31, 0.96), point("local_recoding", 5, 0.13, 0.89), point("full_domain", 2, 0.2, 0.75, efficient=False),
    point("full_domain", 5, 0.05, 0.73), point("full_domain", 1000, None, None, met=False, efficient=False),
]  # fmt: skip


def texts(svg):
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_every_point_that_can_be_had_is_labelled_and_every_method_named(drawn):
    said = texts(drawn)
    assert [said.count(label) for label in ("k = 2", "k = 5", "local recoding", "full domain")] == [2, 2, 1, 1]
    assert not [text for text in said if "1000" in text]


def test_words_may_be_in_another_language_and_a_picture_is_as_wide_as_asked():
    narrow = frontier_chart(POINTS, 340, {"risk": "평균 위험", "local_recoding": "지역 재부호화"})
    assert ElementTree.fromstring(narrow).get("width") == "340"
    said = texts(narrow)
    assert {"평균 위험", "지역 재부호화", "full domain"} <= set(said)


def test_settings_that_come_to_the_same_share_a_label():
    alike = [point("full_domain", k, 0.1, 0.7, l=l) for k in (5, 10) for l in (1, 2, 3)]  # noqa: E741
    assert "k = 5, 10, l = 1–3" in texts(frontier_chart(alike))


def test_only_the_three_colours_that_a_page_can_turn_dark_are_used(drawn):
    assert set(re.findall(r"#[0-9a-fA-F]{3,8}\b", drawn)) == {ACCENT, GREY, LINE}
    assert "<style" not in drawn
    alone = standalone(drawn)
    assert "prefers-color-scheme:dark" in alone
    assert ElementTree.fromstring(alone).tag == f"{SVG}svg"


def test_nothing_to_draw_is_no_picture():
    assert frontier_chart([POINTS[-1]]) == ""
    assert frontier_chart([]) == ""


def test_labels_do_not_lie_on_each_other_and_one_without_room_is_left_out():
    room = (0.0, 0.0, 300.0, 200.0)
    two = [Label("k = 2", ACCENT, ((100.0, 100.0),)), Label("k = 5", ACCENT, ((112.0, 100.0),))]
    boxes = [label.box(*place) for label, place in placed(two, [(100.0, 100.0), (112.0, 100.0)], [], room)]
    assert len(boxes) == 2
    (a, b) = boxes
    assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    crowd = [Label(f"k = {i}", ACCENT, ((20.0, 10.0),)) for i in range(40)]
    assert 0 < len(placed(crowd, [(20.0, 10.0)], [], (0.0, 0.0, 80.0, 40.0))) < 40
    assert len(placed([Label("needed", GREY, ((5.0, 5.0),), needed=True)], [(5.0, 5.0)], [], (0.0, 0.0, 6.0, 6.0))) == 1


def test_a_process_of_its_own_draws_from_json_to_json():
    asked = json.dumps({"points": POINTS[:1], "widths": {"narrow": 340}, "words": {"risk": "위험"}})
    done = subprocess.run([sys.executable, "-m", "anonymize.pictures"], input=asked, capture_output=True, text=True, check=True)
    drawn = json.loads(done.stdout)
    assert set(drawn) == {"narrow"}
    assert "위험" in texts(drawn["narrow"])
