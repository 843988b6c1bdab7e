"""Every refusal has one shape, and nothing is changed without its token. Who may ask what is in tests/access."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests import factories
from tests.access import routes
from tests.api.client import Api


@pytest.fixture
def city(db) -> dict[str, Any]:
    here, elsewhere = factories.organisation(), factories.organisation("elsewhere", "Elsewhere")
    steward, officer = factories.steward(), factories.officer()
    published = factories.publication("survey", by=steward, officer_=officer)
    Api(steward).call("put", "datasets/survey/hierarchies/age.csv", b"1;*\n", "text/csv")
    waiting = factories.review(factories.run(factories.version(published.dataset)))
    people = {
        "steward": steward, "officer": officer, "other_steward": factories.steward("other_steward", of=elsewhere),
        "other_officer": factories.officer("other_officer", of=elsewhere), "lead_officer": factories.user("lead", "lead_officer", mandates=[elsewhere]),
        "auditor": factories.user("auditor", "auditor"), "developer": factories.user("developer", "developer", organisation=here),
        "administrator": factories.user("admin", "administrator", organisation=here),
    }  # fmt: skip
    people["administrator"].is_superuser = people["administrator"].is_staff = True
    people["administrator"].save()
    ids = {"version": waiting.run.version_id, "run": waiting.run_id, "review": waiting.pk, "release": published.pk}
    ids["comparison"] = factories.comparison(waiting.run.version).pk
    ids["estimate"] = factories.estimate(waiting.run.version).pk
    return {"people": people, "ids": ids}


def test_a_signed_in_browser_needs_its_token_for_everything_that_changes_something(city):
    """Whatever is at the address, and whoever asks: the token is looked at first."""
    writing = [route for route in routes.API if route.method != "get" and route.pattern != "session"]
    assert len(writing) > 30
    for route in writing:
        client = Client(enforce_csrf_checks=True)
        client.force_login(city["people"]["steward"])
        path = "/" + re.sub(r"<(\w+):\w+>", lambda place: "1" if place.group(1) == "int" else "survey", route.pattern)
        answer = getattr(client, route.method)(path, data={}, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed"), (route.method, path)


def test_what_a_key_lacks_is_named(city):
    """The matrix says who may (tests/access); this, that the refusal says what is missing."""
    for scope, path in (("datasets:write", "datasets/survey/versions"), ("runs:write", "datasets/survey/runs")):
        answer = Api(city["people"]["steward"], "read").call("post", path, {}, "application/json")
        assert (answer.status_code, scope in answer.json()["detail"]) == (403, True), path


# --- one shape of error everywhere -------------------------------------------------------------------------------


def patterns() -> list[tuple[str, URLPattern]]:
    found = []
    for resolver in get_resolver().url_patterns:
        if isinstance(resolver, URLResolver) and str(resolver.pattern) == "api/v1/":
            found += [(str(p.pattern), p) for p in resolver.url_patterns]
    return found


SAMPLES = {
    "<slug:slug>": ["survey", "nothing", "x" * 3000],
    "<int:": ["1", "0", "999999999999", "9" * 25],
    "<str:": ["age.csv", "nothing", "%00", "%F0%9F%92%A3", "..%2F..", "a%0A.csv"],
}


def addresses(route: str) -> list[str]:
    """The route with one strange value after the other in each of its places."""
    parts = route.split("/")
    plain = ["survey" if p.startswith("<slug") else "1" if p.startswith("<int") else "age.csv" if p.startswith("<str") else p for p in parts]
    found = ["/".join(plain)]
    for index, part in enumerate(parts):
        for mark, values in SAMPLES.items():
            if part.startswith(mark[:5]):
                found += ["/".join([*plain[:index], value, *plain[index + 1 :]]) for value in values]
    return found


MEMBERS = {"type", "title", "status", "detail", "code", "who", "errors"}


def is_a_problem(answer: Any) -> bool:
    if answer.status_code < 400:
        return True
    said = answer.json()
    return (
        answer.status_code < 500
        and answer["Content-Type"] == "application/problem+json"
        and set(said) >= MEMBERS
        and said["type"] == f"/problems/{said['code']}"
        and said["status"] == answer.status_code
        and answer["Cache-Control"] == "no-store"
    )


def test_every_error_of_every_route_has_the_same_shape(city):
    steward = Api(city["people"]["steward"])
    for route, _ in patterns():
        for address in addresses(route):
            for who in (Api(), steward):
                for method in ("get", "post", "put", "patch", "delete", "options", "trace"):
                    body = None if method in ("get", "trace", "options") else b'{"reason": ["\\u0000", 1e400'
                    answer = getattr(who.client, method)(f"/api/v1/{address}", **({"data": body, "content_type": "application/json"} if body else {}), headers=who.headers)
                    assert is_a_problem(answer), (method, address, answer.status_code, answer.content[:300])


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v2/datasets", "/api/v1/", "/api/v1/nothing", "/api/v1/datasets/"])
def test_an_address_that_does_not_exist_answers_in_the_same_shape(client, db, path):
    for method in ("get", "post", "delete"):
        answer = getattr(client, method)(path)
        assert answer.status_code == 404
        assert is_a_problem(answer)


def test_a_key_that_is_wrong_revoked_or_expired_is_refused_on_public_routes_too(city):
    for secret in ("nonsense", "od_000000000000_" + "x" * 43):
        answer = Client().get("/api/v1/datasets/survey/records", headers={"Authorization": f"Bearer {secret}"})
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
