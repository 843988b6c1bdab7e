from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection, transaction

from catalog.audit import guards, services
from catalog.audit.models import TrailEntry


@pytest.fixture(autouse=True)
def checkpoint_place(settings, tmp_path):
    settings.TRAIL_CHECKPOINT_KEY = "a key for tests"
    settings.TRAIL_CHECKPOINT_FILE = tmp_path / "elsewhere" / "checkpoints.jsonl"
    return settings.TRAIL_CHECKPOINT_FILE


@pytest.fixture
def trail(db) -> Callable[[int], list[TrailEntry]]:
    """Write so many entries."""

    def write(count: int) -> list[TrailEntry]:
        with transaction.atomic():
            return [
                services.record(by=None, action="thing.done", subject=("thing", str(n)), detail={"n": n, "말": "글"})
                for n in range(1, count + 1)
            ]

    return write


@pytest.fixture
def intruder(db):
    """Somebody who owns the database: the triggers are gone until the test's transaction is rolled back."""
    connection.check_constraints()
    with connection.cursor() as cursor:
        for statement in guards._uninstall(connection.vendor, "audit_trailentry"):
            cursor.execute(statement)
