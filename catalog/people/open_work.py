"""What somebody has begun and not ended, for whoever takes over when they leave.

The rooms above know what that is: each registers a function that finds it, so that this room need not know them. Names and
numbers alone: an administrator who reads them sees nothing inside of what they name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from catalog.people.models import User


@dataclass(frozen=True, slots=True)
class OpenWork:
    """One open thing: its kind as a word of the interface, its number there, and what it is called.

    ``organisation``: the id of the one whose other stewards can take it over; None where nobody need take it over.
    """

    kind: str
    id: int
    name: str
    since: datetime | None = None
    organisation: int | None = None


Finder = Callable[[User], Iterable[OpenWork]]
_registered: list[Finder] = []


def register(finder: Finder) -> None:
    """Have ``finder`` asked for the open work of a user, of one whose account is closed as well."""
    if finder not in _registered:
        _registered.append(finder)


def of(user: User) -> list[OpenWork]:
    """All open work of a user, in the order in which the rooms registered; their living keys last."""
    return [*(work for finder in _registered for work in finder(user)), *_keys(user)]


def _keys(user: User) -> list[OpenWork]:
    alive = user.api_keys.filter(revoked_at__isnull=True, expires_at__gt=timezone.now()).order_by("pk")
    return [OpenWork("key", key.pk, key.name, key.created_at) for key in alive]
