"""One administrator does not take both factors of an account: with both, one person could sign in as another.

Nor with the help of accounts of their own making. Whoever made an account, gave it the role of an administrator or a new
way in could be behind it, so all that hang together in this way count as one pair of hands. The trail remembers, since
nobody can take an entry out of it; what the operator did at the server's command line ties nobody together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from django.utils import timezone

from catalog.audit.errors import NotAllowed
from catalog.audit.models import TrailEntry
from catalog.people.models import User

APART: Final = timedelta(days=7)
WAYS_IN: Final = ("user.created", "user.password_link_made", "user.second_factor_reset", "user.identity_linked", "user.address_set")


def check_other_hand(by: User | None, user: User, *actions: str) -> None:
    """Raises :class:`NotAllowed` when the hands of ``by`` have done one of ``actions``, the other half, to ``user`` within a week.

    The operator (``by=None``) could do anything here.
    """
    if by is None:
        return
    since = timezone.now() - APART
    halves = TrailEntry.objects.filter(action__in=actions, subject_type="user", subject_id=str(user.pk), at__gte=since)
    if halves.filter(actor__in=hands_of(by, but=user)).exists():
        raise NotAllowed(
            "Within a week one administrator gives somebody a new way in or resets their second factor, not both, nor with an "
            "account that one of them made. Nothing was changed. Ask another administrator or the operator."
        )


def hands_of(user: User, *, but: User) -> set[int]:
    """The ids of all accounts that could be in the hands of whoever acts as ``user``, that one included; never ``but``.

    Whoever acts is the owner of ``user``, or of an account that made it; and could act as every account that those made.
    """
    made: dict[int, set[int]] = defaultdict(set)
    makers: dict[int, set[int]] = defaultdict(set)
    for maker, account in _ties():
        if but.pk not in (maker, account):
            made[maker].add(account)
            makers[account].add(maker)
    return _reached(_reached({user.pk}, makers), made)


def could_have_made(user: User) -> set[int]:
    """The ids of whoever made ``user``, gave them the role of an administrator or a new way in, and of whoever did so to those."""
    makers: dict[int, set[int]] = defaultdict(set)
    for maker, account in _ties():
        makers[account].add(maker)
    return _reached({user.pk}, makers) - {user.pk}


def _reached(start: set[int], steps: Mapping[int, set[int]]) -> set[int]:
    """All that can be come to from ``start``, that included."""
    reached, waiting = set(start), list(start)
    while waiting:
        new = steps.get(waiting.pop(), set()) - reached
        reached |= new
        waiting += new
    return reached


def _ties() -> list[tuple[int, int]]:
    """(who did it, to whom), for everything by which one account can be in the hands of another's owner."""
    entries = TrailEntry.objects.filter(subject_type="user", actor__isnull=False)
    ways = entries.filter(action__in=WAYS_IN).values_list("actor", "subject_id")
    roles = entries.filter(action="user.role_granted", detail__role="administrator").values_list("actor", "subject_id")
    return [(int(maker), int(made)) for maker, made in [*ways, *roles] if maker is not None and int(maker) != int(made)]
