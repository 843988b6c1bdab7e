"""What the public gets: the catalogue, releases, rows and exports; cached for a minute and never longer."""

from __future__ import annotations

import csv
import io
import json

import pyarrow.parquet as pq
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.publishing import services as publishing
from tests import factories
from tests.api.client import Api

PUBLIC = "public, max-age=60, must-revalidate"


@pytest.fixture
def survey(db):
    return factories.publication("survey", themes=["people", "mobility"])


@pytest.fixture
def counted(survey):
    return factories.publication("counted", recipe=factories.DP_TABLE)


@pytest.fixture
def anyone():
    return Api()


def body(response):
    return response.getvalue() if response.streaming else response.content


# --- the catalogue -----------------------------------------------------------------------------------------------


def test_the_catalogue_is_found_by_words_and_facets(survey, counted, anyone):
    everything = anyone.get("datasets", count="true").json()
    assert everything["total"] == 2
    assert {facet["value"]: facet["count"] for facet in everything["facets"]["guarantee"]} == {"k_anonymity": 1, "differential_privacy": 1}
    assert [d["slug"] for d in anyone.get("datasets", q="counted").json()["results"]] == ["counted"]
    assert [d["slug"] for d in anyone.get("datasets", theme="mobility").json()["results"]] == ["survey"]
    assert [d["slug"] for d in anyone.get("datasets", guarantee="k_anonymity").json()["results"]] == ["survey"]
    assert anyone.get("datasets", organisation="elsewhere").json()["results"] == []


@pytest.mark.parametrize(("sort", "order"), [("newest", ["c", "b", "a"]), ("oldest", ["a", "b", "c"]), ("title", ["a", "b", "c"])])
def test_pages_of_the_catalogue_hold_each_dataset_once(db, anyone, sort, order):
    for slug in ("a", "b", "c"):
        factories.publication(slug, title="The same" if sort == "title" else slug)
    seen, address = [], f"/api/v1/datasets?sort={sort}&limit=1"
    while address:
        answer = anyone.get(address)
        seen += [d["slug"] for d in answer.json()["results"]]
        address = answer.json()["next"]
        assert (f'<{address}>; rel="next"' == answer.headers.get("Link")) is (address is not None)
    assert seen == order


def test_a_cursor_is_good_for_its_own_list_only(survey, counted, anyone):
    following = anyone.get("datasets", limit=1).json()["next"]
    cursor = following.split("cursor=")[1]
    assert anyone.get(f"/api/v1/datasets?q=survey&cursor={cursor}").status_code == 400
    assert anyone.get(f"/api/v1/datasets/survey/releases?cursor={cursor}").status_code == 400


@pytest.mark.parametrize("query", ["sort=size", "source=found", "guarantee=some", "q=" + "x" * 201, "limit=0", "limit=1001", "theme=%00", "colour=red"])
def test_a_search_that_makes_no_sense_is_refused(db, anyone, query):
    assert anyone.get(f"/api/v1/datasets?{query}").status_code == 400


def test_a_dataset_without_a_release_is_for_its_own_people(db, anyone):
    steward = factories.steward()
    factories.dataset(steward, "draft")
    assert anyone.get("datasets/draft").status_code == 404
    assert Api(factories.user("dev", "developer")).get("datasets/draft").status_code == 404
    seen = Api(steward).get("datasets/draft")
    assert (seen.status_code, seen.json()["latest_release"], seen["Cache-Control"]) == (200, None, "no-store")
    assert anyone.get("datasets").json()["results"] == []


def test_a_dataset_says_what_it_promises_and_what_its_columns_mean(counted, anyone):
    shown = anyone.get("datasets/counted").json()
    people = next(c for c in shown["columns"] if c["name"] == "people")
    assert (people["role"], people["lower"], people["upper"]) == ("measure", "people_lower", "people_upper")
    assert "ε" in shown["latest_release"]["sentence"]
    assert "person" not in shown["latest_release"]["recipe"]["columns"]
    assert "person_key" not in shown["latest_release"]["recipe"]


def test_nothing_of_the_officers_half_of_a_report_is_public(survey, counted, anyone):
    for path in ("datasets/survey", "datasets/survey/releases/1", "datasets/counted/releases/1", "register"):
        text = anyone.get(path).content.decode()
        assert '"internal"' not in text
        assert "rows_read" not in text
        assert factories.REASON not in text


