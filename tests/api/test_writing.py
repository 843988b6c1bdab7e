"""What stewards write: datasets and contracts, hierarchy files, roles of columns, runs and their preview."""

from __future__ import annotations

import json
from typing import Any

import pytest

from catalog.api.idempotency import HEADER
from catalog.audit.models import TrailEntry
from catalog.datasets.models import Dataset
from catalog.ledger.models import Population
from catalog.releases.models import Run
from tests import factories
from tests.api.client import Api

CONTRACT = {
    "supplier": "A payment company", "number": "2026-17", "valid_from": "2026-01-01", "valid_until": "2026-12-31", "permits_aggregates": True,
}  # fmt: skip
DRAFT = {"slug": "spending", "title": "Spending", "source": "purchased", "contract": CONTRACT}


@pytest.fixture
def steward(db):
    return Api(factories.steward())


@pytest.fixture
def version(steward):
    return factories.version(factories.dataset(factories.User.objects.get(username="steward")))


def pointers(answer: Any) -> set[str]:
    return {problem.get("pointer", "") for problem in answer.json()["errors"]}


# --- datasets ----------------------------------------------------------------------------------------------------


def test_a_purchased_dataset_comes_with_its_contract(steward):
    made = steward.post("datasets", DRAFT)
    assert (made.status_code, made.json()["contract"]["permits_microdata"]) == (201, False)
    assert steward.get("datasets/spending/entry").json() == made.json()
    changed = steward.patch("datasets/spending", {"contract": {"permits_microdata": True}, "temporal_start": "2026-01-01"})
    assert (changed.json()["contract"]["permits_microdata"], changed.json()["temporal_start"]) == (True, "2026-01-01")
    assert changed.json()["contract"]["supplier"] == CONTRACT["supplier"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"contract": None}, "/contract"), ({"source": "government"}, "/contract"), ({"source": "found"}, "/source"), ({"slug": "No Slug"}, "/slug"),
        ({"slug": "ok\n"}, "/slug"), ({"title": ""}, "/title"), ({"title": 5}, "/title"), ({"title": "a\0"}, "/title"), ({"themes": "people"}, "/themes"),
        ({"themes": ["A B"]}, "/themes/0"), ({"population": "nobody"}, "/population"), ({"organisation": "elsewhere"}, "/organisation"),
        ({"temporal_start": "2026-13-01"}, "/temporal_start"), ({"temporal_start": 20260101}, "/temporal_start"), ({"language": "english"}, "/language"),
        ({"steward": "somebody"}, "/steward"), ({"contract": {**CONTRACT, "valid_until": "2020-01-01"}}, ""),
        ({"contract": {**CONTRACT, "permits_microdata": "yes"}}, "/contract/permits_microdata"), ({"description": "x" * 10_001}, "/description"),
        ({"temporal_start": "2026-02-01", "temporal_end": "2026-01-01"}, ""),
    ],
)  # fmt: skip
def test_a_dataset_that_makes_no_sense_is_refused_where_it_is_wrong(steward, changes, pointer):
    refused = steward.post("datasets", {**DRAFT, **changes})
    assert refused.status_code == 422
    assert any(found.startswith(pointer) for found in pointers(refused)), refused.json()
    assert not Dataset.objects.exists()


def test_a_slug_is_taken_once(steward):
    assert steward.post("datasets", DRAFT).status_code == 201
    assert steward.post("datasets", DRAFT).status_code == 409


def test_slug_and_organisation_of_a_dataset_stay(steward):
    steward.post("datasets", DRAFT)
    for member in ("slug", "organisation"):
        assert steward.patch("datasets/spending", {member: "other"}).status_code == 422


def test_a_dataset_sent_twice_with_one_key_is_made_once(steward):
    first, again = (steward.post("datasets", DRAFT, **{HEADER: "one"}) for _ in range(2))
    assert (again.status_code, again.json(), again["Idempotent-Replayed"]) == (201, first.json(), "true")
    assert TrailEntry.objects.filter(action="dataset.created").count() == 1


# --- hierarchies and columns -------------------------------------------------------------------------------------


def put(api, name, content, kind="text/csv"):
    return api.call("put", f"datasets/survey/hierarchies/{name}", content, kind)


def test_a_hierarchy_file_is_kept_replaced_and_read_back(steward, version):
    content = "﻿강남구;서울;*\n".encode()
    assert put(steward, "place.csv", content).json()["name"] == "place.csv"
    assert put(steward, "place.csv", b"a;*\n").status_code == 200
    read = steward.get("datasets/survey/hierarchies/place.csv")
    assert (read.content, read["Content-Type"]) == (b"a;*\n", "text/csv; charset=utf-8")
    assert [kept["name"] for kept in steward.get("datasets/survey/hierarchies").json()["results"]] == ["place.csv"]


