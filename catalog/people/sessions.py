"""Sessions: a half one is nobody's, and people see theirs and end them.

Where and with which browser a session was opened is kept as little as will do to recognise it: the network, and the
browser's family. allauth's table of sessions holds it; the sessions themselves are Django's.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from allauth.usersessions.models import UserSession
from django.contrib.auth.middleware import get_user
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from catalog.people import addresses
from catalog.people.models import User

log = logging.getLogger(__name__)

NOTED_EVERY: Final = timedelta(minutes=5)  # a write for every read would make each reader wait for the database
# The first that is in the browser's own words; several pretend to be others, which come further down.
BROWSERS: Final = (("Edg", "Edge"), ("OPR", "Opera"), ("Whale", "Whale"), ("SamsungBrowser", "Samsung Internet"),
                   ("Firefox", "Firefox"), ("Chrom", "Chrome"), ("Safari", "Safari"), ("python-", "Python"), ("curl", "curl"))  # fmt: skip
SYSTEMS: Final = (("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iPadOS"), ("Windows", "Windows"), ("Mac OS", "macOS"),
                  ("CrOS", "ChromeOS"), ("Linux", "Linux"))  # fmt: skip


class WholeSessions:
    """Middleware: to everything behind it, a session that owes a second factor is nobody's (``request.user``).

    Who it would be stands in ``request.halfway_user``, for the pages that ask for the factor. Looked at with every request:
    a role that was given a minute ago counts.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.user = SimpleLazyObject(lambda: _whole(request))  # type: ignore[assignment]
        response = self.get_response(request)
        seen = getattr(request, "whole_user", None)
        if seen is not None and request.user == seen:
            note(request, seen)
        return response


def _whole(request: HttpRequest) -> User | AnonymousUser:
    from catalog.people import second_factor  # which ends sessions, and so stands on this module

    request.halfway_user = request.whole_user = None  # type: ignore[attr-defined]
    user = get_user(request)
    if not isinstance(user, User):
        return AnonymousUser()
    if second_factor.is_whole(request, user):
        request.whole_user = user  # type: ignore[attr-defined]
        return user
    request.halfway_user = user  # type: ignore[attr-defined]
    return AnonymousUser()


def halfway_user(request: HttpRequest) -> User | None:
    """Who has shown a password in this session, and owes a second factor; None for everybody else."""
    if request.user.is_authenticated:
        return None
    return getattr(request, "halfway_user", None)


@dataclass(frozen=True, slots=True)
class Seen:
    """A session as its owner sees it. ``network``: the beginning of the address, ``203.0.113.x``; empty if unknown."""

    id: int
    browser: str
    network: str
    created_at: datetime
    last_seen_at: datetime
    current: bool


def of(user: User, request: HttpRequest) -> list[Seen]:
    """The sessions of ``user`` that are open, the newest first."""
    current = request.session.session_key
    rows = sorted(UserSession.objects.purge_and_list(user), key=lambda row: row.last_seen_at, reverse=True)
    return [
        Seen(row.pk, row.user_agent, _shown(row.ip), row.created_at, row.last_seen_at, row.session_key == current)
        for row in rows
    ]


def note(request: HttpRequest, user: User) -> None:
    """Remember that this session was used, to within five minutes. That it cannot be noted is no reason to refuse."""
    key = request.session.session_key
    if key is None:
        return
    seen = f"session-seen:{hashlib.sha256(key.encode()).hexdigest()[:32]}:{user.pk}"
    if cache.get(seen) is not None or not cache.add(seen, 1, timeout=int(NOTED_EVERY.total_seconds())):
        return
    where = {"ip": addresses.shortened(request), "user_agent": browser_of(request.headers.get("User-Agent", ""))}
    try:
        with transaction.atomic():
            UserSession.objects.update_or_create(
                session_key=key, defaults={"user": user, "last_seen_at": timezone.now(), **where}
            )
    except DatabaseError as error:
        log.warning("a session was not noted: %s", type(error).__name__)


def renew_key(request: HttpRequest) -> None:
    """The session gets another name, since it may do more from now on; whoever knew the old one has nothing."""
    forget(request)
    request.session.cycle_key()


def forget(request: HttpRequest) -> None:
    """This session is about to end."""
    if request.session.session_key:
        UserSession.objects.filter(session_key=request.session.session_key).delete()


def end(user: User, session_id: int) -> bool:
    """End one session of ``user``, at once; False where there is none."""
    row = UserSession.objects.filter(user_id=user.pk, pk=session_id).first()
    if row is None:
        return False
    row.end()
    return True


def end_all(user: User, *, keep: str | None = None) -> int:
    """End all sessions of ``user`` but the one with the key ``keep``; how many."""
    rows = list(UserSession.objects.filter(user_id=user.pk).exclude(session_key=keep or ""))
    for row in rows:
        row.end()
    return len(rows)


def browser_of(agent: str) -> str:
    """The family of a browser and its system, from what it says of itself.

    >>> browser_of("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox, Linux'
    """
    family = next((name for mark, name in BROWSERS if mark in agent), "?")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    return f"{family}, {system}" if system else family


def _shown(ip: str) -> str:
    if ip == addresses.UNKNOWN:
        return ""
    return f"{ip}…" if ":" in ip else f"{ip.rpartition('.')[0]}.x"
