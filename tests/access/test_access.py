"""The access matrix, cell by cell: every address × role × scope × state is answered as the table of policies says."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import transaction
from django.utils.translation import trans_real

from catalog.people.roles import SCOPES, Role
from tests.access import page
from tests.access.asking import METHODS, Asker, address, patterns
from tests.access.routes import ANYONE, ROUTES, SESSION, Route, expected
from tests.access.world import Caller, World, world

pytestmark = pytest.mark.django_db
HOW_TO = "add a row to tests/access/routes.py (and what it is about to tests/access/world.py), then run python -m tests.access"


@pytest.fixture(scope="module")
def city(django_db_setup, django_db_blocker) -> Iterator[World]:
    """Made once; each request is undone."""
    call_command("compile_translations")
    trans_real._translations.clear()
    with django_db_blocker.unblock(), transaction.atomic():
        yield world()
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def without_limits(settings, monkeypatch):
    cache.clear()
    monkeypatch.setattr(logging.getLogger("django.request"), "disabled", True)  # a line for each refusal
    rates = dict.fromkeys(("anonymous", "user", "login"), "1000000/min")
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}


def called(city: World, name: str) -> Caller:
    return next(caller for caller in city.callers if caller.name == name)


def asked(city: World, route: Route) -> list[Caller]:
    """Everybody; of the keys one alone on pages, which know no keys."""
    return [caller for caller in city.callers if not (route.is_page and caller.has_key and caller.name != "key: read")]


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
    assert offered == [], HOW_TO


@pytest.mark.parametrize("kind", sorted({route.on for route in ROUTES}))
def test_every_cell_is_answered_as_the_policies_say(city, kind):
    asker, wrong, cells = Asker(), [], 0
    for route in (route for route in ROUTES if route.on == kind):
        for thing in city.things[kind]:
            for caller in asked(city, route):
                cells += 1
                said, answered = expected(route, caller, thing), asker.ask(route, caller, thing)
                if said != answered:
                    wrong.append(f"{route.named()} ({thing.state}) for {caller.name}: the table says {said}, the platform {answered}")
    assert wrong == [], "\n".join([f"{len(wrong)} of {cells} cells:", *wrong[:40]])


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
