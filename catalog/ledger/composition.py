"""What the spendings of a population add up to (see anonymize.aggregates.accounting for the rules).

The allowed δ is the population's cap: what is booked is the smallest ε that holds together with a δ of at most that.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from anonymize.aggregates.accounting import Loss, Part, Total, compose
from catalog.ledger.amounts import DELTA_PLACES, EPSILON_PLACES, rounded_up
from catalog.ledger.models import Population


def losses(population: Population) -> list[Loss]:
    """One a spending, oldest first. Raises :class:`anonymize.errors.PrivacyNotMet` for one that cannot be read."""
    kept = population.spendings.order_by("id").values_list("epsilon", "delta", "parts")
    return [Loss(epsilon, delta, tuple(Part.from_dict(part) for part in parts)) for epsilon, delta, parts in kept]


def after(population: Population, more: Sequence[Loss], *, exact: bool = True) -> Total | None:
    """What is booked once ``more`` is spent too, never less than what is booked now; ``None`` where δ does not suffice.

    ``exact``: also by loss distributions; without them it is quick and at least as large.
    """
    total = compose([*losses(population), *more], population.delta_cap, with_distributions=exact)
    if total is None:
        return None
    epsilon = max(rounded_up(total.epsilon, EPSILON_PLACES), population.epsilon_spent)
    delta = max(rounded_up(total.delta, DELTA_PLACES), population.delta_spent)
    return Total(epsilon, delta, total.rule, total.by_rule)


def fits(population: Population, total: Total | None) -> bool:
    """Whether a total is within the population's caps."""
    return total is not None and Decimal(total.epsilon) <= population.epsilon_cap and total.delta <= population.delta_cap


def can_pay(population: Population, loss: Loss) -> bool:
    """Whether one more release fits now; the slow rule is asked only where the quick ones say no."""
    return any(fits(population, after(population, [loss], exact=exact)) for exact in (False, True))
