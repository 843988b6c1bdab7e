"""What the spendings of a population add up to (see anonymize.aggregates.accounting for the rules).

The allowed δ is the population's cap: what is booked is the smallest ε that holds together with a δ of at most that.
Where the unit is a person's day, week or month, it is what the releases that cover one and the same period add up to, for
the period where that is most (parallel composition): rows of another period cannot count in them, whatever the data are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from anonymize.aggregates.accounting import Loss, Part, Total, compose
from catalog.ledger.amounts import DELTA_PLACES, EPSILON_PLACES, rounded_up
from catalog.ledger.models import Population
from catalog.ledger.selectors import Amount
from catalog.ledger.units import Range, Unit

NOTHING = Total(Decimal(0), Decimal(0), "sum")
_KEPT = ("epsilon", "delta", "parts", "covers_from", "covers_until")


def losses(population: Population) -> list[Loss]:
    """One a spending, oldest first. Raises :class:`anonymize.errors.PrivacyNotMet` for one that cannot be read."""
    return [
        Loss(epsilon, delta, tuple(map(Part.from_dict, parts)), population.unit_of_privacy.kind, None if since is None else (since, until))
        for epsilon, delta, parts, since, until in population.spendings.order_by("id").values_list(*_KEPT)
    ]


def after(population: Population, more: Sequence[Loss], *, exact: bool = True) -> Total | None:
    """What is booked once ``more`` is spent too, never less than what is booked now; ``None`` where δ does not suffice.

    ``exact``: also by loss distributions; without them it is quick and at least as large.
    """
    total = most([*losses(population), *more], population.unit_of_privacy, population.delta_cap, exact=exact)
    if total is None:
        return None
    epsilon = max(rounded_up(total.epsilon, EPSILON_PLACES), population.epsilon_spent)
    delta = max(rounded_up(total.delta, DELTA_PLACES), population.delta_spent)
    return Total(epsilon, delta, total.rule, total.by_rule)


def most(spent: Iterable[Loss], unit: Unit, allowed: Decimal, *, exact: bool = True) -> Total | None:
    """The largest ε, and the largest δ, of what is spent on one unit; ``None`` where for one of them no rule gives any."""
    totals = [compose(together, allowed, with_distributions=exact) for together in on_one_unit(spent, unit)]
    worst, delta = NOTHING, Decimal(0)
    for total in totals:
        if total is None:
            return None
        worst, delta = max(worst, total, key=lambda found: found.epsilon), max(delta, total.delta)
    return Total(worst.epsilon, delta, worst.rule, worst.by_rule)


def on_one_unit(spent: Iterable[Loss], unit: Unit) -> list[tuple[Loss, ...]]:
    """Which losses one unit can suffer together: all of them, or of a period those that cover it; none of them twice.

    It is enough to look at the periods with which ranges begin: what covers any period together also covers the one with
    which the last of them began. A loss without a range covers every period.
    """
    ranged = [(loss, unit.rounded(loss.covers)) for loss in spent]
    begun = {covers[0] for _, covers in ranged if covers}
    groups = [[loss for loss, covers in ranged if covers is None or covers[0] <= start < covers[1]] for start in sorted(begun)]
    alike = {frozenset(Counter(replace(loss, covers=None) for loss in group).items()): tuple(group) for group in groups or [[loss for loss, _ in ranged]]}
    return list(alike.values())


def left_for(population: Population, covers: Range | None) -> Amount:
    """What is left of the caps for a release that covers ``covers``: of a unit with periods, in the one where it is least."""
    asked = population.unit_of_privacy.rounded(covers)
    if asked is None:
        return Amount(population.epsilon_cap - population.epsilon_spent, population.delta_cap - population.delta_spent)
    here = [loss for loss in losses(population) if _meet(population.unit_of_privacy.rounded(loss.covers), asked)]
    spent = most(here, population.unit_of_privacy, population.delta_cap) or Total(population.epsilon_cap, population.delta_cap, "sum")
    return Amount(
        max(population.epsilon_cap - rounded_up(spent.epsilon, EPSILON_PLACES), Decimal(0)),
        max(population.delta_cap - rounded_up(spent.delta, DELTA_PLACES), Decimal(0)),
    )


def _meet(one: Range | None, other: Range) -> bool:
    return one is None or (one[0] < other[1] and other[0] < one[1])


def fits(population: Population, total: Total | None) -> bool:
    """Whether a total is within the population's caps."""
    return total is not None and Decimal(total.epsilon) <= population.epsilon_cap and total.delta <= population.delta_cap


def can_pay(population: Population, loss: Loss) -> bool:
    """Whether one more release fits now; the slow rule is asked only where the quick ones say no."""
    return any(fits(population, after(population, [loss], exact=exact)) for exact in (False, True))
