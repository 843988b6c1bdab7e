"""The database itself refuses to move a dataset to another population once noise was drawn about its rows."""

from __future__ import annotations

from django.db import migrations

from catalog.audit.guards import refusing

MESSAGE = "the population of a dataset that noise was drawn about is never changed"


def population_stays() -> migrations.RunPython:
    """A migration operation: from here on a dataset that is charged stays charged, and with its population.

    A later migration that changes the table lifts it before and puts it back after: on SQLite it would be lost with it.
    """
    moved = "NEW.population_id <> OLD.population_id OR (NEW.population_id IS NULL) <> (OLD.population_id IS NULL)"
    return refusing(
        event="UPDATE",
        table="datasets_dataset",
        condition=f"OLD.charged AND ({moved} OR NOT NEW.charged)",
        message=MESSAGE,
        name="datasets_dataset_population_stays",
        function="refuse_other_population_of_dataset",
    )
