"""One administrator does not take both factors of an account: with both, one person could sign in as another."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils import timezone

from catalog.audit.errors import NotAllowed
from catalog.audit.models import TrailEntry
from catalog.people.models import User

APART: Final = timedelta(days=7)


def check_other_hand(by: User | None, user: User, *actions: str) -> None:
    """Raises :class:`NotAllowed` when ``by`` has done one of ``actions``, the other half, to ``user`` within a week.

    The trail remembers, since nobody can take an entry out of it. The operator (``by=None``) could do anything here.
    """
    if by is None:
        return
    since = timezone.now() - APART
    halves = TrailEntry.objects.filter(actor=by, action__in=actions, subject_type="user", subject_id=str(user.pk), at__gte=since)
    if halves.exists():
        raise NotAllowed(
            "Within a week one administrator gives somebody a new way in or resets their second factor, not both. "
            "Nothing was changed. Ask another administrator or the operator."
        )
