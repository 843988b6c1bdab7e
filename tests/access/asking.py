"""Asks the platform what the table is about, as a caller would, and leaves everything as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http.cookie import SimpleCookie
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.access.outcome import Outcome, of_answer
from tests.access.routes import FORM, Route, expected
from tests.access.world import Caller, Thing, World

METHODS = ("get", "post", "put", "patch", "delete")
_PLACE = re.compile(r"<(?:\w+:)?(\w+)>")


def patterns() -> dict[str, Any]:
    """Every address of the platform, as its patterns spell it, and the view behind it."""
    return dict(_walk(get_resolver().url_patterns, ""))


def _walk(found: list[Any], before: str) -> Iterator[tuple[str, Any]]:
    for pattern in found:
        here = f"{before}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern):
            yield here, pattern.callback


def address(pattern: str, caller: Caller, thing: Thing) -> str:
    parts = {"key_id": caller.key_id, **thing.address}
    return "/" + _PLACE.sub(lambda place: str(parts[place.group(1)]), pattern)


class Asker:
    """One client for everybody: who is asking is put on at each request."""

    def __init__(self, *, csrf: bool = False) -> None:
        self.client = Client(raise_request_exception=True, enforce_csrf_checks=csrf)

    def ask(self, route: Route, caller: Caller, thing: Thing) -> Outcome | str:
        return of_answer(self.answer(route, caller, thing))

    def answer(self, route: Route, caller: Caller, thing: Thing) -> Any:
        sent = route.body(thing) if callable(route.body) else route.body
        return self.send(route.method, address(route.pattern, caller, thing) + route.query, caller, sent, route.kind)

    def send(self, method: str, path: str, caller: Caller, sent: Any = None, kind: str = "application/json") -> Any:
        headers = {"Authorization": f"Bearer {caller.secret}"} if caller.has_key else {}
        self.client.cookies = SimpleCookie({settings.SESSION_COOKIE_NAME: caller.session} if caller.session else {})
        with transaction.atomic():
            if method == "get":
                answer = self.client.get(path, headers=headers)
            elif kind == FORM:
                answer = getattr(self.client, method)(path, sent or {}, headers=headers)
            else:
                answer = getattr(self.client, method)(path, {} if sent is None else sent, content_type=kind, headers=headers)
            if answer.streaming:
                answer.getvalue()  # to its end; the test client has closed all others
            transaction.set_rollback(True)
        return answer


def wrong_cells(city: World, routes: tuple[Route, ...], kind: str) -> list[str]:
    """Every cell about a kind of thing in which the platform answers otherwise than the table says."""
    asker, wrong = Asker(), []
    for route in (route for route in routes if route.on == kind):
        for thing in city.things[kind]:
            for caller in city.callers:
                if caller.name == "all roles" or (route.is_page and caller.has_key and caller.name != "key: read"):
                    continue  # who stands behind the keys; and pages know no keys, so one is enough
                said, answered = expected(route, caller, thing), asker.ask(route, caller, thing)
                if said != answered:
                    wrong.append(f"{route.named()} ({thing.state}) for {caller.name}: the table says {said}, the platform {answered}")
    return wrong