def test_the_register_lists_every_release_with_its_decision_and_the_budgets(survey, counted, anyone):
    shown = anyone.get("register", count="true").json()
    assert shown["total"] == 2
    assert [entry["epsilon"] for entry in shown["results"]] == ["1.0", None]
    assert shown["results"][0]["decision"]["decided_by"] == "officer"
    assert shown["budgets"][0]["spent"]["epsilon"] == "1"


def test_the_register_names_no_population_about_which_nothing_was_ever_published(counted, anyone):
    steward = counted.dataset.steward
    hidden = factories.dataset(steward, "hidden", population=factories.population(steward.organisation, "secret-study"))
    factories.run(factories.version(hidden), recipe=factories.DP_TABLE)
    assert [budget["population"] for budget in anyone.get("register").json()["budgets"]] == ["residents"]


def test_what_a_listed_population_spent_counts_runs_that_were_not_published(counted, anyone):
    factories.run(factories.version(counted.dataset), recipe=factories.DP_TABLE)
    assert float(anyone.get("register").json()["budgets"][0]["spent"]["epsilon"]) > 1


@pytest.mark.parametrize("stop", ["suspend", "withdraw"])
def test_a_population_stays_in_the_register_when_its_releases_are_stopped(counted, anyone, stop):
    getattr(publishing, stop)(by=counted.dataset.steward, publication=counted, reason="A mistake was found in it.")
    assert [budget["population"] for budget in anyone.get("register").json()["budgets"]] == ["residents"]


# --- rows --------------------------------------------------------------------------------------------------------


def test_pages_of_records_follow_each_other_by_cursor(survey, anyone):
    seen, address = [], "/api/v1/datasets/survey/records?limit=15"
    while address:
        answer = anyone.get(address)
        seen += answer.json()["records"]
        link = answer.headers.get("Link")
        address = link.removeprefix("<").removesuffix('>; rel="next"') if link else None
    assert len(seen) == 40
    assert seen == anyone.get("datasets/survey/releases/1/records", limit=1000).json()["records"]


