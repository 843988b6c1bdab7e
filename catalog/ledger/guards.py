"""The database itself refuses to change what a budget is kept of once some of it was spent, to forget any of that, and to lose it."""

from __future__ import annotations

from django.db import migrations

from catalog.audit.guards import kept, refusing

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


def total_grows() -> migrations.RunPython:
    """A migration operation: from here on what a population has spent is never less than it was."""
    return refusing(
        event="UPDATE",
        table="ledger_population",
        condition="NEW.epsilon_spent < OLD.epsilon_spent OR NEW.delta_spent < OLD.delta_spent",
        message="what a population has spent is never refunded",
        name="ledger_population_total_grows",
        function="refuse_lower_total_of_population",
    )


def spender_stays() -> migrations.RunPython:
    """A migration operation: from here on a population that has spent is never removed, to come back with another unit."""
    return kept(
        table="ledger_population", once="OLD.epsilon_spent > 0", name="ledger_population_spender_stays", function="refuse_removal_of_population"
    )
