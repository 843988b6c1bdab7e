"""Finds work that was lost and rings again; runs in workers, every few seconds."""

from __future__ import annotations

import logging

from django.db import close_old_connections
from django.db.models import Q

from catalog.audit.doorbell import ring
from catalog.audit.leases import unheard
from catalog.datasets.intake import sweep_versions
from catalog.datasets.models import Version
from catalog.datasets.services import CHECK_TASK
from catalog.datasets.states import RECEIVED
from catalog.datasets.vault import sweep_incoming, sweep_scratch
from catalog.releases import chores
from catalog.releases.compare import sweep_comparisons
from catalog.releases.estimating import sweep_estimates
from catalog.releases.kinds import KINDS
from catalog.releases.states import QUEUED
from catalog.releases.work import sweep_runs

log = logging.getLogger(__name__)


def ring_again() -> None:
    """Ring for everything that waits and that nobody took up."""
    for version in Version.objects.filter(unheard() & Q(state=RECEIVED)):
        ring(CHECK_TASK, version)
    for kind in KINDS:
        for job in kind.model.objects.filter(unheard() & Q(state=QUEUED)):
            ring(kind.task, job)


BASE = (sweep_versions, sweep_runs, sweep_comparisons, sweep_estimates, ring_again, sweep_scratch, sweep_incoming)


def sweep() -> None:
    """Run every chore; one that fails does not keep the others from running."""
    for chore in (*BASE, *chores.registered()):
        try:
            chore()
        except Exception:
            log.exception("sweeping %s failed", getattr(chore, "__name__", "a chore"))
            close_old_connections()
