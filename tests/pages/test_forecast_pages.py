"""A steward looks at the errors of a table before they are spent, and takes another setting; an officer sees those of a run."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
from django.utils.translation import override

from catalog.display import pictures
from catalog.releases import drawing, foreseen
from catalog.releases.models import Comparison, Run
from tests import factories
from tests.foreseen import errors
from tests.pages.html import Page

FORM = "/steward/datasets/counts/comparisons"
ASKED = {"recipe": json.dumps(factories.DP_TABLE), "ks": "", "ls": "", "methods": []}


def parsed(response, status=200):
    assert response.status_code == status
    page = Page(response.content.decode())
    assert page.faults == []
    return page


@pytest.fixture(autouse=True)
def pen(settings, tmp_path, monkeypatch):
    """Draws a stroke in place of each picture, and notes what it was asked for."""
    settings.CACHE_DIR = tmp_path
    drawn: list[dict] = []

    def draw(command, *, input, **options):
        asked = json.loads(input)
        drawn.append(asked)
        svg = {"wide": "<svg></svg>", "narrow": "<svg></svg>"}
        return SimpleNamespace(stdout=json.dumps([svg for _ in asked] if isinstance(asked, list) else svg))

    monkeypatch.setattr(pictures.subprocess, "run", draw)
    return drawn


@pytest.fixture
def version(people):
    return factories.version(factories.dataset(people.steward, "counts", population=factories.population(people.home, "city")))


@pytest.fixture
def steward(people, signed_in):
    return signed_in(people.steward)


def test_the_same_button_asks_for_errors_where_the_recipe_makes_a_table(steward, version, django_capture_on_commit_callbacks, rung):
    page = parsed(steward.get("/steward/datasets/counts/recipe?offer=dp-table"))
    assert "No noise is drawn for it" in page.text
    with django_capture_on_commit_callbacks(execute=True):
        response = steward.post(FORM, ASKED)
    made = Comparison.objects.get()
    assert response["Location"] == f"/comparisons/{made.pk}"
    assert made.settings == {"factors": ["0.25", "0.5", "1", "2", "4"]}
    assert ("releases.execute_comparison", made.pk) in rung
    assert "Errors to be expected" in parsed(steward.get(f"/comparisons/{made.pk}")).text


def test_a_table_whose_noise_cannot_be_planned_is_said_beside_what_was_written(steward, version):
    measure = {"name": "spend", "kind": "sum", "column": "answer", "lower": 0, "upper": "1e15", "unit": "0.000001"}
    wrong = {**factories.DP_TABLE, "stages": [{**factories.DP_TABLE["stages"][0], "measures": [measure]}]}
    assert "unit" in parsed(steward.post(FORM, {**ASKED, "recipe": json.dumps(wrong)}), 422).text
    assert not Comparison.objects.exists()


def test_settings_stand_in_a_table_with_their_errors(steward, version):
    page = parsed(steward.get(f"/comparisons/{factories.forecast(version).pk}"))
    for said in ("ε = 0.25", "as in the recipe", "without district", "month by quarter", "Cannot be had:", "there is no room for it", "most usable cells", "1,000+"):
        assert said in page.text, said
    assert "k =" not in page.text.replace("k = 5", "")


def test_a_setting_goes_into_the_recipe_whole(steward, version):
    made = factories.forecast(version)
    links = [link for link in parsed(steward.get(f"/comparisons/{made.pk}")).links if "point=" in link]
    assert len(links) == 6  # neither the recipe's own, nor the one that cannot be had
    written = [recipe_on(steward.get(link)) for link in links]
    assert [document["stages"][0]["epsilon"] for document in written] == ["0.25", "0.5", "2", "4", "1.0", "1.0"]
    assert [len(document["stages"][0]["group_by"]) for document in written] == [2, 2, 2, 2, 1, 2]
    assert all(document["columns"] == made.recipe["columns"] for document in written)


def recipe_on(response):
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", response.content.decode(), re.DOTALL)
    return json.loads(found.group(1).replace("&quot;", '"'))


def test_the_pictures_are_a_line_an_epsilon_and_a_bar_a_setting_in_the_readers_language(steward, version, pen):
    made = factories.forecast(version)
    steward.get("/language", {"set": "ko", "next": "/steward"})
    assert f"/comparisons/{made.pk}/picture" in parsed(steward.get(f"/comparisons/{made.pk}")).links
    drawn = steward.get(f"/comparisons/{made.pk}/picture").content.decode()
    assert drawn.count("<svg") == 6
    lines = next(asked for asked in pen if "lines" in asked and len(asked["lines"]) == 5)
    assert [line["own"] for line in lines["lines"]] == [False, False, True, False, False]
    assert lines["words"] == {"size": "칸 안의 사람 수", "error": "전형적인 오차"}
    (bars,) = next(asked for asked in pen if isinstance(asked, list))
    assert [row["label"] for row in bars["rows"]][-2:] == ["district 없이", "month, 분기별"]
    assert f"/comparisons/{made.pk}/picture" not in parsed(steward.get(f"/comparisons/{made.pk}")).links


def test_workers_draw_them_in_every_language(version, pen):
    drawing.draw_comparison(factories.forecast(version).pk)
    assert {asked["words"]["error"] for asked in pen if "lines" in asked} == {"typical error", "전형적인 오차", "典型误差"}


def test_the_card_on_the_datasets_page_shows_the_newest(steward, version):
    version.columns.filter(role="quasi_identifier").update(role="plain")
    page = parsed(steward.get("/steward/datasets/counts"))
    assert "how wrong the numbers of a table would be" in page.text
    assert "/steward/datasets/counts/recipe?offer=dp-table#compare" in page.links
    made = factories.forecast(version)
    page = parsed(steward.get("/steward/datasets/counts"))
    assert f"/comparisons/{made.pk}" in page.links
    assert "Cells that can be used" in page.text


def test_the_officer_looks_and_may_not_use_it_and_others_do_not_look(people, client, signed_in, version):
    made = factories.forecast(version)
    officer = signed_in(people.officer)
    assert not [link for link in parsed(officer.get(f"/comparisons/{made.pk}")).links if "point=" in link]
    for page in ("", "/picture"):
        assert client.get(f"/comparisons/{made.pk}{page}")["Location"].startswith("/login")
        for who in (people.developer, people.stranger):
            assert signed_in(who).get(f"/comparisons/{made.pk}{page}").status_code == 403


def test_a_measure_whose_error_nobody_knows_has_no_line_and_says_why():
    points = factories.foreseen(factories.DP_TABLE)
    for point in points:
        if point["met"]:
            (people,) = point["measures"]
            unknown = {**people, "name": "top", "kind": "top", "forecast": False, "overall": None, "classes": [None] * 4}
            point["measures"] = [unknown, people]
    with override("en"):
        epsilons, usable, own = foreseen.shown_of({"points": points})
        assert "Of people" in epsilons.said
        assert usable.rows[0][2] != "0.0 %"
        assert [row[0] for row in own.rows] == ["top"] * 4 + ["people"] * 4
        assert "depends on the values" in own.note
        for point in points:
            point["measures"] = point["measures"][:1] if point["met"] else point["measures"]
        assert foreseen.settings_of({"points": points})[0].cells[-1] == ("Usable", "–")


# --- the run's own -------------------------------------------------------------------------------------------------


def test_a_run_and_its_review_show_the_errors_that_were_to_be_expected(people, signed_in, version, pen):
    run = factories.run(version, recipe=factories.DP_TABLE)
    report = run.report
    report["internal"]["forecast"] = errors(factories.recipes.parse(factories.DP_TABLE))
    Run.objects.filter(pk=run.pk).update(report=report)
    drawing.draw_run(run.pk)
    assert {len(asked["lines"]) for asked in pen} == {1}
    review = factories.review(Run.objects.get(pk=run.pk))
    for who, address in ((people.steward, f"/runs/{run.pk}"), (people.officer, f"/reviews/{review.pk}")):
        page = parsed(signed_in(who).get(address))
        assert "How exact its numbers are" in page.text
        assert "2 cells hold nobody" in page.text
        assert "10–99" in page.text


def test_a_report_without_a_forecast_shows_none(people, signed_in, version):
    run = factories.run(version, recipe=factories.DP_TABLE)
    assert "How exact its numbers are" not in parsed(signed_in(people.steward).get(f"/runs/{run.pk}")).text