def test_records_take_at_most_two_look_ups_in_the_database(survey, django_assert_max_num_queries):
    caller = Api(factories.user("dev", "developer"))
    caller.get("datasets/survey/records")
    with CaptureQueriesContext(connection) as asked:
        assert caller.get("datasets/survey/records").status_code == 200
    assert len(asked) <= 2
    with CaptureQueriesContext(connection) as asked:
        assert Api().get("datasets/survey/releases/1/records").status_code == 200
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("query", "code", "pointer"),
    [
        ("where=colour = 1", "unknown_column", "where"), ("where=age >", "syntax", "where"), ("limit=10001", "invalid_parameter", "limit"),
        ("offset=-1", "invalid_parameter", "offset"), ("colour=red", "unknown_parameter", "colour"), ("cursor=abc", "invalid_cursor", "cursor"),
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_answered_says_where_it_is_wrong(survey, anyone, query, code, pointer):
    answer = anyone.get(f"/api/v1/datasets/survey/records?{query}")
    assert (answer.status_code, answer.json()["code"], answer["Cache-Control"]) == (400, code, "no-store")
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_question_is_not_repeated_in_the_answer_to_it(survey, anyone):
    assert "Hong Gildong" not in anyone.get("datasets/survey/records", where='answer = "Hong Gildong" and nothing').content.decode()


# --- exports -----------------------------------------------------------------------------------------------------


def test_exports_hold_every_row_in_each_format(survey, anyone):
    rows = anyone.get("datasets/survey/records", limit=1000).json()["records"]
    assert list(csv.DictReader(io.StringIO(body(anyone.get("datasets/survey/exports/csv")).decode()))) == rows
    assert json.loads(body(anyone.get("datasets/survey/exports/json"))) == rows
    assert [json.loads(line) for line in body(anyone.get("datasets/survey/exports/jsonl")).splitlines()] == rows
    assert pq.read_table(io.BytesIO(body(anyone.get("datasets/survey/exports/parquet")))).to_pylist() == rows


def test_an_export_is_named_after_its_release_and_may_be_filtered(survey, anyone):
    answer = anyone.get("datasets/survey/exports/csv", where='answer = "yes"', select="district")
    assert answer["Content-Disposition"] == 'attachment; filename="survey-1.csv"'
    assert len(body(answer).splitlines()) == 11


@pytest.mark.parametrize(("path", "status"), [("exports/xls", 404), ("exports/csv?limit=5", 400), ("exports/csv?where=nothing%20=%201", 400)])
def test_an_export_that_cannot_be_made_is_refused_before_it_begins(survey, anyone, path, status):
    assert anyone.get(f"/api/v1/datasets/survey/{path}").status_code == status


def test_a_whole_parquet_file_can_be_fetched_in_parts(survey, anyone):
    address, whole = "/api/v1/datasets/survey/exports/parquet", factories.stored(survey).read_bytes()

    def part(header, **more):
        return anyone.client.get(address, headers={"Range": header, **more})

    first, last = part("bytes=0-99"), part("bytes=-8")
    assert (first.status_code, body(first), first["Content-Range"]) == (206, whole[:100], f"bytes 0-99/{len(whole)}")
    assert (last.status_code, body(last), last["Content-Length"]) == (206, whole[-8:], "8")
    assert body(part("bytes=100-")) == whole[100:]
    beyond = part(f"bytes={len(whole)}-")
    assert (beyond.status_code, beyond["Content-Type"], beyond["Content-Range"]) == (416, "application/problem+json", f"bytes */{len(whole)}")
    for ignored in ("bytes=0-1,4-5", "rows=0-1", "bytes=9-2", "bytes=-"):
        assert (part(ignored).status_code, body(part(ignored))) == (200, whole)
    tag = first["ETag"]
    assert part("bytes=0-0", **{"If-Range": tag}).status_code == 206
    assert part("bytes=0-0", **{"If-Range": '"another"'}).status_code == 200


# --- caching and HEAD --------------------------------------------------------------------------------------------

CACHED = ("datasets", "datasets/survey", "datasets/survey/releases", "datasets/survey/releases/1", "register", "openapi.json",
          "datasets/survey/records", "datasets/survey/releases/1/records?limit=3", "datasets/survey/exports/csv", "datasets/survey/exports/parquet")  # fmt: skip


@pytest.mark.parametrize("path", CACHED)
def test_an_answer_that_the_caller_holds_is_not_sent_again(survey, anyone, path):
    first = anyone.get(path)
    assert first["Cache-Control"] == PUBLIC
    again = anyone.client.get(f"/api/v1/{path}", headers={"If-None-Match": f'"other", W/{first["ETag"]}'})
    assert (again.status_code, body(again), again["ETag"], again["Cache-Control"]) == (304, b"", first["ETag"], PUBLIC)
    assert anyone.client.get(f"/api/v1/{path}", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize("path", CACHED)
def test_a_head_request_is_answered_like_a_get_without_the_body(survey, anyone, path):
    got, head = anyone.get(path), anyone.client.head(f"/api/v1/{path}")
    assert (head.status_code, head["ETag"], head["Content-Type"]) == (200, got["ETag"], got["Content-Type"])
    assert body(head) == b""


def test_each_question_and_each_release_has_a_tag_of_its_own(survey, anyone):
    tags = {anyone.get(f"/api/v1/datasets/survey/{path}")["ETag"] for path in ("records", "records?limit=3", "exports/csv", "exports/json")}
    factories.publication("survey", rows={"district": ["11110"] * 10, "age": ["[20, 40)"] * 10, "answer": ["no"] * 10})
    assert len(tags | {anyone.get("datasets/survey/records")["ETag"]}) == 5


def test_every_answer_says_how_often_one_may_ask(survey, anyone):
    for path in ("datasets/survey/records", "datasets/survey/exports/csv", "datasets"):
        assert int(anyone.get(path)["RateLimit-Remaining"]) > 0


def test_the_page_to_try_it_comes_wholly_from_here(db, client):
    page = client.get("/api/docs")
    assert "http" not in page.content.decode().replace("<!doctype html>", "")
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js"):
        assert client.get(f"/api/docs/{name}").status_code == 200
    assert client.get("/api/docs/../settings.py").status_code == 404
    assert client.get("/api/docs/index.html").status_code == 404
