"""Who may do what, asked in pairs: ``check_can_…`` raises with the reason, ``can_…`` answers yes or no.

Roles are read from the database each time: a role that was taken away between opening a page and deciding is gone.
Being a superuser or staff in Django's sense gives nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib.auth.models import AnonymousUser

from catalog.audit.errors import Conflict, NotAllowed
from catalog.people.models import ApiKey, Organisation, User
from catalog.people.roles import OFFICERS, SCOPE_ROLES, Role

Asker = User | AnonymousUser


def has_role(user: Asker, *roles: str) -> bool:
    """Is ``user`` active, and in at least one of these roles?"""
    if not (isinstance(user, User) and user.is_active):
        return False
    return user.groups.filter(name__in=[str(role) for role in roles]).exists()


def roles_of(user: Asker) -> tuple[str, ...]:
    """The roles of an active user, in the order in which roles.py lists them."""
    if not (isinstance(user, User) and user.is_active):
        return ()
    names = set(user.groups.values_list("name", flat=True))
    return tuple(str(role) for role in Role if role in names)


def check_has_role(user: Asker, *roles: str) -> None:
    if not has_role(user, *roles):
        named = " or ".join(str(role).replace("_", " ") for role in roles)
        raise NotAllowed(f"This needs the role {named}.")


def check_can_act_for(user: Asker, organisation: Organisation) -> None:
    """Stewards act for the organisation they belong to, and for no other."""
    check_has_role(user, Role.STEWARD)
    if not (isinstance(user, User) and user.organisation_id == organisation.pk):
        raise NotAllowed("You are a steward of another organisation.")


def can_act_for(user: Asker, organisation: Organisation) -> bool:
    return _allowed(check_can_act_for, user, organisation)


def check_can_decide_for(user: Asker, organisation: Organisation) -> None:
    """Officers decide for the organisations they hold a mandate for. (Never on their own work: see review.)"""
    check_has_role(user, *sorted(OFFICERS))
    if not (isinstance(user, User) and user.mandates.filter(organisation=organisation).exists()):
        raise NotAllowed("You hold no mandate for this organisation.")


def can_decide_for(user: Asker, organisation: Organisation) -> bool:
    return _allowed(check_can_decide_for, user, organisation)


def check_can_manage_people(user: Asker) -> None:
    check_has_role(user, Role.ADMINISTRATOR)


def can_manage_people(user: Asker) -> bool:
    return _allowed(check_can_manage_people, user)


def check_can_grant(user: Asker, to: User) -> None:
    """Administrators give roles and mandates, but not to themselves: that takes a second administrator."""
    check_can_manage_people(user)
    if user.pk == to.pk:
        raise NotAllowed("Nobody gives roles or mandates to themselves.")


def can_grant(user: Asker, to: User) -> bool:
    return _allowed(check_can_grant, user, to)


def check_can_withdraw_role(by: Asker, user: User, role: str) -> None:
    """Administrators take roles from anybody, also from themselves; one of them stays."""
    check_can_manage_people(by)
    if role == Role.ADMINISTRATOR:
        _check_others_manage(user)


def can_withdraw_role(by: Asker, user: User, role: str) -> bool:
    return _allowed(check_can_withdraw_role, by, user, role)


def check_can_close(by: Asker, user: User) -> None:
    """Administrators close anybody's account, also their own; one administrator stays."""
    check_can_manage_people(by)
    _check_others_manage(user)


def can_close(by: Asker, user: User) -> bool:
    return user.is_active and _allowed(check_can_close, by, user)


def _check_others_manage(user: User) -> None:
    """Raises Conflict where ``user`` is the last active administrator: nobody would be left to give the role to another."""
    active = User.objects.filter(is_active=True, groups__name=Role.ADMINISTRATOR)
    if active.filter(pk=user.pk).exists() and not active.exclude(pk=user.pk).exists():
        raise Conflict("This is the last administrator. Give the role to somebody else first; nothing was changed.")


def check_can_read_trail(user: Asker) -> None:
    check_has_role(user, Role.AUDITOR, Role.LEAD_OFFICER)


def can_read_trail(user: Asker) -> bool:
    return _allowed(check_can_read_trail, user)


def check_can_see_alarms(user: Asker) -> None:
    """Whoever decides, checks or runs the place must know when something vouched for is not so."""
    check_has_role(user, Role.OFFICER, Role.LEAD_OFFICER, Role.AUDITOR, Role.ADMINISTRATOR)


def can_see_alarms(user: Asker) -> bool:
    return _allowed(check_can_see_alarms, user)


def check_can_read_ledger(user: Asker) -> None:
    check_has_role(user, Role.OFFICER, Role.LEAD_OFFICER, Role.AUDITOR, Role.STEWARD)


def can_read_ledger(user: Asker) -> bool:
    return _allowed(check_can_read_ledger, user)


def check_can_issue_key(by: Asker, user: User, scopes: Iterable[str]) -> None:
    """Keys are issued to oneself only: a key of somebody else's would let an administrator decide in their name."""
    if not (isinstance(by, User) and by.is_active and by.pk == user.pk):
        raise NotAllowed("You can make API keys for yourself only.")
    held = set(roles_of(by))
    for scope in scopes:
        needed = SCOPE_ROLES.get(scope, frozenset())  # an unknown scope: nobody's
        if needed is not None and not needed & held:
            raise NotAllowed("Your roles do not allow one of these scopes.")


def can_issue_key(by: Asker, user: User, scopes: Iterable[str]) -> bool:
    return _allowed(check_can_issue_key, by, user, scopes)


def check_can_revoke_key(by: Asker, key: ApiKey) -> None:
    """One's own keys; administrators may stop anybody's."""
    if not (isinstance(by, User) and by.is_active and by.pk == key.user_id):
        check_can_manage_people(by)


def can_revoke_key(by: Asker, key: ApiKey) -> bool:
    return _allowed(check_can_revoke_key, by, key)


def _allowed(check: Callable[..., None], *asked: Any) -> bool:
    try:
        check(*asked)
    except (NotAllowed, Conflict):
        return False
    return True
