"""A whole platform in a folder of its own: real web, worker and scheduler processes, on whichever database and broker
the environment names. Used by tests that must not trust a single process."""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import httpx

from opendata.demo import accounts
from opendata.embedded import Embedded, make_keys

PASSWORD = "only-for-this-test-" + secrets.token_hex(8)
PATIENCE_S = 300  # ends a test that hangs; a machine with other work may take minutes for what should take a second
# One process for everything: database, static files, the demo's people, and a few more of its mobility department.
SET_UP = """
import io, json, sys, django
django.setup()
from decimal import Decimal
from django.core.management import call_command
from django.db import transaction
from catalog.ledger.services import create_population
from catalog.people import services as people
from catalog.people.models import Organisation, User
order = sys.stdin.read()
password = json.loads(order)["accounts"][0]["password"]
sys.stdin = io.StringIO(order)
call_command("setup_demo", whole=True)
with transaction.atomic():
    home = Organisation.objects.get(slug="mobility")
    people.create_user(by=None, username="stella", password=password, roles=["steward"], organisation=home)
    people.give_mandate(by=None, user=User.objects.get(username="oscar"), organisation=home)
    people.create_user(by=None, username="dora", password=password, roles=["developer"])
    people.create_user(by=None, username="ada", password=password, roles=["administrator"])
    create_population(
        by=None, slug="residents", name="Residents", owner=home, epsilon_cap=Decimal(10), delta_cap=Decimal("1e-4")
    )
"""
logging.getLogger("httpx").setLevel(logging.WARNING)  # a line a request, hundreds while a test waits


def first_of_outgoing() -> int:
    """The lowest port that the system gives to outgoing connections: one of those may be taken before a server starts on it."""
    told = Path("/proc/sys/net/ipv4/ip_local_port_range")
    return int(told.read_text().split()[0]) if told.is_file() else 32_768


def free_port() -> int:
    """A port that nobody listens on, and that no other process of tests is given while this one lives."""
    for port in range(first_of_outgoing() - 1, 10_000, -1):
        mark = (Path(tempfile.gettempdir()) / f"port-{port}-of-opendata-tests").open("w")
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            mark.close()
            continue
        _marks.append(mark)
        return port
    raise RuntimeError("no port is free")


_marks: list[TextIO] = []  # held open, and so locked, until this process ends


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
    quick = {
        "DJANGO_SETTINGS_MODULE": "tests.live.quick_settings", "OPENDATA_TESTING": "1",
        # a worker that lives must be able to renew its lease, however busy the machine is
        "LEASE_SECONDS": "15", "SWEEP_SECONDS": "1", "RING_AGAIN_SECONDS": "3",
        "SECOND_FACTOR": "optional",
    }  # fmt: skip
    with own_database(folder) as database:
        made = Embedded(folder, free_port(), {**quick, **database, **own_broker(), **environment}, web_workers=1)
        make_keys(folder)
        made.python("-c", SET_UP, stdin=accounts.order({account.username: PASSWORD for account in accounts.ACCOUNTS}))
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
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False)
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

    def until(self, path: str, done: Callable[[dict[str, Any]], bool], seconds: float = PATIENCE_S) -> dict[str, Any]:
        """What is there once ``done`` says so. Fails at once where a run has failed and nothing else will come."""
        deadline = time.monotonic() + seconds
        while True:
            seen: dict[str, Any] = self.call("GET", path).json()
            if done(seen):
                return seen
            assert seen.get("state") != "failed", seen
            assert time.monotonic() < deadline, f"still {seen.get('state')} after {seconds} s"
            time.sleep(0.1)
