"""Who may see and set budgets."""

from __future__ import annotations

from catalog.audit.errors import NotAllowed
from catalog.people import policies as people
from catalog.people.models import Organisation
from catalog.people.policies import Asker
from catalog.people.roles import Role


def check_can_read_ledger(user: Asker) -> None:
    people.check_can_read_ledger(user)


def can_read_ledger(user: Asker) -> bool:
    return people.can_read_ledger(user)


def check_can_set_cap(user: Asker, owner: Organisation) -> None:
    """A lead officer with a mandate for the population's owner: never the stewards who spend it."""
    people.check_has_role(user, Role.LEAD_OFFICER)
    people.check_can_decide_for(user, owner)


def can_set_cap(user: Asker, owner: Organisation) -> bool:
    try:
        check_can_set_cap(user, owner)
    except NotAllowed:
        return False
    return True
