"""Every failure has one shape, and none tells more than it should."""

from __future__ import annotations

import logging

import plumbing_urls
import pytest
from django.test import Client

from catalog.api.problems import TITLES, known_problems

pytestmark = [pytest.mark.urls("plumbing_urls"), pytest.mark.django_db]

MEMBERS = {"type", "title", "status", "detail", "code", "who", "errors"}


def shaped(response, status: int, code: str) -> dict:
    """The one shape, asserted."""
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert set(body) >= MEMBERS
    assert (response.status_code, body["status"], body["code"]) == (status, status, code)
    assert body["type"] == f"/problems/{code}"
    assert body["who"] in ("you", "us", "nobody")
    assert all({"code", "message"} <= set(found) for found in body["errors"])
    assert response["Cache-Control"] == "no-store"
    return body


@pytest.fixture
def quiet() -> Client:
    """A client that shows the 500 page instead of raising."""
    return Client(raise_request_exception=False)


EXPECTED = {
    "invalid": (422, "invalid_content"),
    "conflict": (409, "wrong_state"),
    "gone": (410, "withdrawn"),
    "not_allowed": (403, "not_allowed"),
    "too_large": (413, "too_large"),
    "recipe": (422, "invalid_recipe"),
    "privacy": (422, "privacy_not_met"),
    "engine_budget": (409, "budget_refused"),
    "http404": (404, "not_found"),
    "denied": (403, "not_allowed"),
    "django_too_big": (413, "too_large"),
    "suspicious": (400, "bad_request"),
    "locked": (503, "busy"),
    "model": (422, "invalid_content"),
    "drf_nested": (422, "invalid_content"),
    "unknown": (500, "server_error"),
    "zero": (500, "server_error"),
}


@pytest.mark.parametrize("name", plumbing_urls.RAISED)
def test_every_exception_has_the_one_shape_and_quotes_no_value(quiet, caplog, name):
    with caplog.at_level(logging.DEBUG):
        response = quiet.post(f"/api/v1/raise/{name}", {}, content_type="application/json")
    shaped(response, *EXPECTED[name])
    assert plumbing_urls.SECRET_VALUE not in response.text
    assert "Traceback" not in response.text
    own = [record.getMessage() for record in caplog.records if record.name.startswith("catalog")]
    assert not any(plumbing_urls.SECRET_VALUE in said for said in own)


def test_an_unknown_failure_is_noted_with_its_place_and_class(quiet, caplog):
    quiet.get("/api/v1/raise/zero")
    noted = "\n".join(record.getMessage() for record in caplog.records if record.name == "catalog.api.problems")
    assert "ZeroDivisionError in RaiseView" in noted
    assert "plumbing_urls.py" in noted


def test_a_test_client_still_sees_the_failure_itself(client):
    with pytest.raises(ZeroDivisionError):
        client.get("/api/v1/raise/zero")


def test_problems_found_in_a_file_keep_line_column_and_shape(client):
    body = client.get("/api/v1/raise/invalid").json()
    assert body["errors"] == [
        {"code": "bad_cell", "message": "A cell does not fit.", "line": 7, "column": "age", "shape": "99A"}
    ]


def test_a_tombstone_keeps_its_members_and_cannot_overwrite_the_status(client):
    body = shaped(client.get("/api/v1/raise/gone"), 410, "withdrawn")
    assert (body["withdrawn_at"], body["instead"]) == ("2026-01-01", "/api/v1/datasets/x/releases/2")


def test_findings_carry_json_pointers_however_deep(client):
    body = client.post("/api/v1/raise/drf_nested", {}, content_type="application/json").json()
    assert [(found.get("pointer"), found["message"]) for found in body["errors"]] == [
        ("/columns/1/a~1b~0c", "Wrong."),
        (None, "All wrong."),
    ]


def test_the_same_findings_about_a_reading_request_are_a_400(client):
    shaped(client.get("/api/v1/raise/drf_nested"), 400, "invalid_parameter")


def test_a_busy_database_says_when_to_come_back(client):
    assert client.get("/api/v1/raise/locked")["Retry-After"] == "2"


@pytest.mark.parametrize("address", ["/api", "/api/", "/api/v1", "/api/v1/nothing", "/api/v2/me", "/api/v1/echo/"])
@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_an_unknown_address_is_a_problem_document_too(address, method):
    client = Client(enforce_csrf_checks=True)
    shaped(getattr(client, method)(address), 404, "not_found")


def test_an_unknown_page_is_no_problem_document(client):
    assert not client.get("/nothing")["Content-Type"].startswith("application/")


def test_a_failure_outside_the_framework_has_the_shape_as_well(quiet):
    response = quiet.get("/api/v1/plain-failure")
    shaped(response, 500, "server_error")
    assert plumbing_urls.SECRET_VALUE not in response.text


@pytest.mark.parametrize("method", ["delete", "patch", "put", "options", "trace"])
def test_a_method_that_is_not_offered_is_a_405_with_allow_even_for_strangers(client, method):
    response = getattr(client, method)("/api/v1/echo")
    shaped(response, 405, "method_not_allowed")
    assert set(response["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize("body", ["", "{", "[" * 100_000, '{"a": NaN}', '{"a": Infinity}', '{"a": "\\ud800"}', b"\xff"])
def test_a_body_that_is_not_json_is_a_400_and_not_repeated(client, body):
    body = body or " "
    response = client.post("/api/v1/echo", body, content_type="application/json")
    assert len(response.content) < 400
    shaped(response, 400, "bad_request")


def test_a_body_without_end_is_a_413(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = client.post("/api/v1/echo", {"a": "x" * 1000}, content_type="application/json")
    shaped(response, 413, "too_large")


def test_another_media_type_is_a_415(client):
    shaped(client.post("/api/v1/echo", "<a/>", content_type="application/xml"), 415, "unsupported_media_type")


def test_an_unknown_parameter_is_refused_and_the_known_ones_are_named(client):
    body = shaped(client.get("/api/v1/echo?know=1"), 400, "unknown_parameter")
    assert "known" in body["detail"]
    assert client.get("/api/v1/echo?known=1").status_code == 200


@pytest.mark.parametrize("value", ["%00", "a%00b", "%ff", "%ed%a0%80"])
def test_a_parameter_with_nul_or_bad_utf8_is_refused(client, value):
    shaped(client.get(f"/api/v1/echo?known={value}"), 400, "invalid_parameter")


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "nonsense", "application/problem+json", ""])
def test_the_api_answers_in_json_whatever_is_accepted(client, accept):
    response = client.get("/api/v1/echo", headers={"Accept": accept})
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


def test_decimals_are_text_and_nan_is_null(client):
    assert client.get("/api/v1/echo").content == '{"nan":null,"exact":"0.10","한":"글"}'.encode()


def test_the_type_of_a_problem_is_an_address_that_explains_it(client):
    for code in known_problems():
        page = client.get(f"/problems/{code}")
        assert (page.status_code, code in page.text) == (200, True)
    assert client.get("/problems/nothing").status_code == 404


def test_every_known_problem_has_a_status_and_a_title():
    known = known_problems()
    assert set(TITLES) <= set(known)
    assert {"wrong_state", "withdrawn", "invalid_recipe", "unknown_parameter", "request_in_progress"} <= set(known)
    assert all(400 <= status < 600 and title for status, title, _ in known.values())
