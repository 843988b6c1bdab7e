"""Triggers: the database itself refuses what must never happen to a row, first of all to change one of an append-only table.

Use :func:`append_only`, :func:`refusing` and those made of it in a migration, after the table is made. They work on SQLite
and PostgreSQL; any other database is refused, since a promise that is kept only by Python is none. A table that has only
refusals needs :func:`never_replaced` too, which append-only tables have by themselves.

SQLite changes a table by making another in its place, without its triggers: a migration that alters a guarded table puts
its guards on again. ``tests/audit/test_guarded_tables.py`` looks in the database whether each is there after all migrations.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from django.db import migrations

from catalog.audit import replacing

PLAIN_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
Pair: TypeAlias = tuple[Callable[[Any, Any], None], Callable[[Any, Any], None]]
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


_SQLITE_REFUSAL: Final = """
CREATE TRIGGER {name} BEFORE {event} ON {table}
WHEN {condition}
BEGIN SELECT RAISE(ABORT, '{message}'); END
"""
_POSTGRESQL_REFUSAL: Final = (
    """
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF {condition} THEN
    RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$
""",
    "CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()",
)
_POSTGRESQL_TRUNCATE: Final = "CREATE TRIGGER {name}_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"


class UnsupportedDatabase(RuntimeError):
    """The database cannot keep a promise that is made in its name."""


def refusing(*, event: str, table: str, condition: str, message: str, name: str, function: str) -> migrations.RunPython:
    """A migration operation: from here on an ``event`` (INSERT, UPDATE, DELETE) on a row of ``table`` that meets ``condition`` fails.

    ``condition`` speaks of NEW and OLD in words that both databases know. ``name`` is the trigger's, ``function`` that of
    what it calls on PostgreSQL. All of it is written in a migration's own words, nothing a user supplies.
    """
    fill = {"event": event, "table": table, "condition": condition, "message": message, "name": name, "function": function}

    def install(apps: Any, schema_editor: Any) -> None:
        vendor = schema_editor.connection.vendor
        if vendor not in ("sqlite", "postgresql"):
            raise UnsupportedDatabase(f"{name} is kept on SQLite and PostgreSQL, not on {vendor}.")
        on_postgresql = (*_POSTGRESQL_REFUSAL, *([_POSTGRESQL_TRUNCATE] if event == "DELETE" else []))
        for statement in (_SQLITE_REFUSAL,) if vendor == "sqlite" else on_postgresql:
            schema_editor.execute(statement.format(**fill))

    def uninstall(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
        else:
            for trigger in (name, f"{name}_truncate"):
                schema_editor.execute(f"DROP TRIGGER IF EXISTS {trigger} ON {table}")
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {function}()")

    return migrations.RunPython(install, uninstall)


def unchanged(*, table: str, columns: tuple[str, ...], name: str, function: str, once: str = "TRUE") -> migrations.RunPython:
    """A migration operation: from here on an UPDATE that gives one of ``columns`` another value fails, for rows that meet ``once``."""
    changed = " OR ".join(differs(column) for column in columns)
    message = f"{', '.join(columns)} of {table} are never changed"
    return refusing(event="UPDATE", table=table, condition=f"({once}) AND ({changed})", message=message, name=name, function=function)


def differs(column: str) -> str:
    """The condition that an UPDATE gives ``column`` another value, also from and to NULL."""
    return f'(NEW."{column}" <> OLD."{column}" OR (NEW."{column}" IS NULL) <> (OLD."{column}" IS NULL))'


def kept(*, table: str, name: str, function: str, once: str = "TRUE") -> migrations.RunPython:
    """A migration operation: from here on a row of ``table`` that meets ``once`` is never removed.

    On PostgreSQL a table of which ``once`` is said of every row is not emptied by TRUNCATE either.
    """
    message = f"rows of {table} are never removed"
    return refusing(event="DELETE", table=table, condition=once, message=message, name=name, function=function)


def never_replaced(table: str) -> migrations.RunPython:
    """A migration operation for SQLite: from here on no insert or update of ``table`` replaces another row.

    Putting it on again renews it, as it must be when the table gets another unique key. See catalog/audit/replacing.py.
    """
    return migrations.RunPython(*_unreplaced(table))


def _unreplaced(table: str) -> Pair:
    """What puts the guard on replacing on, and what takes it off."""
    _refuse_odd(table)

    def install(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "sqlite":
            for statement in replacing.statements(schema_editor.connection, table):
                schema_editor.execute(statement)

    def uninstall(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "sqlite":
            for statement in replacing.removal(table):
                schema_editor.execute(statement)

    return install, uninstall


def _refuse_odd(table: str) -> None:
    if not PLAIN_NAME.fullmatch(table):
        raise ValueError("A guarded table needs a plain name: small letters, digits and underscores.")


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


def _guard(table: str) -> Pair:
    """What puts the guard on, and what takes it off."""
    _refuse_odd(table)
    unreplaced, replaceable = _unreplaced(table)

    def install(apps: Any, schema_editor: Any) -> None:
        for statement in _install(schema_editor.connection.vendor, table):
            schema_editor.execute(statement)
        unreplaced(apps, schema_editor)

    def uninstall(apps: Any, schema_editor: Any) -> None:
        for statement in _uninstall(schema_editor.connection.vendor, table):
            schema_editor.execute(statement)
        replaceable(apps, schema_editor)

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
