"""Who may ask what: every route of these rooms for every role, as one table. And every refusal has one shape."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests import factories
from tests.api.client import Api, scopes_of

RECIPE = {"recipe": factories.K_ANONYMOUS}
VERDICT = {"verdict": "approve", "reason_code": "risk_acceptable", "reason": factories.REASON, "artefact_sha256": "0" * 64}
STOP = {"reason": "A mistake was found in it."}

ANYBODY = {"anonymous", "developer", "administrator", "steward", "other_steward", "officer", "other_officer", "lead_officer", "auditor"}
INSIDERS = {"steward", "officer", "other_officer", "lead_officer", "auditor"}
OWN = {"steward"}
DECIDERS = {"officer"}

# method, path, body, who gets past the gate (a later 409 or 422 about the content counts as past it)
TABLE: list[tuple[str, str, Any, set[str]]] = [
    ("get", "datasets", None, ANYBODY),
    ("get", "datasets/survey", None, ANYBODY),
    ("get", "datasets/survey/releases", None, ANYBODY),
    ("get", "datasets/survey/releases/1", None, ANYBODY),
    ("get", "datasets/survey/records", None, ANYBODY),
    ("get", "datasets/survey/releases/1/records", None, ANYBODY),
    ("get", "datasets/survey/exports/csv", None, ANYBODY),
    ("get", "datasets/survey/releases/1/exports/parquet", None, ANYBODY),
    ("get", "register", None, ANYBODY),
    ("get", "openapi.json", None, ANYBODY),
    ("post", "datasets", {"slug": "new", "title": "New", "source": "government", "organisation": "city-hall"}, OWN),
    ("patch", "datasets/survey", {"title": "Renamed"}, OWN),
    ("get", "datasets/survey/entry", None, INSIDERS),
    ("get", "datasets/survey/hierarchies", None, INSIDERS),
    ("get", "datasets/survey/hierarchies/age.csv", None, INSIDERS),
    ("put", "datasets/survey/hierarchies/age.csv", b"1;*\n", OWN),
    ("get", "datasets/survey/versions", None, INSIDERS),
    ("post", "datasets/survey/versions", b"a\n1\n", OWN),
    ("get", "datasets/survey/versions/{version}", None, INSIDERS),
    ("patch", "datasets/survey/versions/{version}/columns", {"columns": {"age": {"title": "Age"}}}, OWN),
    ("delete", "datasets/survey/versions/{version}?reason=enough", None, OWN),
    ("get", "datasets/survey/recipes", None, INSIDERS),
    ("get", "datasets/survey/runs", None, INSIDERS),
    ("post", "datasets/survey/runs", RECIPE, OWN),
    ("post", "datasets/survey/runs:preview", RECIPE, OWN),
    ("get", "runs/{run}", None, INSIDERS),
    ("delete", "runs/{run}", None, OWN),
    ("get", "datasets/survey/comparisons", None, INSIDERS),
    ("post", "datasets/survey/comparisons", {**RECIPE, "ks": [3]}, OWN),
    ("get", "comparisons/{comparison}", None, INSIDERS),
    ("delete", "comparisons/{comparison}", None, OWN),
    ("get", "datasets/survey/estimates", None, INSIDERS),
    ("post", "datasets/survey/estimates", RECIPE, OWN),
    ("get", "estimates/{estimate}", None, INSIDERS),
    ("delete", "estimates/{estimate}", None, OWN),
    ("post", "runs/{run}/submission", {}, OWN),
    ("get", "reviews", None, INSIDERS | {"other_steward"}),
    ("get", "reviews/{review}", None, INSIDERS),
    ("post", "reviews/{review}/opening", None, DECIDERS),
    ("post", "reviews/{review}/decisions", VERDICT, DECIDERS),
    ("post", "reviews/{review}/withdrawal", None, OWN),
    ("post", "releases/{release}/suspension", STOP, {"steward", "officer", "lead_officer"}),
    ("post", "releases/{release}/withdrawal", STOP, {"steward", "officer", "lead_officer"}),
]


# the first part that a writing route holds names the scope that it needs
NEEDED = (
    ("releases/{release}", "releases:stop"), ("{review}/withdrawal", "runs:write"), ("reviews", "reviews:decide"), ("runs", "runs:write"),
    ("comparisons", "runs:write"), ("estimates", "runs:write"), ("datasets", "datasets:write"),
)  # fmt: skip


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


def ask(city: dict[str, Any], who: str, method: str, path: str, body: Any) -> Any:
    """As a signed-in browser, so that the role alone decides, not the scopes of a key."""
    client = Client()
    if who != "anonymous":
        client.force_login(city["people"][who])
    kind = "text/csv" if isinstance(body, bytes) else "application/json"
    data = {} if body is None and method == "get" else {"data": body if body is not None else {}, "content_type": kind}
    return getattr(client, method)(f"/api/v1/{path.format(**city['ids'])}", **data)


@pytest.mark.parametrize(("method", "path", "body", "allowed"), TABLE, ids=[f"{m} {p}" for m, p, _, _ in TABLE])
def test_a_route_lets_these_roles_past_and_no_other(city, method, path, body, allowed):
    # those who are refused come first, so that what the others do cannot get in their way
    for who in sorted(ANYBODY, key=lambda name: (name in allowed, name)):
        answer = ask(city, who, method, path, body)
        if who in allowed:
            assert answer.status_code not in (401, 403, 404), (who, answer.content)
        else:
            assert answer.status_code == (401 if who == "anonymous" else 403), (who, answer.status_code)
            assert answer["Content-Type"] == "application/problem+json"


def test_a_key_does_only_what_its_scopes_say(city):
    """Each writing route with a key of a person who may, once with all scopes but the one needed."""
    routes = [row for row in TABLE if row[0] != "get"]
    for method, path, body, allowed in routes:
        person = city["people"]["officer" if allowed == DECIDERS else "steward"]
        scope = next(scope for part, scope in NEEDED if part in path)
        held = [name for name in scopes_of(person) if name != scope]
        kind = "text/csv" if isinstance(body, bytes) else "application/json"
        answer = Api(person, *held).call(method, path.format(**city["ids"]), body, kind)
        assert (answer.status_code, scope in answer.json()["detail"]) == (403, True), (method, path, answer.content)


def test_a_signed_in_browser_needs_its_token_for_everything_that_changes_something(city):
    for method, path, body, allowed in TABLE:
        if method == "get":
            continue
        client = Client(enforce_csrf_checks=True)
        client.force_login(city["people"]["officer" if allowed == DECIDERS else "steward"])
        kind = "text/csv" if isinstance(body, bytes) else "application/json"
        answer = getattr(client, method)(f"/api/v1/{path.format(**city['ids'])}", data=body if body is not None else {}, content_type=kind)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed"), (method, path)


def test_the_table_names_every_route_of_these_rooms(db):
    routes = {pattern for pattern, _ in patterns() if not pattern.startswith(("session", "me", "keys", "trail", "populations"))}
    assert len(routes) == len({shape(path) for _, path, _, _ in TABLE}), sorted(routes)


def shape(path: str) -> str:
    known = {"survey": "<slug>", "1": "<number>", "csv": "<format>", "parquet": "<format>", "age.csv": "<name>"}
    return "/".join(known.get(part, part) for part in path.partition("?")[0].split("/"))


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