def test_a_layer_of_places_is_kept_and_says_which_ladders_it_offers(steward, version):
    features = [{"type": "Feature", "properties": {"dong": d, "gu": d[:2]}, "geometry": None} for d in ("111", "112", "121")]
    content = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    kept = put(steward, "areas.geojson", content, "application/geo+json").json()
    assert kept["ladders"] == [{"places": {"file": "areas.geojson", "code": "dong", "parents": ["gu"]}}]
    read = steward.get("datasets/survey/hierarchies/areas.geojson")
    assert (read.content, read["Content-Type"]) == (content, "application/geo+json; charset=utf-8")


@pytest.mark.parametrize(
    ("name", "content", "kind", "status"),
    [
        ("a.geojson", b"a;*\n", "application/geo+json", 422), ("a.geojson.txt", b"{}", "application/geo+json", 422),
        ("place.txt", b"a;*\n", "text/csv", 422), ("..csv", b"a;*\n", "text/csv", 422), ("a.csv%0A", b"a;*\n", "text/csv", 422),
        ("a.csv", b"", "text/csv", 422), ("a.csv", b"\xff\xfe", "text/csv", 422), ("a.csv", b"a\0b", "text/csv", 422),
        ("a.csv", b"{}", "application/json", 415), ("%00.csv", b"a;*\n", "text/csv", 422), (f"{'x' * 200}.csv", b"a;*\n", "text/csv", 422),
    ],
)  # fmt: skip
def test_a_hierarchy_file_that_is_none_is_refused(steward, version, name, content, kind, status):
    assert put(steward, name, content, kind).status_code == status
    assert steward.get("datasets/survey/hierarchies").json()["results"] == []


def test_a_hierarchy_file_has_an_end(steward, version, monkeypatch):
    monkeypatch.setattr("catalog.datasets.services.MAX_HIERARCHY_BYTES", 10)
    assert put(steward, "a.csv", b"x" * 11).status_code == 413


def columns(api, version, roles):
    return api.patch(f"datasets/survey/versions/{version.pk}/columns", {"columns": roles})


def test_roles_are_set_column_by_column(steward, version):
    shown = columns(steward, version, {"age": {"role": None, "title": "Age"}, "answer": {"hierarchy": {"prefix": [2, 1]}}}).json()
    found = {c["name"]: c for c in shown["columns"]}
    assert (found["age"]["role"], found["age"]["title"]) == (None, "Age")
    assert (found["answer"]["role"], found["answer"]["hierarchy"]) == ("sensitive", {"prefix": [2, 1]})


@pytest.mark.parametrize(
    "roles",
    [
        {}, {"colour": {"role": "plain"}}, {"age": {"role": "secret"}}, {"age": {"hierarchy": {"prefix": [1, 2]}}}, {"age": {"hierarchy": "age.csv"}},
        {"age": {"role": "person_key"}}, {"age": {"type": "text"}}, {"age": 5}, {"a\0": {"role": "plain"}}, {"age": {"hierarchy": {"file": "../a.csv"}}},
        {"age": {"hierarchy": {"file": "a\0.csv"}}},
    ],
)  # fmt: skip
def test_roles_that_make_no_sense_are_refused_and_nothing_is_set(steward, version, roles):
    before = list(version.columns.values_list("name", "role", "title"))
    assert columns(steward, version, roles).status_code == 422
    assert list(version.columns.values_list("name", "role", "title")) == before


# --- runs --------------------------------------------------------------------------------------------------------


def runs(api, recipe, **more):
    return api.post("datasets/survey/runs", {"recipe": recipe, **more})


