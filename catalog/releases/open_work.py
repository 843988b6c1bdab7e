"""What somebody has open in this room: what they asked workers for, and runs that they have not submitted."""

from __future__ import annotations

from collections.abc import Iterator

from catalog.people.models import User
from catalog.people.open_work import OpenWork, register
from catalog.releases.kinds import KINDS
from catalog.releases.models import Job, Run
from catalog.releases.states import ASSESSED


def of(user: User) -> Iterator[OpenWork]:
    for kind in KINDS:
        for job in kind.model._default_manager.filter(requested_by=user, state__in=kind.table.open_states).select_related("dataset").order_by("pk"):
            yield _named(kind.subject, job)
    for run in Run.objects.filter(requested_by=user, state=ASSESSED, reviews__isnull=True).select_related("dataset").order_by("pk"):
        yield _named("run_not_submitted", run)


def _named(kind: str, job: Job) -> OpenWork:
    return OpenWork(kind, job.pk, job.dataset.slug, job.requested_at)


register(of)
