"""Triggers: the database itself refuses to change what a budget is kept of, once some of it was spent."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from catalog.audit.guards import UnsupportedDatabase

MESSAGE = "the unit of privacy of a population that has spent is never changed"
_SQLITE = f"""
CREATE TRIGGER ledger_population_unit_stays BEFORE UPDATE ON ledger_population
WHEN (NEW.unit <> OLD.unit OR NEW.time_zone <> OLD.time_zone)
  AND EXISTS (SELECT 1 FROM ledger_spending s WHERE s.population_id = OLD.id)
BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END
"""
_POSTGRESQL = (
    f"""
CREATE FUNCTION refuse_other_unit_of_population() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.unit <> OLD.unit OR NEW.time_zone <> OLD.time_zone)
     AND EXISTS (SELECT 1 FROM ledger_spending s WHERE s.population_id = OLD.id) THEN
    RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$
""",
    """
CREATE TRIGGER ledger_population_unit_stays BEFORE UPDATE ON ledger_population
FOR EACH ROW EXECUTE FUNCTION refuse_other_unit_of_population()
""",
)


def unit_stays() -> migrations.RunPython:
    """A migration operation: from here on the unit and the time zone of a population that has spent cannot be changed.

    A later migration that changes either table lifts it before and puts it back after: on SQLite it would be lost with the
    one, and stand in the way of the other.
    """

    def forwards(apps: Any, schema_editor: Any) -> None:
        vendor = schema_editor.connection.vendor
        if vendor not in ("sqlite", "postgresql"):
            raise UnsupportedDatabase(f"Units of privacy are guarded on SQLite and PostgreSQL, not on {vendor}.")
        for statement in (_SQLITE,) if vendor == "sqlite" else _POSTGRESQL:
            schema_editor.execute(statement)

    def backwards(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute("DROP TRIGGER IF EXISTS ledger_population_unit_stays")
        else:
            schema_editor.execute("DROP TRIGGER IF EXISTS ledger_population_unit_stays ON ledger_population")
            schema_editor.execute("DROP FUNCTION IF EXISTS refuse_other_unit_of_population()")

    return migrations.RunPython(forwards, backwards)
