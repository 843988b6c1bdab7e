"""The database itself refuses a decision by somebody who had a hand in what is decided (DESIGN.md §6.1)."""

from __future__ import annotations

from django.db import migrations

from catalog.audit.guards import refusing

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
