"""What ends an account, and opens it again. Each is one transaction with its trail entries.

Accounts are closed and never deleted: the trail and the records of decisions name them. ``by=None`` is the operator at the
command line of the server, who alone can close the last administrator's account, and can make another.
"""

from __future__ import annotations

from typing import Final

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from anonymize.errors import Problem
from catalog.audit import services as trail
from catalog.audit.errors import Conflict, Invalid
from catalog.people import policies, services, sessions
from catalog.people.models import User
from catalog.people.roles import Role
from catalog.people.selectors import living_keys

LONGEST_REASON: Final = 500


@transaction.atomic
def close_account(*, by: User | None, user: User, reason: str) -> None:
    """Close an account at once: no roles, no mandates, no keys, no sessions, no signing in.

    A request that is being answered meets the missing role at its next check, an open page or a key at its next request.
    What they had in hand is put back; what they asked workers for goes on (:mod:`catalog.people.open_work` lists it).

    Raises:
        NotAllowed: ``by`` is no administrator.
        Conflict: it is closed already, or the last administrator's.
        Invalid: no reason of 1 to 500 characters.
    """
    services.one_at_a_time()
    user = User.objects.select_for_update().get(pk=user.pk)
    if by is not None:
        policies.check_can_close(by, user)
    if not user.is_active:
        raise Conflict("This account is closed already.")
    why = _checked(reason)
    User.objects.filter(pk=user.pk).update(is_active=False)
    ended = _end_sessions(user)
    services.tell_those_above(by=by, user=user)
    trail.record(by=by, action="user.closed", subject=user, detail={"reason": why, "sessions": ended})
    for key in living_keys(user):
        services.end_key(by=by, key=key)
    for mandate in user.mandates.select_related("organisation").order_by("organisation__slug"):
        services.end_mandate(by=by, user=user, organisation=mandate.organisation)
    for role in Role:
        services.end_role(by=by, user=user, role=role.value)


@transaction.atomic
def reopen_account(*, by: User | None, user: User) -> None:
    """Let somebody sign in again, with the password they had, and without roles, mandates and keys.

    Raises:
        NotAllowed: ``by`` is no administrator.
        Conflict: it is not closed.
    """
    if by is not None:
        policies.check_can_manage_people(by)
    if User.objects.filter(pk=user.pk, is_active=False).update(is_active=True) != 1:
        raise Conflict("This account is not closed.")
    _end_sessions(user)  # of somebody who was signing in at the very moment of the closing
    trail.record(by=by, action="user.reopened", subject=user)


@transaction.atomic
def revoke_keys_of(*, by: User | None, user: User) -> int:
    """End all keys of somebody, at once; how many there were. Raises NotAllowed for keys that are not ``by``'s to end."""
    if by is not None and by.pk != user.pk:
        policies.check_can_manage_people(by)
    living = living_keys(user)
    for key in living:
        services.end_key(by=by, key=key)
    return len(living)


def _checked(reason: str) -> str:
    why = reason.strip()
    if not 1 <= len(why) <= LONGEST_REASON:
        message = f"Say why, in 1 to {LONGEST_REASON} characters: it is kept in the trail. Nothing was changed."
        raise Invalid(message, problems=(Problem("required", "too short or too long", pointer="/reason"),))
    return why


def _end_sessions(user: User) -> int:
    """Remove the stored sessions of a user; how many. (A closed account is refused whatever its session says.)

    Also those that nobody is told of: of a sign-in whose second step never came.
    """
    sessions.end_all(user)
    mine = [s.pk for s in Session.objects.filter(expire_date__gt=timezone.now()).iterator() if s.get_decoded().get(SESSION_KEY) == str(user.pk)]
    Session.objects.filter(pk__in=mine).delete()
    return len(mine)
