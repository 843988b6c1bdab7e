"""The database itself refuses to exchange what a run was asked for and what came of it, and to forget that it drew noise."""

from __future__ import annotations

from typing import Final

from django.db import migrations

from catalog.audit.guards import kept, refusing, unchanged

ASKED: Final = (
    "dataset_id", "version_id", "population_id", "recipe_sha256", "code_version", "hierarchies", "appended",
    "requested_by_id", "requested_at",
)  # fmt: skip


def request_stays() -> migrations.RunPython:
    """A migration operation: from here on what a run was asked for, on what and by whom, is never changed."""
    return unchanged(table="releases_run", columns=ASKED, name="releases_run_request_stays", function="refuse_other_request_of_run")


def recipe_stays() -> migrations.RunPython:
    """A migration operation: from here on the recipe of a run stays. What only was tried, and drew no noise, may be forgotten."""
    return unchanged(
        table="releases_run",
        columns=("recipe",),
        once="OLD.noise_drawn OR OLD.state NOT IN (\'failed\', \'cancelled\')",
        name="releases_run_recipe_stays",
        function="refuse_other_recipe_of_run",
    )


def artefact_stays() -> migrations.RunPython:
    """A migration operation: from here on the artefact of a run, once there is one, is never another."""
    return unchanged(
        table="releases_run",
        columns=("artefact_sha256", "artefact_bytes", "artefact_rows"),
        once="OLD.artefact_sha256 <> \'\'",
        name="releases_run_artefact_stays",
        function="refuse_other_artefact_of_run",
    )


def noise_stays(table: str) -> migrations.RunPython:
    """A migration operation: from here on a job that drew noise has drawn noise."""
    return refusing(
        event="UPDATE",
        table=table,
        condition="OLD.noise_drawn AND NOT NEW.noise_drawn",
        message="that noise was drawn is never forgotten",
        name=f"{table}_noise_stays",
        function=f"refuse_forgetting_noise_of_{table}",
    )


def job_stays(table: str) -> migrations.RunPython:
    """A migration operation: from here on a job is never removed."""
    return kept(table=table, name=f"{table}_stays", function=f"refuse_removal_of_{table}")
