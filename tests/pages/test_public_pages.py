"""What everybody may see."""

from __future__ import annotations

import sys

import pytest

from catalog.publishing import services
from catalog.publishing.charts import chart_of
from tests import factories
from tests.pages.html import Page

REASON = "The contract ended, and the next one does not permit it."


def read(client, address, status=200, **asked):
    response = client.get(address, asked)
    assert response.status_code == status
    page = Page(response.content.decode())
    assert page.faults == []
    return page


def test_the_catalogue_begins_with_a_search_box_and_how_much_there_is(client, counted, survey):
    page = read(client, "/")
    assert "2 datasets in 2 releases, from 1 organisations." in page.text
    assert [field["name"] for field in page.fields] == ["q"]
    assert "Differential privacy · ε 1" in page.text
    assert "k-anonymity · k 10" in page.text


def test_a_search_finds_by_word_and_by_facet(client, counted, survey):
    assert "1 found" in read(client, "/", q="counted").text
    assert "1 found" in read(client, "/", guarantee="k_anonymity").text
    assert "Nothing matches" in read(client, "/", q="no such thing").text


@pytest.mark.parametrize("asked", [{"q": "\x00"}, {"organisation": "'; drop"}, {"sort": "sideways"}, {"page": "1e9"}, {"q": "x" * 5000}])
def test_nonsense_in_the_address_asks_for_nothing(client, survey, asked):
    assert "Survey" in read(client, "/", **asked).text


def test_a_catalogue_without_releases_says_so(client, db):
    assert "Nothing is published yet." in read(client, "/").text


def test_a_dataset_says_what_protects_people_what_the_columns_mean_and_how_to_get_it(client, counted):
    page = read(client, "/datasets/people-counted")
    assert "by a factor of at most about" in page.text and " promise: " in page.text
    assert "pandas.read_parquet" in page.text
    assert "/api/v1/datasets/people-counted/exports/csv" in page.links
    assert "people_lower" not in page.text, "the ends of intervals are not listed as columns of their own"


def test_a_dataset_that_was_never_published_is_not_there(client, under_review):
    read_status = client.get("/datasets/waiting").status_code
    assert read_status == 404
    assert client.get("/datasets/nothing").status_code == 404


def test_the_picture_shows_the_numbers_of_the_table_under_it(client, counted):
    chart = chart_of(counted)
    sums = {point.label: point.value for point in chart.series.points}
    assert sums == {"2026-01": 43, "2026-02": 29, "2026-03": 51}
    assert all(point.lower < point.value < point.upper for point in chart.series.points)
    text = client.get("/datasets/people-counted").content.decode()
    assert '<svg role="img" aria-label="people' in text
    assert "<td class=\"num\" data-value=\"43.00\">43</td>" in text


def test_the_picture_of_rows_counts_them_and_claims_no_interval(survey):
    chart = chart_of(survey)
    assert {point.label: point.value for point in chart.series.points} == {"11110": 20, "11140": 20}
    assert not chart.series.noisy


def test_a_label_from_the_data_cannot_become_markup(people):
    rows = {"district": ["<script>alert(1)</script>"] * 20 + ["11140"] * 20, "age": ["[20, 40)"] * 40, "answer": ["no"] * 40}
    made = factories.publication("markup", by=people.steward, officer_=people.officer, rows=rows)
    chart = chart_of(made)
    assert "<script" not in chart.wide + chart.narrow
    assert "&lt;script" in chart.wide


def test_a_suspended_release_answers_410_with_its_reason_and_without_its_picture(client, people, counted):
    client.get("/datasets/people-counted")  # the picture is in the cache now
    services.suspend(by=people.officer, publication=counted, reason=REASON)
    for address in ("/datasets/people-counted", "/datasets/people-counted/releases/1"):
        page = read(client, address, 410)
        assert REASON in page.text
        assert "<svg role" not in client.get(address).content.decode()


def test_a_stopped_release_stays_in_the_register(client, people, survey, counted):
    services.withdraw(by=people.officer, publication=survey, reason=REASON)
    page = read(client, "/register")
    assert "withdrawn" in page.text
    assert survey.artefact_sha256[:12] in page.text


def test_the_register_names_no_population_about_which_nothing_was_ever_published(client, counted, under_review):
    page = read(client, "/register")
    assert "Residents" in page.text
    assert "Waiting" not in page.text


def test_a_release_is_superseded_and_points_to_its_successor(client, people, survey):
    factories.publication("survey", by=people.steward, officer_=people.officer)
    assert "/datasets/survey/releases/2" in read(client, "/datasets/survey/releases/1").links


def test_a_release_shows_the_decision_but_not_the_name_of_hidden_columns(client, survey):
    page = read(client, "/datasets/survey/releases/1")
    assert "the risk is acceptable" in page.text
    assert survey.artefact_sha256 in page.text
    assert '"person"' not in page.text


def test_public_pages_offer_no_buttons_that_only_some_may_press(client, survey):
    for address in ("/datasets/survey", "/datasets/survey/releases/1"):
        assert "Stop this release" not in read(client, address).text
    response = client.post("/datasets/survey/releases/1/stop", {"how": "suspend", "reason": REASON})
    assert response.status_code == 302
    assert response["Location"].startswith("/login")


def test_public_pages_set_no_cookie_and_ask_to_be_asked_again(client, survey):
    response = client.get("/datasets/survey")
    assert not response.cookies
    assert response["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(("language", "said"), [("ko", "사람들을 지키는 방법"), ("zh-hans", "如何保护其中的人")])
def test_a_page_speaks_the_readers_language(client, survey, language, said):
    client.get("/language", {"set": language, "next": "/datasets/survey"})
    page = read(client, "/datasets/survey")
    assert said in page.text
    assert page.language == language


@pytest.mark.parametrize(("status", "template"), [(400, "400.html"), (403, "403.html"), (404, "404.html"), (500, "500.html"), (403, "403_csrf.html")])
def test_error_pages_stand_alone_and_say_what_to_do(status, template):
    from django.template.loader import render_to_string

    page = Page(render_to_string(template))
    assert page.faults == []
    assert str(status) in page.text


def test_an_unknown_address_is_a_page_with_a_way_back(client, db):
    assert "/" in read(client, "/nowhere", 404).links


def test_a_page_goes_out_without_its_picture_when_none_can_be_drawn(client, counted, monkeypatch, settings, tmp_path):
    settings.CACHE_DIR = tmp_path
    monkeypatch.setattr("catalog.display.pictures.DRAWING_SECONDS", 0.001)
    page = read(client, "/datasets/people-counted")
    assert "What protects the people in it" in page.text
    assert chart_of(counted) is None


def test_the_web_process_never_loads_the_drawing_engine(client, counted):
    client.get("/datasets/people-counted")
    assert not {"vl_convert", "altair"} & set(sys.modules)
