"""Alarms, as the trail tells them and as the table has them now: one that was hidden would be one that nobody looks at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from catalog.audit.models import Alarm
from catalog.audit.witnesses import Finding, Said, missing, register, unrecorded

ACTIONS: Final = ("alarm.raised", "alarm.cleared")


def compare(entries: Iterable[Said]) -> Iterator[Finding]:
    """The alarms that stand are those that were raised and not cleared."""
    standing: set[tuple[str, str, str]] = set()
    for entry in entries:
        alarm = (entry.detail["code"], entry.subject_type, entry.subject_id)
        if entry.action == "alarm.raised":
            standing.add(alarm)
        else:
            standing.discard(alarm)
    there = set(Alarm.objects.filter(cleared_at__isnull=True).values_list("code", "subject_type", "subject_id"))
    yield from (missing(("alarm", " ".join(alarm)), "it stands") for alarm in sorted(standing - there))
    yield from (unrecorded(("alarm", " ".join(alarm)), "it stands") for alarm in sorted(there - standing))


register(ACTIONS, compare)
