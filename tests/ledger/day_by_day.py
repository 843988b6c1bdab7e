"""What a population's releases add up to, day by day: slow and obvious. Not a test itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from anonymize.aggregates.accounting import Loss, Total, compose
from catalog.ledger.units import Unit


def period_of(day: date, unit: Unit) -> tuple[int, ...]:
    """The name of the day's period: two days have the same one if and only if they lie in one period."""
    match unit.kind:
        case "person":
            return ()
        case "person_day":
            return (day.toordinal(),)
        case "person_week":
            return tuple(day.isocalendar())[:2]
        case _:
            return (day.year, day.month)


def most_on_one_period(losses: Sequence[Loss], unit: Unit, allowed: Decimal) -> tuple[Decimal, Decimal] | None:
    """(ε, δ) by the plain rules, the worst over the periods of all days from a while before the first range to after the last."""
    ends = [day for loss in losses if loss.covers for day in loss.covers] or [date(2026, 1, 1)]
    day, last = min(ends) - timedelta(days=62), max(ends) + timedelta(days=62)
    touched: dict[tuple[int, ...], set[int]] = {}
    while day <= last:
        here = {i for i, loss in enumerate(losses) if loss.covers is None or loss.covers[0] <= day < loss.covers[1]}
        touched.setdefault(period_of(day, unit), set()).update(here)
        day += timedelta(days=1)
    totals: list[Total | None] = [compose([losses[i] for i in sorted(here)], allowed, with_distributions=False) for here in touched.values()]
    if any(total is None for total in totals):
        return None
    found = [total for total in totals if total is not None]
    return max(total.epsilon for total in found), max(total.delta for total in found)
