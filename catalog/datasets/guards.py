"""The database itself refuses to move a dataset to another population once noise was drawn about its rows, and to exchange an upload."""

from __future__ import annotations

from django.db import migrations

from catalog.audit.guards import kept, refusing, unchanged

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


def charged_stays() -> migrations.RunPython:
    """A migration operation: from here on a dataset that is charged is never removed, to come back as one that is not."""
    return kept(table="datasets_dataset", once="OLD.charged", name="datasets_dataset_charged_stays", function="refuse_removal_of_dataset")


def upload_stays() -> migrations.RunPython:
    """A migration operation: from here on what was uploaded, by whom and as which version is never changed."""
    return unchanged(
        table="datasets_version",
        columns=("dataset_id", "number", "sha256", "bytes", "uploaded_by_id", "uploaded_at"),
        name="datasets_version_upload_stays",
        function="refuse_other_upload_of_version",
    )


def version_stays() -> migrations.RunPython:
    """A migration operation: from here on the record of a version is never removed, whatever becomes of its data."""
    return kept(table="datasets_version", name="datasets_version_stays", function="refuse_removal_of_version")
