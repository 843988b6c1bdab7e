"""A whole platform in a folder of its own: real web, worker and scheduler processes, on whichever database and broker
the environment names. Used by tests that must not trust a single process."""

from __future__ import annotations

import os
import secrets
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from opendata.embedded import Embedded

PASSWORD = "only-for-this-test-" + secrets.token_hex(8)
ACCOUNTS = """
import sys, django
django.setup()
from decimal import Decimal
from django.db import transaction
from catalog.ledger.services import create_population
from catalog.people import services as people
password = sys.stdin.read()
with transaction.atomic():
    home = people.create_organisation(by=None, slug="mobility", name="Mobility Department")
    people.create_user(by=None, username="stella", password=password, roles=["steward"], organisation=home)
    for name in ("oscar", "olga"):
        officer = people.create_user(by=None, username=name, password=password, roles=["officer"])
        people.give_mandate(by=None, user=officer, organisation=home)
    for name, role in (("dora", "developer"), ("arthur", "auditor")):
        people.create_user(by=None, username=name, password=password, roles=[role])
    create_population(
        by=None, slug="residents", name="Residents", owner=home, epsilon_cap=Decimal(10), delta_cap=Decimal("1e-4")
    )
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def own_database(folder: Path) -> Iterator[dict[str, str]]:
    """SQLite in the folder; with a PostgreSQL DATABASE_URL, a database of its own on that server."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield {"DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}"}
        return
    import psycopg

    name = f"live_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    try:
        yield {"DATABASE_URL": url.rsplit("/", 1)[0] + "/" + name}
    finally:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def own_broker(url: str | None = None) -> dict[str, str]:
    """The file broker, or a queue of its own on the server that BROKER_URL names."""
    url = url or os.environ.get("BROKER_URL", "")
    return {"BROKER_URL": url, "CELERY_QUEUE": f"live-{uuid.uuid4().hex[:12]}"} if url else {"BROKER_URL": "filesystem://"}


@contextmanager
def platform(folder: Path, **environment: str) -> Iterator[Embedded]:
    """A set-up platform with accounts and one population, nothing started yet; everything ends with the block."""
    quick = {"LEASE_SECONDS": "3", "SWEEP_SECONDS": "1", "RING_AGAIN_SECONDS": "3", "OPENDATA_TESTING": "1"}
    with own_database(folder) as database:
        made = Embedded(folder, free_port(), {**quick, **database, **own_broker(), **environment}, web_workers=1)
        made.setup()
        made.python("-c", ACCOUNTS, stdin=PASSWORD)
        try:
            yield made
        finally:
            made.stop()


@dataclass
class Client:
    """Somebody who is signed in and talks to the API as a browser does."""

    url: str
    name: str
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=60)
        answer = self.http.post("/api/v1/session", json={"username": self.name, "password": PASSWORD})
        assert answer.status_code < 300, answer.text

    def call(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        token = self.http.cookies.get("csrftoken", "")
        headers = {"X-CSRFToken": token, "Referer": self.url, **kwargs.pop("headers", {})}
        return self.http.request(method, f"/api/v1{path}", headers=headers, **kwargs)

    def must(self, method: str, path: str, **kwargs: Any) -> Any:
        answer = self.call(method, path, **kwargs)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    def until(self, path: str, done: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            seen: dict[str, Any] = self.call("GET", path).json()
            if done(seen):
                return seen
            assert time.monotonic() < deadline, f"still {seen.get('state')} after {seconds} s"
            time.sleep(0.1)
