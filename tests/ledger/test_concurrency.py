"""Two and more worker processes spend one budget at once, on a database of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORKERS, TRIES = 3, 20
PATIENCE_S = 600  # ends a test that hangs; a machine with other work may take minutes for what should take a second
MAKE = """
import django; django.setup()
from decimal import Decimal
from catalog.ledger.services import create_population
from catalog.people.services import create_organisation
city = create_organisation(by=None, slug="city", name="City")
made = create_population(by=None, slug="p", name="P", owner=city, epsilon_cap=Decimal(1), delta_cap=Decimal(0))  # no δ: the plain sum decides
print(made.pk)
"""
LOOK = """
import django, json; django.setup()
from catalog.audit.services import verify
from catalog.ledger.models import Population, Spending
p = Population.objects.get()
print(json.dumps({
    "spent": str(p.epsilon_spent), "cap": str(p.epsilon_cap), "delta": format(p.delta_spent, "f"),
    "sum": str(sum(s.epsilon for s in Spending.objects.all())), "rows": Spending.objects.count(),
    "whole": verify().ok, "entries": verify().entries,
}))
"""


@pytest.fixture
def own_database(tmp_path) -> Iterator[dict[str, str]]:
    """The environment of processes that share a database of their own, of the same kind as the suite's."""
    url = os.environ.get("DATABASE_URL", "")
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "SECRET_KEY": "x" * 50, "TRAIL_CHECKPOINT_KEY": "k"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    if not url.startswith(("postgres", "psql")):
        yield {**environment, "DATABASE_URL": f"sqlite:///{tmp_path / 'ledger.sqlite3'}"}
        return
    psycopg = pytest.importorskip("psycopg")
    name, parts = f"ledger_{uuid.uuid4().hex}", urlsplit(url)
    admin = urlunsplit(("postgresql", *parts[1:2], "/postgres", "", ""))
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield {**environment, "DATABASE_URL": urlunsplit((*parts[:2], f"/{name}", "", ""))}
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def run(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


def spend_at_once(environment: dict[str, str], population: str, epsilon: str, start: Path) -> list[int]:
    """Start the workers, wait until all stand at the line, let them go; how often each was let to pay."""
    command = [sys.executable, str(HERE / "spender.py")]
    workers = [
        subprocess.Popen(
            [*command, str(n), population, epsilon, str(TRIES), str(start)],
            env=environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(WORKERS)
    ]
    deadline = time.monotonic() + PATIENCE_S
    while not all(Path(f"{start}.{n}").exists() for n in range(WORKERS)) and time.monotonic() < deadline:
        time.sleep(0.02)
    start.touch()
    ended = [worker.communicate(timeout=PATIENCE_S) for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * WORKERS, [said[1][-2000:] for said in ended]
    return [int(said[0]) for said in ended]


def test_workers_that_spend_at_once_never_overdraw_and_the_sum_is_exact(own_database, tmp_path):
    run(own_database, "manage.py", "migrate", "-v0", "--skip-checks")  # all of it: a verification looks into every room
    population = run(own_database, "-c", MAKE)
    paid = spend_at_once(own_database, population, "0.03", tmp_path / "start")  # 60 tries, 33 fit
    seen = json.loads(run(own_database, "-c", LOOK))
    assert sum(paid) == 33
    assert seen == {
        "spent": "0.990000000000",
        "cap": "1.000000000000",
        "delta": "0.000000000000000000",
        "sum": "0.990000000000",
        "rows": 33,
        "whole": True,
        "entries": 35,  # an organisation, a population, 33 charges: no entry lost, none doubled
    }
