"""The access matrix as a whole: no address is missing, the page is up to date, and a policy that is not asked is noticed.

Its cells are compared in test_api_cells.py and test_page_cells.py.
"""

from __future__ import annotations

import os

import pytest

from catalog.people.roles import SCOPES, Role
from tests.access import page
from tests.access.asking import METHODS, Asker, address, patterns
from tests.access.routes import ANYONE, ROUTES, SESSION, Route, expected
from tests.access.world import Caller, World

pytestmark = pytest.mark.django_db
HOW_TO = "add a row to tests/access/routes.py (and what it is about to tests/access/world.py), then run python -m tests.access"


def called(city: World, name: str) -> Caller:
    return next(caller for caller in city.callers if caller.name == name)


def test_every_address_is_in_the_table_and_nothing_else():
    known, there = {route.pattern for route in ROUTES}, set(patterns())
    assert sorted(there - known) == [], HOW_TO
    assert sorted(known - there) == [], "these rows of tests/access/routes.py lead nowhere"
    names = [route.named() for route in ROUTES]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_a_method_that_is_in_no_row_is_not_offered(city):
    """Asked by somebody in every role, who would be let in if it were."""
    asker, caller, offered = Asker(), called(city, "all roles"), []
    rows = {(route.pattern, route.method): route for route in ROUTES}
    for pattern in patterns():
        route = next(route for route in ROUTES if route.pattern == pattern)
        path = address(pattern, caller, city.things[route.on][0])
        answers = {method: asker.send(method, path, caller).status_code for method in METHODS if (pattern, method) not in rows}
        offered += [f"{method.upper()} /{pattern}: {status}" for method, status in answers.items() if status != 405]
    assert not offered, f"{HOW_TO}: {offered}"


def test_over_the_api_head_is_answered_as_get(city):
    asker, wrong = Asker(), []
    callers = [called(city, name) for name in ("anonymous", "officer elsewhere", "all roles", "key: trail:read")]
    for route in (route for route in ROUTES if route.method == "get" and not route.is_page):
        for caller in callers:
            thing = city.things[route.on][0]
            path = address(route.pattern, caller, thing) + route.query
            statuses = {asker.send(method, path, caller).status_code for method in ("head", "get")}
            if len(statuses) != 1:
                wrong.append((route.named(), caller.name, statuses))
    assert wrong == []


def test_the_page_says_what_the_policies_say(city):
    written = page.text(city)
    if os.environ.get("WRITE_ACCESS_PAGE"):
        page.PATH.write_text(written, encoding="utf-8")
    assert page.PATH.read_text(encoding="utf-8") == written, "run python -m tests.access, and look at what changed"


def test_a_signed_in_browser_needs_its_token_for_everything_that_changes_something(city):
    asker, everybody, wrong = Asker(csrf=True), called(city, "all roles"), []
    for route in (route for route in ROUTES if route.method != "get" and route.pattern != "api/v1/session"):
        answer = asker.answer(route, everybody, city.things[route.on][0])
        code = answer.json()["code"] if answer["Content-Type"] == "application/problem+json" else "csrf_failed"
        if (answer.status_code, code) != (403, "csrf_failed"):
            wrong.append((route.named(), answer.status_code))
    assert wrong == []


def test_a_key_is_told_which_scope_it_lacks(city):
    asker = Asker()
    for route in (route for route in ROUTES if route.scope in SCOPES):
        other = called(city, "key: trail:read" if route.scope != "trail:read" else "key: read")
        answer = asker.answer(route, other, city.things[route.on][0])
        assert (answer.status_code, f"lacks the scope {route.scope}" in answer.json()["detail"]) == (403, True), route.named()


# --- the table would notice ------------------------------------------------------------------------------------------


def test_everybody_is_there(city):
    """Each role for itself, and a key of each scope."""
    held = {name for caller in city.callers if caller.user.is_authenticated for name in caller.user.groups.values_list("name", flat=True)}
    assert held == {str(role) for role in Role}
    assert {caller.scope for caller in city.callers if caller.has_key} == set(SCOPES)
    assert {route.scope for route in ROUTES} == {ANYONE, SESSION, *SCOPES}


@pytest.mark.parametrize(
    ("target", "route"),
    [
        ("catalog.publishing.api.can_see_inside", "GET /api/v1/datasets/<slug:slug>"),
        ("catalog.datasets.api.check_can_see_inside", "GET /api/v1/datasets/<slug:slug>/entry"),
        ("catalog.people.people_views.policies.check_can_manage_people", "GET /people"),
    ],
)
def test_a_policy_that_is_not_asked_is_noticed(city, monkeypatch, target, route):
    row = next(row for row in ROUTES if row.named() == route)
    before = {(t.state, c.name): expected(row, c, t) for t in city.things[row.on] for c in city.callers}
    monkeypatch.setattr(target, lambda *asked: True)
    assert any(Asker().ask(row, c, t) != before[t.state, c.name] for t in city.things[row.on] for c in city.callers)


def test_a_scope_that_is_not_asked_for_is_noticed(city, monkeypatch):
    from catalog.publishing.api import DatasetView

    row: Route = next(row for row in ROUTES if row.named() == "GET /api/v1/datasets/<slug:slug>")
    hidden, caller = city.things["dataset"][0], called(city, "key: ledger:read")
    assert Asker().ask(row, caller, hidden) == expected(row, caller, hidden) == "404"
    monkeypatch.setattr(DatasetView, "insider_scopes", {"GET": "ledger:read"})
    assert Asker().ask(row, caller, hidden) == "●"
