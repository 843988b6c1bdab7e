"""SQLite lets an insert or an update *replace* the rows that stand in its way (``INSERT OR REPLACE``, ``UPDATE OR REPLACE``).

Such a row goes without a DELETE that a trigger would see, unless the connection has ``PRAGMA recursive_triggers=ON``
(opendata/env.py sets it; whoever opens the file by hand does not). So guarded tables also refuse, whatever the
connection, a row whose primary key or any unique key is there already. PostgreSQL knows no such statements, and its
``ON CONFLICT DO UPDATE`` is an UPDATE to its triggers.
"""

from __future__ import annotations

import re
from typing import Any, Final

MESSAGE: Final = "a row with this key is there already: rows of a guarded table are never replaced"
QUOTED: Final = re.compile(r'"(\w+)"')

_TRIGGER: Final = """
CREATE TRIGGER {name} BEFORE {event} ON {table}
WHEN {condition}
BEGIN SELECT RAISE(ABORT, '{message}'); END
"""
_EXISTS: Final = "EXISTS (SELECT 1 FROM {table} WHERE {condition})"


def names(table: str) -> tuple[str, str]:
    """The triggers' names: of the one for inserts, and of the one for updates."""
    return f"{table}_no_replacing_insert", f"{table}_no_replacing_update"


def statements(connection: Any, table: str) -> list[str]:
    """What puts the guard on in SQLite, for the keys that ``table`` has at this moment; one that is on already is renewed."""
    keys = _keys(connection, table)
    for_insert, for_update = names(table)
    other = [f"({key}) AND {table}.rowid <> OLD.rowid" for key in keys]
    return [
        *removal(table),
        _TRIGGER.format(name=for_insert, event="INSERT", table=table, condition=_taken(table, keys), message=MESSAGE),
        _TRIGGER.format(name=for_update, event="UPDATE", table=table, condition=_taken(table, other), message=MESSAGE),
    ]


def removal(table: str) -> list[str]:
    """What takes it off in SQLite."""
    return [f"DROP TRIGGER IF EXISTS {name}" for name in names(table)]


def _taken(table: str, conditions: list[str]) -> str:
    return " OR ".join(_EXISTS.format(table=table, condition=condition) for condition in conditions)


def _keys(connection: Any, table: str) -> list[str]:
    """For each key of ``table``, the condition that a row of it has the key of NEW; a partial index binds both rows."""
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA table_info({table})")
        primary = [name for _, name, _, _, _, place in cursor.fetchall() if place]
        cursor.execute(f"PRAGMA index_list({table})")
        unique = [name for _, name, is_unique, _, _ in cursor.fetchall() if is_unique]
        keys = [_same(primary)]
        for index in unique:
            cursor.execute(f"PRAGMA index_info({index})")
            columns = [name for _, _, name in cursor.fetchall()]
            cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND name = %s", [index])
            (written,) = cursor.fetchone()
            _, _, where = (written or "").partition(" WHERE ")
            keys.append(" AND ".join([_same(columns), *([f"({where})", "({})".format(QUOTED.sub(r'NEW."\1"', where))] if where else [])]))
    return keys


def _same(columns: list[str]) -> str:
    return " AND ".join(f'"{column}" = NEW."{column}"' for column in columns)
