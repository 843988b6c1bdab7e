"""Work that a background worker holds under a lease, so that a dead worker is noticed and nothing runs twice.

The database is the truth, the broker only a doorbell (DESIGN.md §6.7). A worker claims a row by compare-and-set, which
raises ``attempt``; from then on every write of that worker is filtered on its attempt, so that a worker thought dead
that comes back cannot change anything. While it works, a thread renews the lease.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, models
from django.db.models import F, Q
from django.utils import timezone

log = logging.getLogger(__name__)


class Leased(models.Model):
    """Mixin of a row that a worker works on."""

    attempt = models.PositiveIntegerField(default=0, help_text="how many times a worker has taken it up")
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=200, blank=True)
    rung_at = models.DateTimeField(null=True, blank=True, help_text="when the broker was last told of it")

    class Meta:
        abstract = True


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)


def claim(rows: models.QuerySet, *, old: str, new: str, **changes: object) -> bool:
    """Take up the one row in ``rows`` that is in state ``old``; False if somebody else has, or it is gone."""
    return (
        rows.filter(state=old).update(
            state=new, attempt=F("attempt") + 1, lease_until=lease_end(), worker=worker_name(), **changes
        )
        == 1
    )


def expired() -> Q:
    """Rows whose worker has not renewed its lease in time."""
    return Q(lease_until__lt=timezone.now())


def unheard() -> Q:
    """Waiting rows whose doorbell nobody answered: the message was lost, or the workers are busy."""
    return Q(rung_at__isnull=True) | Q(rung_at__lt=timezone.now() - timedelta(seconds=settings.RING_AGAIN_SECONDS))


@contextmanager
def renewing(rows: models.QuerySet) -> Iterator[None]:
    """Renew the lease of ``rows`` (filtered on state and attempt) in a thread until the block ends."""
    stop = threading.Event()

    def renew() -> None:
        try:
            while not stop.wait(settings.LEASE_SECONDS / 3):
                try:
                    rows.update(lease_until=lease_end())
                except Exception as error:  # a busy database is tried again; a lost lease is the sweeper's business
                    log.warning("lease not renewed: %s", type(error).__name__)
        finally:
            connection.close()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)
