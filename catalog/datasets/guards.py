"""Triggers: the database itself refuses to move a dataset to another population once noise was drawn about its rows."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from catalog.audit.guards import UnsupportedDatabase

MESSAGE = "the population of a dataset that noise was drawn about is never changed"
_SQLITE = f"""
CREATE TRIGGER datasets_dataset_population_stays BEFORE UPDATE ON datasets_dataset
WHEN OLD.charged AND (NEW.population_id IS NOT OLD.population_id OR NOT NEW.charged)
BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END
"""
_POSTGRESQL = (
    f"""
CREATE FUNCTION refuse_other_population_of_dataset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.charged AND (NEW.population_id IS DISTINCT FROM OLD.population_id OR NOT NEW.charged) THEN
    RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$
""",
    """
CREATE TRIGGER datasets_dataset_population_stays BEFORE UPDATE ON datasets_dataset
FOR EACH ROW EXECUTE FUNCTION refuse_other_population_of_dataset()
""",
)


def population_stays() -> migrations.RunPython:
    """A migration operation: from here on a dataset that is charged stays charged, and with its population.

    A later migration that changes the table lifts it before and puts it back after: on SQLite it would be lost with it.
    """

    def forwards(apps: Any, schema_editor: Any) -> None:
        vendor = schema_editor.connection.vendor
        if vendor not in ("sqlite", "postgresql"):
            raise UnsupportedDatabase(f"Populations of datasets are guarded on SQLite and PostgreSQL, not on {vendor}.")
        for statement in (_SQLITE,) if vendor == "sqlite" else _POSTGRESQL:
            schema_editor.execute(statement)

    def backwards(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute("DROP TRIGGER IF EXISTS datasets_dataset_population_stays")
        else:
            schema_editor.execute("DROP TRIGGER IF EXISTS datasets_dataset_population_stays ON datasets_dataset")
            schema_editor.execute("DROP FUNCTION IF EXISTS refuse_other_population_of_dataset()")

    return migrations.RunPython(forwards, backwards)
