"""Triggers: the database itself refuses a decision by somebody who had a hand in what is decided (DESIGN.md §6.1)."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from catalog.audit.guards import UnsupportedDatabase

MESSAGE = "nobody decides on what they uploaded, configured, ran or submitted"
_SQLITE = f"""
CREATE TRIGGER review_decision_not_by_the_involved BEFORE INSERT ON review_decision
WHEN EXISTS (SELECT 1 FROM review_involvement i WHERE i.review_id = NEW.review_id AND i.user_id = NEW.decided_by_id)
  OR NOT EXISTS (SELECT 1 FROM review_involvement i WHERE i.review_id = NEW.review_id)
BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END
"""
_POSTGRESQL = (
    f"""
CREATE FUNCTION refuse_decision_by_the_involved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM review_involvement i WHERE i.review_id = NEW.review_id AND i.user_id = NEW.decided_by_id)
     OR NOT EXISTS (SELECT 1 FROM review_involvement i WHERE i.review_id = NEW.review_id) THEN
    RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$
""",
    """
CREATE TRIGGER review_decision_not_by_the_involved BEFORE INSERT ON review_decision
FOR EACH ROW EXECUTE FUNCTION refuse_decision_by_the_involved()
""",
)


def not_by_the_involved() -> migrations.RunPython:
    """A migration operation. A review without any recorded involvement cannot be decided on either: fail closed."""

    def forwards(apps: Any, schema_editor: Any) -> None:
        vendor = schema_editor.connection.vendor
        if vendor not in ("sqlite", "postgresql"):
            raise UnsupportedDatabase(f"Decisions are guarded on SQLite and PostgreSQL, not on {vendor}.")
        for statement in (_SQLITE,) if vendor == "sqlite" else _POSTGRESQL:
            schema_editor.execute(statement)

    def backwards(apps: Any, schema_editor: Any) -> None:
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute("DROP TRIGGER IF EXISTS review_decision_not_by_the_involved")
        else:
            schema_editor.execute("DROP TRIGGER IF EXISTS review_decision_not_by_the_involved ON review_decision")
            schema_editor.execute("DROP FUNCTION IF EXISTS refuse_decision_by_the_involved()")

    return migrations.RunPython(forwards, backwards)
