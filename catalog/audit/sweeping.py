"""Removing what nobody knows of from the stores, with an entry in the trail, or an alarm where it cannot be right."""

from __future__ import annotations

from django.db import transaction

from catalog.audit import services as trail
from catalog.audit.alarms import clear_alarm, raise_alarm
from catalog.core.leftovers import Leftovers, leftovers, remove

STORES = ("vault", "artefacts", "public")


def sweep_stores(*, even_most: bool = False) -> list[Leftovers]:
    """Remove the leftovers of every store; workers only. ``even_most``: the operator has looked, and means it."""
    return [_sweep(name, even_most=even_most) for name in STORES]


def _sweep(name: str, *, even_most: bool) -> Leftovers:
    unknown = leftovers(name)
    detail = {"store": name, "unknown": len(unknown.unknown), "files": unknown.files}
    if unknown.refused and not even_most:
        raise_alarm(code="sweep_refused", subject=("store", name), detail=detail)
        return unknown
    if unknown.unknown:
        remove(unknown)
        with transaction.atomic():
            trail.record(by=None, action="store.swept", subject=("store", name), detail=detail)
    clear_alarm(code="sweep_refused", subject=("store", name))
    return unknown
