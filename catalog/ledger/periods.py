"""Releases that go on: the same again, of the next dates."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from anonymize.aggregates.accounting import Loss
from catalog.ledger.units import Range


def following(loss: Loss, n: int) -> list[Loss]:
    """``n`` releases like this one, each of the dates after those of the one before; all alike where it declares none."""
    found = [loss]
    while len(found) < n:
        found.append(replace(loss, covers=_next(found[-1].covers)))
    return found[:n]


def _next(covers: Range | None) -> Range | None:
    """As many months where it is whole months, else as many days; ``None`` beyond the end of the calendar."""
    if covers is None:
        return None
    since, until = covers
    try:
        if since.day == until.day == 1:
            months = until.year * 12 + until.month - since.year * 12 - since.month
            return until, _months_later(until, months)
        return until, until + (until - since)
    except (OverflowError, ValueError):
        return None


def _months_later(first: date, months: int) -> date:
    whole = first.year * 12 + first.month - 1 + months
    return date(whole // 12, whole % 12 + 1, 1)
