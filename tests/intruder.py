"""Somebody who owns the database: its guards are gone. For tests of what is seen all the same, and of what code refuses by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_TRIGGERS = {
    "sqlite": "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname, tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
}


def triggers() -> dict[str, tuple[str, str]]:
    """name → (table, the statement that makes it), of every trigger that there is."""
    with connection.cursor() as cursor:
        cursor.execute(_TRIGGERS[connection.vendor])
        return {name: (table, made) for name, table, made in cursor.fetchall()}


def drop_triggers(*tables: str) -> None:
    """Those of ``tables``, or all; for the rest of the test's transaction."""
    if connection.vendor == "postgresql":
        connection.check_constraints()  # a table with checks that wait for the commit cannot be altered
    with connection.cursor() as cursor:
        for name, (table, _) in triggers().items():
            if not tables or table in tables:
                cursor.execute(f"DROP TRIGGER {name}" + (f" ON {table}" if connection.vendor == "postgresql" else ""))


@contextmanager
def unguarded(*tables: str) -> Iterator[None]:
    """The block may do what the database would refuse; afterwards the guards are as they were."""
    before = triggers()
    drop_triggers(*tables)
    try:
        yield
        if connection.vendor == "postgresql":
            connection.check_constraints()
    finally:
        with connection.cursor() as cursor:
            for name in before.keys() - triggers().keys():
                cursor.execute(before[name][1])
