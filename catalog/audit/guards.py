"""Append-only tables: the database itself refuses to change or remove a row.

Use :func:`append_only` in a migration, after the table is made. Works on SQLite and PostgreSQL; any other database is
refused, since a promise that is kept only by Python is none.
"""

from __future__ import annotations

import re
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
    if not PLAIN_NAME.fullmatch(table):
        raise ValueError("An append-only table needs a plain name: small letters, digits and underscores.")

    def forwards(apps: Any, schema_editor: Any) -> None:
        for statement in _install(schema_editor.connection.vendor, table):
            schema_editor.execute(statement)

    def backwards(apps: Any, schema_editor: Any) -> None:
        for statement in _uninstall(schema_editor.connection.vendor, table):
            schema_editor.execute(statement)

    return migrations.RunPython(forwards, backwards)


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
