"""Append-only tables: the database itself refuses to change or remove a row.

Use :func:`append_only` in a migration, after the table is made. Works on SQLite and PostgreSQL; any other database is
refused, since a promise that is kept only by Python is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from django.db import migrations

PLAIN_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
MESSAGE: Final = "append-only table: rows are never changed or removed"

_SQLITE: Final = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{message}'); END
"""
_POSTGRESQL_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION refuse_change_of_append_only_table() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END $$
"""
_POSTGRESQL: Final = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_append_only_table()
"""


class UnsupportedDatabase(RuntimeError):
    """The database cannot keep the promise of an append-only table."""


def append_only(table: str) -> migrations.RunPython:
    """A migration operation: from here on UPDATE, DELETE (and TRUNCATE, on PostgreSQL) on ``table`` fail.

    ``table`` is the table's name as written in a migration, not anything a user supplies; it must be a plain name.
    """
    return migrations.RunPython(*_guard(table))


def changeable(table: str) -> migrations.RunPython:
    """The opposite: lifts the guard while a later migration changes the table itself; put it on again at once.

    SQLite changes a table by making another in its place, which has no triggers.
    """
    install, uninstall = _guard(table)
    return migrations.RunPython(uninstall, install)


def _guard(table: str) -> tuple[Callable[[Any, Any], None], Callable[[Any, Any], None]]:
    """What puts the guard on, and what takes it off."""
    if not PLAIN_NAME.fullmatch(table):
        raise ValueError("An append-only table needs a plain name: small letters, digits and underscores.")

    def install(apps: Any, schema_editor: Any) -> None:
        for statement in _install(schema_editor.connection.vendor, table):
            schema_editor.execute(statement)

    def uninstall(apps: Any, schema_editor: Any) -> None:
        for statement in _uninstall(schema_editor.connection.vendor, table):
            schema_editor.execute(statement)

    return install, uninstall


def _install(vendor: str, table: str) -> list[str]:
    fill = {"table": table, "message": MESSAGE}
    if vendor == "sqlite":
        return [_SQLITE.format(verb=verb, **fill) for verb in ("update", "delete")]
    if vendor == "postgresql":
        triggers = [_POSTGRESQL.format(verb=verb, **fill) for verb in ("update", "delete", "truncate")]
        return [_POSTGRESQL_FUNCTION.format(**fill), *triggers]
    raise UnsupportedDatabase(f"Append-only tables are kept on SQLite and PostgreSQL, not on {vendor}.")


def _uninstall(vendor: str, table: str) -> list[str]:
    if vendor == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {table}_no_{verb}" for verb in ("update", "delete")]
    return [f"DROP TRIGGER IF EXISTS {table}_no_{verb} ON {table}" for verb in ("update", "delete", "truncate")]
