"""What somebody must look at now: something that was vouched for is not so.

An alarm is raised once and stands until what it tells of is so again. It is written to the log (for the operator, and
by mail where OPERATOR_EMAILS names somebody), shown on the pages of officers, auditors and administrators, and kept in
the trail, raised and cleared.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.core.mail import send_mail
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from catalog.audit import services
from catalog.audit.models import Alarm

log = logging.getLogger(__name__)

CODES: Final = ("release_damaged", "outline_damaged", "copy_refused", "checkpoints_gone", "sweep_refused", "trail_broken", "records_disagree")
"""Each has its sentence in the words of the pages."""


def raise_alarm(*, code: str, subject: tuple[str, str], detail: Mapping[str, Any] | None = None) -> None:
    """Have everybody whom it concerns told, once: an alarm that stands already is not raised again.

    ``subject``: the type and the id of what it is about, as in the trail. ``detail``: counts, hashes and names of stores,
    never a value of a person.
    """
    if code not in CODES:
        raise ValueError(f"There is no alarm {code}.")
    known = dict(detail or {})
    try:
        new = _kept(code, subject, known)
    except DatabaseError:  # full, or away: whoever reads the log is told all the same
        new = True
    if not new:
        return
    line = f"ALARM {code}: {subject[0]} {subject[1]} {known or ''}".rstrip()
    log.error(line)
    if settings.OPERATOR_EMAILS:
        send_mail(f"[{settings.SITE_NAME}] {code}", line, None, settings.OPERATOR_EMAILS, fail_silently=True)


def _kept(code: str, subject: tuple[str, str], detail: Mapping[str, Any]) -> bool:
    """Whether it was not standing already."""
    if _standing(code, subject).exists():
        return False
    try:
        with transaction.atomic():
            Alarm.objects.create(code=code, subject_type=subject[0], subject_id=subject[1], detail=dict(detail))
            services.record(by=None, action="alarm.raised", subject=subject, detail={"code": code, **detail})
    except IntegrityError:  # another process raised it at the same moment
        return False
    return True


def clear_alarm(*, code: str, subject: tuple[str, str], detail: Mapping[str, Any] | None = None) -> None:
    """What was told of is in order again. Changes nothing where no such alarm stands."""
    if not _standing(code, subject).exists():
        return
    with transaction.atomic():
        if _standing(code, subject).update(cleared_at=timezone.now()):
            services.record(by=None, action="alarm.cleared", subject=subject, detail={"code": code, **(detail or {})})


def open_alarms() -> QuerySet[Alarm]:
    """Those that stand, oldest first."""
    return Alarm.objects.filter(cleared_at__isnull=True).order_by("id")


def _standing(code: str, subject: tuple[str, str]) -> QuerySet[Alarm]:
    return open_alarms().filter(code=code, subject_type=subject[0], subject_id=subject[1])
