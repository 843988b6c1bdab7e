"""The database itself refuses to change what a budget is kept of, once some of it was spent."""

from __future__ import annotations

from django.db import migrations

from catalog.audit.guards import refusing

MESSAGE = "the unit of privacy of a population that has spent is never changed"


def unit_stays() -> migrations.RunPython:
    """A migration operation: from here on the unit and the time zone of a population that has spent cannot be changed.

    A later migration that changes either table lifts it before and puts it back after: on SQLite it would be lost with the
    one, and stand in the way of the other.
    """
    spent = "EXISTS (SELECT 1 FROM ledger_spending s WHERE s.population_id = OLD.id)"
    return refusing(
        event="UPDATE",
        table="ledger_population",
        condition=f"(NEW.unit <> OLD.unit OR NEW.time_zone <> OLD.time_zone) AND {spent}",
        message=MESSAGE,
        name="ledger_population_unit_stays",
        function="refuse_other_unit_of_population",
    )
