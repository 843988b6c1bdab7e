"""Who may stop a publication: any one officer with a mandate, any lead officer, or a steward of the dataset."""

from __future__ import annotations

from catalog.audit.errors import NotAllowed
from catalog.datasets.policies import can_edit
from catalog.people.models import User
from catalog.people.policies import has_role
from catalog.people.roles import Role
from catalog.publishing.models import Publication
from catalog.review.policies import is_officer_for


def check_can_stop(user: User, publication: Publication) -> None:
    """Stopping is easy on purpose: it takes one person. Starting again takes a new decision."""
    if has_role(user, Role.LEAD_OFFICER) or is_officer_for(user, publication.dataset) or can_edit(user, publication.dataset):
        return
    raise NotAllowed("A release is stopped by a privacy officer of its organisation or by a steward of the dataset.")


def can_stop(user: User, publication: Publication) -> bool:
    try:
        check_can_stop(user, publication)
    except NotAllowed:
        return False
    return True
