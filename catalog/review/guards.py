"""The database itself refuses a decision by somebody who had a hand in what is decided (DESIGN.md §6.1), and to exchange what
is decided on (§6.2)."""

from __future__ import annotations

from django.db import migrations

from catalog.audit.guards import kept, refusing, unchanged

MESSAGE = "nobody decides on what they uploaded, configured, ran or submitted"


def not_by_the_involved() -> migrations.RunPython:
    """A migration operation. A review without any recorded involvement cannot be decided on either: fail closed."""
    involved = "SELECT 1 FROM review_involvement i WHERE i.review_id = NEW.review_id"
    return refusing(
        event="INSERT",
        table="review_decision",
        condition=f"EXISTS ({involved} AND i.user_id = NEW.decided_by_id) OR NOT EXISTS ({involved})",
        message=MESSAGE,
        name="review_decision_not_by_the_involved",
        function="refuse_decision_by_the_involved",
    )


def bound_stays() -> migrations.RunPython:
    """A migration operation: from here on what a review is bound to is never changed."""
    return unchanged(
        table="review_review",
        columns=(
            "run_id", "dataset_id", "artefact_sha256", "recipe_sha256", "version_sha256", "configuration_sha256", "submitted_by_id",
            "submitted_at",
        ),
        name="review_review_bound_stays",
        function="refuse_other_binding_of_review",
    )  # fmt: skip


def review_stays() -> migrations.RunPython:
    """A migration operation: from here on a review is never removed."""
    return kept(table="review_review", name="review_review_stays", function="refuse_removal_of_review")
