"""Every refusal has one shape, on every route. (Who may ask what: tests/access.)"""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests import factories
from tests.api.client import Api


@pytest.fixture
def steward(db):
    """Of a dataset with a release, a hierarchy file, a comparison, an estimate and a review that waits."""
    made = factories.steward()
    published = factories.publication("survey", by=made)
    Api(made).call("put", "datasets/survey/hierarchies/age.csv", b"1;*\n", "text/csv")
    version = factories.version(published.dataset)
    factories.review(factories.run(version))
    factories.comparison(version), factories.estimate(version)
    return made


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


def test_every_error_of_every_route_has_the_same_shape(steward):
    for route, _ in patterns():
        for address in addresses(route):
            for who in (Api(), Api(steward)):
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


def test_a_key_that_is_wrong_revoked_or_expired_is_refused_on_public_routes_too(steward):
    for secret in ("nonsense", "od_000000000000_" + "x" * 43):
        answer = Client().get("/api/v1/datasets/survey/records", headers={"Authorization": f"Bearer {secret}"})
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
