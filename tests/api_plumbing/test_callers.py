"""Scopes, rates and pages."""

from __future__ import annotations

import pytest
from django.test import Client, RequestFactory

from catalog.api import throttles
from catalog.people.models import Organisation

pytestmark = [pytest.mark.urls("plumbing_urls"), pytest.mark.django_db]


def code(response) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


def test_a_key_opens_what_its_scope_names(with_key):
    assert with_key("read").get("/api/v1/scope").status_code == 200
    assert with_key("datasets:write", "read").head("/api/v1/scope").status_code == 200
    assert code(with_key("datasets:write").get("/api/v1/scope")) == (403, "not_allowed")
    assert code(with_key().get("/api/v1/scope")) == (403, "not_allowed")


def test_a_method_without_an_entry_is_for_sessions_only(with_key, signed_in, client):
    """The author of the view forgot PATCH; that must not open it to every key."""
    assert code(with_key("read", "datasets:write").patch("/api/v1/scope")) == (403, "not_allowed")
    assert code(client.patch("/api/v1/scope")) == (401, "not_signed_in")
    assert signed_in.patch("/api/v1/scope").status_code == 200


def test_what_is_open_to_anyone_is_open(client, with_key, signed_in):
    assert [who.put("/api/v1/scope").status_code for who in (client, with_key(), signed_in)] == [200] * 3


def test_strangers_are_asked_who_they_are(client):
    response = client.get("/api/v1/scope")
    assert code(response) == (401, "not_signed_in")
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


def test_an_open_address_still_refuses_a_wrong_key(client):
    assert code(client.put("/api/v1/scope", headers={"Authorization": "Bearer wrong"})) == (401, "bad_credentials")


def test_every_answer_says_how_much_is_left(client, rates):
    rates(anonymous="3/day")
    seen = [client.get("/api/v1/echo") for _ in range(4)]
    assert [response.status_code for response in seen] == [200, 200, 200, 429]
    assert [response["RateLimit-Remaining"] for response in seen] == ["2", "1", "0", "0"]
    assert {response["RateLimit-Limit"] for response in seen} == {"3"}
    assert code(seen[3]) == (429, "too_many_requests")
    assert seen[3]["Content-Type"] == "application/problem+json"
    assert 0 < int(seen[3]["Retry-After"]) <= int(seen[3]["RateLimit-Reset"]) + 1


def test_the_count_starts_again_with_the_next_window(client, rates, monkeypatch):
    rates(anonymous="1/min")
    clock = [6000.0]
    monkeypatch.setattr(throttles.time, "time", lambda: clock[0])
    assert [client.get("/api/v1/echo").status_code for _ in range(2)] == [200, 429]
    clock[0] += 59
    assert client.get("/api/v1/echo").status_code == 429
    clock[0] += 1
    assert client.get("/api/v1/echo").status_code == 200


def test_each_address_is_counted_for_itself_and_an_ipv6_network_as_one(rates):
    rates(anonymous="1/day")
    asked = ("10.0.0.1", "10.0.0.2", "10.0.0.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")
    statuses = [Client(REMOTE_ADDR=address).get("/api/v1/echo").status_code for address in asked]
    assert statuses == [200, 200, 429, 200, 429, 200]


def test_a_forged_forwarding_header_gives_nobody_a_new_count(client, rates):
    rates(anonymous="1/day")
    seen = [client.get("/api/v1/echo", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code for n in range(2)]
    assert seen == [200, 429]


def test_behind_trusted_proxies_the_address_they_saw_counts(settings):
    settings.API_TRUSTED_PROXIES = 1
    request = RequestFactory().get("/", headers={"X-Forwarded-For": "6.6.6.6, 10.0.0.7"})
    assert throttles.address(request) == "10.0.0.7"


def test_more_keys_of_one_user_give_no_more_requests(with_key, rates):
    rates(user="1/day", anonymous="100/day")
    assert [with_key("read").get("/api/v1/scope").status_code for _ in range(2)] == [200, 429]


def test_known_callers_do_not_use_up_the_strangers_count(with_key, client, rates):
    rates(user="100/day", anonymous="1/day")
    with_key("read").get("/api/v1/scope")
    assert client.get("/api/v1/echo").status_code == 200


@pytest.mark.parametrize("text", ["0/min", "-1/min", "5/fortnight", "many/min", "5", ""])
def test_a_rate_that_cannot_be_read_is_an_error_and_not_no_limit(rates, text):
    rates(anonymous=text)
    with pytest.raises(ValueError, match=r"rate|invalid literal"):
        throttles.rate("anonymous")


def make_organisations(count: int) -> list[str]:
    rows = [Organisation(slug=f"o{n:03}", name="x") for n in range(count)]
    Organisation.objects.bulk_create(rows)
    return [row.slug for row in rows]


@pytest.mark.parametrize("limit", [1, 2, 7, 10, 100])
def test_pages_show_every_row_once_newest_first(client, limit):
    slugs = make_organisations(10)
    seen, address = [], f"/api/v1/things?limit={limit}"
    while address:
        response = client.get(address)
        body = response.json()
        seen += body["results"]
        address = body["next"]
        assert response.get("Link") == (f'<{address}>; rel="next"' if address else None)
    assert seen == slugs[::-1]


def test_rows_that_come_meanwhile_move_no_page(client):
    slugs = make_organisations(6)
    first = client.get("/api/v1/things?limit=3").json()
    Organisation.objects.create(slug="new", name="x")
    second = client.get(first["next"]).json()
    assert first["results"] + second["results"] == slugs[::-1]


def test_the_total_is_given_when_asked_for(client):
    make_organisations(3)
    assert client.get("/api/v1/things?limit=1&count=true").json()["total"] == 3
    assert "total" not in client.get("/api/v1/things").json()


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=101", "limit=-1", "limit=x", "limit=1e1", "limit=", "limit=٣", f"limit={'9' * 5000}"),
        *("count=yes", "count=", "cursor=", "cursor=x", "cursor=MQ", "cursor=a:b:c"),
    ],
)
def test_a_limit_count_or_cursor_that_cannot_be_used_is_refused(client, query):
    assert code(client.get(f"/api/v1/things?{query}")) == (400, "invalid_parameter")


def test_a_cursor_of_another_list_is_refused(client):
    make_organisations(3)
    address = client.get("/api/v1/things?limit=1").json()["next"]
    assert client.get(address).status_code == 200
    assert code(client.get(address + "&q=other")) == (400, "invalid_parameter")


def test_a_view_may_let_its_answer_be_cached_and_all_others_are_not(client):
    assert client.get("/api/v1/things")["Cache-Control"] == "public, max-age=60"
    assert client.get("/api/v1/echo")["Cache-Control"] == "no-store"
