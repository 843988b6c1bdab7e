"""The database itself refuses to exchange what was published, to name another file, and to lose the record of it."""

from __future__ import annotations

from django.db import migrations

from catalog.audit.guards import kept, refusing, unchanged


def released_stays() -> migrations.RunPython:
    """A migration operation: from here on a publication speaks of the same approved bytes, with the same words, for ever."""
    return unchanged(
        table="publishing_publication",
        columns=(
            "dataset_id", "number", "review_id", "artefact_sha256", "bytes", "rows", "columns", "guarantee", "public_report",
            "public_recipe", "published_at",
        ),
        name="publishing_publication_released_stays",
        function="refuse_other_release_of_publication",
    )  # fmt: skip


def file_stays() -> migrations.RunPython:
    """A migration operation: from here on a publication never names another file; that it has none any more may be said."""
    return refusing(
        event="UPDATE",
        table="publishing_publication",
        condition="NEW.store_name <> OLD.store_name AND NEW.store_name <> \'\'",
        message="a publication never names another file",
        name="publishing_publication_file_stays",
        function="refuse_other_file_of_publication",
    )


def publication_stays() -> migrations.RunPython:
    """A migration operation: from here on a publication is never removed; it is stopped, with a tombstone."""
    return kept(table="publishing_publication", name="publishing_publication_stays", function="refuse_removal_of_publication")
