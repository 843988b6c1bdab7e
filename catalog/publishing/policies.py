"""Who may stop a publication, and who may have the copy of an approved one tried again."""

from __future__ import annotations

from catalog.audit.errors import Conflict, NotAllowed
from catalog.datasets.policies import can_edit
from catalog.people.models import User
from catalog.people.policies import has_role
from catalog.people.roles import Role
from catalog.publishing.models import Copy, Publication
from catalog.publishing.states import REFUSED
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


def check_can_order_again(user: User, copy: Copy) -> None:
    """An officer of its organisation, or a steward of the dataset: it decides nothing, the approval stands."""
    if not (is_officer_for(user, copy.review.dataset) or can_edit(user, copy.review.dataset)):
        raise NotAllowed("A refused copy is ordered again by a privacy officer of its organisation or by a steward of the dataset.")
    if copy.state != REFUSED:
        raise Conflict("This copy was not refused.")


def can_order_again(user: User, copy: Copy) -> bool:
    try:
        check_can_order_again(user, copy)
    except (NotAllowed, Conflict):
        return False
    return True
