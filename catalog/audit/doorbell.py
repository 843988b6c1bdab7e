"""Ringing the workers' bell. The broker may lose or double a message; the sweeper rings again for what nobody took."""

from __future__ import annotations

import logging

from celery import current_app
from django.db import models, transaction
from django.utils import timezone

log = logging.getLogger(__name__)


def ring_on_commit(task: str, row: models.Model) -> None:
    """Tell the workers of ``row`` (a :class:`~catalog.audit.leases.Leased`) once this transaction is committed."""
    transaction.on_commit(lambda: ring(task, row))


def ring(task: str, row: models.Model) -> None:
    """Send ``task`` the id of ``row``, nothing else. A broker that is down is no error: the sweeper tries again."""
    type(row)._default_manager.filter(pk=row.pk).update(rung_at=timezone.now())
    ring_for(task, row.pk)


def ring_for(task: str, pk: int) -> None:
    """The same for a row that keeps no time of ringing: whoever rings must have a sweeper that finds it all the same."""
    try:
        current_app.send_task(task, args=[pk], retry=False)
    except Exception as error:  # whatever transport is in use has errors of its own
        log.warning("the broker did not take %s for %s: %s", task, pk, type(error).__name__)