def test_a_run_is_queued_listed_and_cancelled(steward, version, rung, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        asked = runs(steward, factories.K_ANONYMOUS, version=version.pk)
    assert (asked.status_code, asked["Location"]) == (202, f"/api/v1/runs/{asked.json()['id']}")
    assert ("releases.execute_run", asked.json()["id"]) in rung
    assert [run["state"] for run in steward.get("datasets/survey/runs").json()["results"]] == ["queued"]
    cancelled = steward.client.delete(asked["Location"], headers=steward.headers)
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert steward.client.delete(asked["Location"], headers=steward.headers).status_code == 409
    assert steward.post(f"runs/{asked.json()['id']}/submission", {}).status_code == 409


def changed(**stage: Any) -> dict[str, Any]:
    return {**factories.DP_TABLE, "stages": [{**factories.DP_TABLE["stages"][0], **stage}]}


@pytest.mark.parametrize(
    ("recipe", "pointer"),
    [
        (changed(epsilon="0"), "/stages/0/epsilon"), (changed(epsilon="-1"), "/stages/0/epsilon"), (changed(epsilon="NaN"), "/stages/0/epsilon"),
        (changed(epsilon="1e308"), "/stages/0/epsilon"), (changed(epsilon=0.1), None), (changed(group_by=[{"column": "person", "values": ["P001"]}]), "/stages/0/group_by/0"),
        (changed(group_by=[{"column": "colour", "values": ["red"]}]), "/stages/0/group_by/0"), ({**factories.K_ANONYMOUS, "recipe": 2}, "/recipe"),
        ({}, ""), ({"a\0": 1}, "/recipe"), ({**factories.K_ANONYMOUS, "columns": {**factories.K_ANONYMOUS["columns"], "person": {"role": "plain"}}}, ""),
        ({**factories.K_ANONYMOUS, "columns": {**factories.K_ANONYMOUS["columns"], "colour": {"role": "plain"}}}, "/columns/colour"),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be_run_is_refused_where_it_is_wrong(steward, version, recipe, pointer):
    Dataset.objects.update(population=factories.population())
    for route in ("runs", "runs:preview"):
        answer = steward.post(f"datasets/survey/{route}", {"recipe": recipe})
        if pointer is None:  # a JSON number is exact as it is written
            assert answer.status_code in (200, 202)
            continue
        assert answer.status_code == 422
        assert any(found.startswith(pointer) for found in pointers(answer)), answer.json()
    assert Run.objects.count() == (pointer is None)


@pytest.mark.parametrize("version_id", [0, -1, 2**63, 10**30, "1", 1.5, True, None])
def test_a_version_that_is_not_there_is_refused(steward, version, version_id):
    assert runs(steward, factories.K_ANONYMOUS, version=version_id).status_code in (400, 422)


def test_a_version_of_another_dataset_is_refused(steward, version):
    other = factories.version(factories.dataset(version.dataset.steward, "other"))
    refused = runs(steward, factories.K_ANONYMOUS, version=other.pk)
    assert (refused.status_code, pointers(refused)) == (422, {"/version"})
    assert steward.get(f"datasets/survey/versions/{other.pk}").status_code == 404


def test_a_run_that_the_budget_does_not_allow_is_refused_and_nothing_is_charged(steward, version):
    Dataset.objects.update(population=factories.population(epsilon="0.5"))
    refused = runs(steward, factories.DP_TABLE)
    assert (refused.status_code, refused.json()["code"]) == (409, "budget_exceeded")
    assert refused.json()["remaining"] == {"epsilon": "0.5", "delta": "0.001"}
    preview = steward.post("datasets/survey/runs:preview", {"recipe": factories.DP_TABLE}).json()
    assert preview["budget"]["enough"] is False
    assert not Run.objects.exists()


def test_a_preview_tells_the_expected_error_and_spends_nothing(steward, version):
    Dataset.objects.update(population=factories.population())
    preview = steward.post("datasets/survey/runs:preview", {"recipe": factories.DP_TABLE}).json()
    assert preview["family"] == "differential_privacy"
    measure = preview["measures"][0]
    assert (measure["name"], measure["kind"], measure["epsilon"]) == ("people", "persons", "1")
    # discrete Laplace, two cells a person at ε = 1: the smallest h with 2·q^(h+1)/(1+q) ≤ 0.05, where q = e^-½
    assert measure["half_width"] == "6"
    budget = preview["budget"]
    assert (budget["population"], budget["asked"], budget["enough"]) == ("residents", {"epsilon": "1", "delta": "0.000001"}, True)
    assert budget["left"] == {"epsilon": "10", "delta": "0.001"}
    forecast = budget["forecast"]
    assert (forecast["releases"], forecast["cap"], forecast["enough"]) == (12, "10", True)
    assert 1 < float(forecast["epsilon"]) < 12  # less than the plain sum of a year of months
    assert Population.objects.get().epsilon_spent == 0
    assert not Run.objects.exists()


def test_a_preview_of_a_table_with_totals_says_what_they_take_of_the_budget(steward, version):
    Dataset.objects.update(population=factories.population())
    stage = {**factories.DP_TABLE["stages"][0], "totals": [{"district": "all", "month_month": "quarter"}]}
    preview = steward.post("datasets/survey/runs:preview", {"recipe": {**factories.DP_TABLE, "stages": [stage]}}).json()
    assert preview["measures"][0]["epsilon"] == "0.5"
    assert preview["budget"]["asked"]["epsilon"] == "1"
    assert "Each of 1 coarser level has as large a share" in " ".join(preview["sentences"])


def test_a_preview_of_microdata_says_what_is_known_before_the_search(steward, version):
    said = " ".join(steward.post("datasets/survey/runs:preview", {"recipe": factories.K_ANONYMOUS}).json()["sentences"])
    assert "at least 5 persons" in said
    assert "8 combinations, for 40 rows" in said


def test_recipes_on_offer_fit_the_newest_version(steward, version):
    offered = steward.get("datasets/survey/recipes").json()
    assert offered["version"] == {"id": version.pk, "number": 1}
    cards = {offer["slug"]: offer for offer in offered["offers"]}
    assert cards["k-anonymous"]["fits"]
    assert "population" in cards["dp-table"]["why_not"]
    assert runs(steward, cards["k-anonymous"]["recipe"]).status_code == 202


def test_a_run_needs_a_version_that_was_checked(steward):
    factories.dataset(factories.User.objects.get(username="steward"))
    assert runs(steward, factories.K_ANONYMOUS).status_code == 409
    assert steward.get("datasets/survey/recipes").json()["version"] is None
